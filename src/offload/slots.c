/*
 * The slots of one NIC's marks: see slots.h.
 */
#include "offload/slots.h"

#include <stdlib.h>
#include <string.h>

#define WINDOW_MIN 256

/* Slots that were returned together and wait for the same ticket. */
struct slot_rest {
	struct slot_rest *next;
	uint64_t ticket;
	size_t count;
	uint32_t slots[];
};

void slot_pool_init(struct slot_pool *pool)
{
	*pool = (struct slot_pool){ .window = WINDOW_MIN };
}

void slot_pool_fini(struct slot_pool *pool)
{
	while (pool->resting) {
		struct slot_rest *rest = pool->resting;

		pool->resting = rest->next;
		free(rest);
	}
	free(pool->returned);
	slot_pool_init(pool);
}

static bool is_taken(const struct slot_pool *pool, uint32_t slot)
{
	return pool->taken[slot / 64] >> slot % 64 & 1;
}

/* Large enough that most of it is free, small enough that tables stay short. */
static void fit_window(struct slot_pool *pool)
{
	while (pool->window < MARK_SLOTS_MAX && pool->window / 4 < pool->in_use + 1)
		pool->window *= 2;
}

uint32_t slot_take(struct slot_pool *pool)
{
	if (pool->in_use == MARK_SLOTS_MAX)
		return SLOT_NONE;
	fit_window(pool);
	for (;;) {
		uint32_t slot = pool->next % pool->window;

		pool->next = slot + 1;
		if (is_taken(pool, slot))
			continue;
		pool->taken[slot / 64] |= 1ULL << slot % 64;
		pool->in_use++;
		return slot;
	}
}

void slot_cancel(struct slot_pool *pool, uint32_t slot)
{
	if (slot == SLOT_NONE)
		return;
	pool->taken[slot / 64] &= ~(1ULL << slot % 64);
	pool->in_use--;
}

void slot_return(struct slot_pool *pool, uint32_t slot)
{
	if (slot == SLOT_NONE)
		return;
	if (pool->returned_count == pool->returned_capacity) {
		size_t capacity = pool->returned_capacity ? pool->returned_capacity * 2 : 64;
		uint32_t *grown = reallocarray(pool->returned, capacity, sizeof(*grown));

		if (!grown)
			return;
		pool->returned = grown;
		pool->returned_capacity = capacity;
	}
	pool->returned[pool->returned_count++] = slot;
}

static void free_drained(struct slot_pool *pool, bool (*drained)(void *context, uint64_t ticket),
			 void *context)
{
	while (pool->resting && drained(context, pool->resting->ticket)) {
		struct slot_rest *rest = pool->resting;

		for (size_t i = 0; i < rest->count; i++)
			slot_cancel(pool, rest->slots[i]);
		pool->resting = rest->next;
		free(rest);
	}
}

void slot_pool_advance(struct slot_pool *pool, uint64_t (*ticket)(void *context),
		       bool (*drained)(void *context, uint64_t ticket), void *context)
{
	size_t bytes = pool->returned_count * sizeof(*pool->returned);
	struct slot_rest **end = &pool->resting;
	struct slot_rest *rest;

	free_drained(pool, drained, context);
	if (pool->returned_count == 0)
		return;
	rest = malloc(sizeof(*rest) + bytes);
	if (!rest)
		return; /* they stay returned until the next call */
	*rest = (struct slot_rest){ .ticket = ticket(context), .count = pool->returned_count };
	memcpy(rest->slots, pool->returned, bytes);
	pool->returned_count = 0;
	while (*end)
		end = &(*end)->next;
	*end = rest;
}
