/*
 * Covers, and what a region costs in them: see plan_cover.h.
 */
#include "compile/plan_cover.h"

#include <errno.h>
#include <stdlib.h>

/* More combinations than this for one entry, and it is left to software, with one hull for all. */
#define REGIONS_PER_ENTRY 8192

void cover_ports(const struct region *region, struct cover_ports *ret)
{
	ret->source_count =
		port_masks(region->source_ports.first, region->source_ports.last, ret->sources);
	ret->destination_count = port_masks(region->destination_ports.first,
					    region->destination_ports.last, ret->destinations);
}

static int find_regions(struct cover *cover, enum plan_kind kind, enum ip_family family,
			bool is_wide)
{
	const struct region_style style = { .limit = REGIONS_PER_ENTRY, .is_wide = is_wide };
	const struct plan_builder *builder = cover->builder;
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < builder->entries.count; i++)
		r = region_list_add_entry(&cover->regions, builder->program,
					  &builder->entries.entries[i], i, kind, family, &style);
	return r;
}

static int reserve(struct cover *cover)
{
	size_t count = cover->regions.count + 1;

	cover->place = calloc(count, sizeof(*cover->place));
	cover->masks = calloc(count, sizeof(*cover->masks));
	cover->masks_all = calloc(count, sizeof(*cover->masks_all));
	cover->siblings = calloc(count, sizeof(*cover->siblings));
	cover->used = calloc(count, sizeof(*cover->used));
	cover->is_pierced = calloc(count, sizeof(*cover->is_pierced));
	cover->seen_by = calloc(count, sizeof(*cover->seen_by));
	if (!cover->place || !cover->masks || !cover->masks_all || !cover->siblings ||
	    !cover->used || !cover->is_pierced || !cover->seen_by)
		return -ENOMEM;
	return 0;
}

/* Regions of an entry stand side by side. */
static void count_siblings(struct cover *cover)
{
	const struct region *regions = cover->regions.regions;
	size_t count = cover->regions.count, end;

	for (size_t from = 0; from < count; from = end) {
		uint32_t siblings = 0;

		for (end = from; end < count && regions[end].entry == regions[from].entry; end++)
			siblings += !regions[end].is_hole;
		for (size_t i = from; i < end; i++)
			cover->siblings[i] = siblings;
	}
}

int cover_init(struct cover *cover, const struct plan_builder *builder, enum plan_kind kind,
	       enum ip_family family, bool is_wide)
{
	int r;

	*cover = (struct cover){
		.builder = builder,
		.has_middle = plan_has_middle_level(builder),
	};
	r = find_regions(cover, kind, family, is_wide);
	if (r == 0)
		r = crossings_find(&cover->crossings, builder, &cover->regions);
	if (r == 0)
		r = reserve(cover);
	if (r == 0)
		count_siblings(cover);
	for (size_t i = 0; r == 0 && i < cover->regions.count; i++) {
		struct cover_ports ports;

		cover_ports(&cover->regions.regions[i], &ports);
		cover->masks_all[i] = (uint16_t)(ports.source_count * ports.destination_count);
	}
	return r;
}

void cover_fini(struct cover *cover)
{
	region_list_fini(&cover->regions);
	crossings_fini(&cover->crossings);
	free(cover->place);
	free(cover->masks);
	free(cover->masks_all);
	free(cover->siblings);
	free(cover->used);
	free(cover->is_pierced);
	free(cover->seen_by);
	free(cover->exceptions);
}

bool cover_is_decidable(const struct cover *cover, uint32_t region)
{
	return region < cover->crossings.count && !cover->crossings.is_hidden[region] &&
	       plan_region_action(cover->builder, &cover->regions.regions[region]) != PLAN_UNMARKED;
}

size_t cover_demand(const struct cover *cover)
{
	size_t demand = 0;

	for (uint32_t i = 0; i < cover->crossings.count; i++) {
		if (cover_is_decidable(cover, i))
			demand += cover->masks_all[i];
	}
	return demand;
}

/* Isolation stands above the low level, but looks less deep than what is raised. */
static bool is_below_isolation(const struct cover *cover, const struct region *region)
{
	return region->kind == PLAN_TCP_SETTLED &&
	       plan_isolation_meets(cover->builder, &region->source);
}

static uint32_t first_of(const struct crossing_list *list, uint32_t region)
{
	return list->first[region];
}

static uint32_t end_of(const struct crossing_list *list, uint32_t region)
{
	return list->first[region + 1];
}

bool cover_is_crossed(const struct cover *cover, uint32_t region)
{
	const struct crossing_list *earlier = &cover->crossings.earlier;

	return first_of(earlier, region) != end_of(earlier, region);
}

/* The masks of a raised region that are only a part of it would leave the rest to those below. */
static bool rises_with(const struct cover *cover, uint32_t region, unsigned masks)
{
	return !cover_is_crossed(cover, region) && masks == cover->masks_all[region] &&
	       !is_below_isolation(cover, &cover->regions.regions[region]);
}

bool cover_may_rise(const struct cover *cover, uint32_t region)
{
	return cover->place[region] != COVER_LEFT &&
	       rises_with(cover, region, cover->masks[region]);
}

/*
 * --- room ---
 *
 * Boxes that overlap two by two have a part in common. So an exception for what regions j and i
 * share touches a raised h exactly where h overlaps both.
 */

