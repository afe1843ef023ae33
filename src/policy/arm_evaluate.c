/*
 * The evaluator: see arm_evaluate.h.
 */
#include "policy/arm_evaluate.h"

#include "policy/alloc.h"
#include "policy/source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define STEPS_MAX 2000000
#define BYTES_MAX (16U << 20)
#define DEPTH_MAX 256
#define COPIES_MAX                                                                               \
	800 /* https://learn.microsoft.com/azure/azure-resource-manager/templates/copy-resources \
	     */

void arm_machine_fini(struct arm_machine *machine)
{
	for (size_t i = 0; i < machine->kept_count; i++)
		free(machine->kept[i]);
	free(machine->kept);
}

const struct json_at *arm_keep(struct arm_machine *machine, const struct json_at *at)
{
	struct json_at *kept = alloc_zero(1, sizeof(*kept));

	*kept = *at;
	machine->kept = alloc_grow(machine->kept, machine->kept_count, sizeof(struct json_at *));
	machine->kept[machine->kept_count++] = kept;
	return kept;
}

/* --- failing --- */

int arm_fail(struct arm_machine *machine, const char *format, ...)
{
	const char *text = machine->at ? json_string(machine->at) : NULL;
	char why[200];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(why, sizeof(why), format, args);
	va_end(args);
	report_error(machine->report, ACCELNET_E_EXPRESSION, machine->at,
		     "\"%.200s\" cannot be evaluated: %s", text ? text : "", why);
	return -error_errno(ACCELNET_E_EXPRESSION);
}

int arm_fail_deployment(struct arm_machine *machine, const char *function)
{
	machine->deployment_only = true;
	if (machine->tolerant)
		return -error_errno(ACCELNET_E_EXPRESSION);
	return arm_fail(machine, "the value of %s() is known only when it is deployed", function);
}

int arm_charge(struct arm_machine *machine, size_t bytes)
{
	if (machine->gave_up)
		return -error_errno(ACCELNET_E_EXPRESSION);
	machine->bytes += bytes;
	machine->steps++;
	if (machine->bytes <= BYTES_MAX && machine->steps <= STEPS_MAX)
		return 0;
	machine->gave_up = true;
	return arm_fail(machine, "the template makes too much of it");
}

int arm_deeper(struct arm_machine *machine)
{
	if (machine->depth == DEPTH_MAX)
		return arm_fail(machine,
				"expressions are nested, or refer to each other, too deeply");
	machine->depth++;
	return 0;
}

/* --- values --- */

void arm_value_fini(struct arm_value *value)
{
	json_free(value->owned);
	value->owned = NULL;
}

/* From one expression to what it gives, which may be another. */
static int resolve_once(struct arm_value *value, const char *text, unsigned hops)
{
	struct arm_machine *machine = value->env.machine;
	struct arm_env env = value->env;
	struct arm_node *node = NULL;
	struct accelnet_error err;
	int r = arm_charge(machine, 0);

	if (r < 0)
		return r;
	if (hops == DEPTH_MAX)
		return arm_fail(machine, "it refers to itself");
	r = arm_expression_parse(text, &node, &err);
	if (r < 0)
		r = arm_fail(machine, "%s", err.detail);
	else
		r = arm_evaluate_node(&env, node, value);
	arm_node_free(node);
	return r;
}

int arm_resolve(struct arm_value *value)
{
	struct arm_machine *machine = value->env.machine;
	const struct json_at *before = machine->at;
	int r = 0;

	for (unsigned hops = 0; r == 0 && !value->owned; hops++) {
		const char *text = json_string(value->raw);

		if (!text || !arm_is_expression(text))
			break;
		machine->at = value->raw;
		r = resolve_once(value, text, hops);
		machine->at = before;
	}
	return r;
}

int arm_force(struct arm_value *value)
{
	struct json *owned = NULL;
	int r = arm_resolve(value);

	if (r < 0 || value->owned)
		return r;
	r = arm_evaluate(&value->env, value->raw, &owned);
	if (r == 0)
		value->owned = owned;
	return r;
}

/* --- copy loops inside objects --- */

static bool is_copy_list(const struct json_at *at)
{
	struct json_at item, child;

	return json_type(at) == JSON_ARRAY && json_first(at, &item) &&
	       source_get(&item, "name", JSON_STRING, &child) &&
	       json_get_fold(&item, "count", &child) && json_get_fold(&item, "input", &child);
}

