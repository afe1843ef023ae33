/*
 * Members of Azure's objects: found without regard to case; those that Azure does not know are
 * told.
 *
 * Internal to the policy room.
 */
#ifndef POLICY_MEMBER_H
#define POLICY_MEMBER_H

#include "policy/reader.h"

struct member {
	const char *name; /* canonical spelling */
	bool present;     /* and not null */
	struct json_at at;
};

/*
 * Looks for `count` members in `object` in one pass. Two that differ by case alone are an error;
 * the first is kept.
 */
void members_find(struct reader *reader, const struct json_at *object, struct member *members,
		  size_t count);

/*
 * `object` has "properties", and nothing that belongs into them is read beside them: reports any of
 * the `names` there. True where there is none; null is none.
 */
bool members_none(struct reader *reader, const struct json_at *object, const char *const *names,
		  size_t count);

/*
 * Tells of members that are neither among the `names` nor `others` (ends with NULL; not read, but
 * known): Azure refuses them, and a mistyped property is not used. null is passed over.
 */
void members_unknown(struct reader *reader, const struct json_at *object, const char *const *names,
		     size_t count, const char *const *others);
/* The same for an object that tools add to: only what looks like one of the `names` mistyped. */
void members_mistyped(struct reader *reader, const struct json_at *object, const char *const *names,
		      size_t count, const char *const *others);

/* Reports a value of another type; true where it is of `type`. */
bool member_is(struct reader *reader, const struct json_at *at, enum json_type type);

/* Where a word stands in a table of NULL-terminated accepted words, without regard to case; or -1.
 */
int word_find(const char *const *words, const char *text);
/* "a, b or c", for messages. */
const char *word_list(const char *const *words, char *buffer, size_t size);

#endif
