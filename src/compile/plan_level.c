/*
 * The high level of a cover: what is raised, and exceptions for the rest. See plan_cover.h.
 *
 * Raised regions are crossed by none, so no two of them disagree; but an exception may touch one,
 * and in one level they would tie. The region that was raised then gives way, which may need
 * exceptions of its own, until none touches any. Exceptions with a level of their own touch none.
 */
#include "compile/plan_cover.h"

#include "compile/region_index.h"

#include <errno.h>
#include <stdlib.h>

/* After so many rounds of giving way everything does that is touched or not. */
#define ROUNDS_MAX 16
/* How many exceptions of the same region one is compared with, before it is made. */
#define COMPARED_MAX 32
/* Regions that a search among exceptions looks at before it says that one is touched. */
#define STEPS_MAX 4096

struct levels {
	struct cover *cover;
	size_t budget;
};

/* Whether an exception for what it shares with a chosen one would leave nothing of the region. */
static bool is_swallowed(const struct levels *levels, uint32_t region)
{
	const struct region *regions = levels->cover->regions.regions;
	const struct crossing_list *list = &levels->cover->crossings.later;

	for (uint32_t n = list->first[region]; n < list->first[region + 1]; n++) {
		uint32_t later = list->other[n];

		if (levels->cover->place[later] != COVER_LEFT &&
		    region_lies_inside(&regions[region], &regions[later]))
			return true;
	}
	return false;
}

static void leave(struct levels *levels, uint32_t region)
{
	levels->cover->place[region] = COVER_LEFT;
	levels->budget += levels->cover->masks[region];
	levels->cover->masks[region] = 0;
}

static void raise_regions(struct levels *levels)
{
	struct cover *cover = levels->cover;

	for (uint32_t i = 0; i < cover->crossings.count; i++) {
		if (cover->place[i] == COVER_LEFT || cover->used[i] == 0)
			continue;
		if (cover_may_rise(cover, i))
			cover->place[i] = COVER_HIGH;
		else if (is_swallowed(levels, i))
			leave(levels, i);
	}
}

/* --- exceptions --- */

static void widen(struct port_range *range)
{
	struct port_mask mask = port_mask_around(range->first, range->last);

	range->first = mask.value;
	range->last = (uint16_t)(mask.value | ~mask.mask);
}

static bool is_excepted(const struct cover *cover, const struct region *region, uint32_t earlier)
{
	for (size_t n = 0; n < COMPARED_MAX && n < cover->exception_count; n++) {
		const struct cover_exception *other =
			&cover->exceptions[cover->exception_count - 1 - n];

		if (other->earlier != earlier)
			return false;
		if (region_overlaps(region, &other->region) &&
		    region_lies_inside(region, &other->region))
			return true;
	}
	return false;
}

static int add_exception(struct cover *cover, struct region region, uint32_t earlier)
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
	cover->exceptions[cover->exception_count++] =
		(struct cover_exception){ .region = region, .earlier = earlier };
	return 0;
}

/* One for each chosen region that it crosses, or one for all of it. */
static int add_exceptions_of(struct cover *cover, uint32_t earlier)
{
	const struct crossing_list *list = &cover->crossings.later;
	const struct region *regions = cover->regions.regions;
	int r = 0;

	if (cover->place[earlier] == COVER_LEFT && cover->used[earlier] > 1 &&
	    !cover->is_pierced[earlier])
		return add_exception(cover, regions[earlier], earlier);
	for (uint32_t n = list->first[earlier]; r == 0 && n < list->first[earlier + 1]; n++) {
		uint32_t later = list->other[n];

		if (cover->place[later] != COVER_LEFT)
			r = add_exception(cover,
					  region_intersection(&regions[earlier], &regions[later]),
					  earlier);
	}
	return r;
}

static int find_exceptions(struct levels *levels)
{
	struct cover *cover = levels->cover;
	int r = 0;

	cover->exception_count = 0;
	for (uint32_t i = 0; r == 0 && i < cover->crossings.count; i++) {
		if (cover->used[i] > 0 && cover->place[i] != COVER_HIGH)
			r = add_exceptions_of(cover, i);
	}
	return r;
}

/* --- giving way --- */

static int say_touched(void *context, uint32_t exception)
{
	(void)context;
	(void)exception;
	return 1;
}

/* Back to the low level with exceptions, if there is a budget for that and something remains. */
static void give_way(struct levels *levels, uint32_t region)
{
	struct cover *cover = levels->cover;
	uint32_t used = cover->used[region];

	if (levels->budget < used || is_swallowed(levels, region)) {
		leave(levels, region);
		levels->budget--; /* one exception for all of it */
		return;
	}
	cover->place[region] = COVER_LOW;
	levels->budget -= used;
}

/* How many raised regions gave way; -ENOMEM. */
static int settle(struct levels *levels, bool all)
{
	struct cover *cover = levels->cover;
	struct region *touching = calloc(cover->exception_count + 1, sizeof(*touching));
	struct region_index *index = NULL;
	int r = touching ? 0 : -ENOMEM;
	int count = 0;

	for (size_t e = 0; r == 0 && e < cover->exception_count; e++)
		touching[e] = cover->exceptions[e].region;
	if (r == 0)
		r = region_index_new(touching, cover->exception_count, &index);
	for (uint32_t i = 0; r == 0 && i < cover->crossings.count; i++) {
		if (cover->place[i] != COVER_HIGH)
			continue;
		if (!all && region_index_overlaps(index, &cover->regions.regions[i], STEPS_MAX,
						  say_touched, NULL) == 0)
			continue;
		give_way(levels, i);
		count++;
	}
	region_index_free(index);
	free(touching);
	return r < 0 ? r : count;
}

int cover_level(struct cover *cover, size_t *budget)
{
	struct levels levels = { .cover = cover, .budget = *budget };
	int r;

	raise_regions(&levels);
	for (int round = 0;; round++) {
		r = find_exceptions(&levels);
		if (r == 0 && !cover->has_middle)
			r = settle(&levels, round >= ROUNDS_MAX);
		if (r <= 0)
			break;
	}
	*budget = levels.budget;
	return r;
}
