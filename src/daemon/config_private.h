/*
 * Reading accelnetd.json, for the files that do: config.c has the whole, config_nic.c one NIC.
 */
#ifndef DAEMON_CONFIG_PRIVATE_H
#define DAEMON_CONFIG_PRIVATE_H

#include "base/json.h"
#include "daemon/config.h"

/* Never NULL: before the start there is nothing to save. */
char *config_copy(const char *text);
/* False for one of another type, too: json_check_members() has told that, and the rest is read. */
bool config_get(const struct json_at *at, const char *key, enum json_type type,
		struct json_at *ret);
/* A member that is a string, or NULL. */
const char *config_string(const struct json_at *at, const char *key);
/* Puts a copy of the member, where it is a string, in the place of `*string`. */
void config_replace(char **string, const struct json_at *at, const char *key);
/* An integer member between the limits, or `*value` as it is. False where it is not accepted. */
bool config_integer(const struct json_at *at, const char *key, int64_t min, int64_t max,
		    int64_t *value, struct report *report);
/* Warns of a member that this version does not use. */
void config_warn_unused(const struct json_at *at, const char *key, struct report *report);

/* What the rest of the file says for all NICs. */
struct nic_defaults {
	uint32_t connections_max;
	struct conn_timeouts timeouts;
};

/* Adds a NIC to the configuration, which has room for it, where `at` is an object. */
void config_read_nic(const struct json_at *at, struct daemon_config *config,
		     const struct nic_defaults *defaults, struct report *report);

#endif
