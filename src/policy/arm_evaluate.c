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
#define BYTES_MAX (64U << 20)
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
	machine->bytes += bytes;
	machine->steps++;
	if (machine->bytes <= BYTES_MAX && machine->steps <= STEPS_MAX)
		return 0;
	machine->steps = 0; /* one report is enough: what is above gives up */
	machine->bytes = 0;
	return arm_fail(machine, "the template makes too much of it");
}

/* One level down; the caller comes up again where this succeeds. */
static int deeper(struct arm_machine *machine)
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

/* Goes on with the value that the expression at value->raw gives, until it is something else. */
static int resolve(struct arm_value *value)
{
	struct arm_machine *machine = value->env.machine;

	while (!value->owned) {
		const char *text = json_string(value->raw);
		const struct json_at *before = machine->at;
		struct arm_env env = value->env;
		struct arm_node *node = NULL;
		struct accelnet_error err;
		int r;

		if (!text || !arm_is_expression(text))
			return 0;
		if (arm_charge(machine, 0) < 0)
			return -error_errno(ACCELNET_E_EXPRESSION);
		machine->at = value->raw;
		r = arm_expression_parse(text, &node, &err);
		if (r < 0)
			r = arm_fail(machine, "%s", err.detail);
		else
			r = arm_evaluate_node(&env, node, value);
		arm_node_free(node);
		machine->at = before;
		if (r < 0)
			return r;
	}
	return 0;
}

