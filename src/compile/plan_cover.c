/*
 * Choosing what two levels can hold: see plan_cover.h.
 */
#include "compile/plan_cover.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Regions beyond this many are left to software, so that the search stays short. */
#define REGIONS_MAX 12288
/* A region that more than this many earlier ones cross is left to software. */
#define CROSSINGS_MAX 512
/* An earlier region gets one exception for all of itself where it would need this many. */
#define EXCEPT_UNDECIDED 2
#define EXCEPT_DECIDED   16

struct crossing {
	uint32_t earlier, later;
};

struct search {
	const struct plan_builder *builder;
	const struct region *regions;
	size_t count;
	struct crossing *crossings; /* by later region, ascending */
	size_t crossing_count, crossing_capacity;
	uint32_t *first;  /* by region: its first crossing as the later one; count + 1 entries */
	uint32_t *blocks; /* by region: how many later decidable ones it crosses */
	bool *is_out;     /* by region: crossed too often */
};

static void search_fini(struct search *search)
{
	free(search->crossings);
	free(search->first);
	free(search->blocks);
	free(search->is_out);
}

static bool is_decidable(const struct search *search, size_t i)
{
	return plan_region_action(search->builder, &search->regions[i]) != PLAN_UNMARKED;
}

static bool holds(struct port_range outer, struct port_range inner)
{
	return outer.first <= inner.first && inner.last <= outer.last;
}

/* For regions that overlap. */
static bool lies_inside(const struct region *inner, const struct region *outer)
{
	return inner->source.length >= outer->source.length &&
	       inner->destination.length >= outer->destination.length &&
	       holds(outer->source_ports, inner->source_ports) &&
	       holds(outer->destination_ports, inner->destination_ports);
}

/* Where both hold a packet, does it matter which one decides? */
static bool disagree(const struct search *search, size_t i, size_t j)
{
	const struct region *a = &search->regions[i], *b = &search->regions[j];

	if (a->entry == b->entry)
		return false;
	return plan_region_action(search->builder, a) != PLAN_DROP ||
	       plan_region_action(search->builder, b) != PLAN_DROP;
}

