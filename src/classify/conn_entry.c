/*
 * Entries of the connection table: found under the bucket's lock, put in, moved, taken out.
 *
 * An entry goes to its first bucket; where that is full, to its second; where that is full, too,
 * one entry of the first bucket moves to its own second. Entries never move the other way: a reader
 * looks at the first bucket and then at the second, so it meets a moving entry in one of them.
 * Thread: workers.
 */
#include "classify/conn_table.h"

#include <errno.h>

void conn_place_of_hash(struct conn_table *table, enum ip_family family, uint64_t hash,
			struct conn_place *ret)
{
	ret->side = &table->side[family];
	ret->family = family;
	ret->first = conn_first_index(ret->side, hash);
	ret->second = conn_second_index(ret->side, ret->first, hash);
}

void conn_place_of_query(struct conn_table *table, const struct conn_query *query,
			 struct conn_place *ret)
{
	uint64_t lane[2];
	uint64_t hash;

	memcpy(lane, &query->lane, sizeof(lane));
	/* Hashes are of keys, which do not have the mark. */
	lane[1] &= ~((uint64_t)CONN_LANE_USED << 32);
	if (query->family == IP_FAMILY_V4) {
		hash = conn_hash4(table, lane[0], lane[1]);
	} else {
		const uint64_t words[6] = { query->local.low,  query->local.high,
					    query->remote.low, query->remote.high,
					    lane[0],           lane[1] };

		hash = conn_hash6(table, words);
	}
	conn_place_of_hash(table, query->family, hash, ret);
}

void conn_entry_hold(struct conn_table *table, const struct conn_query *query,
		     const struct conn_place *place, struct conn_entry *ret)
{
	struct conn_bucket *first = conn_bucket_at(place->side, place->first);
	struct conn_bucket *second = conn_bucket_at(place->side, place->second);

	(void)table;
	ret->place = *place;
	for (;; _mm_pause()) {
		conn_lock(first);
		ret->index = place->first;
		ret->bucket = first;
		ret->slot = conn_bucket_find(first, query);
		if (ret->slot >= 0 || conn_overflow(first) == 0)
			return;
		if (!conn_trylock(second)) {
			conn_unlock(first);
			continue;
		}
		ret->slot = conn_bucket_find(second, query);
		if (ret->slot < 0) {
			conn_unlock(second);
			return;
		}
		conn_unlock(first);
		ret->index = place->second;
		ret->bucket = second;
		return;
	}
}

void conn_entry_release(struct conn_entry *entry)
{
	conn_unlock(entry->bucket);
}

static void fill(struct conn_table *table, const struct conn_place *place, uint32_t index,
		 unsigned slot, const struct conn_query *query, struct conn_state *state)
{
	struct conn_bucket *bucket = conn_bucket_at(place->side, index);

	if (index != place->first)
		conn_overflow_add(conn_bucket_at(place->side, place->first), 1);
	conn_slot_write(bucket, slot, query);
	conn_state_store(&bucket->state[slot], state);
	if (conn_state_unreplied(state))
		conn_ring_push(table, &bucket->state[slot],
			       conn_slot_number(place->family, index, slot));
}

/*
 * Moves one entry of a bucket, which is held, to its second one; the slot that is free then, or -1.
 * `other` is held too, and not to be tried.
 */
static int make_room(struct conn_table *table, enum ip_family family, uint32_t index,
		     uint32_t other)
{
	struct conn_bucket *bucket = conn_bucket_at(&table->side[family], index);

	for (unsigned slot = 0; slot < CONN_SLOTS; slot++) {
		struct conn_query query;
		struct conn_state state;
		struct conn_place place;
		struct conn_bucket *target;
		int target_slot;

		conn_slot_read(bucket, slot, family, &query);
		conn_place_of_query(table, &query, &place);
		if (place.first != index || place.second == other)
			continue; /* this is its second bucket already, or the other is full */
		target = conn_bucket_at(place.side, place.second);
		if (!conn_trylock(target))
			continue;
		target_slot = conn_bucket_free_slot(target);
		if (target_slot >= 0) {
			conn_overflow_add(bucket, 1);
			conn_state_load(&bucket->state[slot], &state);
			conn_slot_write(target, target_slot, &query);
			conn_state_store(&target->state[target_slot], &state);
			conn_ring_moved(table, &state, conn_slot_number(family, index, slot),
					conn_slot_number(family, place.second, target_slot));
			conn_slot_clear(bucket, slot);
		}
		conn_unlock(target);
		if (target_slot >= 0)
			return slot;
	}
	return -1;
}

