/*
 * The one table of what accelnet can be asked: methods of the socket, commands of accelnetctl.
 *
 * It drives the dispatch and the checking of parameters in the daemon, `rpc.list`, and in
 * accelnetctl the command line, help, completion and the manual page. What a method does is bound
 * to its id in control/request.c, what a command does in cli/main.c.
 *
 * Constant data, no DPDK, no libevent: accelnetctl links this file without the rest of the room.
 */
#ifndef CONTROL_METHODS_H
#define CONTROL_METHODS_H

#include "base/error.h"
#include "base/json.h"

#include <stddef.h>
#include <stdint.h>

/*
 * X(ID, function): handlers are called handle_FUNCTION, commands command_FUNCTION. CLIENT(ID,
 * function) are commands that never reach the daemon.
 */
#define COMMAND_METHODS(X, CLIENT)             \
	X(STATUS, status)                      \
	X(NIC_LIST, nic_list)                  \
	X(NIC_SHOW, nic_show)                  \
	X(NIC_FAILOVER, nic_failover)          \
	X(POLICY_APPLY, policy_apply)          \
	X(POLICY_SHOW, policy_show)            \
	X(POLICY_CHECK, policy_check)          \
	CLIENT(POLICY_COMPILE, policy_compile) \
	X(POLICY_DIFF, policy_diff)            \
	X(POLICY_HISTORY, policy_history)      \
	X(POLICY_ROLLBACK, policy_rollback)    \
	X(RULE_LIST, rule_list)                \
	X(RULE_EXPLAIN, rule_explain)          \
	X(VERIFY, verify)                      \
	X(FLOW_LIST, flow_list)                \
	X(FLOW_SHOW, flow_show)                \
	X(FLOW_KILL, flow_kill)                \
	X(TAGS_LOAD, tags_load)                \
	X(TAGS_SHOW, tags_show)                \
	X(STATS, stats)                        \
	X(STATS_CLEAR, stats_clear)            \
	X(DROPS, drops)                        \
	X(EVENTS, events)                      \
	X(LOG_LEVEL, log_level)                \
	X(VERSION, version)

/* Those that are for programs alone come last. */
#define METHODS(X, CLIENT)                    \
	COMMAND_METHODS(X, CLIENT)            \
	X(EVENTS_SUBSCRIBE, events_subscribe) \
	X(RPC_LIST, rpc_list)

/* For those who pass over the one kind. */
#define METHOD_PASS_OVER(id, function)

enum method_id {
#define METHOD_(id, function) METHOD_##id,
	METHODS(METHOD_, METHOD_)
#undef METHOD_
		METHOD_COUNT
};

enum method_param_flags {
	PARAM_REQUIRED = 1,        /* on the socket and on the command line */
	PARAM_SOCKET_REQUIRED = 2, /* on the socket only */
};

/*
 * A parameter: a member of `params` on the socket, an option or an argument on the command line.
 * One that stands in both places has the same meaning and the same values in both.
 */
struct method_param {
	const char *name;    /* on the socket; NULL: the client alone deals with it */
	const char *option;  /* "--nic"; NULL: an argument, or not on the command line at all */
	const char *value;   /* how its value is called, "NIC"; NULL with an option: a flag */
	enum json_type type; /* on the socket */
	unsigned flags;
	const char *choices; /* "in|out": these and no others; NULL: anything */
	int64_t min, max;    /* of a number; both 0: any that is not negative */
	const char *help;
};

struct method {
	const char *name;     /* "policy.apply"; NULL: not on the socket */
	const char *words;    /* "policy apply"; NULL: not a command */
	const char *synopsis; /* lines, instead of the one made from the parameters; may be NULL */
	const char *summary;  /* one line */
	const char *details;  /* paragraphs; may be NULL */
	const char *examples; /* lines; may be NULL */
	const char *result;   /* members of the result, for `rpc.list` */
	const struct method_param *params;
	size_t param_count;
};

extern const struct method methods[METHOD_COUNT];

/* Indexes METHOD_COUNT where there is none. */
enum method_id method_find(const char *name);

/*
 * Checks `params` (an object; NULL counts as empty) against the table: unknown and missing members,
 * types, choices, ranges. PARAMS with a pointer into the params.
 */
int method_check_params(const struct method *method, const struct json_at *params,
			struct accelnet_error *err);

#endif
