/*
 * Inside of the connection table: a bucket, how it is read without a lock, and how it is locked.
 *
 *     line 0     four lanes: 14 bytes of key and 2 of the bucket's own (lane 0: version,
 *                lane 1: how many entries of this bucket live in their second one)
 *     line 1     four states
 *     line 2, 3  IPv6 only: four local, four remote addresses
 *
 * An odd version means that a writer is inside. What is written inside is read outside, so all of
 * it goes through atomic loads and stores of at most 8 bytes; on x86 they are plain moves.
 */
#ifndef CLASSIFY_CONN_BUCKET_H
#define CLASSIFY_CONN_BUCKET_H

#include "classify/conn_state.h"
#include "classify/key.h"

#include <immintrin.h>
#include <stddef.h>
#include <string.h>

#define CONN_SLOTS 4

/* In byte 13 of a lane, where a key's `kind` never has it: an empty lane equals no key. */
#define CONN_LANE_USED 0x2000

struct conn_lane {
	uint64_t low;
	uint32_t middle;
	uint16_t tail;
	uint16_t meta;
};

struct conn_wide {
	uint64_t low;
	uint64_t high;
};

struct conn_bucket {
	struct conn_lane lane[CONN_SLOTS];
	struct conn_state state[CONN_SLOTS];
} __attribute__((aligned(64)));

struct conn_bucket6 {
	struct conn_bucket narrow;
	struct conn_wide local[CONN_SLOTS];
	struct conn_wide remote[CONN_SLOTS];
};

_Static_assert(sizeof(struct conn_lane) == 16, "four to a line");
_Static_assert(sizeof(struct conn_bucket) == 128, "two lines");
_Static_assert(sizeof(struct conn_bucket6) == 256, "four lines");

/* A key as buckets hold it. `local` and `remote` are of IPv6 only. */
struct conn_query {
	struct conn_lane lane; /* meta is 0 */
	struct conn_wide local;
	struct conn_wide remote;
	enum ip_family family;
};

static inline void conn_query4(const struct key4 *key, struct conn_query *ret)
{
	memcpy(&ret->lane, key, sizeof(ret->lane));
	ret->lane.tail |= CONN_LANE_USED;
	ret->lane.meta = 0;
	ret->family = IP_FAMILY_V4;
}

static inline void conn_query6(const struct key6 *key, struct conn_query *ret)
{
	memcpy(&ret->lane, (const uint8_t *)key + 32, sizeof(ret->lane));
	ret->lane.tail |= CONN_LANE_USED;
	ret->lane.meta = 0;
	memcpy(&ret->local, key->local, 16);
	memcpy(&ret->remote, key->remote, 16);
	ret->family = IP_FAMILY_V6;
}

static inline uint16_t conn_version(const struct conn_bucket *bucket)
{
	return __atomic_load_n(&bucket->lane[0].meta, __ATOMIC_ACQUIRE);
}

static inline uint16_t conn_overflow(const struct conn_bucket *bucket)
{
	return __atomic_load_n(&bucket->lane[1].meta, __ATOMIC_ACQUIRE);
}

static inline void conn_overflow_add(struct conn_bucket *bucket, int16_t change)
{
	__atomic_fetch_add(&bucket->lane[1].meta, (uint16_t)change, __ATOMIC_ACQ_REL);
}

