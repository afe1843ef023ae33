/*
 * The limits of the connection table: its size, the share of those that nobody has replied to, and
 * the tenth that is kept for connections that the VM opens. Thread: workers.
 */
#include "classify/conn_table.h"

/* Dead records at the head are dropped a few at a time, with every new one. */
#define RING_TRIM       2
#define RING_LOOK_AHEAD 8
#define RING_ROTATE     4
#define EVICT_TRIES     4096

static void ring_lock(struct conn_ring *ring)
{
	while (__atomic_exchange_n(&ring->lock, 1, __ATOMIC_ACQUIRE))
		_mm_pause();
}

static void ring_unlock(struct conn_ring *ring)
{
	__atomic_store_n(&ring->lock, 0, __ATOMIC_RELEASE);
}

/*
 * More than a quarter of the ring is records of connections that are gone, behind one that lives
 * on. Nobody holds the ring: a good guess.
 */
static bool ring_crowded(const struct conn_table *table)
{
	const struct conn_ring *ring = &table->ring;
	uint32_t used = __atomic_load_n(&ring->tail, __ATOMIC_RELAXED) -
			__atomic_load_n(&ring->head, __ATOMIC_RELAXED);

	return used > ring->mask / 4 + __atomic_load_n(&table->shared.unreplied, __ATOMIC_RELAXED);
}

static enum ip_family slot_family(uint32_t slot)
{
	return slot & CONN_SLOT_IP6 ? IP_FAMILY_V6 : IP_FAMILY_V4;
}

static struct conn_bucket *slot_bucket(const struct conn_table *table, uint32_t slot)
{
	return conn_bucket_at(&table->side[slot_family(slot)],
			      (slot & ~CONN_SLOT_IP6) / CONN_SLOTS);
}

/* Whether the record of `ticket` stands for a connection: without the bucket, a good guess. */
static bool record_holds(const struct conn_table *table, uint32_t slot, uint32_t ticket)
{
	const struct conn_state *stored = &slot_bucket(table, slot)->state[slot % CONN_SLOTS];
	struct conn_state state;

	conn_state_load(stored, &state);
	return conn_state_phase(&state) != CONN_FREE && conn_state_unreplied(&state) &&
	       state.ack[conn_unseen_direction(state.word)] == ticket;
}

static void ring_trim(struct conn_table *table)
{
	struct conn_ring *ring = &table->ring;

	for (unsigned i = 0; i < RING_TRIM && ring->head != ring->tail; i++) {
		uint32_t ahead = ring->slots[(ring->head + RING_LOOK_AHEAD) & ring->mask];

		__builtin_prefetch(slot_bucket(table, ahead)->state);
		if (record_holds(table, ring->slots[ring->head & ring->mask], ring->head))
			return;
		__atomic_store_n(&ring->head, ring->head + 1, __ATOMIC_RELAXED);
	}
}

void conn_ring_push(struct conn_table *table, struct conn_state *state, uint32_t slot)
{
	struct conn_ring *ring = &table->ring;
	uint16_t word = __atomic_load_n(&state->word, __ATOMIC_RELAXED);

	ring_lock(ring);
	ring_trim(table);
	__atomic_store_n(&state->ack[conn_unseen_direction(word)], ring->tail, __ATOMIC_RELAXED);
	ring->slots[ring->tail & ring->mask] = slot;
	__atomic_store_n(&ring->tail, ring->tail + 1, __ATOMIC_RELAXED);
	ring_unlock(ring);
}

void conn_ring_moved(struct conn_table *table, const struct conn_state *state, uint32_t from,
		     uint32_t to)
{
	struct conn_ring *ring = &table->ring;
	uint32_t ticket = state->ack[conn_unseen_direction(state->word)];

	if (!conn_state_unreplied(state))
		return;
	ring_lock(ring);
	if (ticket - ring->head < ring->tail - ring->head &&
	    ring->slots[ticket & ring->mask] == from)
		ring->slots[ticket & ring->mask] = to;
	ring_unlock(ring);
}

/* Takes the oldest record. */
static bool ring_pop(struct conn_ring *ring, uint32_t *ret_slot, uint32_t *ret_ticket)
{
	bool found;

	ring_lock(ring);
	found = ring->head != ring->tail;
	if (found) {
		*ret_ticket = ring->head;
		*ret_slot = ring->slots[ring->head & ring->mask];
		__atomic_store_n(&ring->head, ring->head + 1, __ATOMIC_RELAXED);
	}
	ring_unlock(ring);
	return found;
}

