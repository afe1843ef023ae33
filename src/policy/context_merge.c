/*
 * Two `context` objects as one: policy_context_merge().
 */
#include "policy/alloc.h"
#include "policy/read.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool is_given(const struct json_at *context, const char *key)
{
	struct json_at member;

	return json_get(context, key, &member) && json_type(&member) != JSON_NULL;
}

static int compare_names(const void *a, const void *b)
{
	return strcasecmp(*(const char *const *)a, *(const char *const *)b);
}

/* Groups or tags: the names of `second` that `first` does not have. A download has thousands. */
static void fill_names(struct json *to, const struct json_at *first, const struct json_at *second)
{
	const size_t count = json_count(first);
	const char **names = alloc_zero(count, sizeof(*names));
	struct json_at child;
	size_t i = 0;

	json_foreach(child, first)
		names[i++] = child.key;
	if (count)
		qsort(names, count, sizeof(*names), compare_names);
	json_foreach(child, second) {
		if (!count || !bsearch(&child.key, names, count, sizeof(*names), compare_names))
			json_add(to, child.key, json_copy(child.value));
	}
	free(names);
}

struct json *policy_context_merge(const struct json *first, const struct json *second)
{
	const struct json_at ours = json_root(first), theirs = json_root(second);
	struct json *merged = json_new_object();
	struct json_at member, other;

	json_foreach(member, &ours) {
		struct json *copy;

		if (json_type(&member) == JSON_NULL)
			continue;
		copy = json_add(merged, member.key, json_copy(member.value));
		if (json_type(&member) == JSON_OBJECT && json_get(&theirs, member.key, &other) &&
		    json_type(&other) == JSON_OBJECT)
			fill_names(copy, &member, &other);
	}
	json_foreach(member, &theirs) {
		if (!is_given(&ours, member.key))
			json_add(merged, member.key, json_copy(member.value));
	}
	return merged;
}