static int add_crossing(struct search *search, uint32_t earlier, uint32_t later)
{
	if (search->crossing_count == search->crossing_capacity) {
		size_t capacity = search->crossing_capacity ? search->crossing_capacity * 2 : 256;
		struct crossing *grown = reallocarray(search->crossings, capacity, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		search->crossings = grown;
		search->crossing_capacity = capacity;
	}
	search->crossings[search->crossing_count++] = (struct crossing){ earlier, later };
	return 0;
}

static int find_crossings_of(struct search *search, uint32_t later)
{
	size_t from = search->crossing_count;
	int r = 0;

	for (uint32_t j = 0; r == 0 && j < later; j++) {
		if (!region_overlaps(&search->regions[j], &search->regions[later]) ||
		    !disagree(search, j, later))
			continue;
		if (search->crossing_count - from == CROSSINGS_MAX ||
		    lies_inside(&search->regions[later], &search->regions[j])) {
			search->crossing_count = from;
			search->is_out[later] = true;
			return 0;
		}
		r = add_crossing(search, j, later);
	}
	for (size_t c = from; c < search->crossing_count; c++)
		search->blocks[search->crossings[c].earlier]++;
	return r;
}

static int search_init(struct search *search, const struct plan_builder *builder,
		       const struct region_list *regions)
{
	int r = 0;

	*search = (struct search){
		.builder = builder,
		.regions = regions->regions,
		.count = regions->count < REGIONS_MAX ? regions->count : REGIONS_MAX,
	};
	search->first = calloc(search->count + 1, sizeof(*search->first));
	search->blocks = calloc(search->count + 1, sizeof(*search->blocks));
	search->is_out = calloc(search->count + 1, sizeof(*search->is_out));
	if (!search->first || !search->blocks || !search->is_out)
		return -ENOMEM;
	for (size_t i = 0; r == 0 && i < search->count; i++) {
		search->first[i] = (uint32_t)search->crossing_count;
		if (is_decidable(search, i))
			r = find_crossings_of(search, (uint32_t)i);
	}
	search->first[search->count] = (uint32_t)search->crossing_count;
	return r;
}

/* --- choosing --- */

struct candidate {
	uint32_t region;
	uint32_t price;
};

static int by_price(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;

	if (x->price != y->price)
		return (x->price > y->price) - (x->price < y->price);
	return (x->region > y->region) - (x->region < y->region);
}

static void place_exceptions(const struct search *search, struct cover *cover)
{
	for (size_t i = 0; i < search->count; i++) {
		uint32_t most = is_decidable(search, i) ? EXCEPT_DECIDED : EXCEPT_UNDECIDED;

		if (search->blocks[i] >= most)
			cover->place[i] = COVER_EXCEPT;
	}
}

static uint32_t price_of(const struct search *search, const struct cover *cover, size_t i)
{
	struct cover_masks masks;
	uint32_t price;

	cover_masks(&search->regions[i], &masks);
	price = masks.count;
	for (uint32_t c = search->first[i]; c < search->first[i + 1]; c++)
		price += cover->place[search->crossings[c].earlier] != COVER_EXCEPT;
	return price;
}

/* Cheapest first; what an exception for all of a region costs is paid by the first that needs it.
 */
static int choose_candidates(const struct search *search, struct cover *cover, size_t budget)
{
	struct candidate *candidates = calloc(search->count + 1, sizeof(*candidates));
	bool *is_paid = calloc(search->count + 1, sizeof(*is_paid));
	size_t count = 0;

	if (!candidates || !is_paid) {
		free(candidates);
		free(is_paid);
		return -ENOMEM;
	}
	for (size_t i = 0; i < search->count; i++) {
		if (is_decidable(search, i) && !search->is_out[i] && cover->place[i] == COVER_LEFT)
			candidates[count++] = (struct candidate){
				.region = (uint32_t)i,
				.price = price_of(search, cover, i),
			};
	}
	qsort(candidates, count, sizeof(*candidates), by_price);
	for (size_t n = 0; n < count; n++) {
		uint32_t i = candidates[n].region;
		size_t price = candidates[n].price;

		for (uint32_t c = search->first[i]; c < search->first[i + 1]; c++) {
			uint32_t j = search->crossings[c].earlier;

			price += cover->place[j] == COVER_EXCEPT && !is_paid[j];
		}
		if (price > budget)
			continue;
		budget -= price;
		cover->place[i] = COVER_LOW;
		for (uint32_t c = search->first[i]; c < search->first[i + 1]; c++)
			is_paid[search->crossings[c].earlier] = true;
	}
	free(candidates);
	free(is_paid);
	return 0;
}

/* --- exceptions --- */

static void widen(struct port_range *range)
{
	struct port_mask mask = port_mask_around(range->first, range->last);

	range->first = mask.value;
	range->last = (uint16_t)(mask.value | ~mask.mask);
}

/* Whether an exception that goes away no sooner holds it already. */
static bool is_excepted(const struct cover *cover, const struct region *region, uint32_t earlier)
{
	for (size_t e = 0; e < cover->exception_count; e++) {
		const struct cover_exception *other = &cover->exceptions[e];

		if (region_overlaps(region, &other->region) &&
		    lies_inside(region, &other->region) &&
		    (other->earlier == earlier || other->earlier == other->later))
			return true;
	}
	return false;
}

static int add_exception(struct cover *cover, struct region region, uint32_t earlier,
			 uint32_t later)
{
	widen(&region.source_ports);
	widen(&region.destination_ports);
	if (is_excepted(cover, &region, earlier))
		return 0;
	if (cover->exception_count == cover->exception_capacity) {
		size_t capacity = cover->exception_capacity ? cover->exception_capacity * 2 : 64;
		struct cover_exception *grown =
			reallocarray(cover->exceptions, capacity, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		cover->exceptions = grown;
		cover->exception_capacity = capacity;
	}
	cover->exceptions[cover->exception_count++] = (struct cover_exception){
		.region = region,
		.earlier = earlier,
		.later = later,
	};
	return 0;
}

static int find_exceptions(const struct search *search, struct cover *cover)
{
	bool *is_done = calloc(search->count + 1, sizeof(*is_done));
	int r = is_done ? 0 : -ENOMEM;

	for (size_t c = 0; r == 0 && c < search->crossing_count; c++) {
		uint32_t j = search->crossings[c].earlier, i = search->crossings[c].later;

		if (cover->place[i] != COVER_LOW)
			continue;
		if (cover->place[j] != COVER_EXCEPT) {
			r = add_exception(
				cover,
				region_intersection(&search->regions[j], &search->regions[i]), j,
				i);
		} else if (!is_done[j]) {
			is_done[j] = true;
			r = add_exception(cover, search->regions[j], j, j);
		}
	}
	free(is_done);
	return r;
}

/* --- raising --- */

/* Nothing in the high level but exceptions on this region's own behalf may touch it. */
static bool may_rise(const struct search *search, const struct cover *cover, uint32_t i)
{
	const struct region *region = &search->regions[i];

	if (region->kind == PLAN_TCP_SETTLED &&
	    plan_isolation_meets(search->builder, &region->source))
		return false; /* isolation is above the low level only: it looks less deep */
	for (size_t e = 0; e < cover->exception_count; e++) {
		const struct cover_exception *other = &cover->exceptions[e];

		if (!other->is_needless && other->earlier != i &&
		    region_overlaps(&other->region, region))
			return false;
	}
	for (size_t k = 0; k < search->count; k++) {
		if (cover->place[k] == COVER_HIGH && disagree(search, k, i) &&
		    region_overlaps(&search->regions[k], region))
			return false;
	}
	return true;
}

static void raise_region(struct cover *cover, uint32_t i)
{
	cover->place[i] = COVER_HIGH;
	for (size_t e = 0; e < cover->exception_count; e++) {
		struct cover_exception *exception = &cover->exceptions[e];

		if (exception->earlier == i && exception->later != i)
			exception->is_needless = true;
	}
}

/* A region whose masks are only a part of it would leave the rest of it to the one below. */
static void raise_regions(const struct search *search, struct cover *cover)
{
	for (size_t e = 0; e < cover->exception_count; e++) {
		const struct cover_exception *exception = &cover->exceptions[e];
		uint32_t i = exception->earlier;
		struct cover_masks masks;

		if (exception->is_needless || cover->place[i] != COVER_LOW ||
		    !lies_inside(&search->regions[i], &search->regions[exception->later]))
			continue;
		cover_masks(&search->regions[i], &masks);
		if (!masks.is_part && may_rise(search, cover, i))
			raise_region(cover, i);
	}
}

void cover_masks(const struct region *region, struct cover_masks *ret)
{
	struct port_mask sources[PORT_MASKS_MAX], destinations[PORT_MASKS_MAX];
	unsigned n = port_masks(region->source_ports.first, region->source_ports.last, sources);
	unsigned m = port_masks(region->destination_ports.first, region->destination_ports.last,
				destinations);

	ret->source = sources[0];
	ret->count = m < COVER_MASKS_MAX ? m : COVER_MASKS_MAX;
	ret->is_part = n > 1 || m > COVER_MASKS_MAX;
	memcpy(ret->destinations, destinations, ret->count * sizeof(destinations[0]));
}

int cover_choose(struct cover *cover, const struct plan_builder *builder,
		 const struct region_list *regions, size_t budget)
{
	struct search search;
	int r;

	*cover = (struct cover){ .regions = regions };
	cover->place = calloc(regions->count + 1, sizeof(*cover->place));
	r = search_init(&search, builder, regions);
	if (r == 0 && !cover->place)
		r = -ENOMEM;
	if (r == 0) {
		place_exceptions(&search, cover);
		r = choose_candidates(&search, cover, budget);
	}
	if (r == 0)
		r = find_exceptions(&search, cover);
	if (r == 0)
		raise_regions(&search, cover);
	search_fini(&search);
	return r;
}

void cover_fini(struct cover *cover)
{
	free(cover->place);
	free(cover->exceptions);
}
