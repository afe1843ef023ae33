/*
 * One run of accelnetctl: its arguments, its connection to the daemon, and how failures are told.
 */
#ifndef CLI_SESSION_H
#define CLI_SESSION_H

#include "base/error.h"
#include "base/json.h"
#include "cli/arguments.h"
#include "policy/policy.h"

#include <stdbool.h>
#include <stdio.h>

struct accelnet_client;
struct policy_source_nsg;

/* Exit statuses, as accelnetctl(1) promises them. */
enum exit_status {
	EXIT_DONE = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
	EXIT_REFUSED = 3, /* bad input or policy */
	EXIT_UNREACHABLE = 4,
};

struct session {
	const struct arguments *arguments;
	bool colour;                    /* on standard output */
	struct accelnet_client *client; /* NULL until the first call; owned */
	/*
	 * The NSG that was sent alone, and as which level, so that pointers in the daemon's errors
	 * can be told as pointers into the user's file; NULL: they are right as they are. Borrowed.
	 */
	const struct policy_source_nsg *nsg;
	enum stage level;
};

void session_init(struct session *session, const struct arguments *arguments);
void session_fini(struct session *session);

/*
 * Calls a method of the daemon. `params` is owned by the call; NULL: none. EXIT_DONE and a result
 * that the caller frees, or the exit status after the failure was told.
 */
enum exit_status session_call(struct session *session, const char *method, struct json *params,
			      struct json **ret);
/* The same with the command's own method and what the command line says of its parameters. */
enum exit_status session_call_command(struct session *session, struct json **ret);
/* The next event, -ETIMEDOUT as EXIT_DONE and *ret NULL. */
enum exit_status session_event(struct session *session, int timeout, struct json **ret);

/*
 * Tells an error object, which it frees, in the form that was asked for, once, and returns its exit
 * status.
 */
enum exit_status session_tell(const struct session *session, struct json *error);
/* The same for a failure of our own. */
enum exit_status session_fail(const struct session *session, const struct accelnet_error *err);
/* The same for a report with errors: every one is told. `place` is the file, or NULL. */
enum exit_status session_fail_report(const struct session *session, const char *place,
				     const struct report *report);
/* For failures before there is a session. */
enum exit_status fail_usage(const struct arguments *arguments, const struct accelnet_error *err);

/* Warnings go to standard error, in every form; `more` is how many are left out. */
void session_warn(const struct session *session, const struct json_at *warnings, int64_t more);
void session_warn_report(const struct session *session, const struct report *report);

/* With --json: prints `json` as one line and says true. */
bool session_print_json(const struct session *session, const struct json *json);

/* --- reading answers: what is not there, or null, reads as "", 0 or false --- */

const char *text_of(const struct json_at *at, const char *key);
int64_t number_of(const struct json_at *at, const char *key);
bool flag_of(const struct json_at *at, const char *key);
/* A list of strings, joined: "80, 443". The caller frees it. */
char *list_of(const struct json_at *at, const char *key);
/* Where `key` is absent, *ret is nothing: for these functions and foreach_in() alone. */
void part_of(const struct json_at *at, const char *key, struct json_at *ret);
size_t count_of(const struct json_at *at);
#define foreach_in(child, at)                                                               \
	for (bool child##_more_ = (at)->value && json_first((at), &(child)); child##_more_; \
	     child##_more_ = json_next(&(child)))

#endif
