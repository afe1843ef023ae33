/*
 * parameters() and variables() of a template.
 */
#include "base/suggest.h"
#include "policy/arm_functions.h"
#include "policy/member.h"
#include "policy/source.h"

#include <strings.h>

static void set_raw(struct arm_value *value, const struct arm_env *env,
		    const struct arm_scope *scope, const struct json_at *at)
{
	struct arm_machine *machine = env->machine;

	*value = (struct arm_value){
		.raw = arm_keep(machine, at),
		.env = { .machine = machine, .scope = scope },
	};
}

/* A member of `at`, with cursors that live as long as the machine. */
static bool kept_member(struct arm_machine *machine, const struct json_at *at, const char *key,
			const struct json_at **ret)
{
	struct json_at child;

	if (!json_get_fold(at, key, &child))
		return false;
	*ret = arm_keep(machine, &child);
	return true;
}

/* Texts without regard to case: what Azure does there is not documented. */
static bool is_allowed(const struct json_at *parameter, const struct json_at *value)
{
	struct json_at allowed, item;

	if (!source_get(parameter, "allowedValues", JSON_ARRAY, &allowed) ||
	    arm_list_has(&allowed, value))
		return true;
	json_foreach(item, &allowed) {
		if (json_string(&item) && json_string(value) &&
		    strcasecmp(json_string(&item), json_string(value)) == 0)
			return true;
	}
	return false;
}

/*
 * A parameters file is {"parameters":{NAME:{"value":...}}}; {NAME:...} alone is taken too.
 * `parameter` is what the template says of it.
 */
static int take_given(const struct arm_env *env, const struct json_at *parameter, const char *name,
		      struct arm_value *ret)
{
	struct json_at root = json_root(env->scope->given), list, entry, value;
	bool wrapped = source_get(&root, "parameters", JSON_OBJECT, &list);

	if (!json_get_fold(wrapped ? &list : &root, name, &entry))
		return 0;
	if (json_get_fold(&entry, "reference", &value) && json_count(&entry) == 1)
		return arm_fail(env->machine,
				"the parameter \"%.60s\" is a reference to a secret, whose value "
				"is not here",
				name);
	if (!json_get_fold(&entry, "value", &value)) {
		if (wrapped)
			return arm_fail(env->machine,
					"the parameters file has no \"value\" for \"%.60s\"", name);
		value = entry;
	}
	if (!is_allowed(parameter, &value))
		return arm_fail(env->machine,
				"the value given for \"%.60s\" is not one of its allowedValues",
				name);
	*ret = (struct arm_value){ .env = *env };
	ret->owned = json_copy(value.value);
	return 1;
}

static int take_passed(const struct arm_env *env, const char *name, struct arm_value *ret)
{
	const struct arm_scope *scope = env->scope;
	const struct json_at *entry, *value;

	if (!scope->passed || !kept_member(env->machine, scope->passed, name, &entry) ||
	    !kept_member(env->machine, entry, "value", &value))
		return 0;
	set_raw(ret, env, scope->passed_in, value);
	return 1;
}

int arm_parameter(const struct arm_env *env, const char *name, struct arm_value *ret)
{
	struct arm_machine *machine = env->machine;
	const struct json_at *list, *entry, *value;
	int r;

	if (!kept_member(machine, env->scope->template, "parameters", &list) ||
	    !kept_member(machine, list, name, &entry))
		return arm_fail(machine, "the template has no parameter \"%.60s\"", name);
	r = take_passed(env, name, ret);
	if (r == 0 && env->scope->given)
		r = take_given(env, entry, name, ret);
	if (r != 0)
		return r < 0 ? r : 0;
	if (!kept_member(machine, entry, "defaultValue", &value))
		return arm_fail(machine,
				"the parameter \"%.60s\" has no default value: give one with "
				"--parameters",
				name);
	set_raw(ret, env, env->scope, value);
	return 0;
}

static int refuse_given(const struct arm_env *env, const struct json_at *list, const char *name)
{
	struct suggestion near;
	struct json_at known;

	suggestion_init(&near, name);
	json_foreach(known, list)
		suggestion_offer(&near, known.key);
	report_error(
		env->machine->report, ACCELNET_E_UNKNOWN_KEY, env->scope->template,
		"a value is given for \"%.60s\", but the template has no such parameter%s%.60s%s",
		name, near.found ? "; did you mean \"" : "", near.found ? near.found : "",
		near.found ? "\"?" : "");
	return -error_errno(ACCELNET_E_UNKNOWN_KEY);
}

int arm_check_given(const struct arm_env *env)
{
	static const char *const known[] = { "$schema", "contentVersion", "metadata", NULL };
	const struct json_at root = json_root(env->scope->given);
	struct json_at names, list, entry, other;
	const bool wrapped = source_get(&root, "parameters", JSON_OBJECT, &names);
	JSON_CLEANUP struct json *none = json_new_object();
	int result = 0;

	if (!json_get_fold(env->scope->template, "parameters", &list))
		list = json_root(none);
	json_foreach(entry, wrapped ? &names : &root) {
		if (json_get_fold(&list, entry.key, &other) ||
		    (!wrapped && word_find(known, entry.key) >= 0))
			continue;
		result = refuse_given(env, &list, entry.key);
	}
	return result;
}

/* A variable that a loop in variables.copy makes. */
static int looped_variable(const struct arm_env *env, const struct json_at *variables,
			   const char *name, struct arm_value *ret)
{
	const struct arm_env plain = { .machine = env->machine, .scope = env->scope };
	struct json_at copy, loop, loop_name, input;
	const char *text;
	int64_t count;
	int r;

	if (!source_get(variables, "copy", JSON_ARRAY, &copy))
		return 0;
	json_foreach(loop, &copy) {
		if (!source_get(&loop, "name", JSON_STRING, &loop_name) ||
		    strcasecmp(json_string(&loop_name), name) != 0 ||
		    !json_get_fold(&loop, "input", &input))
			continue;
		r = arm_copy_count(&plain, &loop, &count, &text);
		*ret = (struct arm_value){ .owned = json_new_array(), .env = plain };
		for (int64_t i = 0; i < count && r == 0; i++) {
			const struct arm_loop here = { .name = text, .index = i };
			struct arm_env inner = plain;
			struct json *item = NULL;

			inner.loops = &here;
			r = arm_evaluate(&inner, &input, &item);
			if (r == 0)
				json_add(ret->owned, NULL, item);
		}
		return r < 0 ? r : 1;
	}
	return 0;
}

int arm_variable(const struct arm_env *env, const char *name, struct arm_value *ret)
{
	struct arm_machine *machine = env->machine;
	const struct json_at *list, *value;
	int r;

	if (!kept_member(machine, env->scope->template, "variables", &list))
		return arm_fail(machine, "the template has no variables");
	if (kept_member(machine, list, name, &value)) {
		set_raw(ret, env, env->scope, value);
		return 0;
	}
	r = looped_variable(env, list, name, ret);
	if (r != 0)
		return r < 0 ? r : 0;
	return arm_fail(machine, "the template has no variable \"%.60s\"", name);
}
