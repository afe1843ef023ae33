/*
 * A plan under construction, for the forms' files: plan_t1.c, plan_t2.c, plan_t3.c.
 */
#ifndef COMPILE_PLAN_BUILDER_H
#define COMPILE_PLAN_BUILDER_H

#include "compile/masks.h"
#include "compile/plan.h"
#include "compile/region.h"

#define NO_SLOT UINT32_MAX

struct plan_builder {
	const struct policy *policy;
	const struct program *program;
	struct plan_options options; /* every default filled in */
	struct plan *plan;           /* rules and slots grow */
	size_t rule_capacity;
	size_t slot_capacity;
	struct entry_list entries;
	uint32_t (*slot_of)[2]; /* by entry: its verdict slot and its settled slot */
	bool *is_spilled;       /* by entry */
	/* By entry: what there is to decide, and what is, in shares of PLAN_SHARE_ALL; 0:
	 * unmeasured */
	uint32_t *wanted, *decided;
};

/* What hardware may do with a region: everything else is PLAN_UNMARKED. */
enum plan_action plan_region_action(const struct plan_builder *builder,
				    const struct region *region);

/* 0 or -ENOMEM; positive PLAN_IS_FULL where the limit on rules is reached and nothing was added. */
#define PLAN_IS_FULL 1
int plan_add(struct plan_builder *builder, const struct plan_rule *rule);

/* The slot of a region that is marked; makes it where it is new. 0 or -ENOMEM. */
int plan_slot_of(struct plan_builder *builder, const struct region *region, uint32_t *ret);

/* The device rule of a region with these port masks, without action. */
struct plan_rule plan_rule_for(const struct region *region, struct port_mask source,
			       struct port_mask destination);

/*
 * T2: user priorities that rules of regions use, when the first is left for rules of single
 * connections: two, or three where exceptions can have one of their own.
 */
#define PLAN_LEVELS_MIN 2
static inline bool plan_has_middle_level(const struct plan_builder *builder)
{
	return builder->options.priorities > PLAN_LEVELS_MIN + 1;
}

/* Remembers that part of an entry which the tier could decide is left to software. */
void plan_spill(struct plan_builder *builder, uint32_t entry);

/*
 * The source guard's part: packets that seem to come from the VM itself, from loopback, multicast
 * or nowhere, as L3 rules of this group and priority. Whatever is marked settled must stand below
 * them.
 */
int plan_add_isolation(struct plan_builder *builder, uint32_t group, uint32_t priority);
/* Whether some address of the prefix is one of those. */
bool plan_isolation_meets(const struct plan_builder *builder, const struct ip_prefix *source);

/*
 * Whether packets of the region may be what software lets through for Azure's own sake before it
 * asks acl: then no rule of acl may drop them, unless plan_add_platform()'s rules, which leave them
 * unmarked, stand above.
 */
bool plan_platform_meets(const struct region *region);
int plan_add_platform(struct plan_builder *builder, enum plan_kind kind, enum ip_family family,
		      uint32_t group, uint32_t priority);

/*
 * Of rules with the same group, priority and match leaves the first. They never disagree about a
 * packet that gets as far as them: an exception above both has what their regions share. 0 or
 * -ENOMEM.
 */
int plan_drop_repeated(struct plan *plan);

/* Fills in the plan's `share`, when its rules are complete. 0 or -ENOMEM. */
int plan_note_shares(struct plan_builder *builder);

/* What plan_judge() looks rules up in; made when the plan is complete. 0 or -ENOMEM. */
int plan_lookup_new(const struct plan *plan, struct plan_lookup **ret);
void plan_lookup_free(struct plan_lookup *lookup); /* NULL is fine */

int plan_build_t1(struct plan_builder *builder);
int plan_build_t2(struct plan_builder *builder);
int plan_build_t3(struct plan_builder *builder);

#endif
