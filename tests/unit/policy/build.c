/*
 * Policies from text: see build.h.
 */
#include "build.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct json *json_of(const char *quoted)
{
	struct accelnet_error err;
	struct json *json = NULL;
	char *text = strdup(quoted);

	assert_non_null(text);
	for (char *p = text; *p; p++) {
		if (*p == '\'')
			*p = '"';
	}
	if (json_parse(text, strlen(text), NULL, &json, &err) < 0)
		fail_msg("%s: %s", err.detail, text);
	free(text);
	return json;
}

struct built build(const char *quoted, const struct policy_read_options *options)
{
	struct built built = { .document = json_of(quoted) };

	report_init(&built.report);
	(void)policy_build(built.document, options, &built.report, &built.policy);
	if (built.policy)
		assert_int_equal(built.report.errors, 0);
	else
		assert_true(built.report.errors > 0);
	return built;
}

void built_fini(struct built *built)
{
	policy_free(built->policy);
	json_free(built->document);
	report_fini(&built->report);
}

const struct problem *find_problem(const struct report *report, bool warning, const char *pointer,
				   const char *detail)
{
	for (size_t i = 0; i < report->count; i++) {
		const struct problem *problem = &report->problems[i];

		if (problem->is_warning == warning && strcmp(problem->pointer, pointer) == 0 &&
		    strstr(problem->detail, detail))
			return problem;
	}
	return NULL;
}

void print_report(const struct report *report)
{
	for (size_t i = 0; i < report->count; i++)
		print_message("%s %s \"%s\" %s\n",
			      report->problems[i].is_warning ? "warning" : "error",
			      error_symbol(report->problems[i].code), report->problems[i].pointer,
			      report->problems[i].detail);
}
