/*
 * Priorities that stay: a plan numbers its entries from the first on, so that one more entry moves
 * all below it, and with them every device rule. The order is what counts, not the numbers.
 *
 * Where a tier has thousands of priorities, entries get numbers far apart, entries that a device
 * has keep theirs as long as their order is the same, and new ones find room in between. Pure.
 */
#ifndef OFFLOAD_PRIORITIES_H
#define OFFLOAD_PRIORITIES_H

#include "offload/layout.h"

/*
 * Renumbers the priorities of the plan's rules above group 0, so that as much as possible of `old`
 * may stay. Never changes which rule decides. 0 or -ENOMEM.
 */
int priorities_keep(struct plan *plan, const struct layout *old);

#endif
