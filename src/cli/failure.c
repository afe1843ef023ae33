/*
 * Telling what went wrong, in the form that was asked for: see session.h.
 */
#include "cli/session.h"

#include "cli/style.h"
#include "control/rpc_error.h"
#include "policy/read.h"

#include <stdlib.h>
#include <string.h>

#define PROGRAM "accelnetctl"

static enum exit_status status_of(enum accelnet_code code)
{
	switch (code) {
	case ACCELNET_E_INTERNAL:
	case ACCELNET_E_IO:
	case ACCELNET_E_MEMORY:
	case ACCELNET_E_DEVICE:
	case ACCELNET_E_METHOD:
		return EXIT_FAILED;
	case ACCELNET_E_USAGE:
		return EXIT_USAGE;
	case ACCELNET_E_UNREACHABLE:
		return EXIT_UNREACHABLE;
	default:
		return EXIT_REFUSED;
	}
}

static enum exit_status status_of_symbol(const char *symbol)
{
	for (int code = ACCELNET_OK + 1; code <= ACCELNET_E_DEVICE; code++) {
		if (strcmp(error_symbol((enum accelnet_code)code), symbol) == 0)
			return status_of((enum accelnet_code)code);
	}
	return EXIT_FAILED;
}

static void print_line(bool colour, enum style style, const char *label, const char *pointer,
		       const char *symbol, const char *detail)
{
	fputs("  ", stderr);
	style_print(stderr, colour, style, label);
	fputc(' ', stderr);
	if (pointer[0]) {
		style_print(stderr, colour, STYLE_HEAD, pointer);
		fputs(": ", stderr);
	}
	style_print(stderr, false, STYLE_PLAIN, detail);
	if (symbol[0])
		fprintf(stderr, " (%s)", symbol);
	fputc('\n', stderr);
}

static void print_problems(bool colour, const struct json_at *problems, enum style style,
			   const char *label)
{
	struct json_at problem;

	foreach_in(problem, problems)
		print_line(colour, style, label, text_of(&problem, "pointer"),
			   text_of(&problem, "code"), text_of(&problem, "detail"));
}

/* Reports end somewhere; what is behind their end is counted. */
static void print_more(int64_t count)
{
	if (count > 0)
		fprintf(stderr, "  and %lld more\n", (long long)count);
}

static void tell_people(const struct session *session, const struct json_at *error,
			const char *outcome)
{
	const bool colour = style_wanted(stderr, session->arguments->no_color);
	struct json_at data, problems, warnings, pmd;

	part_of(error, "data", &data);
	part_of(&data, "problems", &problems);
	part_of(&data, "warnings", &warnings);
	part_of(&data, "pmd", &pmd);
	fputs(PROGRAM ": ", stderr);
	if (count_of(&problems) > 1) {
		fprintf(stderr, "refused, %zu problems%s%s\n", count_of(&problems),
			number_of(&data, "notShown") > 0 ? " and more" : "", outcome);
	} else {
		style_print(stderr, false, STYLE_PLAIN, text_of(error, "message"));
		fprintf(stderr, " (%s)\n", text_of(&data, "symbol"));
	}
	if (text_of(&data, "rule")[0] && count_of(&problems) <= 1)
		print_line(colour, STYLE_DIM, "rule", "", "", text_of(&data, "rule"));
	if (text_of(&pmd, "message")[0])
		print_line(colour, STYLE_DIM, "driver", "", text_of(&pmd, "type"),
			   text_of(&pmd, "message"));
	if (count_of(&problems) > 1)
		print_problems(colour, &problems, STYLE_BAD, "error");
	else if (count_of(&problems) == 1 && text_of(&data, "pointer")[0])
		print_line(colour, STYLE_DIM, "at", "", "", text_of(&data, "pointer"));
	print_problems(colour, &warnings, STYLE_WARN, "warning");
	print_more(number_of(&data, "notShown"));
}

/* --- pointers into the user's file --- */

static struct json *relocated(const struct session *session, const struct json_at *at);

static struct json *relocated_string(const struct session *session, const struct json_at *at)
{
	char pointer[ERROR_POINTER_MAX];

	if (at->key && strcmp(at->key, "pointer") == 0 &&
	    policy_source_locate(session->nsg, session->level, json_string(at), pointer,
				 sizeof(pointer)))
		return json_new_string(pointer);
	return json_copy(at->value);
}

/* A copy of the error in which every `pointer` leads into the file. */
static struct json *relocated(const struct session *session, const struct json_at *at)
{
	const enum json_type type = json_type(at);
	struct json_at child;
	struct json *copy;

	if (type == JSON_STRING)
		return relocated_string(session, at);
	if (type != JSON_OBJECT && type != JSON_ARRAY)
		return json_copy(at->value);
	copy = type == JSON_OBJECT ? json_new_object() : json_new_array();
	json_foreach(child, at)
		json_add(copy, child.key, relocated(session, &child));
	return copy;
}

static struct json *relocate(const struct session *session, struct json *error)
{
	const struct json_at root = json_root(error);
	struct json *copy;

	if (!session->nsg)
		return error;
	copy = relocated(session, &root);
	json_free(error);
	return copy;
}

static enum exit_status tell(const struct session *session, struct json *error, const char *outcome)
{
	enum exit_status status;
	struct json_at root, data;

	error = relocate(session, error);
	root = json_root(error);
	part_of(&root, "data", &data);
	status = status_of_symbol(text_of(&data, "symbol"));
	if (session->arguments->json) {
		struct json *json = json_new_object();

		json_add(json, "error", error);
		(void)session_print_json(session, json);
		json_free(json);
		return status;
	}
	tell_people(session, &root, outcome);
	json_free(error);
	return status;
}

enum exit_status session_tell(const struct session *session, struct json *error)
{
	return tell(session, error, "; nothing was changed");
}

enum exit_status session_fail(const struct session *session, const struct accelnet_error *err)
{
	const struct call_error error = { .what = *err };

	return session_tell(session, rpc_error_json(&error));
}

enum exit_status session_fail_report(const struct session *session, const char *place,
				     const struct report *report)
{
	struct call_error error = { .problems = *report };

	(void)report_result(report, &error.what); /* it has an error, or we would not be here */
	if (place && !session->arguments->json && error.what.code != ACCELNET_E_IO) /* has it */
		fprintf(stderr, PROGRAM ": %s:\n", place);
	return tell(session, rpc_error_json(&error), ""); /* a file: there was nothing to change */
}

enum exit_status fail_usage(const struct arguments *arguments, const struct accelnet_error *err)
{
	const struct session session = { .arguments = arguments };
	const char *synopsis = "see " PROGRAM " --help";

	if (arguments->json)
		return session_fail(&session, err);
	fprintf(stderr, PROGRAM ": ");
	style_print(stderr, false, STYLE_PLAIN, err->detail);
	fputc('\n', stderr);
	if (arguments->command != METHOD_COUNT)
		fprintf(stderr, "see " PROGRAM " %s --help\n", methods[arguments->command].words);
	else if (!strstr(err->detail, "--help"))
		fprintf(stderr, "%s\n", synopsis);
	return EXIT_USAGE;
}

void session_warn(const struct session *session, const struct json_at *warnings, int64_t more)
{
	print_problems(style_wanted(stderr, session->arguments->no_color), warnings, STYLE_WARN,
		       "warning");
	print_more(more);
}

void session_warn_report(const struct session *session, const struct report *report)
{
	JSON_CLEANUP struct json *warnings = report_warnings_json(report);
	const struct json_at root = json_root(warnings);

	session_warn(session, &root, (int64_t)report->suppressed);
}
