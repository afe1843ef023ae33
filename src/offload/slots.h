/*
 * The slots of one NIC's marks: which are in use, and when one may be used again.
 *
 *     free -> taken -> returned -> resting -> free
 *
 * A slot whose mark has been in the device is returned when its rule's destruction has returned,
 * or with the port. Packets with that mark may still wait in the receive queues, so it rests until
 * they were drained. One whose mark never was in the device is free at once.
 *
 * Not thread-safe: offload.c's lock.
 */
#ifndef OFFLOAD_SLOTS_H
#define OFFLOAD_SLOTS_H

#include "classify/mark.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SLOT_NONE UINT32_MAX

struct slot_rest;

struct slot_pool {
	uint64_t taken[MARK_SLOTS_MAX / 64]; /* or returned, or resting */
	uint32_t in_use;
	uint32_t window; /* slots are looked for below this; it grows */
	uint32_t next;   /* and from here on, so that reuse is late */
	uint32_t *returned;
	size_t returned_count;
	size_t returned_capacity;
	struct slot_rest *resting; /* oldest first */
};

void slot_pool_init(struct slot_pool *pool);
void slot_pool_fini(struct slot_pool *pool);

/* SLOT_NONE where all are in use. */
uint32_t slot_take(struct slot_pool *pool);
/* Its mark never was in the device. SLOT_NONE is fine. */
void slot_cancel(struct slot_pool *pool, uint32_t slot);
/*
 * Its mark is in the device no more. Never fails: where there is no memory the slot is lost.
 * SLOT_NONE is fine.
 */
void slot_return(struct slot_pool *pool, uint32_t slot);
/*
 * Frees the slots whose packets have been drained, and gives those that were returned since the
 * last call a ticket to wait for.
 */
void slot_pool_advance(struct slot_pool *pool, uint64_t (*ticket)(void *context),
		       bool (*drained)(void *context, uint64_t ticket), void *context);

#endif
