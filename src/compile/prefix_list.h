/*
 * Sorted address ranges as prefixes, and their intersections. Pure.
 */
#ifndef COMPILE_PREFIX_LIST_H
#define COMPILE_PREFIX_LIST_H

#include "base/net.h"
#include "compile/ranges.h"

struct prefix_list {
	struct ip_prefix *prefixes;
	size_t count;
	size_t capacity;
};

void prefix_list_fini(struct prefix_list *list);
/* Appends the fewest prefixes that cover first..last exactly. 0 or -ENOMEM. */
int prefix_list_add_range(struct prefix_list *list, enum ip_family family, struct ip_range range);

/* Keeps of a normal list what the ranges (sorted, disjoint) hold too. 0 or -ENOMEM. */
int range_list_intersect(struct range_list *list, const struct ip_range *ranges, size_t count);

bool ip_prefix_overlaps(const struct ip_prefix *a, const struct ip_prefix *b);

#endif
