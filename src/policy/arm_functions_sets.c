/*
 * Template functions that unite and intersect lists and objects.
 */
#include "policy/arm_functions.h"

/*
 * The members of both; where both have one, the second's counts, but objects unite in turn. Names
 * have no case. https://learn.microsoft.com/azure/azure-resource-manager/templates/
 * template-functions-object#union
 */
static int unite_objects(struct arm_call *call, const struct json_at *first,
			 const struct json_at *second, struct json **ret)
{
	struct json *object;
	struct json_at child, other;
	int r = arm_charge(call->env->machine, 64 * json_count(first) * json_count(second));

	if (r < 0)
		return r;
	object = json_new_object();
	json_foreach(child, first) {
		struct json *united = NULL;

		if (r < 0)
			break;
		if (!json_get_fold(second, child.key, &other))
			united = json_copy(child.value);
		else if (json_type(&child) == JSON_OBJECT && json_type(&other) == JSON_OBJECT)
			r = unite_objects(call, &child, &other, &united);
		else
			united = json_copy(other.value);
		if (united)
			json_add(object, child.key, united);
	}
	if (r < 0) {
		json_free(object);
		return r;
	}
	json_foreach(child, second) {
		if (!json_get_fold(first, child.key, &other))
			json_add(object, child.key, json_copy(child.value));
	}
	*ret = object;
	return 0;
}

/* `first` holds each item once. */
static int unite_lists(struct arm_call *call, const struct json_at *first,
		       const struct json_at *second, struct json **ret)
{
	const size_t count = json_count(second);
	int r = arm_charge(call->env->machine, 64 * (json_count(first) + count) * count);
	struct json_at known, item;
	struct json *list;

	if (r < 0)
		return r;
	list = json_copy(first->value);
	known = json_root(list);
	json_foreach(item, second) {
		if (!arm_list_has(&known, &item))
			json_add(list, NULL, json_copy(item.value));
	}
	*ret = list;
	return 0;
}

static int run_union(struct arm_call *call, struct json **ret)
{
	struct json_at first = arm_arg(call, 0);
	const enum json_type type = json_type(&first);
	struct json *result;

	if (type != JSON_ARRAY && type != JSON_OBJECT)
		return arm_arg_refused(call, 0);
	result = type == JSON_ARRAY ? json_new_array() : json_new_object();
	for (size_t i = 0; i < call->count; i++) {
		struct json_at so_far = json_root(result), at = arm_arg(call, i);
		struct json *united = NULL;
		int r;

		if (json_type(&at) != type)
			r = arm_arg_refused(call, i);
		else if (type == JSON_ARRAY)
			r = unite_lists(call, &so_far, &at, &united);
		else
			r = unite_objects(call, &so_far, &at, &united);
		json_free(result);
		if (r < 0)
			return r;
		result = united;
	}
	*ret = result;
	return 0;
}

static int run_intersection(struct arm_call *call, struct json **ret)
{
	struct json_at a = arm_arg(call, 0), b = arm_arg(call, 1), item, other;
	enum json_type type = json_type(&a);
	int r;

	if ((type != JSON_ARRAY && type != JSON_OBJECT) || json_type(&b) != type)
		return arm_arg_refused(call, json_type(&b) == type ? 0 : 1);
	r = arm_charge(call->env->machine, 64 * json_count(&a) * json_count(&b));
	if (r < 0)
		return r;
	*ret = type == JSON_ARRAY ? json_new_array() : json_new_object();
	json_foreach(item, &a) {
		bool both = type == JSON_ARRAY
				    ? arm_list_has(&b, &item)
				    : json_get(&b, item.key, &other) && arm_equal(&item, &other);

		if (both)
			json_add(*ret, item.key, json_copy(item.value));
	}
	return 0;
}

const struct arm_function arm_set_functions[] = {
	{ "intersection", 2, 2, run_intersection },
	{ "union", 1, ARM_ANY_NUMBER, run_union },
	{ NULL, 0, 0, NULL },
};
