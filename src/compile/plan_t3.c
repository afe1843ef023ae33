/*
 * T3: groups, jumps, tags and priorities enough to write the policy down in its own order.
 *
 *     group 0      everything goes on (the one rule that a change of policy moves)
 *     group 1      isolation; then, where some group has a bit, the source's bits
 *     group 2      the destination's bits
 *     last group   the entries, one priority after the other, first match wins
 *
 * At the end of the last group stands a rule for everything, to the queues without a mark.
 *
 * A region that hardware must not decide stands among them unmarked, wherever something below it
 * would decide it. Where the limit on rules is reached, the list ends: what is not reached is
 * unmarked.
 */
#include "compile/plan_builder.h"
#include "compile/plan_tags.h"
#include "compile/region_index.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* Non-root tables of mlx5 have 21844 user priorities (mlx5.h, MLX5_NON_ROOT_FLOW_MAX_PRIO). */
#define PRIORITIES_MAX 21000
/* Of the last group's first rules; group 1's look-up of the source uses 1 and 2, too. */
#define PLATFORM 1
/* More combinations than this for one entry, and it is left to software. */
#define REGIONS_PER_ENTRY 1024
/* Regions that one search looks at before an exception is taken for needed. */
#define STEPS_MAX 4096
/* Exact masks of an exception, or one around them. */
#define EXCEPTION_MASKS 64

/* The regions of one kind and family, and those that hardware decides. */
struct decided {
	const struct region_list *regions;
	struct region_index *index;
	uint32_t *places; /* of the index's regions in the list */
	uint32_t of;      /* the region that is asked about */
};

static void decided_fini(struct decided *decided)
{
	region_index_free(decided->index);
	free(decided->places);
}

static int decided_init(struct decided *decided, const struct plan_builder *builder,
			const struct region_list *regions)
{
	struct region *copies = calloc(regions->count + 1, sizeof(*copies));
	size_t count = 0;
	int r = -ENOMEM;

	*decided = (struct decided){ .regions = regions };
	decided->places = calloc(regions->count + 1, sizeof(*decided->places));
	for (uint32_t i = 0; copies && decided->places && i < regions->count; i++) {
		if (plan_region_action(builder, &regions->regions[i]) == PLAN_UNMARKED)
			continue;
		decided->places[count] = i;
		copies[count++] = regions->regions[i];
	}
	if (copies && decided->places)
		r = region_index_new(copies, count, &decided->index);
	free(copies);
	return r;
}

static int say_below(void *context, uint32_t index)
{
	const struct decided *decided = context;
	const struct region *regions = decided->regions->regions;
	uint32_t place = decided->places[index];

	return place > decided->of && regions[place].entry != regions[decided->of].entry;
}

static bool is_decided_below(struct decided *decided, uint32_t region)
{
	decided->of = region;
	return region_index_overlaps(decided->index, &decided->regions->regions[region], STEPS_MAX,
				     say_below, decided) != 0;
}

static int add_masks(struct plan_builder *builder, const struct region *region,
		     enum plan_action action, uint32_t slot, uint32_t group, uint32_t priority)
{
	struct port_mask sources[PORT_MASKS_MAX], destinations[PORT_MASKS_MAX];
	unsigned n = port_masks(region->source_ports.first, region->source_ports.last, sources);
	unsigned m = port_masks(region->destination_ports.first, region->destination_ports.last,
				destinations);
	int r = 0;

	if (action == PLAN_UNMARKED && n * m > EXCEPTION_MASKS) {
		sources[0] =
			port_mask_around(region->source_ports.first, region->source_ports.last);
		destinations[0] = port_mask_around(region->destination_ports.first,
						   region->destination_ports.last);
		n = m = 1;
	}
	for (unsigned i = 0; r == 0 && i < n; i++) {
		for (unsigned j = 0; r == 0 && j < m; j++) {
			struct plan_rule rule = plan_rule_for(region, sources[i], destinations[j]);

			rule.group = group;
			rule.priority = priority;
			rule.action = action;
			rule.slot = slot;
			if (action == PLAN_UNMARKED)
				rule.cause = PLAN_FOR_EXCEPTION;
			r = plan_add(builder, &rule);
		}
	}
	return r;
}

/* What the limit on rules leaves to software, from this region on. */
static void spill_from(struct plan_builder *builder, const struct region_list *regions,
		       size_t first)
{
	for (size_t i = first; i < regions->count; i++) {
		if (plan_region_action(builder, &regions->regions[i]) != PLAN_UNMARKED)
			plan_spill(builder, regions->regions[i].entry);
	}
}

