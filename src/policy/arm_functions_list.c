/*
 * Template functions on lists and objects; those that take a text too are here.
 */
#include "policy/alloc.h"
#include "policy/arm_functions.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static int charge_for(struct arm_call *call, size_t values)
{
	return arm_charge(call->env->machine, 64 * values);
}

static int run_array(struct arm_call *call, struct json **ret)
{
	struct json_at at = arm_arg(call, 0);

	if (json_type(&at) == JSON_ARRAY) {
		*ret = json_copy(call->args[0]);
		return 0;
	}
	*ret = json_new_array();
	json_add(*ret, NULL, json_copy(call->args[0]));
	return 0;
}

static int run_create_array(struct arm_call *call, struct json **ret)
{
	*ret = json_new_array();
	for (size_t i = 0; i < call->count; i++)
		json_add(*ret, NULL, json_copy(call->args[i]));
	return 0;
}

static int run_json(struct arm_call *call, struct json **ret)
{
	struct accelnet_error err;
	const char *text;
	int r = arm_arg_text(call, 0, &text);

	if (r == 0 && json_parse(text, strlen(text), NULL, ret, &err) < 0)
		r = arm_fail(call->env->machine, "json(): %s", err.detail);
	return r;
}

static int run_length(struct arm_call *call, struct json **ret)
{
	struct json_at at = arm_arg(call, 0);
	const char *text = json_string(&at);

	if (!text && json_type(&at) != JSON_ARRAY && json_type(&at) != JSON_OBJECT)
		return arm_arg_refused(call, 0);
	*ret = json_new_integer((int64_t)(text ? strlen(text) : json_count(&at)));
	return 0;
}

static int run_empty(struct arm_call *call, struct json **ret)
{
	struct json_at at = arm_arg(call, 0);
	const char *text = json_string(&at);

	*ret = arm_bool(json_type(&at) == JSON_NULL ||
			(text ? *text == '\0'
			      : (json_type(&at) == JSON_ARRAY || json_type(&at) == JSON_OBJECT) &&
					 json_count(&at) == 0));
	return 0;
}

bool arm_list_has(const struct json_at *list, const struct json_at *wanted)
{
	struct json_at item;

	json_foreach(item, list) {
		if (arm_equal(&item, wanted))
			return true;
	}
	return false;
}

static int run_contains(struct arm_call *call, struct json **ret)
{
	struct json_at at = arm_arg(call, 0), wanted = arm_arg(call, 1), child;
	const char *part = json_string(&wanted);

	if (json_type(&at) == JSON_ARRAY)
		*ret = arm_bool(arm_list_has(&at, &wanted));
	else if (!part)
		return arm_arg_refused(call, 1);
	else if (json_type(&at) == JSON_OBJECT)
		*ret = arm_bool(json_get_fold(&at, part, &child));
	else if (json_string(&at))
		*ret = arm_bool(strstr(json_string(&at), part) != NULL);
	else
		return arm_arg_refused(call, 0);
	return 0;
}

/* The part of a text or list from `from`, `count` long. */
static int part_of(struct arm_call *call, size_t from, size_t count, struct json **ret)
{
	struct json_at at = arm_arg(call, 0), item;
	const char *text = json_string(&at);

	if (text) {
		char *part = alloc_zero(count + 1, 1);

		memcpy(part, text + from, count);
		return arm_return_text(call, part, ret);
	}
	*ret = json_new_array();
	json_foreach(item, &at) {
		if (item.index >= from && item.index < from + count)
			json_add(*ret, NULL, json_copy(item.value));
	}
	return 0;
}

static int length_of(struct arm_call *call, size_t *ret)
{
	struct json_at at = arm_arg(call, 0);

	if (json_string(&at))
		*ret = strlen(json_string(&at));
	else if (json_type(&at) == JSON_ARRAY)
		*ret = json_count(&at);
	else
		return arm_arg_refused(call, 0);
	return 0;
}

/* take() and skip(): how many of how many. */
static int take_or_skip(struct arm_call *call, size_t *ret_length, size_t *ret_count)
{
	int64_t number;
	int r = length_of(call, ret_length);

	r = r < 0 ? r : arm_arg_integer(call, 1, &number);
	if (r < 0)
		return r;
	*ret_count = number < 0 ? 0 : (size_t)number < *ret_length ? (size_t)number : *ret_length;
	return charge_for(call, *ret_length);
}

