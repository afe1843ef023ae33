/*
 * Template functions of logic and numbers.
 */
#include "policy/arm_functions.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool equal_objects(const struct json_at *a, const struct json_at *b)
{
	struct json_at child, other;

	if (json_count(a) != json_count(b))
		return false;
	json_foreach(child, a) {
		if (!json_get(b, child.key, &other) || !arm_equal(&child, &other))
			return false;
	}
	return true;
}

static bool equal_arrays(const struct json_at *a, const struct json_at *b)
{
	struct json_at left, right;
	bool more_left = json_first(a, &left), more_right = json_first(b, &right);

	while (more_left && more_right) {
		if (!arm_equal(&left, &right))
			return false;
		more_left = json_next(&left);
		more_right = json_next(&right);
	}
	return more_left == more_right;
}

bool arm_equal(const struct json_at *a, const struct json_at *b)
{
	enum json_type type = json_type(a);
	bool left = false, right = false;

	if (type != json_type(b))
		return false;
	switch (type) {
	case JSON_NULL:
		return true;
	case JSON_BOOL:
		return json_bool(a, &left) && json_bool(b, &right) && left == right;
	case JSON_NUMBER:
		return json_double(a) == json_double(b);
	case JSON_STRING:
		return strcmp(json_string(a), json_string(b)) == 0;
	case JSON_ARRAY:
		return equal_arrays(a, b);
	default:
		return equal_objects(a, b);
	}
}

static int run_true(struct arm_call *call, struct json **ret)
{
	(void)call;
	*ret = arm_bool(true);
	return 0;
}

static int run_false(struct arm_call *call, struct json **ret)
{
	(void)call;
	*ret = arm_bool(false);
	return 0;
}

static int run_null(struct arm_call *call, struct json **ret)
{
	(void)call;
	*ret = arm_null();
	return 0;
}

static int run_not(struct arm_call *call, struct json **ret)
{
	bool value;
	int r = arm_arg_bool(call, 0, &value);

	if (r == 0)
		*ret = arm_bool(!value);
	return r;
}

static int all_or_any(struct arm_call *call, bool wanted, struct json **ret)
{
	bool found = false;

	for (size_t i = 0; i < call->count; i++) {
		bool value;
		int r = arm_arg_bool(call, i, &value);

		if (r < 0)
			return r;
		found |= value == wanted;
	}
	*ret = arm_bool(found == wanted);
	return 0;
}

static int run_and(struct arm_call *call, struct json **ret)
{
	return all_or_any(call, false, ret);
}

static int run_or(struct arm_call *call, struct json **ret)
{
	return all_or_any(call, true, ret);
}

static int run_equals(struct arm_call *call, struct json **ret)
{
	struct json_at a = arm_arg(call, 0), b = arm_arg(call, 1);

	*ret = arm_bool(arm_equal(&a, &b));
	return 0;
}

/* -1, 0 or 1: of two numbers, or of two texts */
static int compare(struct arm_call *call, int *ret)
{
	struct json_at a = arm_arg(call, 0), b = arm_arg(call, 1);
	int order;

	if (json_type(&a) == JSON_NUMBER && json_type(&b) == JSON_NUMBER) {
		*ret = json_double(&a) < json_double(&b) ? -1 : json_double(&a) > json_double(&b);
		return 0;
	}
	if (!json_string(&a) || !json_string(&b))
		return arm_arg_refused(call, json_type(&a) == JSON_NUMBER ? 1 : 0);
	order = strcmp(json_string(&a), json_string(&b));
	*ret = order < 0 ? -1 : order > 0;
	return 0;
}

static int compare_to(struct arm_call *call, int least, int most, struct json **ret)
{
	int order = 0, r = compare(call, &order);

	if (r == 0)
		*ret = arm_bool(order >= least && order <= most);
	return r;
}

static int run_less(struct arm_call *call, struct json **ret)
{
	return compare_to(call, -1, -1, ret);
}

static int run_less_or_equals(struct arm_call *call, struct json **ret)
{
	return compare_to(call, -1, 0, ret);
}

static int run_greater(struct arm_call *call, struct json **ret)
{
	return compare_to(call, 1, 1, ret);
}

