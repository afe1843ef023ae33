/*
 * Choosing what hardware decides, over all kinds and families: see plan_cover.h.
 *
 * Cheapest first, in passes: what every connection or attack meets again and again comes before
 * what a connection meets once, and some of every region's ports before all of them. Where hits are
 * known, what was hit comes before all that, and most hits for a device rule before fewer.
 */
#include "compile/plan_cover.h"

#include <errno.h>
#include <stdlib.h>

/* Most combinations of port masks that a region begins with, and that it ends with. */
#define MASKS_FIRST 4
#define MASKS_LAST  64
/* Device rules that a region may take whatever its pass's share. */
#define SHARE_MIN 512
/* Regions of an entry that takes few. */
#define FEW 64

struct candidate {
	/*
	 * The price when the candidates were sorted, times the regions that its entry has here: one
	 * device rule that is all of a rule is worth more than one that is a hundredth of it.
	 */
	long weight;
	long size; /* the larger first, of equal weights */
	uint32_t cover;
	uint32_t region;
};

struct choice {
	struct cover *covers;
	struct candidate *candidates;
	size_t count;
	size_t budget;
	/*
	 * Everything fits, and what crosses may cost as much again: then regions are in each
	 * other's way only where they cross, and the larger goes first.
	 */
	bool is_ample;
	bool has_hits;
	unsigned hits_shift; /* hits are told in 20 bits */
};

#define HITS_BITS 20

/* A mark for openers saves one classification in a connection's life. */
static bool is_for_openers(const struct cover *cover, uint32_t region)
{
	const struct region *r = &cover->regions.regions[region];

	return r->kind == PLAN_TCP_OPENER && plan_region_action(cover->builder, r) == PLAN_MARK;
}

/* What denies every opener that no rule allows: most of what is ever dropped. */
static bool is_deny_all(const struct cover *cover, uint32_t region)
{
	const struct region *r = &cover->regions.regions[region];

	return cover->place[region] == COVER_LEFT && r->kind == PLAN_TCP_OPENER &&
	       r->source.length == 0 && r->destination.length == 0 &&
	       cover->masks_all[region] == 1 && plan_region_action(cover->builder, r) == PLAN_DROP;
}

static bool is_first(const struct cover *cover, uint32_t region)
{
	return cover->place[region] == COVER_LEFT && !is_for_openers(cover, region) &&
	       !cover_is_crossed(cover, region);
}

static bool is_new(const struct cover *cover, uint32_t region)
{
	return cover->place[region] == COVER_LEFT && !is_for_openers(cover, region);
}

static uint64_t hits_of(const struct cover *cover, uint32_t region)
{
	const struct plan_builder *builder = cover->builder;

	return plan_entry_hits(&builder->plan->entries[cover->regions.regions[region].entry],
			       builder->options.hits);
}

static bool is_hot(const struct cover *cover, uint32_t region)
{
	return is_new(cover, region) && hits_of(cover, region) > 0;
}

static bool is_new_opener(const struct cover *cover, uint32_t region)
{
	return cover->place[region] == COVER_LEFT && is_for_openers(cover, region);
}

static bool is_in_part(const struct cover *cover, uint32_t region)
{
	return cover->place[region] != COVER_LEFT &&
	       cover->masks[region] < cover->masks_all[region];
}

/*
 * Denying all comes first where it does not cost the other rules too much. What is crossed by none
 * comes before the rest, since what others need could keep it from being raised; and
 * rules that take few device rules come before all that take many.
 */
static const struct pass {
	bool (*takes)(const struct cover *cover, uint32_t region);
	uint32_t siblings; /* of an entry, at most */
	unsigned masks;    /* at most */
	unsigned share;    /* of what is left of the budget one region may take: one n-th */
} passes[] = {
	{ is_hot, UINT32_MAX, MASKS_LAST, 1 },     { is_deny_all, FEW, 1, 4 },
	{ is_first, FEW, MASKS_FIRST, 1 },         { is_new, FEW, MASKS_FIRST, 1 },
	{ is_first, UINT32_MAX, MASKS_FIRST, 1 },  { is_new, UINT32_MAX, MASKS_FIRST, 1 },
	{ is_in_part, UINT32_MAX, MASKS_LAST, 1 }, { is_new_opener, UINT32_MAX, MASKS_FIRST, 1 },
	{ is_in_part, UINT32_MAX, MASKS_LAST, 1 },
};

static unsigned masks_of(const struct cover *cover, uint32_t region, const struct pass *pass)
{
	return cover->masks_all[region] < pass->masks ? cover->masks_all[region] : pass->masks;
}

