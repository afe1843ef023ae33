/*
 * Errors as JSON: see rpc_error.h. Links into accelnetctl too, which prints errors of its own in
 * the same shape.
 */
#include "control/rpc_error.h"

/* True where the same request may succeed later without being changed. */
static bool is_retryable(enum accelnet_code code)
{
	switch (code) {
	case ACCELNET_E_STATE:
	case ACCELNET_E_LIMIT:
	case ACCELNET_E_IO:
	case ACCELNET_E_MEMORY:
	case ACCELNET_E_UNREACHABLE:
		return true;
	default:
		return false;
	}
}

static struct json *problems_json(const struct report *report, bool warnings)
{
	struct json *array = json_new_array();

	for (size_t i = 0; i < report->count; i++) {
		const struct problem *problem = &report->problems[i];
		struct json *entry;

		if (problem->is_warning != warnings)
			continue;
		entry = json_add_object(array, NULL);
		json_add_string(entry, "pointer", problem->pointer);
		json_add_string(entry, "code", error_symbol(problem->code));
		json_add_string(entry, "detail", problem->detail);
	}
	return array;
}

struct json *report_errors_json(const struct report *report)
{
	return problems_json(report, false);
}

struct json *report_warnings_json(const struct report *report)
{
	return problems_json(report, true);
}

static void add_optional(struct json *to, const char *key, const char *text)
{
	json_add_string(to, key, text[0] ? text : NULL);
}

struct json *rpc_error_json(const struct call_error *error)
{
	struct json *json = json_new_object();
	struct json *data;

	json_add_integer(json, "code", error_rpc_code(error->what.code));
	json_add_string(json, "message", error->what.detail);
	data = json_add_object(json, "data");
	json_add_string(data, "symbol", error_symbol(error->what.code));
	json_add_string(data, "pointer", error->what.pointer);
	add_optional(data, "nic", error->nic);
	add_optional(data, "rule", error->rule);
	if (error->pmd_message[0]) {
		struct json *pmd = json_add_object(data, "pmd");

		json_add_string(pmd, "type", error->pmd_type);
		json_add_string(pmd, "message", error->pmd_message);
	} else {
		json_add_null(data, "pmd");
	}
	json_add_bool(data, "retryable", is_retryable(error->what.code));
	if (error->problems.count > 0) {
		json_add(data, "problems", report_errors_json(&error->problems));
		json_add(data, "warnings", report_warnings_json(&error->problems));
		json_add_unsigned(data, "notShown", error->problems.suppressed);
	}
	return json;
}
