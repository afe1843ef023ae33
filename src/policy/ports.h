/*
 * Ports as people write them: `*`, 80, "80", "80-90", and lists of these.
 *
 * Internal to the policy room.
 */
#ifndef POLICY_PORTS_H
#define POLICY_PORTS_H

#include "policy/reader.h"

/* What was written, before it is sorted and merged. */
struct port_list {
	bool any; /* `*` or one item 0-65535 */
	struct port_range *items;
	size_t count;
	bool bad; /* something was reported */
};

/* Adds the item at `at`: a string or an integer. */
void port_list_add(struct reader *reader, struct port_list *list, const struct json_at *at);
/* Adds all items of a comma-separated string, as some tools write into the singular property. */
void port_list_add_joined(struct reader *reader, struct port_list *list, const struct json_at *at);
/* Takes the list apart: sorted, merged. */
struct port_set port_list_finish(struct port_list *list);

#endif