/* In the second bucket, which is locked for it: 0, -ENOSPC, or -EAGAIN where it is being written.
 */
static int insert_second(struct conn_table *table, const struct conn_place *place, bool may_move,
			 const struct conn_query *query, struct conn_state *state)
{
	struct conn_bucket *second = conn_bucket_at(place->side, place->second);
	int slot;

	if (!conn_trylock(second))
		return -EAGAIN;
	slot = conn_bucket_free_slot(second);
	if (slot < 0 && may_move)
		slot = make_room(table, place->family, place->second, place->first);
	if (slot >= 0)
		fill(table, place, place->second, slot, query, state);
	conn_unlock(second);
	return slot >= 0 ? 0 : -ENOSPC;
}

int conn_entry_insert(struct conn_table *table, struct conn_entry *entry,
		      const struct conn_query *query, const struct conn_state *state)
{
	const struct conn_place *place = &entry->place;
	struct conn_state fresh = *state;
	int slot = conn_bucket_free_slot(entry->bucket);
	int r = slot >= 0 ? 0 : insert_second(table, place, false, query, &fresh);

	if (r < 0) {
		slot = make_room(table, place->family, place->first, place->second);
		r = slot >= 0 ? 0 : insert_second(table, place, true, query, &fresh);
	}
	if (r < 0)
		return r;
	if (slot >= 0)
		fill(table, place, place->first, slot, query, &fresh);
	if (place->family == IP_FAMILY_V6)
		__atomic_fetch_add(&table->shared.live_ip6, 1, __ATOMIC_RELAXED);
	return 0;
}

static void count_tombstone(struct conn_table *table, const struct conn_state *old,
			    const struct conn_state *new)
{
	bool was = conn_state_phase(old) == CONN_TOMBSTONE;
	bool is = conn_state_phase(new) == CONN_TOMBSTONE;

	if (is && !was)
		__atomic_fetch_add(&table->shared.tombstones, 1, __ATOMIC_RELAXED);
	else if (was && !is)
		__atomic_fetch_sub(&table->shared.tombstones, 1, __ATOMIC_RELAXED);
}

void conn_entry_update(struct conn_table *table, struct conn_entry *entry,
		       const struct conn_state *state)
{
	struct conn_state *stored = &entry->bucket->state[entry->slot];
	struct conn_state old;

	conn_state_load(stored, &old);
	count_tombstone(table, &old, state);
	if (conn_state_unreplied(&old) && !conn_state_unreplied(state))
		__atomic_fetch_sub(&table->shared.unreplied, 1, __ATOMIC_RELAXED);
	conn_state_store(stored, state);
}

void conn_entry_remove(struct conn_table *table, const struct conn_place *place, uint32_t index,
		       struct conn_bucket *bucket, unsigned slot)
{
	struct conn_state old;

	conn_state_load(&bucket->state[slot], &old);
	count_tombstone(table, &old, &(struct conn_state){ .word = CONN_FREE });
	conn_slot_clear(bucket, slot);
	if (index != place->first)
		conn_overflow_add(conn_bucket_at(place->side, place->first), -1);
	if (conn_state_unreplied(&old))
		__atomic_fetch_sub(&table->shared.unreplied, 1, __ATOMIC_RELAXED);
	if (place->family == IP_FAMILY_V6)
		__atomic_fetch_sub(&table->shared.live_ip6, 1, __ATOMIC_RELAXED);
	__atomic_fetch_sub(&table->shared.live, 1, __ATOMIC_RELAXED);
}
