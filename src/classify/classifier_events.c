/*
 * Borders of address groups: see classifier_events.h.
 */
#include "classify/classifier_events.h"

#include <errno.h>
#include <stdlib.h>

static int compare_events(const void *a, const void *b)
{
	const struct event *x = a, *y = b;

	return (x->at > y->at) - (x->at < y->at);
}

void events_sort(struct events *events)
{
	qsort(events->items, events->count, sizeof(*events->items), compare_events);
}

void events_fini(struct events *events)
{
	free(events->items);
	*events = (struct events){ 0 };
}

static void add_group(struct events *events, const struct address_group *group, uint32_t number,
		      enum ip_family family)
{
	ip_number end = ip_low_mask(ip_family_bits(family));

	for (size_t i = 0; i < group->range_count[family]; i++) {
		const struct ip_range *range = &group->ranges[family][i];

		events->items[events->count++] = (struct event){ range->first, number };
		if (range->last != end)
			events->items[events->count++] = (struct event){ range->last + 1, number };
	}
}

int events_init(struct events *events, const struct program *program, enum ip_family family,
		const bool *used)
{
	size_t most = 1;

	*events = (struct events){ 0 };
	for (size_t g = 0; g < program->group_count; g++) {
		if (used[g])
			most += 2 * program->groups[g].range_count[family];
	}
	events->items = calloc(most, sizeof(*events->items));
	if (!events->items)
		return -ENOMEM;
	for (size_t g = 0; g < program->group_count; g++) {
		if (used[g])
			add_group(events, &program->groups[g], (uint32_t)g, family);
	}
	events_sort(events);
	return 0;
}

/* The first event at or above `at`. */
static size_t lower_bound(const struct events *events, ip_number at)
{
	size_t low = 0, high = events->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (events->items[middle].at < at)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

size_t events_within(const struct events *events, const struct address_group *group,
		     enum ip_family family)
{
	ip_number end = ip_low_mask(ip_family_bits(family));
	size_t within = 0;

	for (size_t i = 0; i < group->range_count[family]; i++) {
		const struct ip_range *range = &group->ranges[family][i];
		size_t after =
			range->last == end ? events->count : lower_bound(events, range->last + 1);

		within += after - lower_bound(events, range->first);
	}
	return within;
}
