/*
 * What rules are hit is what a plan is worth: hits of entries, and the share that a plan decides.
 * See plan.h. Pure.
 */
#include "compile/plan_builder.h"

#include <errno.h>
#include <stdlib.h>

uint64_t plan_entry_hits(const struct plan_entry *entry, const uint64_t *const hits[STAGES])
{
	uint64_t least = UINT64_MAX;

	/* a packet of the entry meets all of these rules, up to the one that decides */
	for (int i = 0; i < STAGES; i++) {
		enum stage stage = program_order[DIRECTION_INBOUND][i];

		if (entry->rule[stage] != UINT16_MAX && hits[stage] &&
		    hits[stage][entry->rule[stage]] < least)
			least = hits[stage][entry->rule[stage]];
		if (entry->access == ACCESS_DENY && entry->stage == stage)
			break;
	}
	return least == UINT64_MAX ? 0 : least;
}

int plan_note_shares(struct plan_builder *builder)
{
	struct plan *plan = builder->plan;

	plan->share = calloc(plan->entry_count + 1, sizeof(*plan->share));
	if (!plan->share)
		return -ENOMEM;
	for (size_t i = 0; i < plan->rule_count; i++) {
		if (plan->rules[i].cause == PLAN_FOR_RULE)
			plan->share[plan->rules[i].entry] = PLAN_SHARE_ALL;
	}
	for (size_t e = 0; e < plan->entry_count; e++) {
		if (builder->wanted[e] > 0)
			plan->share[e] = (uint16_t)((uint64_t)builder->decided[e] * PLAN_SHARE_ALL /
						    builder->wanted[e]);
		else if (builder->is_spilled[e])
			plan->share[e] /= 2; /* nobody measured which half */
	}
	return 0;
}

bool plan_share(const struct plan *plan, const uint64_t *const hits[STAGES], unsigned *ret)
{
	double all = 0, decided = 0;

	for (size_t e = 0; plan->share && e < plan->entry_count; e++) {
		double here = (double)plan_entry_hits(&plan->entries[e], hits);

		all += here;
		decided += here * plan->share[e] / PLAN_SHARE_ALL;
	}
	if (all <= 0)
		return false;
	*ret = (unsigned)(decided * PLAN_SHARE_ALL / all);
	return true;
}
