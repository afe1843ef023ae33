/*
 * Template functions that make texts.
 */
#include "policy/alloc.h"
#include "policy/arm_functions.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* What concat(), format() and string() make of a value. The caller frees it. */
static char *text_of(const struct json_at *at)
{
	bool value;

	if (json_string(at))
		return alloc_string(json_string(at));
	if (json_bool(at, &value))
		return alloc_string(value ? "True" : "False");
	if (json_type(at) == JSON_NULL)
		return alloc_string("");
	return json_print(at->value);
}

char *arm_joined(char *left, const char *right, size_t length)
{
	char *result;

	if (asprintf(&result, "%s%.*s", left ? left : "", (int)length, right) < 0)
		abort();
	free(left);
	return result;
}

static int concat_lists(struct arm_call *call, struct json **ret)
{
	struct json *list = json_new_array();
	struct json_at item;

	for (size_t i = 0; i < call->count; i++) {
		struct json_at at = arm_arg(call, i);
		int r = json_type(&at) == JSON_ARRAY
				? arm_charge(call->env->machine, json_count(&at) * 64)
				: arm_arg_refused(call, i);

		if (r < 0) {
			json_free(list);
			return r;
		}
		json_foreach(item, &at)
			json_add(list, NULL, json_copy(item.value));
	}
	*ret = list;
	return 0;
}

static int run_concat(struct arm_call *call, struct json **ret)
{
	struct json_at at = arm_arg(call, 0);
	char *result = NULL;

	if (json_type(&at) == JSON_ARRAY)
		return concat_lists(call, ret);
	for (size_t i = 0; i < call->count; i++) {
		char *text;
		int r;

		at = arm_arg(call, i);
		text = text_of(&at);
		r = arm_charge(call->env->machine, strlen(text));
		result = arm_joined(result, text, strlen(text));
		free(text);
		if (r < 0) {
			free(result);
			return r;
		}
	}
	return arm_return_text(call, result, ret);
}

/* One {N} of format(); *at is behind the brace. NULL where it is not one. */
static char *format_item(struct arm_call *call, const char **at)
{
	struct json_at value;
	char *end;
	unsigned long index = strtoul(*at, &end, 10);

	if (end == *at || *end != '}' || index + 1 >= call->count)
		return NULL;
	*at = end + 1;
	value = arm_arg(call, index + 1);
	return text_of(&value);
}

static int run_format(struct arm_call *call, struct json **ret)
{
	const char *text;
	char *result = alloc_string("");
	int r = arm_arg_text(call, 0, &text);

	while (r == 0 && *text) {
		if ((text[0] == '{' || text[0] == '}') && text[1] == text[0]) {
			result = arm_joined(result, text, 1);
			text += 2;
		} else if (*text == '{') {
			char *item;

			text++;
			item = format_item(call, &text);
			if (!item) {
				free(result);
				return arm_fail(call->env->machine,
						"format() is understood with {0}, {1}, ... only");
			}
			r = arm_charge(call->env->machine, strlen(item));
			result = arm_joined(result, item, strlen(item));
			free(item);
		} else {
			size_t plain = strcspn(text + 1, "{}") + 1;

			result = arm_joined(result, text, plain);
			text += plain;
		}
	}
	if (r < 0) {
		free(result);
		return r;
	}
	return arm_return_text(call, result, ret);
}

static int run_string(struct arm_call *call, struct json **ret)
{
	struct json_at at = arm_arg(call, 0);

	return arm_return_text(call, text_of(&at), ret);
}

static int changed_case(struct arm_call *call, int (*change)(int), struct json **ret)
{
	const char *text;
	char *copy;
	int r = arm_arg_text(call, 0, &text);

	if (r < 0)
		return r;
	copy = alloc_string(text);
	for (char *p = copy; *p; p++)
		*p = (char)change((unsigned char)*p);
	return arm_return_text(call, copy, ret);
}

static int run_to_lower(struct arm_call *call, struct json **ret)
{
	return changed_case(call, tolower, ret);
}

static int run_to_upper(struct arm_call *call, struct json **ret)
{
	return changed_case(call, toupper, ret);
}

static int run_trim(struct arm_call *call, struct json **ret)
{
	const char *text;
	int r = arm_arg_text(call, 0, &text);

	return r < 0 ? r : arm_return_text(call, alloc_trimmed(text, text + strlen(text)), ret);
}

static int run_join(struct arm_call *call, struct json **ret)
{
	struct json_at at = arm_arg(call, 0), item;
	const char *glue;
	char *result = alloc_string("");
	int r = json_type(&at) == JSON_ARRAY ? arm_arg_text(call, 1, &glue)
					     : arm_arg_refused(call, 0);

	json_foreach(item, &at) {
		char *text = text_of(&item);

		if (r == 0 && item.index > 0)
			result = arm_joined(result, glue, strlen(glue));
		result = arm_joined(result, text, strlen(text));
		free(text);
		r = r < 0 ? r : arm_charge(call->env->machine, strlen(result));
		if (r < 0)
			break;
	}
	if (r < 0) {
		free(result);
		return r;
	}
	return arm_return_text(call, result, ret);
}

static int run_pad_left(struct arm_call *call, struct json **ret)
{
	struct json_at at = arm_arg(call, 0);
	const char *fill = " ";
	int64_t width;
	size_t length;
	char *text, *result;
	int r = arm_arg_integer(call, 1, &width);

	if (r == 0 && call->count == 3)
		r = arm_arg_text(call, 2, &fill);
	if (r == 0 && (strlen(fill) != 1 || width < 0 || width > ARM_EXPRESSION_MAX))
		r = arm_fail(call->env->machine, "padLeft() takes a width and one character");
	if (r < 0)
		return r;
	text = text_of(&at);
	length = strlen(text);
	if (length >= (size_t)width)
		return arm_return_text(call, text, ret);
	result = alloc_zero((size_t)width + 1, 1);
	memset(result, *fill, (size_t)width - length);
	memcpy(result + width - length, text, length);
	free(text);
	return arm_return_text(call, result, ret);
}

/* RFC 3986 section 5.2, as far as templates need it: the relative part behind the last slash. */
static int run_uri(struct arm_call *call, struct json **ret)
{
	const char *base, *relative, *slash;
	char *result;
	int r = arm_arg_text(call, 0, &base);

	r = r < 0 ? r : arm_arg_text(call, 1, &relative);
	if (r < 0)
		return r;
	if (strstr(relative, "://"))
		return arm_return_text(call, alloc_string(relative), ret);
	slash = strrchr(base, '/');
	result = arm_joined(NULL, base, slash ? (size_t)(slash - base) + 1 : 0);
	return arm_return_text(call, arm_joined(result, relative, strlen(relative)), ret);
}

const struct arm_function arm_text_functions[] = {
	{ "concat", 1, ARM_ANY_NUMBER, run_concat },
	{ "format", 1, ARM_ANY_NUMBER, run_format },
	{ "join", 2, 2, run_join },
	{ "padLeft", 2, 3, run_pad_left },
	{ "string", 1, 1, run_string },
	{ "toLower", 1, 1, run_to_lower },
	{ "toUpper", 1, 1, run_to_upper },
	{ "trim", 1, 1, run_trim },
	{ "uri", 2, 2, run_uri },
	{ NULL, 0, 0, NULL },
};
