/*
 * The lists of sparse rules: the layout that classifier_tables.h describes. Private to
 * classifier*.c.
 */
#ifndef CLASSIFY_CLASSIFIER_SPARSE_H
#define CLASSIFY_CLASSIFIER_SPARSE_H

#include "classify/classifier_arena.h"
#include "classify/classifier_ports.h"
#include "classify/classifier_sweep.h"

/* What it is made from: a swept layout. */
struct sparse_input {
	const struct layout *layout;
	const struct borders *borders[SIDES];
	const struct rows *lists[SIDES];
	const struct port_outline *protocols;
};

enum sparse_answer { SPARSE_BUILT, SPARSE_UNFIT };

/*
 * SPARSE_UNFIT: the rules do not suit lists (too many borders, entries or protocols), and nothing
 * was added to `pieces`. -ENOMEM otherwise.
 */
int sparse_build(const struct sparse_input *input, struct pieces *pieces, struct sparse *ret,
		 uint32_t *ret_lists[SIDES]);

#endif
