/*
 * T2's choice for one kind and family: which regions hardware decides, at what price. Pure.
 *
 * Two levels. The low one holds wide marks and drops. Where a chosen region is crossed by an
 * earlier one that decides otherwise, the high level holds an exception, unmarked, around what both
 * share; an earlier region that crosses many gets one exception for all of itself instead, and is
 * not decided by hardware. Exceptions may be too large: unmarked is always right. A chosen region
 * that lies inside a later one is raised to the high level where nothing there contradicts it, so
 * that the exception for it is not needed.
 */
#ifndef COMPILE_PLAN_COVER_H
#define COMPILE_PLAN_COVER_H

#include "compile/plan_builder.h"

enum cover_place {
	COVER_LEFT,   /* to software */
	COVER_LOW,    /* a mark or drop in the low level */
	COVER_HIGH,   /* the same, raised */
	COVER_EXCEPT, /* one exception for all of it */
};

struct cover_exception {
	struct region region; /* its port ranges are single prefixes */
	uint32_t earlier,
		later;    /* regions that it lies between; equal: it is for all of that one */
	bool is_needless; /* what it is for was raised */
};

struct cover {
	const struct region_list *regions;
	enum cover_place *place; /* by region */
	struct cover_exception *exceptions;
	size_t exception_count;
	size_t exception_capacity;
};

/* Most device rules that one region is written with; what is left over is software's. */
#define COVER_MASKS_MAX 4

/* Spends at most `budget` device rules. 0 or -ENOMEM. */
int cover_choose(struct cover *cover, const struct plan_builder *builder,
		 const struct region_list *regions, size_t budget);
void cover_fini(struct cover *cover);

/* The masks of a region that is decided: the largest, at most COVER_MASKS_MAX combinations. */
struct cover_masks {
	struct port_mask source;
	struct port_mask destinations[COVER_MASKS_MAX];
	unsigned count;
	bool is_part; /* they do not hold the whole region */
};
void cover_masks(const struct region *region, struct cover_masks *ret);

#endif
