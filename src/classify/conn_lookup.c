/*
 * Looking up without a lock: bursts of keys, by the widest compare that the processor has.
 *
 * Two passes: hash and prefetch all, then compare. The second bucket is looked at only where the
 * first has entries there. A compare counts only if the bucket's version was even and the same
 * before and after it; where not, the slow way of find_one() tries again. Thread: any.
 */
#include "classify/conn_table.h"

#include <errno.h>
#include <rte_branch_prediction.h>
#include <rte_vect.h>

/* 14 of the 16 bytes of each lane, in words and in bytes. */
#define LANE_WORDS 0x7f7f7f7fu
#define LANE_BYTES 0x3fff3fffu

static inline const struct conn_bucket *bucket4(const struct conn_side *side, uint32_t index)
{
	return (const struct conn_bucket *)side->buckets + index;
}

static inline const struct conn_bucket *bucket6(const struct conn_side *side, uint32_t index)
{
	return &((const struct conn_bucket6 *)side->buckets)[index].narrow;
}

/* The line of states is not fetched yet: a key that is new does not need it. */
static inline void prepare4(const struct conn_table *table, const struct key4 *key,
			    struct conn_hint *ret)
{
	__m128i lane = _mm_load_si128((const __m128i *)key);
	const struct conn_side *side = &table->side[IP_FAMILY_V4];

	ret->hash = conn_hash4(table, _mm_cvtsi128_si64(lane), _mm_extract_epi64(lane, 1));
	__builtin_prefetch(bucket4(side, conn_first_index(side, ret->hash))->lane);
}

static inline void prepare6(const struct conn_table *table, const struct key6 *key,
			    struct conn_hint *ret)
{
	const struct conn_side *side = &table->side[IP_FAMILY_V6];
	const struct conn_bucket6 *bucket;
	uint64_t words[6];

	memcpy(words, key, sizeof(words));
	ret->hash = conn_hash6(table, words);
	bucket = (const void *)bucket6(side, conn_first_index(side, ret->hash));
	__builtin_prefetch(bucket->narrow.lane);
	__builtin_prefetch(bucket->local);
	__builtin_prefetch(bucket->remote);
}

void conn_prepare(const struct conn_table *table, const struct packet *packet,
		  struct conn_hint *ret)
{
	if (packet->kind == PACKET_IP4)
		prepare4(table, &packet->key4, ret);
	else
		prepare6(table, &packet->key6, ret);
	ret->slot = CONN_NOT_FOUND;
}

void conn_prepare4(const struct conn_table *table, const struct key4 *const *keys, unsigned count,
		   struct conn_hint *ret)
{
	for (unsigned i = 0; i < count; i++)
		prepare4(table, keys[i], &ret[i]);
}

void conn_prepare6(const struct conn_table *table, const struct key6 *const *keys, unsigned count,
		   struct conn_hint *ret)
{
	for (unsigned i = 0; i < count; i++)
		prepare6(table, keys[i], &ret[i]);
}

void conn_prefetch_state(const struct conn_table *table, const struct conn_hint *hint)
{
	const struct conn_side *side =
		&table->side[hint->slot & CONN_SLOT_IP6 ? IP_FAMILY_V6 : IP_FAMILY_V4];

	if (hint->slot != CONN_NOT_FOUND)
		__builtin_prefetch(
			conn_bucket_at(side, (hint->slot & ~CONN_SLOT_IP6) / CONN_SLOTS)->state);
}

/* One bucket, until its version stands still. */
static int find_in(const struct conn_bucket *bucket, const struct conn_query *query,
		   uint16_t *ret_version)
{
	for (;; _mm_pause()) {
		uint16_t version = conn_version(bucket);
		int slot;

		if (version & 1)
			continue;
		slot = conn_bucket_find(bucket, query);
		if (conn_version(bucket) == version) {
			*ret_version = version;
			return slot;
		}
	}
}

static void find_one(const struct conn_table *table, const struct conn_query *query,
		     struct conn_hint *hint)
{
	const struct conn_side *side = &table->side[query->family];
	uint32_t index = conn_first_index(side, hint->hash);
	const struct conn_bucket *bucket = conn_bucket_at(side, index);
	int slot = find_in(bucket, query, &hint->version);

