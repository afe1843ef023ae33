/*
 * One line of the control socket in, one line out: JSON-RPC 2.0 without batches.
 *
 * Knows nothing of sockets. Thread: control.
 */
#ifndef CONTROL_REQUEST_H
#define CONTROL_REQUEST_H

#include "control/call.h"

#include <stddef.h>

struct request_scope {
	struct nic_set *nics;
	const struct service *service;
	const char *origin;
	struct json_limits limits;
	size_t response_bytes; /* a longer response is replaced by an error */
};

/*
 * Answers `length` bytes of `line` (without its line feed). *ret is the response with a line feed
 * at its end, which the caller frees, or NULL for a notification, which gets none. `subscription`
 * is filled where the request was a successful events.subscribe.
 */
void request_answer(const struct request_scope *scope, const char *line, size_t length, char **ret,
		    struct subscription *subscription);

/* The line, with line feed, of an error that belongs to no request. The caller frees it. */
char *request_error_line(enum accelnet_code code, const char *detail);
/* The line of a notification. `params` is borrowed. */
char *request_notification(const char *method, const struct json *params);

#endif