static int by_weight(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;

	if (x->weight != y->weight)
		return (x->weight > y->weight) - (x->weight < y->weight);
	if (x->size != y->size)
		return (x->size < y->size) - (x->size > y->size);
	if (x->cover != y->cover)
		return (x->cover > y->cover) - (x->cover < y->cover);
	return (x->region > y->region) - (x->region < y->region);
}

static long bits_of(struct port_range range)
{
	long bits = 0;

	for (uint32_t width = (uint32_t)range.last - range.first + 1; width > 1; width /= 2)
		bits++;
	return bits;
}

/* How much of its family's space a region holds, as a power of two. */
static long size_of(const struct region *region)
{
	long bits = (long)ip_family_bits(region->family);

	return 2 * bits - region->source.length - region->destination.length +
	       bits_of(region->source_ports) + bits_of(region->destination_ports);
}

/* Rules that somebody wrote say more about the traffic than those that every NSG ends with. */
static bool is_by_default(const struct cover *cover, uint32_t region)
{
	uint32_t at = cover->regions.regions[region].entry;
	const struct entry *entry = &cover->builder->entries.entries[at];

	for (int s = 0; s < STAGES; s++) {
		if (entry->parts[s] && !entry->parts[s]->rule->is_default)
			return false;
	}
	return true;
}

static long weight_of(const struct choice *choice, const struct cover *cover, uint32_t region,
		      const struct pass *pass)
{
	long price;

	if (choice->is_ample && pass->takes != is_hot)
		return is_by_default(cover, region);
	price = cover_price(cover, region, masks_of(cover, region, pass)) *
		(long)cover->siblings[region];
	if (!choice->has_hits)
		return price;
	return price * (1L << HITS_BITS) /
	       (1 + (long)(hits_of(cover, region) >> choice->hits_shift));
}

static void find_candidates(struct choice *choice, size_t count, const struct pass *pass)
{
	choice->count = 0;
	for (uint32_t c = 0; c < count; c++) {
		const struct cover *cover = &choice->covers[c];

		for (uint32_t i = 0; i < cover->crossings.count; i++) {
			if (choice->is_ample && pass->takes == is_first)
				continue;
			if (cover->siblings[i] > pass->siblings || !pass->takes(cover, i) ||
			    !cover_is_decidable(cover, i))
				continue;
			choice->candidates[choice->count++] = (struct candidate){
				.weight = weight_of(choice, cover, i, pass),
				.size = size_of(&cover->regions.regions[i]),
				.cover = c,
				.region = i,
			};
		}
	}
	qsort(choice->candidates, choice->count, sizeof(*choice->candidates), by_weight);
}

static size_t most_of(size_t budget, const struct pass *pass)
{
	size_t part = budget / pass->share, least = budget < SHARE_MIN ? budget : SHARE_MIN;

	return part > least ? part : least;
}

static void run_pass(struct choice *choice, size_t count, const struct pass *pass)
{
	find_candidates(choice, count, pass);
	for (size_t n = 0; n < choice->count; n++) {
		struct cover *cover = &choice->covers[choice->candidates[n].cover];
		uint32_t region = choice->candidates[n].region;
		unsigned masks = masks_of(cover, region, pass);
		long price = cover_price(cover, region, masks);

		if (price > (long)most_of(choice->budget, pass) ||
		    !cover_has_room(cover, region, masks))
			continue;
		cover_take(cover, region, masks);
		choice->budget -= (size_t)price;
	}
}

static void find_hits(struct choice *choice)
{
	const struct plan_builder *builder = choice->covers[0].builder;
	uint64_t most = 0;

	for (size_t e = 0; e < builder->plan->entry_count; e++) {
		uint64_t hits = plan_entry_hits(&builder->plan->entries[e], builder->options.hits);

		most = hits > most ? hits : most;
	}
	choice->has_hits = most > 0;
	while (most >> choice->hits_shift >> HITS_BITS)
		choice->hits_shift++;
}

int cover_choose(struct cover covers[], size_t count, size_t *budget)
{
	struct choice choice = { .covers = covers, .budget = *budget };
	size_t regions = 0, demand = 0;

	for (size_t c = 0; c < count; c++) {
		regions += covers[c].regions.count;
		demand += cover_demand(&covers[c]);
	}
	choice.is_ample = demand * 2 < choice.budget;
	choice.candidates = calloc(regions + 1, sizeof(*choice.candidates));
	if (!choice.candidates)
		return -ENOMEM;
	find_hits(&choice);
	for (size_t p = 0; p < sizeof(passes) / sizeof(passes[0]); p++)
		if (passes[p].takes != is_hot || choice.has_hits)
			run_pass(&choice, count, &passes[p]);
	free(choice.candidates);
	*budget = choice.budget;
	return 0;
}
