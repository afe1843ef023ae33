/*
 * Members and words that are compared by fold: see member.h.
 */
#include "policy/member.h"

#include "base/suggest.h"

#include <stdio.h>
#include <strings.h>

static struct member *member_named(struct member *members, size_t count, const char *key)
{
	for (size_t i = 0; i < count; i++) {
		if (strcasecmp(members[i].name, key) == 0)
			return &members[i];
	}
	return NULL;
}

void members_find(struct reader *reader, const struct json_at *object, struct member *members,
		  size_t count)
{
	struct json_at child;

	json_foreach(child, object) {
		struct member *member = member_named(members, count, child.key);

		if (!member)
			continue;
		if (member->at.value) {
			reader_error(
				reader, ACCELNET_E_DUPLICATE_KEY, &child, NULL,
				"\"%s\" is the same property as \"%s\": Azure's property names "
				"have no case; keep one of them",
				child.key, member->at.key);
			continue;
		}
		member->at = child;
		member->present = json_type(&child) != JSON_NULL;
	}
}

static bool is_among(const char *key, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (strcasecmp(names[i], key) == 0)
			return true;
	}
	return false;
}

bool members_none(struct reader *reader, const struct json_at *object, const char *const *names,
		  size_t count)
{
	struct json_at child;
	bool none = true;

	json_foreach(child, object) {
		if (!is_among(child.key, names, count) || json_type(&child) == JSON_NULL)
			continue;
		none = false;
		reader_error(reader, ACCELNET_E_VALUE, &child, NULL,
			     "\"%s\" stands beside \"properties\" and belongs into it", child.key);
	}
	return none;
}

static const char *nearest(const char *key, const char *const *names, size_t count)
{
	struct suggestion best;

	suggestion_init(&best, key);
	for (size_t i = 0; i < count; i++)
		suggestion_offer(&best, names[i]);
	return best.found;
}

enum telling { TELL_ALL, TELL_MISTYPED };

static void tell_unknown(struct reader *reader, const struct json_at *object,
			 const char *const *names, size_t count, const char *const *others,
			 enum telling telling)
{
	struct json_at child;

	json_foreach(child, object) {
		const char *near;

		if (json_type(&child) == JSON_NULL || is_among(child.key, names, count) ||
		    word_find(others, child.key) >= 0)
			continue;
		near = nearest(child.key, names, count);
		if (near)
			reader_arm(reader, &child, "InvalidRequestFormat",
				   "\"%.80s\" is not known here, and not used: did you mean "
				   "\"%s\"?",
				   child.key, near);
		else if (telling == TELL_ALL)
			reader_arm(reader, &child, "InvalidRequestFormat",
				   "\"%.80s\" is not known here, and not used", child.key);
	}
}

void members_unknown(struct reader *reader, const struct json_at *object, const char *const *names,
		     size_t count, const char *const *others)
{
	tell_unknown(reader, object, names, count, others, TELL_ALL);
}

void members_mistyped(struct reader *reader, const struct json_at *object, const char *const *names,
		      size_t count, const char *const *others)
{
	tell_unknown(reader, object, names, count, others, TELL_MISTYPED);
}

bool member_is(struct reader *reader, const struct json_at *at, enum json_type type)
{
	if (json_type(at) == type)
		return true;
	reader_error(reader, ACCELNET_E_TYPE, at, NULL, "expected %s, found %s",
		     json_type_name(type), json_type_name(json_type(at)));
	return false;
}

int word_find(const char *const *words, const char *text)
{
	for (int i = 0; words[i]; i++) {
		if (strcasecmp(words[i], text) == 0)
			return i;
	}
	return -1;
}

const char *word_list(const char *const *words, char *buffer, size_t size)
{
	size_t used = 0;

	buffer[0] = '\0';
	for (size_t i = 0; words[i] && used < size; i++) {
		const char *glue = i == 0 ? "" : words[i + 1] ? ", " : " or ";

		used += (size_t)snprintf(buffer + used, size - used, "%s%s", glue, words[i]);
	}
	return buffer;
}
