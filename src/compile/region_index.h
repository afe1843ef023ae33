/*
 * Which regions of a list overlap: two levels of nested prefixes, so that only regions whose
 * addresses overlap are ever looked at.
 *
 * Prefixes of one side either nest or are disjoint. Sorted by first address, the longer behind the
 * shorter, those that a prefix holds stand behind it without a gap, and those that hold it are a
 * chain of parents. The first level is the list's distinct sources; each has a second level of the
 * distinct destinations that regions with this source have.
 *
 * All regions are of one family and one kind; tags are not looked at. Pure; not thread-safe.
 */
#ifndef COMPILE_REGION_INDEX_H
#define COMPILE_REGION_INDEX_H

#include "compile/region.h"

struct region_index;

/* Borrows nothing. 0 or -ENOMEM. */
int region_index_new(const struct region *regions, size_t count, struct region_index **ret);
void region_index_free(struct region_index *index); /* NULL is fine */

/* Anything but 0 ends the search, which returns it. */
typedef int region_visitor(void *context, uint32_t region);
typedef int region_pair_visitor(void *context, uint32_t earlier, uint32_t later);

/*
 * Every region that overlaps the box, in no particular order. `steps` is how many regions with
 * overlapping addresses may be looked at; -E2BIG where that does not suffice.
 */
int region_index_overlaps(const struct region_index *index, const struct region *box, size_t steps,
			  region_visitor *visit, void *context);

/* Every two regions that overlap, once, in no particular order. `steps` as above, for all. */
int region_index_pairs(const struct region_index *index, size_t steps, region_pair_visitor *visit,
		       void *context);

#endif
