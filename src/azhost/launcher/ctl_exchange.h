/* One request to a host's control socket, and its answer. */
#ifndef AZHOST_LAUNCHER_CTL_EXCHANGE_H
#define AZHOST_LAUNCHER_CTL_EXCHANGE_H

/* Send the line @request to @path; *ret_text is the line that comes back, the caller's. -errno. */
int ctl_exchange(const char *path, const char *request, char **ret_text);

#endif
