/*
 * Which bit stands for which rule: the first step of building a table set.
 *
 * Rules that can match nothing in the family are left out. Private to classifier*.c.
 */
#ifndef CLASSIFY_CLASSIFIER_LAYOUT_H
#define CLASSIFY_CLASSIFIER_LAYOUT_H

#include "classify/classifier_tables.h"

enum side { SIDE_LOCAL, SIDE_REMOTE };
#define SIDES 2

/* A rule seen from the NIC, as keys are. */
struct live_rule {
	const struct program_rule *rule;
	uint32_t bit;
	uint32_t group[SIDES];
	const struct port_set *ports[SIDES];
};

struct layout {
	const struct program *program;
	enum direction direction;
	enum ip_family family;
	struct live_rule *rules; /* ascending by bit */
	size_t count;
	unsigned segment_count;
	struct segment segment[STAGES];
	uint32_t last_bit[STAGES]; /* of each segment: in every row */
	size_t words;              /* of a row; a multiple of LINE_WORDS */
	uint64_t *outcomes;        /* by bit; struct verdict seen as a number */
};

/* 0 or -ENOMEM; layout_fini() in any case. */
int layout_init(struct layout *layout, const struct program *program, enum direction direction,
		enum ip_family family);
void layout_fini(struct layout *layout);

#endif