static bool touches_risen(const struct cover *cover, uint32_t j, uint32_t i)
{
	const struct crossing_list *earlier = &cover->crossings.earlier;

	for (uint32_t c = first_of(earlier, j); c < end_of(earlier, j); c++) {
		uint32_t h = earlier->other[c];

		if (cover->seen_by[h] == i + 1 && cover_may_rise(cover, h))
			return true;
	}
	return false;
}

/* Whether an exception for what both share would leave nothing of the inner one. */
static bool swallows(const struct cover *cover, uint32_t outer, uint32_t inner)
{
	const struct region *regions = cover->regions.regions;

	return cover->place[inner] != COVER_LEFT && !cover_may_rise(cover, inner) &&
	       region_lies_inside(&regions[inner], &regions[outer]);
}

static bool is_swallowed(const struct cover *cover, uint32_t region)
{
	const struct crossing_list *later = &cover->crossings.later;
	const struct region *regions = cover->regions.regions;

	for (uint32_t c = first_of(later, region); c < end_of(later, region); c++) {
		uint32_t i = later->other[c];

		if (cover->place[i] != COVER_LEFT &&
		    region_lies_inside(&regions[region], &regions[i]))
			return true;
	}
	return false;
}

/* Whether an exception that is there already touches the region, should it rise. */
static bool is_touched(const struct cover *cover, uint32_t h)
{
	const struct crossing_list *later = &cover->crossings.later;

	for (uint32_t c = first_of(later, h); c < end_of(later, h); c++)
		cover->seen_by[later->other[c]] = h + 1;
	for (uint32_t c = first_of(later, h); c < end_of(later, h); c++) {
		uint32_t j = later->other[c];

		if (cover->used[j] == 0)
			continue;
		for (uint32_t d = first_of(later, j); d < end_of(later, j); d++) {
			uint32_t i = later->other[d];

			if (cover->place[i] != COVER_LEFT && cover->seen_by[i] == h + 1)
				return true;
		}
	}
	return false;
}

bool cover_has_room(const struct cover *cover, uint32_t region, unsigned masks)
{
	const struct crossing_list *earlier = &cover->crossings.earlier;

	if (rises_with(cover, region, masks))
		return cover->has_middle || !is_touched(cover, region);
	if (is_swallowed(cover, region))
		return false;
	for (uint32_t c = first_of(earlier, region); c < end_of(earlier, region); c++)
		cover->seen_by[earlier->other[c]] = region + 1;
	for (uint32_t c = first_of(earlier, region); c < end_of(earlier, region); c++) {
		uint32_t j = earlier->other[c];

		if (cover_may_rise(cover, j))
			continue;
		if (swallows(cover, region, j) ||
		    (!cover->has_middle && touches_risen(cover, j, region)))
			return false;
	}
	return true;
}

/* --- prices --- */

/*
 * Exceptions for a region that crosses `used` chosen ones: where it is not chosen one for all of it
 * will do, unless a region that rises is in its way.
 */
static long price_of_exceptions(const struct cover *cover, uint32_t region, uint32_t used)
{
	if (cover->place[region] == COVER_LEFT && !cover->is_pierced[region])
		return used > 0;
	return cover_may_rise(cover, region) ? 0 : (long)used;
}

/* What others cost more when the region rises: those that it pierces. */
static long price_of_rising(const struct cover *cover, uint32_t region)
{
	const struct crossing_list *later = &cover->crossings.later;
	long price = 0;

	if (cover->has_middle)
		return 0;
	for (uint32_t c = first_of(later, region); c < end_of(later, region); c++) {
		uint32_t j = later->other[c];

		if (cover->place[j] == COVER_LEFT && !cover->is_pierced[j] && cover->used[j] > 1)
			price += (long)cover->used[j] - 1;
	}
	return price;
}

long cover_price(const struct cover *cover, uint32_t region, unsigned masks)
{
	const struct crossing_list *earlier = &cover->crossings.earlier;
	long price = (long)masks - cover->masks[region];

	price -= price_of_exceptions(cover, region, cover->used[region]);
	price += rises_with(cover, region, masks) ? price_of_rising(cover, region)
						  : (long)cover->used[region];
	if (cover->place[region] != COVER_LEFT)
		return price;
	for (uint32_t c = first_of(earlier, region); c < end_of(earlier, region); c++) {
		uint32_t j = earlier->other[c];

		price += price_of_exceptions(cover, j, cover->used[j] + 1) -
			 price_of_exceptions(cover, j, cover->used[j]);
	}
	return price;
}

void cover_take(struct cover *cover, uint32_t region, unsigned masks)
{
	const struct crossing_list *earlier = &cover->crossings.earlier;
	const struct crossing_list *later = &cover->crossings.later;
	bool is_new = cover->place[region] == COVER_LEFT;

	cover->masks[region] = (uint16_t)masks;
	cover->place[region] = COVER_LOW;
	for (uint32_t c = first_of(earlier, region); is_new && c < end_of(earlier, region); c++)
		cover->used[earlier->other[c]]++;
	if (cover->has_middle || !cover_may_rise(cover, region))
		return;
	for (uint32_t c = first_of(later, region); c < end_of(later, region); c++)
		cover->is_pierced[later->other[c]] = true;
}
