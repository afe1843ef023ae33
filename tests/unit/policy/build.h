/*
 * Policies from text in tests: ' stands for ", so that tables of JSON can be read.
 */
#ifndef TESTS_POLICY_BUILD_H
#define TESTS_POLICY_BUILD_H

#include "policy/read.h"

/* Fails the test where the text is not JSON. The caller frees it. */
struct json *json_of(const char *quoted);

struct built {
	struct json *document;
	struct policy *policy; /* NULL where it was refused */
	struct report report;
};

/* `document` with or without options; frees with built_fini(). */
struct built build(const char *quoted, const struct policy_read_options *options);
void built_fini(struct built *built);

/* The problem with that pointer whose detail contains `detail`; NULL where there is none. */
const struct problem *find_problem(const struct report *report, bool warning, const char *pointer,
				   const char *detail);
/* Prints all problems, for a test that is about to fail. */
void print_report(const struct report *report);

#endif
