/*
 * T1: drops on simple patterns, in no order (mlx4: full masks or none, DROP, no TCP flags).
 *
 * Only an acl deny can be said without TCP flags, and only where no rule before it has packets of
 * its region: then it holds whatever else matches.
 */
#include "compile/plan_builder.h"
#include "compile/region_index.h"

#include <errno.h>
#include <stdio.h>

#define REGIONS_PER_ENTRY 64
/* Regions that one search looks at before it takes the one that it is about for crossed. */
#define STEPS_MAX 4096

static bool is_simple_prefix(const struct ip_prefix *prefix)
{
	return prefix->length == 0 || prefix->length == ip_family_bits(prefix->family);
}

static bool is_simple_port(struct port_range range)
{
	return range.first == range.last || (range.first == 0 && range.last == UINT16_MAX);
}

static bool is_simple(const struct region *region)
{
	return is_simple_prefix(&region->source) && is_simple_prefix(&region->destination) &&
	       is_simple_port(region->source_ports) && is_simple_port(region->destination_ports);
}

/* The regions of one kind and family, and one of them. */
struct question {
	const struct region_list *regions;
	uint32_t region;
};

static int say_crossed(void *context, uint32_t other)
{
	const struct question *question = context;
	const struct region *regions = question->regions->regions;

	return other < question->region && regions[other].entry != regions[question->region].entry;
}

static bool is_crossed(const struct region_index *index, const struct region_list *regions,
		       uint32_t region)
{
	struct question question = { .regions = regions, .region = region };

	return region_index_overlaps(index, &regions->regions[region], STEPS_MAX, say_crossed,
				     &question) != 0;
}

static int add_region(struct plan_builder *builder, const struct region *region)
{
	struct port_mask source =
		port_mask_around(region->source_ports.first, region->source_ports.last);
	struct port_mask destination =
		port_mask_around(region->destination_ports.first, region->destination_ports.last);
	struct plan_rule rule = plan_rule_for(region, source, destination);

	rule.action = PLAN_DROP;
	return plan_add(builder, &rule);
}

static int add_kind(struct plan_builder *builder, enum plan_kind kind, enum ip_family family)
{
	static const struct region_style style = { .limit = REGIONS_PER_ENTRY };
	struct region_list regions = { 0 };
	struct region_index *index = NULL;
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < builder->entries.count; i++)
		r = region_list_add_entry(&regions, builder->program, &builder->entries.entries[i],
					  i, kind, family, &style);
	if (r == 0)
		r = region_index_new(regions.regions, regions.count, &index);
	for (uint32_t i = 0; r == 0 && i < regions.count; i++) {
		const struct region *region = &regions.regions[i];

		if (builder->entries.entries[region->entry].outcome != ENTRY_DENY_ALWAYS)
			continue;
		if (plan_region_action(builder, region) == PLAN_DROP && is_simple(region) &&
		    !is_crossed(index, &regions, i))
			r = add_region(builder, region);
		else
			plan_spill(builder, region->entry);
	}
	region_index_free(index);
	region_list_fini(&regions);
	return r;
}

int plan_build_t1(struct plan_builder *builder)
{
	int r = 0;

	/* TCP has two kinds here only because of its flags, which this tier cannot see: UDP alone
	 */
	for (int f = 0; r == 0 && f < IP_FAMILIES; f++)
		r = add_kind(builder, PLAN_UDP, (enum ip_family)f);
	(void)snprintf(builder->plan->form, sizeof(builder->plan->form),
		       "drops of acl denies on UDP that no other acl rule crosses");
	return r == PLAN_IS_FULL ? 0 : r;
}
