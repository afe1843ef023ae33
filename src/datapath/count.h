/*
 * Counting by the one who owns the counter. Thread: the worker that owns the lane.
 */
#ifndef DATAPATH_COUNT_H
#define DATAPATH_COUNT_H

#include <stdint.h>

/* The lane's worker is the only writer; the store is atomic for the reader's sake. */
static inline void count(uint64_t *counter, uint64_t by)
{
	__atomic_store_n(counter, *counter + by, __ATOMIC_RELAXED);
}

#endif