	if (slot < 0 && conn_overflow(bucket) > 0) {
		index = conn_second_index(side, index, hint->hash);
		slot = find_in(conn_bucket_at(side, index), query, &hint->version);
	}
	hint->slot = slot < 0 ? CONN_NOT_FOUND : conn_slot_number(query->family, index, slot);
}

bool conn_query_find(const struct conn_table *table, const struct conn_query *query,
		     uint32_t *ret_slot, struct conn_state *ret)
{
	struct conn_place place;

	conn_place_of_query((struct conn_table *)table, query, &place);
	for (;;) {
		uint32_t index = place.first;
		const struct conn_bucket *bucket = conn_bucket_at(place.side, index);
		uint16_t version;
		int slot = find_in(bucket, query, &version);

		if (slot < 0 && conn_overflow(bucket) > 0) {
			index = place.second;
			bucket = conn_bucket_at(place.side, index);
			slot = find_in(bucket, query, &version);
		}
		if (slot < 0)
			return false;
		conn_state_load(&bucket->state[slot], ret);
		*ret_slot = conn_slot_number(query->family, index, (unsigned)slot);
		if (conn_version(bucket) == version)
			return true;
	}
}

bool conn_query_peek(const struct conn_table *table, const struct conn_query *query,
		     struct conn_state *ret)
{
	uint32_t slot;

	return conn_query_find(table, query, &slot, ret);
}

static void find4_one(const struct conn_table *table, const void *key, struct conn_hint *hint)
{
	struct conn_query query;

	conn_query4(key, &query);
	find_one(table, &query, hint);
}

static void find6_one(const struct conn_table *table, const void *key, struct conn_hint *hint)
{
	struct conn_query query;

	conn_query6(key, &query);
	find_one(table, &query, hint);
}

static void find4_scalar(const struct conn_table *table, const void *const *keys, unsigned count,
			 struct conn_hint *hints)
{
	for (unsigned i = 0; i < count; i++)
		find4_one(table, keys[i], &hints[i]);
}

static void find6_scalar(const struct conn_table *table, const void *const *keys, unsigned count,
			 struct conn_hint *hints)
{
	for (unsigned i = 0; i < count; i++)
		find6_one(table, keys[i], &hints[i]);
}

/*
 * What all wide paths share. MATCH(bucket, key) gives a mask in which the lowest bit set, divided
 * by STEP, is the slot; it is called between two looks at the version.
 */
#define WIDE_FIND(NAME, FAMILY, KEY, BUCKET, ONE, MATCH, STEP)                                    \
	static void NAME(const struct conn_table *table, const void *const *keys, unsigned count, \
			 struct conn_hint *hints)                                                 \
	{                                                                                         \
		const struct conn_side side = table->side[FAMILY];                                \
                                                                                                  \
		for (unsigned i = 0; i < count; i++) {                                            \
			struct conn_hint *hint = &hints[i];                                       \
			const struct KEY *key = keys[i];                                          \
			uint32_t index = conn_first_index(&side, hint->hash);                     \
			const struct conn_bucket *bucket = BUCKET(&side, index);                  \
			uint16_t version = conn_version(bucket);                                  \
			uint32_t mask = MATCH(bucket, key);                                       \
                                                                                                  \
			__atomic_signal_fence(__ATOMIC_SEQ_CST);                                  \
			if (unlikely((version & 1) || conn_version(bucket) != version)) {         \
				ONE(table, key, hint);                                            \
			} else if (likely(mask)) {                                                \
				unsigned slot = __builtin_ctz(mask) / (STEP);                     \
                                                                                                  \
				hint->slot = conn_slot_number(FAMILY, index, slot);               \
				hint->version = version;                                          \
			} else if (unlikely(conn_overflow(bucket) > 0)) {                         \
				ONE(table, key, hint);                                            \
			} else {                                                                  \
				hint->slot = CONN_NOT_FOUND;                                      \
			}                                                                         \
		}                                                                                 \
	}

