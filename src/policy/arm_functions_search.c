/*
 * Template functions that look into texts. Positions count bytes: names and addresses are ASCII.
 */
#include "policy/alloc.h"
#include "policy/arm_functions.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

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
		result = arm_joined(result, text, (size_t)(found - text));
		result = arm_joined(result, new, strlen(new));
		text = found + strlen(old);
		r = arm_charge(call->env->machine, strlen(result));
	}
	if (r < 0) {
		free(result);
		return r;
	}
	return arm_return_text(call, arm_joined(result, text, strlen(text)), ret);
}

/* The text or the texts at which split() cuts; *ret_count may be 0. The caller frees the list. */
static const char **separators(const struct json_at *at, size_t *ret_count)
{
	const char **list = alloc_zero(json_string(at) ? 1 : json_count(at), sizeof(*list));
	struct json_at item;
	size_t count = 0;

	if (json_string(at) && *json_string(at))
		list[count++] = json_string(at);
	json_foreach(item, at) {
		if (json_string(&item) && *json_string(&item))
			list[count++] = json_string(&item);
	}
	*ret_count = count;
	return list;
}

/* The separator that stands at `text`, or NULL. */
static const char *separator_at(const char *text, const char *const *list, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (strncmp(text, list[i], strlen(list[i])) == 0)
			return list[i];
	}
	return NULL;
}

static struct json *cut(const char *text, const char *const *list, size_t count)
{
	struct json *parts = json_new_array();
	const char *start = text;

	for (;;) {
		const char *found = *text ? separator_at(text, list, count) : NULL;
		char *part;

		if (*text && !found) {
			text++;
			continue;
		}
		part = strndup(start, (size_t)(text - start));
		if (!part)
			abort();
		json_add_string(parts, NULL, part);
		free(part);
		if (!found)
			return parts;
		text += strlen(found);
		start = text;
	}
}

static int run_split(struct arm_call *call, struct json **ret)
{
	const struct json_at at = arm_arg(call, 1);
	const char *text, **list;
	size_t count;
	int r = arm_arg_text(call, 0, &text);

	if (r < 0)
		return r;
	list = separators(&at, &count);
	r = count ? arm_charge(call->env->machine, (64 + count) * strlen(text))
		  : arm_arg_refused(call, 1);
	if (r == 0)
		*ret = cut(text, list, count);
	free(list);
	return r;
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
	return arm_return_text(call, arm_joined(NULL, text + start, (size_t)length), ret);
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

/* Of a text in a text, without regard to case, or of an item in a list; -1 where it is absent. */
static int index_of(struct arm_call *call, bool last, struct json **ret)
{
	struct json_at list = arm_arg(call, 0), wanted = arm_arg(call, 1), item;
	const char *text, *part;
	int64_t found = -1;
	int r;

	if (json_type(&list) == JSON_ARRAY) {
		json_foreach(item, &list) {
			if ((last || found < 0) && arm_equal(&item, &wanted))
				found = (int64_t)item.index;
		}
		*ret = json_new_integer(found);
		return 0;
	}
	r = two_texts(call, &text, &part);
	if (r < 0)
		return r;
	for (const char *p = strcasestr(text, part); p; p = *p ? strcasestr(p + 1, part) : NULL) {
		found = p - text;
		if (!last)
			break;
	}
	*ret = json_new_integer(found);
	return 0;
}

static int run_index_of(struct arm_call *call, struct json **ret)
{
	return index_of(call, false, ret);
}

static int run_last_index_of(struct arm_call *call, struct json **ret)
{
	return index_of(call, true, ret);
}

const struct arm_function arm_search_functions[] = {
	{ "endsWith", 2, 2, run_ends_with },
	{ "indexOf", 2, 2, run_index_of },
	{ "lastIndexOf", 2, 2, run_last_index_of },
	{ "replace", 3, 3, run_replace },
	{ "split", 2, 2, run_split },
	{ "startsWith", 2, 2, run_starts_with },
	{ "substring", 2, 3, run_substring },
	{ NULL, 0, 0, NULL },
};
