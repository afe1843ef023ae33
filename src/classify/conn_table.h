/*
 * Inside of the connection table: its parts, and what its source files use of each other.
 *
 * Locks are taken in this order: bucket, second bucket (only by trying), ring. Nobody waits for a
 * bucket while holding the ring.
 */
#ifndef CLASSIFY_CONN_TABLE_H
#define CLASSIFY_CONN_TABLE_H

#include "classify/conn.h"
#include "classify/conn_bucket.h"

#define CONN_SLOT_IP6      0x80000000u
#define CONN_KILLS_MAX     64
#define CONN_SWEEP_BUCKETS 64

/* The buckets of one family. */
struct conn_side {
	uint8_t *buckets;
	uint32_t count;
	uint32_t stride;
	uint32_t live;    /* atomic */
	uint64_t swept;   /* atomic: buckets swept since sweep_origin */
	uint64_t pressed; /* atomic: buckets swept besides, by inserts into a full table */
};

/*
 * Connections without a reply in the order in which they were made. A record holds while its slot
 * has an unreplied entry with the record's ticket; the ticket stands in the entry's ack[] of the
 * direction that was not seen yet, where no ACK can be.
 */
struct conn_ring {
	uint32_t *slots;
	uint32_t mask;
	uint32_t head; /* under the lock */
	uint32_t tail; /* under the lock */
	uint8_t lock;
};

enum conn_kill_state { CONN_KILL_FREE, CONN_KILL_ASKED, CONN_KILL_TAKEN };

struct conn_kill {
	uint8_t state; /* enum conn_kill_state, atomic */
	struct conn_query query;
};

typedef void (*conn_finder)(const struct conn_table *table, const void *const *keys, unsigned count,
			    struct conn_hint *hints);

struct conn_table {
	struct conn_side side[IP_FAMILIES];
	uint64_t seed[4];
	conn_finder find[IP_FAMILIES];
	struct conn_deadlines deadlines;
	uint32_t max;
	uint32_t max_inbound; /* the last tenth is for connections that the VM opens */
	uint32_t max_unreplied;
	enum conn_simd simd;
	uint64_t grace_until; /* atomic */

	/* Written with every new connection. */
	struct {
		uint32_t live; /* atomic, like the rest */
		uint32_t unreplied;
		uint32_t live_ip6;
		uint32_t tombstones;
		uint64_t expired;
		uint64_t replaced;
		uint64_t evicted;
		uint64_t refused_full;
		uint64_t refused_bucket;
		uint64_t cut;
		uint64_t sweep_origin; /* 1 + ms; 0: not set */
		uint32_t kills_asked;
	} shared __attribute__((aligned(64)));
	struct conn_ring ring __attribute__((aligned(64)));
	struct conn_kill kills[CONN_KILLS_MAX];
};

