/*
 * A plan with the state of each of its device rules.
 *
 * Owned by one installer or one change. Not thread-safe: offload.c's lock.
 */
#ifndef OFFLOAD_LAYOUT_H
#define OFFLOAD_LAYOUT_H

#include "compile/plan.h"
#include "offload/slots.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum rule_wait {
	RULE_UNTRIED,
	RULE_REFUSED,
	RULE_BLOCKED, /* one that it must stand below is not in */
};

struct rule_state {
	void *handle;   /* NULL: not in the device */
	uint32_t slot;  /* of a mark; SLOT_NONE */
	bool slot_used; /* its mark may have been in the device */
	/*
	 * Packets that the policy in force denies may wait with its mark: it must not be vouched
	 * for any more, and gets another slot with the next change.
	 */
	bool is_tainted;
	bool counted;
	uint8_t wait;         /* enum rule_wait; while not in the device */
	uint8_t refusal;      /* number in struct refusals; of RULE_REFUSED */
	uint64_t packets;     /* of its counter, as last read */
	uint64_t hits_offset; /* added to it, modulo 2^64: hits since the plan is in force */
	uint64_t last_hit;    /* wall clock, seconds */
};

/* How many rules of a layout are in which state. */
struct layout_tally {
	size_t installed;
	size_t refused;
	size_t blocked;
	size_t uncounted; /* drops that are in without a counter */
};

struct layout {
	struct plan *plan; /* owned; NULL: nothing is to be in the device */
	struct rule_state *states;
	/*
	 * Indices of rules, in the order in which they go in: stages first, then the rules that
	 * decide, highest rank first, and the entrances last. Backwards is a safe order out.
	 */
	uint32_t *order;
	struct layout_tally tally; /* so that people may ask while many rules go in */
};

/* Takes the plan over, on failure too, and leaves out rules that repeat others. 0 or -ENOMEM. */
int layout_init(struct layout *layout, struct plan *plan);
/* Slots are the caller's affair. */
void layout_fini(struct layout *layout);

/* Around every change of a rule's handle, `counted` and `wait`. */
struct rule_state *layout_begin(struct layout *layout, size_t index);
void layout_end(struct layout *layout, size_t index);

static inline size_t layout_count(const struct layout *layout)
{
	return layout->plan ? layout->plan->rule_count : 0;
}

#endif
