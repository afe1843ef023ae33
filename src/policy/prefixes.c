/*
 * Prefix lists: see prefixes.h.
 */
#include "policy/prefixes.h"

#include "policy/alloc.h"

#include <stdlib.h>

void prefix_list_add(struct prefix_list *list, const struct ip_prefix *prefix)
{
	list->items = alloc_grow(list->items, list->count, sizeof(*list->items));
	list->items[list->count++] = *prefix;
}

struct ip_prefix prefix_masked(const struct ip_prefix *prefix)
{
	struct ip_prefix masked = *prefix;

	masked.number = ip_prefix_range(prefix).first;
	return masked;
}

struct placed {
	struct ip_prefix prefix;
	size_t index;
};

/* By family and first address, the wider first: a prefix then stands right behind one that holds
 * it. */
static int compare_placed(const void *left, const void *right)
{
	const struct placed *a = left, *b = right;

	if (a->prefix.family != b->prefix.family)
		return a->prefix.family < b->prefix.family ? -1 : 1;
	if (a->prefix.number != b->prefix.number)
		return a->prefix.number < b->prefix.number ? -1 : 1;
	if (a->prefix.length != b->prefix.length)
		return a->prefix.length < b->prefix.length ? -1 : 1;
	return a->index < b->index ? -1 : a->index > b->index;
}

static enum prefix_overlap compare_neighbours(const struct placed *a, const struct placed *b)
{
	if (a->prefix.family != b->prefix.family ||
	    b->prefix.number > ip_prefix_range(&a->prefix).last)
		return PREFIXES_DISJOINT;
	return a->prefix.length == b->prefix.length ? PREFIXES_REPEATED : PREFIXES_NESTED;
}

enum prefix_overlap prefix_list_overlap(const struct prefix_list *list, size_t *ret_first,
					size_t *ret_second)
{
	enum prefix_overlap found = PREFIXES_DISJOINT;
	struct placed *sorted;

	if (list->count < 2)
		return PREFIXES_DISJOINT;
	sorted = alloc_zero(list->count, sizeof(*sorted));
	for (size_t i = 0; i < list->count; i++)
		sorted[i] = (struct placed){ .prefix = prefix_masked(&list->items[i]), .index = i };
	qsort(sorted, list->count, sizeof(*sorted), compare_placed);
	for (size_t i = 1; i < list->count && !found; i++) {
		found = compare_neighbours(&sorted[i - 1], &sorted[i]);
		if (found) {
			*ret_first = sorted[i - 1].index;
			*ret_second = sorted[i].index;
		}
	}
	free(sorted);
	return found;
}

uint8_t prefix_families(const struct ip_prefix *prefixes, size_t count)
{
	uint8_t families = 0;

	for (size_t i = 0; i < count; i++)
		families |= (uint8_t)(1U << prefixes[i].family);
	return families;
}
