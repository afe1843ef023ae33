/*
 * Service tags by name: the built-in ones, their classic spellings, and the context's.
 *
 * Internal to the policy room. Built in are the tags that the public download does not have:
 * https://learn.microsoft.com/azure/virtual-network/service-tags-overview
 */
#ifndef POLICY_TAGS_H
#define POLICY_TAGS_H

#include "policy/reader.h"

enum builtin_tag {
	TAG_VIRTUAL_NETWORK,
	TAG_LOAD_BALANCER,
	TAG_INTERNET,
	TAG_PLATFORM_DNS,
	TAG_PLATFORM_IMDS,
	TAG_PLATFORM_LKM,
};

/* The tag of that name, classic spellings included, in *ret; false where it is not built in. */
bool tag_is_builtin(const char *name, enum builtin_tag *ret);
struct address_set *tag_builtin(struct reader *reader, enum builtin_tag tag);

/*
 * The set of the tag `name` that the user's rule names at `at`. Reports an unknown one and returns
 * the empty set then. Marks what naming a tag entails.
 */
struct address_set *tag_resolve(struct reader *reader, const struct json_at *at, const char *name);

#endif
