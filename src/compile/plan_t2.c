/*
 * T2: group 0 alone, with two priorities that can be relied on, or three.
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
#include <string.h>

#define BUDGET_MIN 1024
/* Device rules for ten inbound rules of the policy. */
#define BUDGET_PER_TEN 16

/*
 * The last priorities of group 0: where there are more than two, the first is left for rules of
 * single connections; where there are more than three, exceptions have one of their own.
 */
static uint32_t low(const struct plan_builder *builder)
{
	return builder->options.priorities - 1;
}

static uint32_t middle(const struct plan_builder *builder)
{
	return low(builder) - 1;
}

static uint32_t high(const struct plan_builder *builder)
{
	return plan_has_middle_level(builder) ? middle(builder) - 1 : middle(builder);
}

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

/* One device rule for each combination of port masks, those first that hold most. */
static int add_decided(struct plan_builder *builder, const struct region *region, unsigned masks,
		       uint32_t priority)
{
	enum plan_action action = plan_region_action(builder, region);
	struct cover_ports ports;
	uint32_t slot = 0;
	int r = 0;

	cover_ports(region, &ports);
	if (action == PLAN_MARK)
		r = plan_slot_of(builder, region, &slot);
	for (unsigned i = 0; r == 0 && i < masks; i++) {
		struct plan_rule rule =
			plan_rule_for(region, ports.sources[i / ports.destination_count],
				      ports.destinations[i % ports.destination_count]);

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

	rule.priority = middle(builder);
	rule.action = PLAN_UNMARKED;
	rule.cause = PLAN_FOR_EXCEPTION;
	return plan_add(builder, &rule);
}

static int add_place(struct plan_builder *builder, const struct cover *cover,
		     enum cover_place place, uint32_t priority)
{
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < cover->regions.count; i++) {
		if (cover->place[i] == place)
			r = add_decided(builder, &cover->regions.regions[i], cover->masks[i],
					priority);
	}
	return r;
}

/* A mark of openers is worth little where other packets of the entry can be decided, too. */
static bool is_worth_measuring(const struct cover *cover, uint32_t i)
{
	const struct region *region = &cover->regions.regions[i];
	enum plan_action action = plan_region_action(cover->builder, region);

	if (region->is_hole || action == PLAN_UNMARKED ||
	    (region->kind == PLAN_TCP_OPENER && action == PLAN_MARK))
		return false;
	return i >= cover->crossings.count || !cover->crossings.is_hidden[i];
}

/* All kinds and families of an entry count the same, and in each all of its regions do. */
static void measure(struct plan_builder *builder, const struct cover *cover)
{
	for (uint32_t i = 0; i < cover->regions.count; i++) {
		uint32_t entry = cover->regions.regions[i].entry;
		uint32_t worth = PLAN_SHARE_ALL * 1000;

		if (!is_worth_measuring(cover, i))
			continue;
		worth /= cover->siblings[i] ? cover->siblings[i] : 1;
		builder->wanted[entry] += worth;
		if (cover->place[i] != COVER_LEFT)
			builder->decided[entry] +=
				(uint32_t)((uint64_t)worth * cover->masks[i] / cover->masks_all[i]);
	}
}

/* What hardware could decide, or could have said of a hull, and does not or not wholly. */
static void spill(struct plan_builder *builder, const struct cover *cover)
{
	for (uint32_t i = 0; i < cover->regions.count; i++) {
		const struct region *region = &cover->regions.regions[i];
		bool is_decided =
			cover->place[i] != COVER_LEFT && cover->masks[i] == cover->masks_all[i];

		if (!is_decided && (region->is_hull || i >= cover->crossings.count ||
				    cover_is_decidable(cover, i)))
			plan_spill(builder, region->entry);
	}
}

/* High before low: a device that fills up in between is still right. */
static int emit(struct plan_builder *builder, const struct cover *cover)
{
	int r = 0;

	for (size_t e = 0; r == 0 && e < cover->exception_count; e++)
		r = add_exception(builder, &cover->exceptions[e].region);
	if (r == 0)
		r = add_place(builder, cover, COVER_HIGH, high(builder));
	if (r == 0)
		r = add_place(builder, cover, COVER_LOW, low(builder));
	spill(builder, cover);
	measure(builder, cover);
	return r;
}

#define COVERS (PLAN_KINDS * IP_FAMILIES)

static void fini_covers(struct cover covers[COVERS])
{
	for (int c = 0; c < COVERS; c++)
		cover_fini(&covers[c]);
}

static int init_covers(struct plan_builder *builder, struct cover covers[COVERS], bool is_wide)
{
	int r = 0;

	memset(covers, 0, COVERS * sizeof(*covers));
	for (int c = 0; r == 0 && c < COVERS; c++)
		r = cover_init(&covers[c], builder, (enum plan_kind)(c / IP_FAMILIES),
			       (enum ip_family)(c % IP_FAMILIES), is_wide);
	return r;
}

/* Wide regions cost others their exceptions: not where the long way may fit. */
static bool should_be_wide(const struct cover covers[COVERS], size_t budget)
{
	bool could = false;
	size_t demand = 0;

	for (int c = 0; c < COVERS; c++) {
		could |= covers[c].regions.could_be_wide;
		demand += cover_demand(&covers[c]);
	}
	return could && demand > budget;
}

static int add_covers(struct plan_builder *builder, struct cover covers[COVERS], size_t budget)
{
	int r = init_covers(builder, covers, false);

	if (r == 0 && should_be_wide(covers, budget)) {
		fini_covers(covers);
		r = init_covers(builder, covers, true);
	}
	if (r == 0)
		r = cover_choose(covers, COVERS, &budget);
	for (int c = 0; r == 0 && c < COVERS; c++)
		r = cover_level(&covers[c], &budget);
	for (int c = 0; r == 0 && c < COVERS; c++)
		r = emit(builder, &covers[c]);
	return r;
}

int plan_build_t2(struct plan_builder *builder)
{
	size_t budget = budget_of(builder);
	struct cover covers[COVERS] = { 0 };
	struct plan *plan = builder->plan;
	int r;

	builder->options.rule_limit = (uint32_t)budget;
	r = plan_add_isolation(builder, 0, high(builder));
	if (r == 0)
		r = add_covers(builder, covers, budget - plan->rule_count);
	fini_covers(covers);
	if (r == PLAN_IS_FULL)
		plan->rule_count = 0; /* not even isolation fits: nothing may be marked */
	(void)snprintf(plan->form, sizeof(plan->form),
		       "%s levels: %zu of at most %zu device rules, %zu entries in part software's",
		       plan_has_middle_level(builder) ? "three" : "two", plan->rule_count, budget,
		       plan->spilled);
	return r < 0 ? r : 0;
}
