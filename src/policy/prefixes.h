/*
 * Lists of prefixes as people write them: parsed, masked, checked for overlap.
 *
 * Internal to the policy room.
 */
#ifndef POLICY_PREFIXES_H
#define POLICY_PREFIXES_H

#include "policy/reader.h"

struct prefix_list {
	struct ip_prefix *items;
	size_t count;
};

void prefix_list_add(struct prefix_list *list, const struct ip_prefix *prefix);
/* The same without bits behind its length. */
struct ip_prefix prefix_masked(const struct ip_prefix *prefix);

/* Where two prefixes of a list meet; the indices are those of the list. */
enum prefix_overlap { PREFIXES_DISJOINT, PREFIXES_REPEATED, PREFIXES_NESTED };
enum prefix_overlap prefix_list_overlap(const struct prefix_list *list, size_t *ret_first,
					size_t *ret_second);

/* Families in the list: bit IP_FAMILY_V4, bit IP_FAMILY_V6. */
uint8_t prefix_families(const struct ip_prefix *prefixes, size_t count);

#endif
