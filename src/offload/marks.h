/*
 * Tables of what marks mean, made from layouts. Pure.
 */
#ifndef OFFLOAD_MARKS_H
#define OFFLOAD_MARKS_H

#include "classify/mark.h"
#include "offload/layout.h"

/* What the plan's marks mean, whether they are in the device or not yet. 0 or -ENOMEM. */
int marks_of(const struct layout *layout, struct mark_table **ret);

/*
 * The same without the marks that are tainted, or exposed by drops which are not in the device or
 * about to leave it: those with the indices in `leaving`. Says so in exposed[], by rule. *ret is
 * NULL where there are none.
 */
int marks_without(const struct layout *layout, const uint32_t *leaving, size_t count, bool *exposed,
		  struct mark_table **ret);

#endif
