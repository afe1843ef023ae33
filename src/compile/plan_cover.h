/*
 * T2's choice: which regions two levels hold, and what else has to be there for that. Pure.
 *
 * A cover is the ordered list of regions of one kind and family, and where each of them goes. The
 * low level holds wide marks and drops. Where a chosen region is crossed by an earlier one of
 * another entry, the high level keeps it right: the earlier one itself, raised, if it was chosen
 * too, is crossed by none and nothing in the high level contradicts it; else an exception, which is
 * unmarked and may be too large. Where the device has a level for them alone, between the two,
 * exceptions are in the way of nothing that is raised.
 *
 *     cover_init()      the regions and their crossings       plan_cover.c
 *     cover_choose()    over all covers, within a budget       plan_choose.c
 *     cover_level()     raises, and makes the exceptions       plan_level.c
 */
#ifndef COMPILE_PLAN_COVER_H
#define COMPILE_PLAN_COVER_H

#include "compile/plan_builder.h"
#include "compile/plan_crossings.h"

enum cover_place {
	COVER_LEFT, /* to software */
	COVER_LOW,  /* a mark or drop in the low level */
	COVER_HIGH, /* the same, raised */
};

struct cover_exception {
	struct region region; /* its port ranges are single prefixes */
	uint32_t earlier;     /* the region that it stands for, or for a part of */
};

struct cover {
	const struct plan_builder *builder;
	bool has_middle; /* exceptions stand below what is raised, not beside it */
	struct region_list regions;
	struct crossings crossings;
	enum cover_place *place; /* by region, as are those below */
	uint16_t *masks;         /* how many combinations of port masks it is chosen with */
	uint16_t *masks_all;     /* how many would hold it exactly */
	uint32_t *siblings;      /* how many regions of its entry there are */
	uint32_t *used;          /* how many chosen regions it crosses */
	bool *is_pierced;        /* a region that will rise crosses it */
	uint32_t *seen_by;       /* scratch of cover_has_room() */
	struct cover_exception *exceptions;
	size_t exception_count, exception_capacity;
};

/* `is_wide`: see region.h. All memory is the cover's; cover_fini() after failures, too. 0 or
 * -ENOMEM. */
int cover_init(struct cover *cover, const struct plan_builder *builder, enum plan_kind kind,
	       enum ip_family family, bool is_wide);
void cover_fini(struct cover *cover);

/* Device rules that the decidable regions would take if nothing crossed any, roughly. */
size_t cover_demand(const struct cover *cover);

/* Whether hardware could decide the region: it is a mark or drop, and no earlier one hides it. */
bool cover_is_decidable(const struct cover *cover, uint32_t region);

/* Whether some earlier region crosses it; of those that are decidable. */
bool cover_is_crossed(const struct cover *cover, uint32_t region);

/* Whether the region is chosen so that it can be raised. */
bool cover_may_rise(const struct cover *cover, uint32_t region);

/*
 * Whether two levels can hold the region beside what is chosen: no exception that it needs touches
 * a region that will rise, and neither does it leave nothing of a chosen one nor that of it.
 */
bool cover_has_room(const struct cover *cover, uint32_t region, unsigned masks);

/*
 * The device rules more that it takes to hold the region with `masks` combinations; negative where
 * exceptions are saved. Then that it is so.
 */
long cover_price(const struct cover *cover, uint32_t region, unsigned masks);
void cover_take(struct cover *cover, uint32_t region, unsigned masks);

/* Takes what it spends from the budget, in device rules. 0 or -ENOMEM. */
int cover_choose(struct cover covers[], size_t count, size_t *budget);

/* May spend the budget on exceptions that spare a region. 0 or -ENOMEM. */
int cover_level(struct cover *cover, size_t *budget);

/* Combination `i` of the masks of a region's ports, those that hold most ports first. */
struct cover_ports {
	struct port_mask sources[PORT_MASKS_MAX], destinations[PORT_MASKS_MAX];
	unsigned source_count, destination_count;
};
void cover_ports(const struct region *region, struct cover_ports *ret);

#endif
