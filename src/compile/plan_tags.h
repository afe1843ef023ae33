/*
 * Stage A of a T3 plan: large address groups become bits of a tag. Pure.
 *
 * Two groups of the device look a packet's source and destination up once and set, for each address
 * group that holds the address, its bit; rules then ask for bits, and cost the same whether their
 * service tag has ten prefixes or three thousand.
 */
#ifndef COMPILE_PLAN_TAGS_H
#define COMPILE_PLAN_TAGS_H

#include "compile/plan_builder.h"

/* A group with more prefixes than this in some family is worth a bit. */
#define PLAN_TAG_PREFIXES 16

struct plan_tags {
	struct region_tags bits;
	uint32_t groups[PLAN_TAGS][PLAN_TAG_BITS]; /* by bit */
	unsigned count[PLAN_TAGS];
};

/* Chooses the groups; those that the bits do not suffice for stay prefixes. 0 or -ENOMEM. */
int plan_tags_init(struct plan_tags *tags, const struct program *program);
void plan_tags_fini(struct plan_tags *tags);

/*
 * The look-up of one side as rules of `group`, beginning at `priority`; it takes two. Every packet
 * goes on to the next group. 0, -ENOMEM or PLAN_IS_FULL.
 */
int plan_tags_add_stage(struct plan_builder *builder, const struct plan_tags *tags, int side,
			uint32_t group, uint32_t priority);

/*
 * A rule for every packet of each family: on to the next group, or, at the end of the last one, to
 * the queues, since mlx5 drops what no rule of a table above the root matches.
 */
int plan_add_for_all(struct plan_builder *builder, uint32_t group, uint32_t priority,
		     enum plan_action action);

#endif
