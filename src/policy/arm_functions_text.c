/*
 * Template functions on texts. Positions count bytes: names and addresses are ASCII.
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

/* `left`, which is freed and may be NULL, and the first `length` bytes of `right`. */
static char *joined(char *left, const char *right, size_t length)
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
		result = joined(result, text, strlen(text));
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
			result = joined(result, text, 1);
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
			result = joined(result, item, strlen(item));
			free(item);
		} else {
			size_t plain = strcspn(text + 1, "{}") + 1;

			result = joined(result, text, plain);
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

static int run_replace(struct arm_call *call, struct json **ret)
{
	const char *text, *old, *new, *found;
	char *result = alloc_string("");
	int r = arm_arg_text(call, 0, &text);

	r = r < 0 ? r : arm_arg_text(call, 1, &old);
	r = r < 0 ? r : arm_arg_text(call, 2, &new);
	if (r == 0 && *old == '\0')
		r = arm_fail(call->env->machine, "replace() of an empty text");
	while (r == 0 && (found = strstr(text, old))) {
		result = joined(result, text, (size_t)(found - text));
		result = joined(result, new, strlen(new));
		text = found + strlen(old);
		r = arm_charge(call->env->machine, strlen(result));
	}
	if (r < 0) {
		free(result);
		return r;
	}
	return arm_return_text(call, joined(result, text, strlen(text)), ret);
}

/* The characters that separate: a text of them, or a list of texts. */
static int separators(struct arm_call *call, char **ret)
{
	struct json_at at = arm_arg(call, 1), item;
	char *result = alloc_string("");

	if (json_string(&at))
		result = joined(result, json_string(&at), strlen(json_string(&at)));
	json_foreach(item, &at) {
		const char *text = json_string(&item);

		if (text)
			result = joined(result, text, strlen(text));
	}
	if (*result == '\0') {
		free(result);
		return arm_arg_refused(call, 1);
	}
	*ret = result;
	return 0;
}

static int run_split(struct arm_call *call, struct json **ret)
{
	const char *text;
	char *set = NULL;
	struct json *list;
	int r = arm_arg_text(call, 0, &text);

	r = r < 0 ? r : separators(call, &set);
	r = r < 0 ? r : arm_charge(call->env->machine, 64 * strlen(text));
	if (r < 0) {
		free(set);
		return r;
	}
	list = json_new_array();
	for (;;) {
		size_t length = strcspn(text, set);
		char *part = joined(NULL, text, length);

		json_add_string(list, NULL, part);
		free(part);
		if (text[length] == '\0')
			break;
		text += length + 1;
	}
	free(set);
	*ret = list;
	return 0;
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
			result = joined(result, glue, strlen(glue));
		result = joined(result, text, strlen(text));
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

static int run_substring(struct arm_call *call, struct json **ret)
{
	const char *text;
	int64_t start, length = 0;
	int r = arm_arg_text(call, 0, &text);

	r = r < 0 ? r : arm_arg_integer(call, 1, &start);
	if (r == 0 && call->count == 3)
		r = arm_arg_integer(call, 2, &length);
	if (r < 0)
		return r;
	if (call->count == 2 && start >= 0 && start <= (int64_t)strlen(text))
		length = (int64_t)strlen(text) - start;
	if (start < 0 || length < 0 || start > (int64_t)strlen(text) ||
	    length > (int64_t)strlen(text) - start)
		return arm_fail(call->env->machine, "substring() reaches outside of the text");
	return arm_return_text(call, joined(NULL, text + start, (size_t)length), ret);
}

static int two_texts(struct arm_call *call, const char **a, const char **b)
{
	int r = arm_arg_text(call, 0, a);

	return r < 0 ? r : arm_arg_text(call, 1, b);
}

static int run_starts_with(struct arm_call *call, struct json **ret)
{
	const char *text, *part;
	int r = two_texts(call, &text, &part);

	if (r == 0)
		*ret = arm_bool(strncasecmp(text, part, strlen(part)) == 0);
	return r;
}

static int run_ends_with(struct arm_call *call, struct json **ret)
{
	const char *text, *part;
	int r = two_texts(call, &text, &part);

	if (r == 0)
		*ret = arm_bool(strlen(part) <= strlen(text) &&
				strcasecmp(text + strlen(text) - strlen(part), part) == 0);
	return r;
}

static int run_index_of(struct arm_call *call, struct json **ret)
{
	const char *text, *part, *found;
	int r = two_texts(call, &text, &part);

	if (r < 0)
		return r;
	found = strcasestr(text, part);
	*ret = json_new_integer(found ? found - text : -1);
	return 0;
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
	int r = two_texts(call, &base, &relative);

	if (r < 0)
		return r;
	if (strstr(relative, "://"))
		return arm_return_text(call, alloc_string(relative), ret);
	slash = strrchr(base, '/');
	result = joined(NULL, base, slash ? (size_t)(slash - base) + 1 : 0);
	return arm_return_text(call, joined(result, relative, strlen(relative)), ret);
}

const struct arm_function arm_text_functions[] = {
	{ "concat", 1, ARM_ANY_NUMBER, run_concat },
	{ "endsWith", 2, 2, run_ends_with },
	{ "format", 1, ARM_ANY_NUMBER, run_format },
	{ "indexOf", 2, 2, run_index_of },
	{ "join", 2, 2, run_join },
	{ "padLeft", 2, 3, run_pad_left },
	{ "replace", 3, 3, run_replace },
	{ "split", 2, 2, run_split },
	{ "startsWith", 2, 2, run_starts_with },
	{ "string", 1, 1, run_string },
	{ "substring", 2, 3, run_substring },
	{ "toLower", 1, 1, run_to_lower },
	{ "toUpper", 1, 1, run_to_upper },
	{ "trim", 1, 1, run_trim },
	{ "uri", 2, 2, run_uri },
	{ NULL, 0, 0, NULL },
};