static inline bool conn_trylock(struct conn_bucket *bucket)
{
	uint16_t version = conn_version(bucket);

	return !(version & 1) &&
	       __atomic_compare_exchange_n(&bucket->lane[0].meta, &version, (uint16_t)(version + 1),
					   false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

static inline void conn_lock(struct conn_bucket *bucket)
{
	while (!conn_trylock(bucket))
		_mm_pause();
}

static inline void conn_unlock(struct conn_bucket *bucket)
{
	uint16_t version = __atomic_load_n(&bucket->lane[0].meta, __ATOMIC_RELAXED);

	__atomic_store_n(&bucket->lane[0].meta, (uint16_t)(version + 1), __ATOMIC_RELEASE);
}

static inline bool conn_lane_used(const struct conn_bucket *bucket, unsigned slot)
{
	return __atomic_load_n(&bucket->lane[slot].tail, __ATOMIC_ACQUIRE) & CONN_LANE_USED;
}

static inline bool conn_lane_equal(const struct conn_lane *lane, const struct conn_lane *query)
{
	return __atomic_load_n(&lane->low, __ATOMIC_ACQUIRE) == query->low &&
	       __atomic_load_n(&lane->middle, __ATOMIC_ACQUIRE) == query->middle &&
	       __atomic_load_n(&lane->tail, __ATOMIC_ACQUIRE) == query->tail;
}

static inline bool conn_wide_equal(const struct conn_wide *wide, const struct conn_wide *query)
{
	return __atomic_load_n(&wide->low, __ATOMIC_ACQUIRE) == query->low &&
	       __atomic_load_n(&wide->high, __ATOMIC_ACQUIRE) == query->high;
}

/* The slot that holds the key, or -1. The caller holds the bucket, or checks its version. */
static inline int conn_bucket_find(const struct conn_bucket *bucket, const struct conn_query *query)
{
	const struct conn_bucket6 *wide = (const struct conn_bucket6 *)bucket;

	for (unsigned i = 0; i < CONN_SLOTS; i++) {
		if (!conn_lane_equal(&bucket->lane[i], &query->lane))
			continue;
		if (query->family == IP_FAMILY_V4 ||
		    (conn_wide_equal(&wide->local[i], &query->local) &&
		     conn_wide_equal(&wide->remote[i], &query->remote)))
			return i;
	}
	return -1;
}

static inline int conn_bucket_free_slot(const struct conn_bucket *bucket)
{
	for (unsigned i = 0; i < CONN_SLOTS; i++) {
		if (!conn_lane_used(bucket, i))
			return i;
	}
	return -1;
}

static inline void conn_state_load(const struct conn_state *from, struct conn_state *ret)
{
	ret->seen = __atomic_load_n(&from->seen, __ATOMIC_ACQUIRE);
	ret->ack[0] = __atomic_load_n(&from->ack[0], __ATOMIC_ACQUIRE);
	ret->ack[1] = __atomic_load_n(&from->ack[1], __ATOMIC_ACQUIRE);
	ret->generation = __atomic_load_n(&from->generation, __ATOMIC_ACQUIRE);
	ret->word = __atomic_load_n(&from->word, __ATOMIC_ACQUIRE);
}

static inline void conn_state_store(struct conn_state *to, const struct conn_state *state)
{
	__atomic_store_n(&to->seen, state->seen, __ATOMIC_RELEASE);
	__atomic_store_n(&to->ack[0], state->ack[0], __ATOMIC_RELEASE);
	__atomic_store_n(&to->ack[1], state->ack[1], __ATOMIC_RELEASE);
	__atomic_store_n(&to->generation, state->generation, __ATOMIC_RELEASE);
	__atomic_store_n(&to->word, state->word, __ATOMIC_RELEASE);
}

/* The caller holds the bucket. */
static inline void conn_slot_read(const struct conn_bucket *bucket, unsigned slot,
				  enum ip_family family, struct conn_query *ret)
{
	const struct conn_bucket6 *wide = (const struct conn_bucket6 *)bucket;

	ret->family = family;
	ret->lane.low = __atomic_load_n(&bucket->lane[slot].low, __ATOMIC_ACQUIRE);
	ret->lane.middle = __atomic_load_n(&bucket->lane[slot].middle, __ATOMIC_ACQUIRE);
	ret->lane.tail = __atomic_load_n(&bucket->lane[slot].tail, __ATOMIC_ACQUIRE);
	ret->lane.meta = 0;
	if (family == IP_FAMILY_V4)
		return;
	ret->local.low = __atomic_load_n(&wide->local[slot].low, __ATOMIC_ACQUIRE);
	ret->local.high = __atomic_load_n(&wide->local[slot].high, __ATOMIC_ACQUIRE);
	ret->remote.low = __atomic_load_n(&wide->remote[slot].low, __ATOMIC_ACQUIRE);
	ret->remote.high = __atomic_load_n(&wide->remote[slot].high, __ATOMIC_ACQUIRE);
}

/* The caller holds the bucket. Leaves the lane's meta alone. */
static inline void conn_slot_write(struct conn_bucket *bucket, unsigned slot,
				   const struct conn_query *query)
{
	struct conn_bucket6 *wide = (struct conn_bucket6 *)bucket;

	if (query->family == IP_FAMILY_V6) {
		__atomic_store_n(&wide->local[slot].low, query->local.low, __ATOMIC_RELEASE);
		__atomic_store_n(&wide->local[slot].high, query->local.high, __ATOMIC_RELEASE);
		__atomic_store_n(&wide->remote[slot].low, query->remote.low, __ATOMIC_RELEASE);
		__atomic_store_n(&wide->remote[slot].high, query->remote.high, __ATOMIC_RELEASE);
	}
	__atomic_store_n(&bucket->lane[slot].low, query->lane.low, __ATOMIC_RELEASE);
	__atomic_store_n(&bucket->lane[slot].middle, query->lane.middle, __ATOMIC_RELEASE);
	__atomic_store_n(&bucket->lane[slot].tail, query->lane.tail, __ATOMIC_RELEASE);
}

/* The caller holds the bucket. */
static inline void conn_slot_clear(struct conn_bucket *bucket, unsigned slot)
{
	__atomic_store_n(&bucket->lane[slot].low, 0, __ATOMIC_RELEASE);
	__atomic_store_n(&bucket->lane[slot].middle, 0, __ATOMIC_RELEASE);
	__atomic_store_n(&bucket->lane[slot].tail, 0, __ATOMIC_RELEASE);
	__atomic_store_n(&bucket->state[slot].word, CONN_FREE, __ATOMIC_RELEASE);
}

#endif
