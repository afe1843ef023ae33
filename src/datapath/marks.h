/*
 * The marks of a burst: which packets hardware has decided, and what it says of the others.
 *
 * Hardware is believed where the table of the snapshot in force vouches for the mark, and for
 * nothing else. Thread: the worker that owns the lane.
 */
#ifndef DATAPATH_MARKS_H
#define DATAPATH_MARKS_H

#include "datapath/forward.h"

/* A burst, sorted. */
struct marked_burst {
	uint64_t settled;        /* bit i: received[i] is forwarded without looking */
	struct rte_mbuf **judge; /* the others, in order */
	unsigned judge_count;
};

/*
 * Sorts scratch->received[0..number), at most 64. lane->judge.given and .places, which are NULL,
 * are set where marks say something of the packets to judge. Hits of settled packets are counted.
 */
void marks_sort(struct lane *lane, const struct snapshot *snapshot, unsigned number, uint64_t now,
		struct forward_scratch *scratch, struct marked_burst *ret);

#endif
