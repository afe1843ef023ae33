/*
 * Sorting, joining and complementing of address ranges: see ranges.h.
 */
#include "compile/ranges.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void range_list_fini(struct range_list *list)
{
	free(list->ranges);
	*list = (struct range_list){ 0 };
}

static int reserve(struct range_list *list, size_t more)
{
	size_t capacity = list->capacity ? list->capacity : 8;
	struct ip_range *ranges;

	if (list->count + more <= list->capacity)
		return 0;
	while (capacity < list->count + more)
		capacity *= 2;
	ranges = reallocarray(list->ranges, capacity, sizeof(*ranges));
	if (!ranges)
		return -ENOMEM;
	list->ranges = ranges;
	list->capacity = capacity;
	return 0;
}

int range_list_add(struct range_list *list, struct ip_range range)
{
	return range_list_append(list, &range, 1);
}

int range_list_append(struct range_list *list, const struct ip_range *ranges, size_t count)
{
	int r = reserve(list, count);

	if (r < 0)
		return r;
	if (count > 0)
		memcpy(list->ranges + list->count, ranges, count * sizeof(*ranges));
	list->count += count;
	return 0;
}

static int compare_first(const void *a, const void *b)
{
	const struct ip_range *x = a, *y = b;

	return (x->first > y->first) - (x->first < y->first);
}

void range_list_normalise(struct range_list *list)
{
	size_t kept = 0;

	if (list->count < 2)
		return;
	qsort(list->ranges, list->count, sizeof(*list->ranges), compare_first);
	for (size_t i = 1; i < list->count; i++) {
		struct ip_range *last = &list->ranges[kept];
		const struct ip_range *next = &list->ranges[i];

		/* written so that the last address of all has no successor to overflow to */
		if (next->first <= last->last || next->first - 1 == last->last) {
			if (next->last > last->last)
				last->last = next->last;
		} else {
			list->ranges[++kept] = *next;
		}
	}
	list->count = kept + 1;
}

int range_list_complement(struct range_list *list, enum ip_family family)
{
	ip_number end = ip_low_mask(ip_family_bits(family));
	struct range_list rest = { 0 };
	ip_number next = 0;
	bool at_end = false;
	int r = 0;

	for (size_t i = 0; i < list->count && r == 0; i++) {
		if (list->ranges[i].first > next)
			r = range_list_add(&rest,
					   (struct ip_range){ next, list->ranges[i].first - 1 });
		at_end = list->ranges[i].last == end;
		next = list->ranges[i].last + 1;
	}
	if (r == 0 && !at_end)
		r = range_list_add(&rest, (struct ip_range){ next, end });
	if (r < 0) {
		range_list_fini(&rest);
		return r;
	}
	range_list_fini(list);
	*list = rest;
	return 0;
}
