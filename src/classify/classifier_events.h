/*
 * Where along the addresses of a family a side's groups begin and end. Private to classifier*.c.
 */
#ifndef CLASSIFY_CLASSIFIER_EVENTS_H
#define CLASSIFY_CLASSIFIER_EVENTS_H

#include "compile/program.h"

/* At `at`, all that `item` (a group, or a rule) stands for is flipped. */
struct event {
	ip_number at;
	uint32_t item;
};

/* Ascending. */
struct events {
	struct event *items;
	size_t count;
};

/*
 * The events of those groups that `used` names by number. 0 or -ENOMEM. A group's ranges are
 * merged, so at any address it is either in or out.
 */
int events_init(struct events *events, const struct program *program, enum ip_family family,
		const bool *used);
void events_fini(struct events *events);

void events_sort(struct events *events);

/* How many events lie within the group: what share of the traffic's addresses it may hold. */
size_t events_within(const struct events *events, const struct address_group *group,
		     enum ip_family family);

#endif
