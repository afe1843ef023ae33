/*
 * Crossings of regions: see plan_crossings.h.
 */
#include "compile/plan_crossings.h"

#include "compile/region_index.h"

#include <errno.h>
#include <stdlib.h>

/*
 * What one search may take: regions looked at, and pairs that are kept, in memory of 8 bytes each.
 * Where it does not suffice, the later half of the list is left to software, and so on.
 */
#define STEPS_MAX 8000000
#define PAIRS_MAX 2000000

struct pair {
	uint32_t earlier, later;
};

struct search {
	const struct plan_builder *builder;
	const struct region *regions;
	size_t count;
	struct pair *pairs;
	size_t pair_count, pair_capacity;
	bool *is_hidden;
};

static int keep_pair(void *context, uint32_t earlier, uint32_t later)
{
	struct search *search = context;
	const struct region *a = &search->regions[earlier], *b = &search->regions[later];

	if ((a->entry == b->entry && a->is_hole == b->is_hole) || search->is_hidden[later])
		return 0;
	if (region_lies_inside(b, a)) {
		search->is_hidden[later] = true;
		return 0;
	}
	if (search->pair_count == PAIRS_MAX)
		return -E2BIG;
	if (search->pair_count == search->pair_capacity) {
		size_t capacity = search->pair_capacity ? search->pair_capacity * 2 : 1024;
		struct pair *grown = reallocarray(search->pairs, capacity, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		search->pairs = grown;
		search->pair_capacity = capacity;
	}
	search->pairs[search->pair_count++] = (struct pair){ earlier, later };
	return 0;
}

/* -E2BIG: the list is too long for the search. */
static int find_pairs(struct search *search)
{
	struct region_index *index;
	int r = region_index_new(search->regions, search->count, &index);

	if (r < 0)
		return r;
	for (size_t i = 0; i < search->count; i++)
		search->is_hidden[i] = false;
	search->pair_count = 0;
	r = region_index_pairs(index, STEPS_MAX, keep_pair, search);
	region_index_free(index);
	return r;
}

static bool is_decidable(const struct search *search, uint32_t region)
{
	return plan_region_action(search->builder, &search->regions[region]) != PLAN_UNMARKED;
}

/* Leaves out the pairs that nothing depends on. */
static void sift_pairs(struct search *search)
{
	size_t count = 0;

	for (size_t p = 0; p < search->pair_count; p++) {
		struct pair pair = search->pairs[p];

		if (!search->is_hidden[pair.earlier] && !search->is_hidden[pair.later] &&
		    (is_decidable(search, pair.earlier) || is_decidable(search, pair.later)))
			search->pairs[count++] = pair;
	}
	search->pair_count = count;
}

/* Sorts the pairs by one side, counting. */
static int list_pairs(const struct search *search, bool is_by_later, struct crossing_list *ret)
{
	uint32_t *at;

	ret->first = calloc(search->count + 2, sizeof(*ret->first));
	ret->other = calloc(search->pair_count + 1, sizeof(*ret->other));
	if (!ret->first || !ret->other)
		return -ENOMEM;
	at = ret->first + 1; /* while filling: where the next of a region goes */
	for (size_t p = 0; p < search->pair_count; p++) {
		const struct pair *pair = &search->pairs[p];

		at[(is_by_later ? pair->later : pair->earlier) + 1]++;
	}
	for (size_t i = 0; i < search->count; i++)
		at[i + 1] += at[i];
	for (size_t p = 0; p < search->pair_count; p++) {
		const struct pair *pair = &search->pairs[p];

		if (is_by_later)
			ret->other[at[pair->later]++] = pair->earlier;
		else
			ret->other[at[pair->earlier]++] = pair->later;
	}
	return 0;
}

int crossings_find(struct crossings *crossings, const struct plan_builder *builder,
		   const struct region_list *regions)
{
	struct search search = {
		.builder = builder,
		.regions = regions->regions,
		.count = regions->count,
	};
	int r;

	*crossings = (struct crossings){ 0 };
	search.is_hidden = crossings->is_hidden =
		calloc(regions->count + 1, sizeof(*crossings->is_hidden));
	if (!crossings->is_hidden)
		return -ENOMEM;
	for (;;) {
		r = find_pairs(&search);
		if (r != -E2BIG)
			break;
		search.count /= 2;
	}
	crossings->count = search.count;
	if (r == 0) {
		sift_pairs(&search);
		r = list_pairs(&search, true, &crossings->earlier);
	}
	if (r == 0)
		r = list_pairs(&search, false, &crossings->later);
	free(search.pairs);
	return r;
}

void crossings_fini(struct crossings *crossings)
{
	free(crossings->earlier.first);
	free(crossings->earlier.other);
	free(crossings->later.first);
	free(crossings->later.other);
	free(crossings->is_hidden);
}
