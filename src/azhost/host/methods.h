/*
 * What can be asked of the host over its control socket: one table that serves dispatch, `azhost
 * ctl` and its help.
 */
#ifndef AZHOST_HOST_METHODS_H
#define AZHOST_HOST_METHODS_H

#include "base/error.h"
#include "base/json.h"

struct host;

struct method {
	const char *name; /* "vf.revoke" */
	const struct json_member *members;
	size_t member_count;
	/* Fills the object @result. A fault of the request goes to @err by fail(). */
	int (*call)(struct host *host, const struct json_at *params, struct json *result,
		    struct accelnet_error *err);
};

/* NULL: no such method. */
const struct method *method_find(const char *name);

#endif