static void remove_slot(struct conn_table *table, struct conn_bucket *bucket, uint32_t slot)
{
	enum ip_family family = slot_family(slot);
	struct conn_query query;
	struct conn_place place;

	conn_slot_read(bucket, slot % CONN_SLOTS, family, &query);
	conn_place_of_query(table, &query, &place);
	conn_entry_remove(table, &place, (slot & ~CONN_SLOT_IP6) / CONN_SLOTS, bucket,
			  slot % CONN_SLOTS);
}

/* The oldest connection without a reply gives way; false where there is none. */
static bool evict(struct conn_table *table)
{
	uint32_t slot;
	uint32_t ticket;

	for (unsigned i = 0; i < EVICT_TRIES && ring_pop(&table->ring, &slot, &ticket); i++) {
		struct conn_bucket *bucket = slot_bucket(table, slot);
		bool holds;

		conn_lock(bucket);
		holds = record_holds(table, slot, ticket);
		if (holds)
			remove_slot(table, bucket, slot);
		conn_unlock(bucket);
		if (holds) {
			conn_count(&table->shared.evicted);
			return true;
		}
	}
	return false;
}

/* The oldest record goes, or to the end of the ring if it holds. */
static bool ring_rotate(struct conn_table *table)
{
	struct conn_bucket *bucket;
	uint32_t slot;
	uint32_t ticket;

	if (!ring_pop(&table->ring, &slot, &ticket))
		return false;
	bucket = slot_bucket(table, slot);
	conn_lock(bucket);
	if (record_holds(table, slot, ticket))
		conn_ring_push(table, &bucket->state[slot % CONN_SLOTS], slot);
	conn_unlock(bucket);
	return true;
}

/*
 * Old connections that live on without a reply keep the records behind them from being dropped. In
 * a crowded ring each new connection takes some of the oldest to the end, so that a whole turn ends
 * before the ring is full: it has twice as many places as may be without a reply.
 */
static void ring_make_room(struct conn_table *table)
{
	for (unsigned i = 0; i < RING_ROTATE && ring_crowded(table); i++) {
		if (!ring_rotate(table))
			return;
	}
}

static bool reserve_live(struct conn_table *table, enum direction opened_by)
{
	uint32_t limit = opened_by == DIRECTION_OUTBOUND ? table->max : table->max_inbound;

	if (__atomic_fetch_add(&table->shared.live, 1, __ATOMIC_RELAXED) < limit)
		return true;
	__atomic_fetch_sub(&table->shared.live, 1, __ATOMIC_RELAXED);
	return false;
}

static bool reserve_unreplied(struct conn_table *table)
{
	if (__atomic_fetch_add(&table->shared.unreplied, 1, __ATOMIC_RELAXED) <
	    table->max_unreplied)
		return true;
	__atomic_fetch_sub(&table->shared.unreplied, 1, __ATOMIC_RELAXED);
	return false;
}

bool conn_reserve(struct conn_table *table, enum direction opened_by)
{
	if (ring_crowded(table) || !reserve_live(table, opened_by))
		return false;
	if (reserve_unreplied(table))
		return true;
	__atomic_fetch_sub(&table->shared.live, 1, __ATOMIC_RELAXED);
	return false;
}

/* What has expired and was not swept yet must not keep anybody out. */
static void sweep_some(struct conn_table *table, uint64_t now)
{
	for (enum ip_family family = IP_FAMILY_V4; family <= IP_FAMILY_V6; family++) {
		struct conn_side *side = &table->side[family];
		uint64_t first;

		if (conn_side_live(table, family) == 0)
			continue;
		first = __atomic_fetch_add(&side->pressed, CONN_SWEEP_BUCKETS, __ATOMIC_RELAXED);
		(void)conn_sweep(table, family, (uint32_t)(first % side->count), CONN_SWEEP_BUCKETS,
				 now);
	}
}

bool conn_reserve_hard(struct conn_table *table, enum direction opened_by, uint64_t now)
{
	ring_make_room(table);
	for (unsigned i = 0; i < 2; i++) {
		if (reserve_live(table, opened_by)) {
			if (reserve_unreplied(table))
				return true;
			__atomic_fetch_sub(&table->shared.live, 1, __ATOMIC_RELAXED);
		}
		if (i == 0)
			sweep_some(table, now);
	}
	while (reserve_live(table, opened_by)) {
		if (reserve_unreplied(table))
			return true;
		__atomic_fetch_sub(&table->shared.live, 1, __ATOMIC_RELAXED);
		if (!evict(table))
			return false;
	}
	return false;
}

void conn_unreserve(struct conn_table *table)
{
	__atomic_fetch_sub(&table->shared.live, 1, __ATOMIC_RELAXED);
	__atomic_fetch_sub(&table->shared.unreplied, 1, __ATOMIC_RELAXED);
}
