/*
 * Documents that come into force: see policy_change.h.
 */
#include "control/policy_change.h"

#include "control/rpc_error.h"

#include <stdio.h>
#include <string.h>

/* Steps from `at` to its child that the first segment of `*pointer` names. */
static bool step(const struct json_at *at, const char **pointer, struct json_at *ret)
{
	char segment[128];
	size_t length = strcspn(*pointer + 1, "/");
	struct json_at child;

	if ((*pointer)[0] != '/' || length >= sizeof(segment))
		return false;
	memcpy(segment, *pointer + 1, length);
	segment[length] = '\0';
	*pointer += 1 + length;
	if (json_type(at) == JSON_OBJECT)
		return json_get(at, segment, ret);
	json_foreach(child, at) {
		char index[24];

		snprintf(index, sizeof(index), "%zu", child.index);
		if (strcmp(index, segment) == 0) {
			*ret = child;
			return true;
		}
	}
	return false;
}

/* The rule that a pointer leads into: the innermost list element on the way that has a name. */
static void name_rule(const struct json *document, const char *pointer, char *ret, size_t size)
{
	/* Cursors borrow the one above them, so each step has its own. */
	struct json_at way[16], name;
	size_t depth = 0;

	way[0] = json_root(document);
	while (depth + 1 < sizeof(way) / sizeof(way[0]) &&
	       step(&way[depth], &pointer, &way[depth + 1])) {
		depth++;
		if (json_type(&way[depth - 1]) == JSON_ARRAY &&
		    json_get(&way[depth], "name", &name) && json_string(&name))
			snprintf(ret, size, "%s", json_string(&name));
	}
}

int policy_change_refuse(struct call *call, const struct json *document, struct report *problems)
{
	struct call_error *error = &call->error;

	name_rule(document, error->what.pointer, error->rule, sizeof(error->rule));
	error->problems = *problems;
	*problems = (struct report){ 0 };
	return -error_errno(error->what.code);
}

static struct json *apply_json(const struct nic *nic, const struct nic_apply_result *result,
			       bool dry_run)
{
	struct json *json = json_new_object();
	struct json *rules, *where;

	json_add_string(json, "nic", nic_get_config(nic)->name);
	json_add_unsigned(json, "generation", result->generation);
	json_add_bool(json, "unchanged", result->unchanged);
	json_add_bool(json, "dryRun", dry_run);
	rules = json_add_object(json, "rules");
	json_add_unsigned(rules, "added", result->rules_added);
	json_add_unsigned(rules, "kept", result->rules_kept);
	json_add_unsigned(rules, "removed", result->rules_removed);
	where = json_add_object(json, "where");
	json_add_unsigned(where, "hardware", result->in_hardware);
	json_add_unsigned(where, "software", result->in_software);
	json_add_unsigned(where, "refused", result->refused);
	json_add(json, "warnings", report_warnings_json(&result->report));
	if (result->report.suppressed)
		json_add_unsigned(json, "notShown", result->report.suppressed);
	return json;
}

int policy_change(struct call *call, struct nic *nic, const struct json *document,
		  const struct nic_apply_options *options, struct json **ret)
{
	struct nic_apply_result result = { 0 };
	int r = nic_policy_apply(nic, document, options, &result, &call->error.what);

	if (r < 0)
		r = policy_change_refuse(call, document, &result.report);
	else
		*ret = apply_json(nic, &result, options->dry_run);
	nic_apply_result_fini(&result);
	return r;
}
