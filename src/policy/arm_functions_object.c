/*
 * Template functions on objects.
 */
#include "policy/alloc.h"
#include "policy/arm_functions.h"

#include <stdlib.h>
#include <strings.h>

static int run_create_object(struct arm_call *call, struct json **ret)
{
	struct json *object = json_new_object();
	struct json_at at = json_root(object), other;

	for (size_t i = 0; i + 1 < call->count; i += 2) {
		const char *key;

		if (arm_arg_text(call, i, &key) < 0 || json_get(&at, key, &other)) {
			json_free(object);
			return arm_fail(call->env->machine,
					"createObject() takes different names, each with a value");
		}
		json_add(object, key, json_copy(call->args[i + 1]));
	}
	*ret = object;
	return 0;
}

static int compare_members(const void *left, const void *right)
{
	const struct json_at *a = left, *b = right;

	return strcasecmp(a->key, b->key);
}

/* [{"key":...,"value":...}] by name:
 * https://learn.microsoft.com/azure/azure-resource-manager/templates/template-functions-object#items
 */
static int run_items(struct arm_call *call, struct json **ret)
{
	struct json_at at = arm_arg(call, 0), child, *members;
	size_t count = json_count(&at), i = 0;
	int r = json_type(&at) == JSON_OBJECT ? arm_charge(call->env->machine, 128 * count)
					      : arm_arg_refused(call, 0);

	if (r < 0)
		return r;
	members = alloc_zero(count, sizeof(*members));
	json_foreach(child, &at)
		members[i++] = child;
	if (count)
		qsort(members, count, sizeof(*members), compare_members);
	*ret = json_new_array();
	for (i = 0; i < count; i++) {
		struct json *item = json_add_object(*ret, NULL);

		json_add_string(item, "key", members[i].key);
		json_add(item, "value", json_copy(members[i].value));
	}
	free(members);
	return 0;
}

/* The member or item that argument `i` names. */
static bool step(const struct arm_call *call, size_t i, const struct json_at *at,
		 struct json_at *ret)
{
	struct json_at key = arm_arg(call, i), item;
	int64_t index;

	if (json_string(&key))
		return json_get_fold(at, json_string(&key), ret);
	if (!json_integer(&key, &index) || json_type(at) != JSON_ARRAY)
		return false;
	json_foreach(item, at) {
		if ((int64_t)item.index == index) {
			*ret = item;
			return true;
		}
	}
	return false;
}

/* null where it is not there. */
static int run_try_get(struct arm_call *call, struct json **ret)
{
	struct json_at at = arm_arg(call, 0), next;

	for (size_t i = 1; i < call->count; i++) {
		if (!step(call, i, &at, &next)) {
			*ret = arm_null();
			return 0;
		}
		at = json_root(next.value);
	}
	*ret = json_copy(at.value);
	return 0;
}

const struct arm_function arm_object_functions[] = {
	{ "createObject", 0, ARM_ANY_NUMBER, run_create_object },
	{ "items", 1, 1, run_items },
	{ "tryGet", 2, ARM_ANY_NUMBER, run_try_get },
	{ NULL, 0, 0, NULL },
};
