/*
 * One request under way: what a method's handler is given and what it fills.
 *
 * Thread: control.
 */
#ifndef CONTROL_CALL_H
#define CONTROL_CALL_H

#include "base/error.h"
#include "base/json.h"
#include "control/methods.h"
#include "nic/nic.h"

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#define CALL_RULE_MAX 128
#define CALL_PMD_MAX  256

/* The error of a response: `data` of the JSON-RPC error object is made from it. */
struct call_error {
	struct accelnet_error what;
	char nic[NIC_NAME_MAX];   /* "": none is concerned */
	char rule[CALL_RULE_MAX]; /* "": none */
	char pmd_type[64];        /* "": no driver was asked; else rte_flow's error type */
	char pmd_message[CALL_PMD_MAX];
	struct report problems; /* every problem of a policy, warnings too; may be empty */
};

/* What `status` tells of the socket itself. */
struct service {
	time_t started; /* seconds since the epoch */
	unsigned clients;
};

/* Filled by events.subscribe; the connection acts on it after the response. */
struct subscription {
	bool wanted;
	uint64_t after; /* events kept with a higher sequence number come first */
	bool has_after;
	char nic[NIC_NAME_MAX]; /* "": every NIC */
};

struct call {
	struct nic_set *nics;
	const struct service *service;
	const char *origin; /* who asks: "uid 0 pid 4242" */
	const struct method *method;
	struct json_at params; /* an object that method_check_params() has seen; may be empty */

	struct call_error error; /* where the handler fails */
	struct subscription subscription;
};

/*
 * A handler returns 0 and a result that the caller frees, or a negative errno with call->error
 * filled. Parameters are checked already: names, types, choices, ranges.
 */
typedef int (*call_handler)(struct call *call, struct json **ret);

#define CALL_HANDLER_(id, function) int handle_##function(struct call *call, struct json **ret);
METHODS(CALL_HANDLER_, METHOD_PASS_OVER)
#undef CALL_HANDLER_

/* A string parameter; NULL where it is absent. */
const char *call_string(const struct call *call, const char *name);
/* False where it is absent. */
bool call_number(const struct call *call, const char *name, uint64_t *ret);
/* Absent is false. */
bool call_flag(const struct call *call, const char *name);
/* False where it is absent. */
bool call_object(const struct call *call, const char *name, struct json_at *ret);

/* Fills call->error as fail() does, with the parameter `name` as the place ("" for all of them). */
int call_refuse(struct call *call, enum accelnet_code code, const char *name, const char *format,
		...) __attribute__((format(printf, 4, 5)));

/* The NIC that the parameter `nic` names. NOT_FOUND lists those that there are. */
int call_nic(struct call *call, struct nic **ret);

/*
 * For methods whose `nic` is optional: steps through the NICs that are meant. *at starts at 0.
 * False at the end. call_nic_exists() is to be asked first.
 */
bool call_each_nic(const struct call *call, size_t *at, struct nic **ret);
int call_nic_exists(struct call *call);

/*
 * Such a method's answer to be: the array "nics" in `result`, to which add() gives one object for
 * each NIC that is meant. Its errors are those of call_nic_exists(), and *ret_result, which is the
 * caller's to free, is made only without one.
 */
int call_answer_nics(struct call *call, void (*add)(struct json *nics, const struct nic *nic),
		     struct json **ret_result);

#endif
