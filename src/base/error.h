/*
 * Errors that a user can cause: what, where and why.
 *
 * A function that can refuse its input takes a `struct accelnet_error *`, fills it with fail()
 * where the fault is found and returns what fail() returned. Callers forward the number unchanged;
 * the control room, the daemon's main and the command-line tools tell the user, once. A NULL error
 * pointer is allowed and means that nobody wants to know.
 */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include "accelnet/error.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#define ERROR_POINTER_MAX 256
#define ERROR_DETAIL_MAX  512

struct json_at;

struct accelnet_error {
	enum accelnet_code code;
	char pointer[ERROR_POINTER_MAX]; /* RFC 6901 JSON pointer; "" is the whole document */
	char detail[ERROR_DETAIL_MAX];   /* one sentence: why, and what would be accepted */
};

/* Fills `err` and returns the negative errno that belongs to `code`. `at` may be NULL. */
int fail(struct accelnet_error *err, enum accelnet_code code, const struct json_at *at,
	 const char *format, ...) __attribute__((format(printf, 4, 5)));

const char *error_symbol(enum accelnet_code code);
int error_rpc_code(enum accelnet_code code);
int error_errno(enum accelnet_code code);

/*
 * A report collects every problem of one input, so that a user mends them all at once.
 *
 * Owner: whoever called report_init(). Not thread-safe. After REPORT_MAX errors, and as many
 * warnings, the rest are only counted: warnings never crowd out an error.
 */
#define REPORT_MAX 1000

struct problem {
	enum accelnet_code code;
	bool is_warning;
	char *pointer;
	char *detail;
};

struct report {
	struct problem *problems;
	size_t count;
	size_t errors;   /* all errors, the suppressed ones too */
	size_t warnings; /* all warnings, the suppressed ones too */
	size_t suppressed;
};

void report_init(struct report *report);
void report_fini(struct report *report);

void report_error(struct report *report, enum accelnet_code code, const struct json_at *at,
		  const char *format, ...) __attribute__((format(printf, 4, 5)));
void report_warning(struct report *report, enum accelnet_code code, const struct json_at *at,
		    const char *format, ...) __attribute__((format(printf, 4, 5)));
/* Adds an error that was made by fail(). */
void report_add(struct report *report, const struct accelnet_error *err);
/* 0 where there was no error, else the first error in `err` and its negative errno. */
int report_result(const struct report *report, struct accelnet_error *err);

#endif
