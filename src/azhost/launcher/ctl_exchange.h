/* One request to the control socket of a VM, and its answer. */
#ifndef AZHOST_LAUNCHER_CTL_EXCHANGE_H
#define AZHOST_LAUNCHER_CTL_EXCHANGE_H

struct json;

/*
 * Send @request and wait for the answer: *ret_answer, to be freed. Where the result says that it is
 * not `complete`, ask with `again` in @params, which is part of the request, until it is, two
 * seconds at most. -errno where nobody answers.
 */
int ctl_ask(const char *path, struct json *request, struct json *params, char **ret_answer);

#endif