#define AVX512 __attribute__((target("avx512f,avx512bw,avx512vl"), no_sanitize("thread")))
#define AVX2   __attribute__((target("avx2"), no_sanitize("thread")))

AVX512 static inline uint32_t match4_avx512(const struct conn_bucket *bucket,
					    const struct key4 *key)
{
	__m128i lane = _mm_or_si128(_mm_load_si128((const __m128i *)key),
				    _mm_set_epi32(CONN_LANE_USED, 0, 0, 0));
	uint32_t words = _mm512_mask_cmpeq_epi16_mask(LANE_WORDS, _mm512_load_si512(bucket->lane),
						      _mm512_broadcast_i32x4(lane));

	/* Seven equal words carry into the eighth bit. */
	return (words + 0x01010101u) & 0x80808080u;
}

AVX512 static inline uint32_t match6_avx512(const struct conn_bucket *bucket,
					    const struct key6 *key)
{
	const struct conn_bucket6 *wide = (const struct conn_bucket6 *)bucket;
	const __m128i *part = (const __m128i *)key;
	__m128i lane =
		_mm_or_si128(_mm_load_si128(&part[2]), _mm_set_epi32(CONN_LANE_USED, 0, 0, 0));
	uint32_t local = _mm512_cmpeq_epi64_mask(_mm512_load_si512(wide->local),
						 _mm512_broadcast_i32x4(_mm_load_si128(&part[0])));
	uint32_t remote = _mm512_cmpeq_epi64_mask(_mm512_load_si512(wide->remote),
						  _mm512_broadcast_i32x4(_mm_load_si128(&part[1])));
	uint32_t words = _mm512_mask_cmpeq_epi16_mask(LANE_WORDS, _mm512_load_si512(bucket->lane),
						      _mm512_broadcast_i32x4(lane));
	uint32_t both = local & remote; /* two bits a lane */

	both &= both >> 1;
	words = (words + 0x01010101u) & 0x80808080u;
	/* Bits 0, 2, 4, 6 to bits 7, 15, 23, 31. */
	return words & ((both & 1) << 7 | (both & 4) << 13 | (both & 16) << 19 | (both & 64) << 25);
}

AVX2 static inline uint32_t match4_avx2(const struct conn_bucket *bucket, const struct key4 *key)
{
	__m256i lane = _mm256_broadcastsi128_si256(_mm_or_si128(
		_mm_load_si128((const __m128i *)key), _mm_set_epi32(CONN_LANE_USED, 0, 0, 0)));
	const __m256i *line = (const __m256i *)bucket->lane;
	uint32_t low = _mm256_movemask_epi8(_mm256_cmpeq_epi16(_mm256_load_si256(&line[0]), lane));
	uint32_t high = _mm256_movemask_epi8(_mm256_cmpeq_epi16(_mm256_load_si256(&line[1]), lane));

	/* Fourteen equal bytes carry into bit 14 of their half. */
	low = ((low & LANE_BYTES) + 0x00010001u) & 0x40004000u;
	high = ((high & LANE_BYTES) + 0x00010001u) & 0x40004000u;
	/* Bits 14 and 30 to 0, 1 and 2, 3. */
	return (low >> 14 & 1) | (low >> 29 & 2) | (high >> 12 & 4) | (high >> 27 & 8);
}

AVX2 static inline uint32_t equal_pairs_avx2(const struct conn_wide *line, __m128i value)
{
	const __m256i *half = (const __m256i *)line;
	__m256i wide = _mm256_broadcastsi128_si256(value);
	__m256i low = _mm256_cmpeq_epi64(_mm256_load_si256(&half[0]), wide);
	__m256i high = _mm256_cmpeq_epi64(_mm256_load_si256(&half[1]), wide);
	uint32_t pairs = _mm256_movemask_pd(_mm256_castsi256_pd(low)) |
			 _mm256_movemask_pd(_mm256_castsi256_pd(high)) << 4;

	return pairs & pairs >> 1; /* bits 0, 2, 4, 6 */
}

