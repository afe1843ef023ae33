/*
 * Sorted lists of address ranges of one family: the arithmetic under address groups.
 *
 * Thread: any; pure.
 */
#ifndef COMPILE_RANGES_H
#define COMPILE_RANGES_H

#include "base/net.h"

/* Owner: whoever holds it; range_list_fini(). Zeroed is empty. */
struct range_list {
	struct ip_range *ranges;
	size_t count;
	size_t capacity;
};

void range_list_fini(struct range_list *list);

/* 0 or -ENOMEM. Appends as it is; the list is normal again after range_list_normalise(). */
int range_list_add(struct range_list *list, struct ip_range range);
int range_list_append(struct range_list *list, const struct ip_range *ranges, size_t count);

/* Sorts by first address and joins what overlaps or touches. */
void range_list_normalise(struct range_list *list);

/* Replaces a normal list by the addresses of `family` that it leaves out. 0 or -ENOMEM. */
int range_list_complement(struct range_list *list, enum ip_family family);

#endif
