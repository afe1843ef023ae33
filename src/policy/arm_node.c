/*
 * Evaluating the nodes of an expression: calls, properties, indices.
 */
#include "policy/alloc.h"
#include "policy/arm_evaluate.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

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
	int r = arm_resolve(value);

	/* a loop may make the member: then the whole object is needed */
	if (r == 0 && !value->owned && arm_has_copies(value->raw))
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
	int r = arm_resolve(value);

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

static const struct arm_loop *loop_named(const struct arm_loop *loop, const char *name)
{
	while (loop && strcasecmp(loop->name, name) != 0)
		loop = loop->outer;
	return loop;
}

/* Without a name it is the resource's loop, however deep in loops over properties. */
static const struct arm_loop *unnamed_loop(const struct arm_loop *innermost)
{
	for (const struct arm_loop *loop = innermost; loop; loop = loop->outer) {
		if (loop->of_resource)
			return loop;
	}
	return innermost;
}

/*
 * copyIndex([loop], [offset]):
 * https://learn.microsoft.com/azure/azure-resource-manager/templates/template-functions-numeric
 */
static int call_copy_index(const struct arm_env *env, struct arm_call *call, struct json **ret)
{
	const struct arm_loop *loop = unnamed_loop(env->loops);
	int64_t offset = 0;

	for (size_t i = 0; i < call->count; i++) {
		struct json_at at = json_root(call->args[i]);
		const char *name = json_string(&at);

		if (name)
			loop = loop_named(env->loops, name);
		else if (!json_integer(&at, &offset))
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
		r = arm_deeper(env->machine);
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