int arm_force(struct arm_value *value)
{
	struct json *owned = NULL;
	int r = resolve(value);

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

static bool has_copy_list(const struct json_at *at)
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
	struct json *result;
	int r = arm_charge(machine, 0);

	if (r < 0)
		return r;
	if (type == JSON_STRING)
		return evaluate_text(env, at, ret);
	if (type != JSON_ARRAY && type != JSON_OBJECT) {
		*ret = json_copy(at->value);
		return 0;
	}
	r = deeper(machine);
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

/* --- nodes --- */

static void own(struct arm_value *value, struct json *json)
{
	*value = (struct arm_value){ .owned = json, .env = value->env };
}

/* A part of an evaluated value. */
static int step_owned(struct arm_value *value, const struct json_at *part)
{
	struct json *copy = json_copy(part->value);

	arm_value_fini(value);
	own(value, copy);
	return 0;
}

static int find_member(struct arm_machine *machine, const struct json_at *at, const char *name,
		       struct json_at *ret)
{
	if (json_type(at) != JSON_OBJECT)
		return arm_fail(machine, "\"%.60s\" is asked of %s", name,
				json_type_name(json_type(at)));
	if (!json_get_fold(at, name, ret))
		return arm_fail(machine, "there is no property \"%.60s\"", name);
	return 0;
}

static int step_member(struct arm_value *value, const char *name)
{
	struct arm_machine *machine = value->env.machine;
	struct json_at at, child;
	int r = resolve(value);

	/* a loop may make the member: then the whole object is needed */
	if (r == 0 && !value->owned && has_copy_list(value->raw))
		r = arm_force(value);
	if (r < 0)
		return r;
	at = value->owned ? json_root(value->owned) : *value->raw;
	r = find_member(machine, value->owned ? &at : value->raw, name, &child);
	if (r < 0)
		return r;
	if (value->owned)
		return step_owned(value, &child);
	value->raw = arm_keep(machine, &child);
	return 0;
}

static int step_index(struct arm_value *value, int64_t index)
{
	struct arm_machine *machine = value->env.machine;
	struct json_at at, child;
	int r = resolve(value);

	if (r < 0)
		return r;
	at = value->owned ? json_root(value->owned) : *value->raw;
	if (json_type(&at) != JSON_ARRAY)
		return arm_fail(machine, "an index into %s", json_type_name(json_type(&at)));
	json_foreach(child, value->owned ? &at : value->raw) {
		if ((int64_t)child.index != index)
			continue;
		if (value->owned)
			return step_owned(value, &child);
		value->raw = arm_keep(machine, &child);
		return 0;
	}
	return arm_fail(machine, "index %lld is outside the list", (long long)index);
}

static int evaluate_index(const struct arm_env *env, const struct arm_node *node,
			  struct arm_value *ret)
{
	struct arm_value index = { .env = *env };
	struct json_at at;
	int64_t number;
	int r = arm_evaluate_node(env, node->child[1], &index);

	if (r == 0)
		r = arm_force(&index);
	if (r == 0) {
		at = json_root(index.owned);
		if (json_integer(&at, &number))
			r = step_index(ret, number);
		else if (json_string(&at))
			r = step_member(ret, json_string(&at));
		else
			r = arm_fail(env->machine, "an index is a number or a property name");
	}
	arm_value_fini(&index);
	return r;
}

static int force_text(const struct arm_env *env, const struct arm_node *node, char **ret)
{
	struct arm_value value = { .env = *env };
	struct json_at at;
	int r = arm_evaluate_node(env, node, &value);

	if (r == 0)
		r = arm_force(&value);
	if (r == 0) {
		at = json_root(value.owned);
		if (json_string(&at))
			*ret = alloc_string(json_string(&at));
		else
			r = arm_fail(env->machine, "a name is a text");
	}
	arm_value_fini(&value);
	return r;
}

static int call_name(const struct arm_env *env, const struct arm_node *node,
		     int (*look_up)(const struct arm_env *, const char *, struct arm_value *),
		     struct arm_value *ret)
{
	char *name = NULL;
	int r;

	if (node->count != 1)
		return arm_fail(env->machine, "%s() takes one name", node->text);
	r = force_text(env, node->child[0], &name);
	if (r == 0)
		r = look_up(env, name, ret);
	free(name);
	return r;
}

/* Only the branch that is chosen is evaluated. */
static int call_if(const struct arm_env *env, const struct arm_node *node, struct arm_value *ret)
{
	struct arm_value condition = { .env = *env };
	struct json_at at;
	bool truth = false;
	int r;

	if (node->count != 3)
		return arm_fail(env->machine, "if() takes three arguments");
	r = arm_evaluate_node(env, node->child[0], &condition);
	if (r == 0)
		r = arm_force(&condition);
	if (r == 0) {
		at = json_root(condition.owned);
		if (!json_bool(&at, &truth))
			r = arm_fail(env->machine, "the condition of if() is not true or false");
	}
	arm_value_fini(&condition);
	return r < 0 ? r : arm_evaluate_node(env, node->child[truth ? 1 : 2], ret);
}

/* copyIndex([loop], [offset]) */
static int call_copy_index(const struct arm_env *env, struct arm_call *call, struct json **ret)
{
	const struct arm_loop *loop = env->loops;
	int64_t offset = 0;

	for (size_t i = 0; i < call->count; i++) {
		struct json_at at = json_root(call->args[i]);
		const char *name = json_string(&at);

		while (name && loop && strcasecmp(loop->name, name) != 0)
			loop = loop->outer;
		if (!name && !json_integer(&at, &offset))
			return arm_fail(env->machine,
					"copyIndex() takes a loop's name and a number");
	}
	if (!loop)
		return arm_fail(env->machine, "copyIndex() outside such a copy loop");
	*ret = json_new_integer(loop->index + offset);
	return 0;
}

static int call_function(const struct arm_env *env, const struct arm_node *node,
			 struct arm_value *ret)
{
	struct arm_call call = { .env = env, .name = node->text };
	struct json *result = NULL;
	int r = 0;

	call.args = alloc_zero(node->count, sizeof(struct json *));
	for (size_t i = 0; i < node->count && r == 0; i++) {
		struct arm_value value = { .env = *env };

		r = arm_evaluate_node(env, node->child[i], &value);
		if (r == 0)
			r = arm_force(&value);
		if (r == 0)
			call.args[call.count++] = value.owned;
		else
			arm_value_fini(&value);
	}
	if (r == 0 && strcasecmp(node->text, "copyIndex") == 0)
		r = call_copy_index(env, &call, &result);
	else if (r == 0)
		r = arm_function_call(&call, &result);
	for (size_t i = 0; i < call.count; i++)
		json_free(call.args[i]);
	free(call.args);
	if (r == 0)
		own(ret, result);
	return r;
}

static int evaluate_call(const struct arm_env *env, const struct arm_node *node,
			 struct arm_value *ret)
{
	if (strcasecmp(node->text, "parameters") == 0)
		return call_name(env, node, arm_parameter, ret);
	if (strcasecmp(node->text, "variables") == 0)
		return call_name(env, node, arm_variable, ret);
	if (strcasecmp(node->text, "if") == 0)
		return call_if(env, node, ret);
	if (strcasecmp(node->text, "copyIndex") != 0 && !arm_function_known(node->text))
		return arm_fail(env->machine, "there is no function %.60s()", node->text);
	return call_function(env, node, ret);
}

static int evaluate_access(const struct arm_env *env, const struct arm_node *node,
			   struct arm_value *ret)
{
	int r = arm_evaluate_node(env, node->child[0], ret);

	if (r < 0)
		return r;
	return node->kind == ARM_MEMBER ? step_member(ret, node->text)
					: evaluate_index(env, node, ret);
}

int arm_evaluate_node(const struct arm_env *env, const struct arm_node *node, struct arm_value *ret)
{
	int r = arm_charge(env->machine, 0);

	if (r == 0)
		r = deeper(env->machine);
	if (r < 0)
		return r;
	if (node->kind == ARM_TEXT)
		own(ret, json_new_string(node->text));
	else if (node->kind == ARM_INTEGER)
		own(ret, json_new_integer(node->integer));
	else if (node->kind == ARM_CALL)
		r = evaluate_call(env, node, ret);
	else
		r = evaluate_access(env, node, ret);
	env->machine->depth--;
	return r;
}
