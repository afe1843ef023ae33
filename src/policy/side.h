/*
 * One side of a rule: from what is written to address sets.
 *
 * Internal to the policy room.
 */
#ifndef POLICY_SIDE_H
#define POLICY_SIDE_H

#include "policy/prefixes.h"
#include "policy/reader.h"

/* Collects the items of one side. */
struct side {
	bool any;
	size_t items; /* how many were given, bad ones too */
	struct prefix_list prefixes;
	const struct address_set **sets;
	size_t set_count;
	bool bad; /* something was reported as an error */
};

enum side_item { SIDE_ITEM_ANY, SIDE_ITEM_PREFIX, SIDE_ITEM_TAG, SIDE_ITEM_BAD };

/* Adds `*`, an address, a prefix or a service tag. `at` is where to point to. */
enum side_item side_add_text(struct reader *reader, struct side *side, const struct json_at *at,
			     const char *text);
/* Adds an application security group, by its resource id or its name. */
void side_add_group(struct reader *reader, struct side *side, const struct json_at *at,
		    const char *id);
/* What Azure would refuse about the prefixes of the list at `at`. */
void side_check_prefixes(struct reader *reader, const struct side *side, const struct json_at *at);
/* Takes the side apart. */
struct rule_side side_finish(struct reader *reader, struct side *side);

/* Families that a side may match: bit IP_FAMILY_V4, bit IP_FAMILY_V6. */
unsigned rule_side_families(const struct rule_side *side);

#endif