static inline uint64_t conn_fold(uint64_t a, uint64_t b)
{
	unsigned __int128 product = (unsigned __int128)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/*
 * 64 bits of which each half chooses a bucket; `low` and `high` are the words of a key. Not CRC: it
 * is linear, so that keys which collide under one seed collide under all, and a sender could make
 * them. Two rounds: after one, keys that differ in one word only, such as hosts in a row, are a row
 * of multiples, and some seeds put those together.
 */
static inline uint64_t conn_hash4(const struct conn_table *table, uint64_t low, uint64_t high)
{
	uint64_t hash = conn_fold(low ^ table->seed[0], high ^ table->seed[1]);

	return conn_fold(hash ^ table->seed[2], table->seed[3]);
}

static inline uint64_t conn_hash6(const struct conn_table *table, const uint64_t *words)
{
	uint64_t hash = conn_fold(words[0] ^ table->seed[0], words[1] ^ table->seed[1]);

	hash = conn_fold(words[2] ^ table->seed[2] ^ hash, words[3] ^ table->seed[0]);
	hash = conn_fold(words[4] ^ table->seed[1] ^ hash, words[5] ^ table->seed[2]);
	return conn_fold(hash ^ table->seed[2], table->seed[3]);
}

/* How many entries a family has, about. */
static inline uint32_t conn_side_live(const struct conn_table *table, enum ip_family family)
{
	uint32_t ip6 = __atomic_load_n(&table->shared.live_ip6, __ATOMIC_RELAXED);

	return family == IP_FAMILY_V6
		       ? ip6
		       : __atomic_load_n(&table->shared.live, __ATOMIC_RELAXED) - ip6;
}

static inline struct conn_bucket *conn_bucket_at(const struct conn_side *side, uint32_t index)
{
	return (struct conn_bucket *)(side->buckets + (size_t)index * side->stride);
}

/* The halves of a hash. */
static inline uint32_t conn_first_index(const struct conn_side *side, uint64_t hash)
{
	return (uint32_t)((uint64_t)(uint32_t)hash * side->count >> 32);
}

static inline uint32_t conn_second_index(const struct conn_side *side, uint32_t first,
					 uint64_t hash)
{
	uint32_t index = (uint32_t)((hash >> 32) * side->count >> 32);

	if (index != first)
		return index;
	return index + 1 < side->count ? index + 1 : 0;
}

/* Both buckets of a key. */
struct conn_place {
	struct conn_side *side;
	enum ip_family family;
	uint32_t first;
	uint32_t second;
};

void conn_place_of_query(struct conn_table *table, const struct conn_query *query,
			 struct conn_place *ret);
void conn_place_of_hash(struct conn_table *table, enum ip_family family, uint64_t hash,
			struct conn_place *ret);

static inline uint32_t conn_slot_number(enum ip_family family, uint32_t bucket, unsigned slot)
{
	return (bucket * CONN_SLOTS + slot) | (family == IP_FAMILY_V6 ? CONN_SLOT_IP6 : 0);
}

/* conn_lookup.c: fills table->find; -ENOTSUP where the processor or EAL does not have the path. */
int conn_finder_choose(struct conn_table *table, enum conn_simd simd);
/* Where a key's entry stands, and its state, whatever it is; no lock. */
bool conn_query_find(const struct conn_table *table, const struct conn_query *query,
		     uint32_t *ret_slot, struct conn_state *ret);
bool conn_query_peek(const struct conn_table *table, const struct conn_query *query,
		     struct conn_state *ret);

/* conn_entry.c: a bucket that is held, and the slot in it. */
struct conn_entry {
	struct conn_place place;
	uint32_t index; /* of the bucket that is held: place.first or place.second */
	struct conn_bucket *bucket;
	int slot; /* -1: the key is in neither; then the first bucket is held */
};

/* Finds the key and holds the bucket that has it, or that a new entry would have to go through. */
void conn_entry_hold(struct conn_table *table, const struct conn_query *query,
		     const struct conn_place *place, struct conn_entry *ret);
void conn_entry_release(struct conn_entry *entry);
/*
 * A new entry: 0, -ENOSPC where both buckets are full, or -EAGAIN where the second one is being
 * written. Capacity has been reserved.
 */
int conn_entry_insert(struct conn_table *table, struct conn_entry *entry,
		      const struct conn_query *query, const struct conn_state *state);
/* Stores a new state and keeps the count of unreplied ones. */
void conn_entry_update(struct conn_table *table, struct conn_entry *entry,
		       const struct conn_state *state);
/* Gives slot and capacity back; the caller counts why. `place` is that of the key in the slot. */
void conn_entry_remove(struct conn_table *table, const struct conn_place *place, uint32_t index,
		       struct conn_bucket *bucket, unsigned slot);

/* conn_limits.c */
bool conn_reserve(struct conn_table *table, enum direction opened_by);
/* Makes room by sweeping and evicting; false: the table is full. No bucket is held. */
bool conn_reserve_hard(struct conn_table *table, enum direction opened_by, uint64_t now);
void conn_unreserve(struct conn_table *table);
/* The entry's bucket is held. Its record moves with it. */
void conn_ring_push(struct conn_table *table, struct conn_state *state, uint32_t slot);
void conn_ring_moved(struct conn_table *table, const struct conn_state *state, uint32_t from,
		     uint32_t to);

static inline enum direction conn_unseen_direction(uint16_t word)
{
	return word & CONN_FIRST_OUT ? DIRECTION_INBOUND : DIRECTION_OUTBOUND;
}

/* conn_sweep.c: expires what is due in `count` buckets from `first` on; how many. */
unsigned conn_sweep(struct conn_table *table, enum ip_family family, uint32_t first, uint32_t count,
		    uint64_t now);

static inline void conn_count(uint64_t *counter)
{
	__atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
}

#endif
