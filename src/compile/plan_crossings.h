/*
 * Which regions of an ordered list stand in each other's way: see plan_cover.h. Pure.
 *
 * A region that another of a different entry overlaps is crossed by it, if that one is earlier; so
 * is a wide region by its own entry's holes.
 */
#ifndef COMPILE_PLAN_CROSSINGS_H
#define COMPILE_PLAN_CROSSINGS_H

#include "compile/plan_builder.h"

/* For each region the regions on the other side of its crossings, ascending by region. */
struct crossing_list {
	uint32_t *first; /* by region: where its part of `other` begins; one entry more */
	uint32_t *other;
};

struct crossings {
	/* Regions from this one on were not looked at, so that the search ends: they are left. */
	size_t count;
	struct crossing_list earlier; /* those that cross it */
	struct crossing_list later;   /* those that it crosses */
	/*
	 * By region: an earlier one holds all of it. It decides nothing, and whatever it crosses is
	 * crossed by that one too. It is listed nowhere.
	 */
	bool *is_hidden;
};

/* Crossings of two that hardware cannot decide are left out. 0 or -ENOMEM. */
int crossings_find(struct crossings *crossings, const struct plan_builder *builder,
		   const struct region_list *regions);
void crossings_fini(struct crossings *crossings);

#endif