static int add_regions(struct plan_builder *builder, struct decided *decided, uint32_t group,
		       uint32_t priority)
{
	const struct region_list *regions = decided->regions;
	uint32_t entry = UINT32_MAX;
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < regions->count; i++) {
		const struct region *region = &regions->regions[i];
		enum plan_action action = plan_region_action(builder, region);
		uint32_t slot = 0;

		if (action == PLAN_UNMARKED && !is_decided_below(decided, i))
			continue;
		if (region->is_hull)
			plan_spill(builder, region->entry);
		if (region->entry != entry && entry != UINT32_MAX)
			priority++;
		entry = region->entry;
		if (priority >= PRIORITIES_MAX)
			r = PLAN_IS_FULL;
		if (r == 0 && action == PLAN_MARK)
			r = plan_slot_of(builder, region, &slot);
		if (r == 0)
			r = add_masks(builder, region, action, slot, group, priority);
		if (r == PLAN_IS_FULL)
			spill_from(builder, regions, i);
	}
	return r;
}

static bool drops_platform(const struct plan_builder *builder, const struct region_list *regions)
{
	for (size_t i = 0; i < regions->count; i++) {
		if (plan_region_action(builder, &regions->regions[i]) == PLAN_DROP &&
		    plan_platform_meets(&regions->regions[i]))
			return true;
	}
	return false;
}

static int add_kind(struct plan_builder *builder, const struct plan_tags *tags, enum plan_kind kind,
		    enum ip_family family, uint32_t group)
{
	const struct region_style style = { .tags = &tags->bits, .limit = REGIONS_PER_ENTRY };
	struct region_list regions = { 0 };
	struct decided decided = { 0 };
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < builder->entries.count; i++)
		r = region_list_add_entry(&regions, builder->program, &builder->entries.entries[i],
					  i, kind, family, &style);
	if (r == 0)
		r = decided_init(&decided, builder, &regions);
	if (r == 0)
		r = drops_platform(builder, &regions)
			    ? plan_add_platform(builder, kind, family, group, PLATFORM)
			    : 0;
	if (r == 0)
		r = add_regions(builder, &decided, group, PLATFORM + 1);
	decided_fini(&decided);
	region_list_fini(&regions);
	return r;
}

static int add_stages(struct plan_builder *builder, const struct plan_tags *tags,
		      uint32_t *ret_group)
{
	uint32_t group = 1;
	int r = plan_add_for_all(builder, 0, 0, PLAN_NEXT);

	if (r == 0)
		r = plan_add_isolation(builder, group, 0);
	for (int side = 0; r == 0 && side < PLAN_TAGS; side++) {
		if (tags->count[side])
			r = plan_tags_add_stage(builder, tags, side, group++, 1);
	}
	if (r == 0)
		r = plan_add_for_all(builder, group, PRIORITIES_MAX, PLAN_UNMARKED);
	*ret_group = group;
	return r;
}

/* The settled first: they save most. A kind that does not fit ends where it does not. */
static int add_kinds(struct plan_builder *builder, const struct plan_tags *tags, uint32_t group)
{
	for (int kind = 0; kind < PLAN_KINDS; kind++) {
		for (int f = 0; f < IP_FAMILIES; f++) {
			int r = add_kind(builder, tags, (enum plan_kind)kind, (enum ip_family)f,
					 group);

			if (r < 0)
				return r;
		}
	}
	return 0;
}

static void describe(const struct plan_builder *builder, const struct plan_tags *tags)
{
	unsigned bits = tags->count[PLAN_TAG_SOURCE] + tags->count[PLAN_TAG_DESTINATION];
	struct plan *plan = builder->plan;

	if (bits)
		(void)snprintf(plan->form, sizeof(plan->form),
			       "staged: %u address groups of over %d prefixes are tag bits", bits,
			       PLAN_TAG_PREFIXES);
	else
		(void)snprintf(plan->form, sizeof(plan->form),
			       "flat: no address group has more than %d prefixes",
			       PLAN_TAG_PREFIXES);
}

int plan_build_t3(struct plan_builder *builder)
{
	struct plan_tags tags;
	uint32_t group;
	int r = plan_tags_init(&tags, builder->program);

	if (r == 0)
		r = add_stages(builder, &tags, &group);
	if (r == 0)
		r = add_kinds(builder, &tags, group);
	if (r == PLAN_IS_FULL) {
		/* not even the look-ups fit: half a look-up would be wrong, nothing is right */
		builder->plan->rule_count = 0;
		r = 0;
	}
	describe(builder, &tags);
	plan_tags_fini(&tags);
	return r;
}