bool arm_has_copies(const struct json_at *at)
{
	struct json_at copy;

	return json_get_fold(at, "copy", &copy) && is_copy_list(&copy);
}

int arm_copy_count(const struct arm_env *env, const struct json_at *copy, int64_t *ret,
		   const char **ret_name)
{
	struct json_at count, name;
	struct json *value = NULL;
	struct json_at at;
	int64_t number = 0;
	bool is_number;
	int r;

	if (!json_get_fold(copy, "count", &count) ||
	    !source_get(copy, "name", JSON_STRING, &name)) {
		report_error(env->machine->report, ACCELNET_E_MISSING, copy,
			     "a copy loop needs \"name\" and \"count\"");
		return -error_errno(ACCELNET_E_MISSING);
	}
	r = arm_evaluate(env, &count, &value);
	if (r < 0)
		return r;
	at = json_root(value);
	is_number = json_integer(&at, &number);
	json_free(value);
	if (!is_number || number < 0 || number > COPIES_MAX) {
		report_error(env->machine->report, ACCELNET_E_RANGE, &count,
			     "a copy loop's count is a number from 0 to %d", COPIES_MAX);
		return -error_errno(ACCELNET_E_RANGE);
	}
	*ret = number;
	*ret_name = json_string(&name);
	return 0;
}

static int expand_loop(const struct arm_env *env, const struct json_at *loop, struct json *to)
{
	struct json_at input;
	struct json *list;
	const char *name;
	int64_t count;
	int r = arm_copy_count(env, loop, &count, &name);

	if (r < 0)
		return r;
	if (!json_get_fold(loop, "input", &input))
		return arm_fail(env->machine, "a copy loop needs \"input\"");
	list = json_add_array(to, name);
	for (int64_t i = 0; i < count && r == 0; i++) {
		const struct arm_loop here = { .name = name, .index = i, .outer = env->loops };
		struct arm_env inner = *env;
		struct json *item = NULL;

		inner.loops = &here;
		r = arm_evaluate(&inner, &input, &item);
		if (r == 0)
			json_add(list, NULL, item);
	}
	return r;
}

static int expand_loops(const struct arm_env *env, const struct json_at *list, struct json *to)
{
	struct json_at loop;
	int result = 0;

	json_foreach(loop, list) {
		int r = expand_loop(env, &loop, to);

		result = r < 0 ? r : result;
	}
	return result;
}

/* --- whole values --- */

static int evaluate_text(const struct arm_env *env, const struct json_at *at, struct json **ret)
{
	const char *text = json_string(at);
	struct arm_value value = { .raw = at, .env = *env };
	int r;

	if (!arm_is_expression(text)) {
		*ret = json_new_string(strncmp(text, "[[", 2) == 0 ? text + 1 : text);
		return 0;
	}
	r = arm_force(&value);
	if (r < 0) {
		arm_value_fini(&value);
		return r;
	}
	*ret = value.owned;
	return 0;
}

/* Adds all children of `at`, evaluated; goes on behind a failure, so that all are reported. */
static int evaluate_children(const struct arm_env *env, const struct json_at *at, struct json *to)
{
	bool is_object = json_type(at) == JSON_OBJECT;
	struct json_at child;
	int result = 0, r;

	json_foreach(child, at) {
		struct json *value = NULL;

		if (is_object && strcasecmp(child.key, "copy") == 0 && is_copy_list(&child)) {
			r = expand_loops(env, &child, to);
			result = r < 0 ? r : result;
			continue;
		}
		r = arm_evaluate(env, &child, &value);
		if (r == 0)
			json_add(to, child.key, value);
		else
			result = r;
	}
	return result;
}

int arm_evaluate(const struct arm_env *env, const struct json_at *at, struct json **ret)
{
	struct arm_machine *machine = env->machine;
	enum json_type type = json_type(at);
	const struct json_at *before = machine->at;
	struct json *result;
	int r;

	machine->at = at;
	r = arm_charge(machine, 0);
	machine->at = before;
	if (r < 0)
		return r;
	if (type == JSON_STRING)
		return evaluate_text(env, at, ret);
	if (type != JSON_ARRAY && type != JSON_OBJECT) {
		*ret = json_copy(at->value);
		return 0;
	}
	r = arm_deeper(machine);
	if (r < 0)
		return r;
	result = type == JSON_ARRAY ? json_new_array() : json_new_object();
	r = evaluate_children(env, at, result);
	machine->depth--;
	if (r < 0) {
		json_free(result);
		return r;
	}
	*ret = result;
	return 0;
}