AVX2 static inline uint32_t match6_avx2(const struct conn_bucket *bucket, const struct key6 *key)
{
	const struct conn_bucket6 *wide = (const struct conn_bucket6 *)bucket;
	const __m128i *part = (const __m128i *)key;
	const struct key4 *lane = (const struct key4 *)&part[2];
	uint32_t pairs = equal_pairs_avx2(wide->local, _mm_load_si128(&part[0])) &
			 equal_pairs_avx2(wide->remote, _mm_load_si128(&part[1]));

	return match4_avx2(bucket, lane) &
	       ((pairs & 1) | (pairs & 4) >> 1 | (pairs & 16) >> 2 | (pairs & 64) >> 3);
}

AVX512 WIDE_FIND(find4_avx512, IP_FAMILY_V4, key4, bucket4, find4_one, match4_avx512, 8) AVX512
	WIDE_FIND(find6_avx512, IP_FAMILY_V6, key6, bucket6, find6_one, match6_avx512, 8) AVX2
	WIDE_FIND(find4_avx2, IP_FAMILY_V4, key4, bucket4, find4_one, match4_avx2, 1) AVX2
	WIDE_FIND(find6_avx2, IP_FAMILY_V6, key6, bucket6, find6_one, match6_avx2, 1)

		static const struct {
	const char *name;
	uint16_t bits; /* of a vector: what EAL must allow */
	conn_finder find[IP_FAMILIES];
} paths[] = {
	[CONN_SIMD_SCALAR] = { "scalar", RTE_VECT_SIMD_DISABLED, { find4_scalar, find6_scalar } },
	[CONN_SIMD_AVX2] = { "avx2", RTE_VECT_SIMD_256, { find4_avx2, find6_avx2 } },
	[CONN_SIMD_AVX512] = { "avx512", RTE_VECT_SIMD_512, { find4_avx512, find6_avx512 } },
};

static bool processor_has(enum conn_simd simd)
{
	switch (simd) {
	case CONN_SIMD_AVX512:
		return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
		       __builtin_cpu_supports("avx512vl");
	case CONN_SIMD_AVX2:
		return __builtin_cpu_supports("avx2");
	default:
		return simd == CONN_SIMD_SCALAR;
	}
}

/* EAL says 0 while it does not run. */
static uint16_t simd_bits_allowed(void)
{
	uint16_t bits = rte_vect_get_max_simd_bitwidth();

	return bits ? bits : RTE_VECT_SIMD_MAX;
}

int conn_finder_choose(struct conn_table *table, enum conn_simd simd)
{
	if (simd == CONN_SIMD_BEST) {
		simd = CONN_SIMD_AVX512;
		while (simd > CONN_SIMD_SCALAR &&
		       (!processor_has(simd) || simd_bits_allowed() < paths[simd].bits))
			simd--;
	}
	if (!processor_has(simd))
		return -ENOTSUP;
	table->simd = simd;
	table->find[IP_FAMILY_V4] = paths[simd].find[IP_FAMILY_V4];
	table->find[IP_FAMILY_V6] = paths[simd].find[IP_FAMILY_V6];
	return 0;
}

const char *conn_table_simd_name(const struct conn_table *table)
{
	return paths[table->simd].name;
}

void conn_find4(const struct conn_table *table, const struct key4 *const *keys, unsigned count,
		struct conn_hint *hints)
{
	table->find[IP_FAMILY_V4](table, (const void *const *)keys, count, hints);
}

void conn_find6(const struct conn_table *table, const struct key6 *const *keys, unsigned count,
		struct conn_hint *hints)
{
	table->find[IP_FAMILY_V6](table, (const void *const *)keys, count, hints);
}

void conn_lookup4(const struct conn_table *table, const struct key4 *const *keys, unsigned count,
		  struct conn_hint *ret)
{
	conn_prepare4(table, keys, count, ret);
	conn_find4(table, keys, count, ret);
}

void conn_lookup6(const struct conn_table *table, const struct key6 *const *keys, unsigned count,
		  struct conn_hint *ret)
{
	conn_prepare6(table, keys, count, ret);
	conn_find6(table, keys, count, ret);
}