static int run_take(struct arm_call *call, struct json **ret)
{
	size_t length, count;
	int r = take_or_skip(call, &length, &count);

	return r < 0 ? r : part_of(call, 0, count, ret);
}

static int run_skip(struct arm_call *call, struct json **ret)
{
	size_t length, count;
	int r = take_or_skip(call, &length, &count);

	return r < 0 ? r : part_of(call, count, length - count, ret);
}

/* One character or item; of an empty text "", of an empty list null. */
static int one_of(struct arm_call *call, bool last, struct json **ret)
{
	struct json_at at = arm_arg(call, 0), item;
	size_t length;
	int r = length_of(call, &length);

	if (r < 0)
		return r;
	if (json_string(&at))
		return part_of(call, last && length ? length - 1 : 0, length ? 1 : 0, ret);
	json_foreach(item, &at) {
		if (item.index == (last ? length - 1 : 0)) {
			*ret = json_copy(item.value);
			return 0;
		}
	}
	*ret = arm_null();
	return 0;
}

static int run_first(struct arm_call *call, struct json **ret)
{
	return one_of(call, false, ret);
}

static int run_last(struct arm_call *call, struct json **ret)
{
	return one_of(call, true, ret);
}

static int run_range(struct arm_call *call, struct json **ret)
{
	int64_t first, count;
	int r = arm_arg_integer(call, 0, &first);

	r = r < 0 ? r : arm_arg_integer(call, 1, &count);
	if (r == 0 && (count < 0 || count > 10000))
		r = arm_fail(call->env->machine, "range() makes up to 10000 numbers");
	r = r < 0 ? r : charge_for(call, (size_t)count);
	if (r < 0)
		return r;
	*ret = json_new_array();
	for (int64_t i = 0; i < count; i++)
		json_add_integer(*ret, NULL, first + i);
	return 0;
}

static int run_flatten(struct arm_call *call, struct json **ret)
{
	struct json_at at = arm_arg(call, 0), inner, item;
	struct json *list;
	size_t count = 0;
	int r;

	if (json_type(&at) != JSON_ARRAY)
		return arm_arg_refused(call, 0);
	json_foreach(inner, &at) {
		if (json_type(&inner) != JSON_ARRAY)
			return arm_fail(call->env->machine, "flatten() takes a list of lists");
		count += json_count(&inner);
	}
	r = charge_for(call, count);
	if (r < 0)
		return r;
	list = json_new_array();
	json_foreach(inner, &at) {
		/* not json_foreach(), whose name would hide the outer one's */
		for (bool more = json_first(&inner, &item); more; more = json_next(&item))
			json_add(list, NULL, json_copy(item.value));
	}
	*ret = list;
	return 0;
}

/* Numbers given one by one or as a list. */
static int extreme(struct arm_call *call, int sign, struct json **ret)
{
	struct json_at at = arm_arg(call, 0), item;
	struct json *list = NULL;
	bool found = false;
	int64_t best = 0, value;

	if (run_create_array(call, &list) < 0)
		return arm_arg_refused(call, 0);
	if (json_type(&at) != JSON_ARRAY)
		at = json_root(list);
	json_foreach(item, &at) {
		if (!json_integer(&item, &value)) {
			json_free(list);
			return arm_fail(call->env->machine, "%s() takes numbers", call->name);
		}
		if (!found || (value < best) == (sign < 0))
			best = value;
		found = true;
	}
	json_free(list);
	if (!found)
		return arm_fail(call->env->machine, "%s() of nothing", call->name);
	*ret = json_new_integer(best);
	return 0;
}

static int run_min(struct arm_call *call, struct json **ret)
{
	return extreme(call, -1, ret);
}

static int run_max(struct arm_call *call, struct json **ret)
{
	return extreme(call, 1, ret);
}

const struct arm_function arm_list_functions[] = {
	{ "array", 1, 1, run_array },
	{ "contains", 2, 2, run_contains },
	{ "createArray", 0, ARM_ANY_NUMBER, run_create_array },
	{ "empty", 1, 1, run_empty },
	{ "first", 1, 1, run_first },
	{ "flatten", 1, 1, run_flatten },
	{ "json", 1, 1, run_json },
	{ "last", 1, 1, run_last },
	{ "length", 1, 1, run_length },
	{ "max", 1, ARM_ANY_NUMBER, run_max },
	{ "min", 1, ARM_ANY_NUMBER, run_min },
	{ "range", 2, 2, run_range },
	{ "skip", 2, 2, run_skip },
	{ "take", 2, 2, run_take },
	{ NULL, 0, 0, NULL },
};
