/*
 * Expiry, a few buckets at a time, and the carrying out of kills. Thread: workers.
 */
#include "classify/conn_table.h"

#define SWEEP_AHEAD 4

/* Without the bucket's lock: whether it is worth taking. */
static bool anything_due(const struct conn_table *table, const struct conn_bucket *bucket,
			 uint32_t now)
{
	for (unsigned slot = 0; slot < CONN_SLOTS; slot++) {
		struct conn_state state;

		state.word = __atomic_load_n(&bucket->state[slot].word, __ATOMIC_RELAXED);
		state.seen = __atomic_load_n(&bucket->state[slot].seen, __ATOMIC_RELAXED);
		if (conn_state_phase(&state) != CONN_FREE &&
		    conn_state_expired(&state, &table->deadlines, now))
			return true;
	}
	return false;
}

static unsigned sweep_bucket(struct conn_table *table, enum ip_family family, uint32_t index,
			     uint32_t now)
{
	struct conn_bucket *bucket = conn_bucket_at(&table->side[family], index);
	unsigned expired = 0;

	if (!anything_due(table, bucket, now) || !conn_trylock(bucket))
		return 0;
	for (unsigned slot = 0; slot < CONN_SLOTS; slot++) {
		struct conn_state state;
		struct conn_query query;
		struct conn_place place;

		conn_state_load(&bucket->state[slot], &state);
		if (!conn_lane_used(bucket, slot) ||
		    !conn_state_expired(&state, &table->deadlines, now))
			continue;
		conn_slot_read(bucket, slot, family, &query);
		conn_place_of_query(table, &query, &place);
		conn_entry_remove(table, &place, index, bucket, slot);
		conn_count(&table->shared.expired);
		expired++;
	}
	conn_unlock(bucket);
	return expired;
}

unsigned conn_sweep(struct conn_table *table, enum ip_family family, uint32_t first, uint32_t count,
		    uint64_t now)
{
	const struct conn_side *side = &table->side[family];
	unsigned expired = 0;

	if (count > side->count)
		count = side->count;
	for (uint32_t i = 0; i < count; i++) {
		uint32_t index = (first + i) % side->count;

		__builtin_prefetch(
			conn_bucket_at(side, (index + SWEEP_AHEAD) % side->count)->state);
		expired += sweep_bucket(table, family, index, (uint32_t)now);
	}
	return expired;
}

/* How many buckets of a side are due, from `*ret_first` on; they are the caller's then. */
static uint32_t take_slice(struct conn_side *side, uint64_t elapsed, uint32_t *ret_first)
{
	uint64_t target = elapsed * side->count / CONN_SWEEP_MS;
	uint64_t swept = __atomic_load_n(&side->swept, __ATOMIC_RELAXED);
	uint64_t next;
	uint32_t count;

	if (swept >= target)
		return 0;
	if (target - swept > side->count) /* nobody called for a while: one round is enough */
		next = target - side->count;
	else
		next = swept;
	count = target - next < CONN_SWEEP_BUCKETS ? (uint32_t)(target - next) : CONN_SWEEP_BUCKETS;
	if (!__atomic_compare_exchange_n(&side->swept, &swept, next + count, false,
					 __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		return 0;
	*ret_first = (uint32_t)(next % side->count);
	return count;
}

static void kill_one(struct conn_table *table, const struct conn_query *query, uint64_t now)
{
	struct conn_place place;
	struct conn_entry entry;
	struct conn_state state;

	conn_place_of_query(table, query, &place);
	conn_entry_hold(table, query, &place, &entry);
	if (entry.slot >= 0) {
		conn_state_load(&entry.bucket->state[entry.slot], &state);
		state = conn_state_cut(&state, (uint32_t)now);
		conn_entry_update(table, &entry, &state);
		conn_count(&table->shared.cut);
	}
	conn_entry_release(&entry);
}

static void carry_out_kills(struct conn_table *table, uint64_t now)
{
	for (unsigned i = 0; i < CONN_KILLS_MAX; i++) {
		struct conn_kill *kill = &table->kills[i];
		uint8_t asked = CONN_KILL_ASKED;

		if (!__atomic_compare_exchange_n(&kill->state, &asked, CONN_KILL_TAKEN, false,
						 __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
			continue;
		kill_one(table, &kill->query, now);
		__atomic_store_n(&kill->state, CONN_KILL_FREE, __ATOMIC_RELEASE);
		__atomic_fetch_sub(&table->shared.kills_asked, 1, __ATOMIC_RELAXED);
	}
}

unsigned conn_expire_slice(struct conn_table *table, uint64_t now)
{
	uint64_t origin = __atomic_load_n(&table->shared.sweep_origin, __ATOMIC_RELAXED);
	unsigned expired = 0;

	if (__atomic_load_n(&table->shared.kills_asked, __ATOMIC_RELAXED) > 0)
		carry_out_kills(table, now);
	if (origin == 0) {
		__atomic_compare_exchange_n(&table->shared.sweep_origin, &origin, now + 1, false,
					    __ATOMIC_RELAXED, __ATOMIC_RELAXED);
		return 0;
	}
	if (now < origin)
		return 0;
	for (enum ip_family family = IP_FAMILY_V4; family <= IP_FAMILY_V6; family++) {
		struct conn_side *side = &table->side[family];
		uint32_t first;
		uint32_t count;

		if (conn_side_live(table, family) == 0)
			continue;
		count = take_slice(side, now + 1 - origin, &first);
		if (count > 0)
			expired += conn_sweep(table, family, first, count, now);
	}
	return expired;
}
