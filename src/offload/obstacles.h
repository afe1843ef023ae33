/*
 * Rules that are not in the device and should be: what may then not stand below them.
 *
 * Gathered in the order of their rank, so everything in it ranks above, or beside, what is asked
 * about next. Kept apart by kind of packet, since rules of different kinds never meet.
 */
#ifndef OFFLOAD_OBSTACLES_H
#define OFFLOAD_OBSTACLES_H

#include "compile/plan.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct obstacles {
	const struct plan *plan; /* borrowed */
	struct obstacle_list {
		uint32_t *rules;
		size_t count;
		size_t capacity;
	} lists[IP_FAMILIES][PLAN_KINDS];
	uint64_t budget; /* comparisons that are left; without any, everything is barred */
	bool bar_all;    /* something could not be added */
};

void obstacles_init(struct obstacles *obstacles, const struct plan *plan);
void obstacles_fini(struct obstacles *obstacles);

/* A rule of the plan. Where there is no memory for it, everything is barred from then on. */
void obstacles_add(struct obstacles *obstacles, uint32_t rule);
/* Would `rule` decide packets that one of these, above it, decides otherwise? */
bool obstacles_bar(struct obstacles *obstacles, const struct plan_rule *rule);

#endif
