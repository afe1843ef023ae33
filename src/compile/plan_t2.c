/*
 * T2: group 0 alone, with two priorities that can be relied on.
 *
 * Each kind and family is an ordered list of regions of its own (the kinds are disjoint), and
 * plan_cover.c chooses for each within what is left of the budget, the settled first: they save
 * most. All rules look as deep as L4, isolation apart, which looks no deeper than L3 and so loses
 * against raised rules of the high level and wins over all of the low one.
 */
#include "compile/plan_builder.h"
#include "compile/plan_cover.h"

#include <errno.h>
#include <stdio.h>

#define HIGH 0
#define LOW  1

#define REGIONS_PER_ENTRY 256
#define BUDGET_MIN        1024
/* Device rules for ten inbound rules of the policy. */
#define BUDGET_PER_TEN 16

static size_t budget_of(const struct plan_builder *builder)
{
	size_t rules = 0, budget;

	for (int s = 0; s < STAGES; s++) {
		const struct rule_list *list = &builder->policy->stage[s].list[DIRECTION_INBOUND];

		for (size_t i = 0; i < list->count; i++)
			rules += !list->rules[i].is_default;
	}
	budget = rules * BUDGET_PER_TEN / 10;
	if (budget < BUDGET_MIN)
		budget = BUDGET_MIN;
	return budget < builder->options.rule_limit ? budget : builder->options.rule_limit;
}

static int add_decided(struct plan_builder *builder, const struct region *region, uint32_t priority)
{
	enum plan_action action = plan_region_action(builder, region);
	struct cover_masks masks;
	uint32_t slot = 0;
	int r = 0;

	cover_masks(region, &masks);
	if (masks.is_part)
		plan_spill(builder, region->entry);
	if (action == PLAN_MARK)
		r = plan_slot_of(builder, region, &slot);
	for (unsigned i = 0; r == 0 && i < masks.count; i++) {
		struct plan_rule rule = plan_rule_for(region, masks.source, masks.destinations[i]);

		rule.priority = priority;
		rule.action = action;
		rule.slot = slot;
		r = plan_add(builder, &rule);
	}
	return r;
}

static int add_exception(struct plan_builder *builder, const struct region *region)
{
	struct plan_rule rule = plan_rule_for(
		region, port_mask_around(region->source_ports.first, region->source_ports.last),
		port_mask_around(region->destination_ports.first, region->destination_ports.last));

	rule.priority = HIGH;
	rule.action = PLAN_UNMARKED;
	rule.cause = PLAN_FOR_EXCEPTION;
	return plan_add(builder, &rule);
}

/* Exceptions before what they are exceptions to: a device that fills up in between is still right.
 */
static int emit(struct plan_builder *builder, const struct cover *cover)
{
	const struct region *regions = cover->regions->regions;
	int r = 0;

	for (size_t e = 0; r == 0 && e < cover->exception_count; e++) {
		if (!cover->exceptions[e].is_needless)
			r = add_exception(builder, &cover->exceptions[e].region);
	}
	for (size_t i = 0; r == 0 && i < cover->regions->count; i++) {
		if (cover->place[i] == COVER_HIGH)
			r = add_decided(builder, &regions[i], HIGH);
	}
	for (size_t i = 0; r == 0 && i < cover->regions->count; i++) {
		if (cover->place[i] == COVER_LOW)
			r = add_decided(builder, &regions[i], LOW);
		else if (cover->place[i] != COVER_HIGH &&
			 (regions[i].is_hull ||
			  plan_region_action(builder, &regions[i]) != PLAN_UNMARKED))
			plan_spill(builder, regions[i].entry);
	}
	return r;
}

static int add_kind(struct plan_builder *builder, enum plan_kind kind, enum ip_family family,
		    size_t budget)
{
	struct region_list regions = { 0 };
	struct cover cover = { 0 };
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < builder->entries.count; i++)
		r = region_list_add_entry(&regions, builder->program, &builder->entries.entries[i],
					  i, kind, family, NULL, REGIONS_PER_ENTRY);
	if (r == 0)
		r = cover_choose(&cover, builder, &regions, budget);
	if (r == 0)
		r = emit(builder, &cover);
	cover_fini(&cover);
	region_list_fini(&regions);
	return r;
}

int plan_build_t2(struct plan_builder *builder)
{
	size_t budget = budget_of(builder);
	struct plan *plan = builder->plan;
	int r;

	builder->options.rule_limit = (uint32_t)budget;
	r = plan_add_isolation(builder, 0, HIGH);
	for (int kind = 0; r == 0 && kind < PLAN_KINDS; kind++) {
		for (int f = 0; r == 0 && f < IP_FAMILIES; f++)
			r = add_kind(builder, (enum plan_kind)kind, (enum ip_family)f,
				     budget - plan->rule_count);
	}
	if (r == PLAN_IS_FULL)
		plan->rule_count = 0; /* not even isolation fits: nothing may be marked */
	(void)snprintf(
		plan->form, sizeof(plan->form),
		"two levels: %zu of at most %zu device rules, %zu entries in part software's",
		plan->rule_count, budget, plan->spilled);
	return r < 0 ? r : 0;
}
