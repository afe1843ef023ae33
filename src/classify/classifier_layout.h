/*
 * Which bit stands for which rule: the first step of building a table set.
 *
 * Rules that can match nothing in the family are left out. Where there are more rules than a few
 * lines hold, only those that many addresses match get bits of rows; the others are sparse: see
 * classifier_sparse.h. Private to classifier*.c.
 */
#ifndef CLASSIFY_CLASSIFIER_LAYOUT_H
#define CLASSIFY_CLASSIFIER_LAYOUT_H

#include "classify/classifier_events.h"
#include "classify/classifier_tables.h"

#define NO_BIT UINT32_MAX

/* A rule seen from the NIC, as keys are. */
struct live_rule {
	const struct program_rule *rule;
	uint64_t outcome; /* see struct table_set */
	uint32_t group[SIDES];
	const struct port_set *ports[SIDES];
	uint32_t bit;      /* of rows; NO_BIT: the rule is sparse */
	uint32_t list_bit; /* of a sparse rule, among those of `list_side` */
	enum side list_side;
	uint8_t segment;
};

struct layout {
	const struct program *program;
	enum direction direction;
	enum ip_family family;
	struct live_rule *rules; /* in the order of evaluation */
	size_t count;
	unsigned segment_count;
	enum stage stage[STAGES]; /* of each segment */
	struct segment segment[STAGES];
	uint32_t last_bit[STAGES]; /* of each segment: in every row */
	size_t words;              /* of a row; a multiple of LINE_WORDS */
	uint64_t *outcomes;        /* by bit */
	size_t sparse_count[SIDES];
};

/* 0 or -ENOMEM; classifier_layout_fini() in any case. Finds the rules; they have no bits yet. */
int classifier_layout_init(struct layout *layout, const struct program *program,
			   enum direction direction, enum ip_family family);
void classifier_layout_fini(struct layout *layout);

/* The groups that a side's rules name, and which rules: for events_init(). 0 or -ENOMEM. */
int layout_events(const struct layout *layout, enum side side, struct events *ret);

/* Gives every rule a bit, or makes it sparse. 0 or -ENOMEM. */
int layout_place(struct layout *layout, const struct events events[SIDES]);

/* Gives every rule a bit, whatever layout_place() thought. 0 or -ENOMEM. */
int layout_place_all(struct layout *layout);

#endif