static int run_greater_or_equals(struct arm_call *call, struct json **ret)
{
	return compare_to(call, 0, 1, ret);
}

static int run_coalesce(struct arm_call *call, struct json **ret)
{
	for (size_t i = 0; i < call->count; i++) {
		struct json_at at = arm_arg(call, i);

		if (json_type(&at) != JSON_NULL) {
			*ret = json_copy(call->args[i]);
			return 0;
		}
	}
	*ret = arm_null();
	return 0;
}

static int run_bool(struct arm_call *call, struct json **ret)
{
	struct json_at at = arm_arg(call, 0);
	const char *text = json_string(&at);
	int64_t number;
	bool value;

	if (text && (strcasecmp(text, "true") == 0 || strcmp(text, "1") == 0))
		value = true;
	else if (text && (strcasecmp(text, "false") == 0 || strcmp(text, "0") == 0))
		value = false;
	else if (json_integer(&at, &number))
		value = number != 0;
	else if (!json_bool(&at, &value))
		return arm_arg_refused(call, 0);
	*ret = arm_bool(value);
	return 0;
}

/* --- numbers --- */

static int arithmetic(struct arm_call *call, char operation, struct json **ret)
{
	int64_t a, b, result;
	int r = arm_arg_integer(call, 0, &a);

	if (r == 0)
		r = arm_arg_integer(call, 1, &b);
	if (r < 0)
		return r;
	if ((operation == '/' || operation == '%') && b == 0)
		return arm_fail(call->env->machine, "division by zero");
	switch (operation) {
	case '+':
		result = a + b; /* both are at most 2^53 */
		break;
	case '-':
		result = a - b;
		break;
	case '*':
		if (__builtin_mul_overflow(a, b, &result))
			return arm_fail(call->env->machine, "the product is too large");
		break;
	case '/':
		result = a / b;
		break;
	default:
		result = a % b;
	}
	*ret = json_new_integer(result);
	return 0;
}

static int run_add(struct arm_call *call, struct json **ret)
{
	return arithmetic(call, '+', ret);
}

static int run_sub(struct arm_call *call, struct json **ret)
{
	return arithmetic(call, '-', ret);
}

static int run_mul(struct arm_call *call, struct json **ret)
{
	return arithmetic(call, '*', ret);
}

static int run_div(struct arm_call *call, struct json **ret)
{
	return arithmetic(call, '/', ret);
}

static int run_mod(struct arm_call *call, struct json **ret)
{
	return arithmetic(call, '%', ret);
}

static int run_int(struct arm_call *call, struct json **ret)
{
	struct json_at at = arm_arg(call, 0);
	const char *text = json_string(&at);
	int64_t value;
	char *end;

	if (text) {
		value = strtol(text, &end, 10);
		if (end == text || *end != '\0' || value > INT32_MAX || value < INT32_MIN)
			return arm_fail(call->env->machine, "\"%.40s\" is not a number", text);
	} else if (!json_integer(&at, &value)) {
		return arm_arg_refused(call, 0);
	}
	*ret = json_new_integer(value);
	return 0;
}

const struct arm_function arm_logic_functions[] = {
	{ "add", 2, 2, run_add },
	{ "and", 1, ARM_ANY_NUMBER, run_and },
	{ "bool", 1, 1, run_bool },
	{ "coalesce", 1, ARM_ANY_NUMBER, run_coalesce },
	{ "div", 2, 2, run_div },
	{ "equals", 2, 2, run_equals },
	{ "false", 0, 0, run_false },
	{ "greater", 2, 2, run_greater },
	{ "greaterOrEquals", 2, 2, run_greater_or_equals },
	{ "int", 1, 1, run_int },
	{ "less", 2, 2, run_less },
	{ "lessOrEquals", 2, 2, run_less_or_equals },
	{ "mod", 2, 2, run_mod },
	{ "mul", 2, 2, run_mul },
	{ "not", 1, 1, run_not },
	{ "null", 0, 0, run_null },
	{ "or", 1, ARM_ANY_NUMBER, run_or },
	{ "sub", 2, 2, run_sub },
	{ "true", 0, 0, run_true },
	{ NULL, 0, 0, NULL },

};
