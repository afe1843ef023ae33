/*
 * From rules to rows: walks along a field from its smallest to its largest value, and says at which
 * values the row changes.
 *
 * Private to classifier*.c.
 */
#ifndef CLASSIFY_CLASSIFIER_SWEEP_H
#define CLASSIFY_CLASSIFIER_SWEEP_H

#include "classify/classifier_layout.h"
#include "classify/classifier_rows.h"

/* From `at` up to the next border, values have this row. */
struct border {
	ip_number at;
	uint32_t row;
	uint32_t list; /* the row among the lists of sparse rules; 0 where there are none */
};

/* borders[0].at is always 0; ascending. */
struct borders {
	struct border *items;
	size_t count;
	size_t capacity;
};

void borders_fini(struct borders *borders);

/*
 * All: 0, -ENOMEM or -ENOSPC; rows are added to `rows`. Where the layout has sparse rules, those of
 * `side` are swept into `lists` (rows of sparse_count[side] bits), and there is a border wherever
 * any group begins or ends; else only where the row changes, and `lists` may be NULL. Every IPv6
 * high half that has a border has one with the low half 0.
 */
int sweep_addresses(const struct layout *layout, enum side side, const struct events *events,
		    struct rows *rows, struct rows *lists, struct borders *ret);
/* Ports of the rules that match `protocol`; for SIDE_REMOTE all rules, whatever the protocol. */
int sweep_ports(const struct layout *layout, enum side side, uint8_t protocol, struct rows *rows,
		struct borders *ret);
/* The one row of a protocol without ports. */
int sweep_protocol(const struct layout *layout, uint8_t protocol, struct rows *rows, uint32_t *ret);

#endif
