/*
 * The first half of the AVX-512 path: where a burst's keys stand in the tables. Included by
 * classifier_avx512.c alone, and compiled for its instructions.
 *
 * Addresses are searched a level at a time for the whole burst; ports are gathered sixteen at a
 * time; rows and lists are prefetched as soon as they are known.
 */
#ifndef CLASSIFY_CLASSIFIER_AVX512_PLACES_H
#define CLASSIFY_CLASSIFIER_AVX512_PLACES_H

#include "classify/classifier_lookup.h"

#include <immintrin.h>

#define ALWAYS_INLINE static inline __attribute__((always_inline))
#define LANES         16

ALWAYS_INLINE uint32_t below4(const int32_t *node, __m512i key)
{
	return (uint32_t)_mm_popcnt_u32(_mm512_cmpgt_epi32_mask(key, _mm512_load_si512(node)));
}

ALWAYS_INLINE void prefetch_row(const uint8_t *rows, uint32_t line)
{
	const char *row = (const char *)rows + (size_t)line * LINE_BYTES;

	_mm_prefetch(row, _MM_HINT_T0);
	_mm_prefetch(row + LINE_BYTES, _MM_HINT_T0);
}

/*
 * Level after level for the whole burst: the steps of one search wait for each other, those of
 * different keys do not, and so more of them fit into the processor's window.
 */
static void find_ranks4(const struct tree4 *tree, const int32_t *keys, unsigned count,
			uint32_t *ret)
{
	__m512i root = _mm512_load_si512(tree->level[0]);
	unsigned depth = tree->depth;

	for (unsigned i = 0; i < count; i++)
		ret[i] = (uint32_t)_mm_popcnt_u32(
			_mm512_cmpgt_epi32_mask(_mm512_set1_epi32(keys[i]), root));
	for (unsigned level = 1; level < depth; level++) {
		const int32_t *nodes = tree->level[level];
		unsigned fanout = level + 1 < depth ? TREE4_KEYS + 1 : TREE4_KEYS;

		for (unsigned i = 0; i < count; i++)
			ret[i] = ret[i] * fanout + below4(nodes + (size_t)ret[i] * TREE4_KEYS,
							  _mm512_set1_epi32(keys[i]));
	}
}

ALWAYS_INLINE void prefetch_block(const struct sparse *sparse, uint32_t list)
{
	_mm_prefetch((const char *)&sparse->blocks[SPARSE_LIST_BLOCK(list)], _MM_HINT_T0);
}

static void find_places(const struct table_set *set, enum side side, unsigned count,
			struct places *ret)
{
	const struct address_place *places = set->places[side];
	const uint32_t *rank = ret->rank[side];
	const uint8_t *rows = set->rows;

	for (unsigned i = 0; i < count; i++) {
		uint32_t line = places[rank[i]].line;

		ret->address_line[side][i] = line;
		prefetch_row(rows, line);
	}
	for (unsigned i = 0; set->is_sparse && i < count; i++) {
		ret->list[side][i] = places[rank[i]].list;
		prefetch_block(&set->sparse, ret->list[side][i]);
	}
}

ALWAYS_INLINE size_t below6(const int64_t *node, __m512i key)
{
	return (size_t)_mm_popcnt_u32(_mm512_cmpgt_epi64_mask(key, _mm512_load_si512(node)));
}

ALWAYS_INLINE uint32_t rank6(const struct tree6 *tree, const uint8_t *address)
{
	__m512i key = _mm512_set1_epi64(TREE6_KEY(load_high(address)));
	unsigned last = tree->depth - 1;
	size_t k = 0;

	for (unsigned level = 0; level < last; level++)
		k = k * (TREE6_KEYS + 1) + below6(tree->level[level] + k * TREE6_KEYS, key);
	k = k * TREE6_KEYS + below6(tree->level[last] + k * TREE6_KEYS, key);
	return rank_in_span(tree, k, address);
}

/* `address` is that field of the first key. */
static void find_ranks6(const struct tree6 *tree, const uint8_t *address, unsigned count,
			uint32_t *ret)
{
	for (unsigned i = 0; i < count; i++)
		ret[i] = rank6(tree, address + i * sizeof(struct key6));
}

/* Lanes of a map's lines: `root` indexes the map's root, `port` is the port itself. */
ALWAYS_INLINE __m512i gather_ports(const struct port_map *map, __mmask16 lanes, __m512i root,
				   __m512i port)
{
	__m512i zero = _mm512_setzero_si512();
	__m512i line = _mm512_mask_i32gather_epi32(zero, lanes, root, map->root, 4);
	__mmask16 mixed = _mm512_movepi32_mask(line);

	if (mixed) {
		__m512i at = _mm512_and_si512(line, _mm512_set1_epi32(~PORT_MIXED));
		__m512i in_block = _mm512_and_si512(port, _mm512_set1_epi32(PORT_BLOCK - 1));

		line = _mm512_mask_i32gather_epi32(line, mixed, _mm512_add_epi32(at, in_block),
						   map->mixed, 4);
	}
	return line;
}

/* For keys i to i + 15: `ports` holds their local (low half) and remote ports, `protocols` their
 * protocols. */
ALWAYS_INLINE void find_ports(const struct table_set *set, __mmask16 lanes, __m512i ports,
			      __m512i protocols, unsigned i, struct places *ret)
{
	__m512i swapped = _mm512_or_si512(_mm512_slli_epi16(ports, 8), _mm512_srli_epi16(ports, 8));
	__m512i local = _mm512_and_si512(swapped, _mm512_set1_epi32(0xffff));
	__m512i remote = _mm512_srli_epi32(swapped, 16);
	__m512i base = _mm512_mask_i32gather_epi32(
		_mm512_setzero_si512(), lanes, _mm512_and_si512(protocols, _mm512_set1_epi32(0xff)),
		set->protocols, 4);
	__mmask16 has_ports = _mm512_movepi32_mask(base);
	__m512i root = _mm512_and_si512(base, _mm512_set1_epi32(~PROTOCOL_PORTS));

	root = _mm512_mask_add_epi32(root, has_ports, root, _mm512_srli_epi32(local, 6));
	_mm512_store_si512(&ret->port_line[SIDE_LOCAL][i],
			   gather_ports(&set->ports[SIDE_LOCAL], lanes, root, local));
	_mm512_store_si512(&ret->port_line[SIDE_REMOTE][i],
			   gather_ports(&set->ports[SIDE_REMOTE], lanes,
					_mm512_srli_epi32(remote, 6), remote));
}

/* What the searches compare, out of a burst's keys. */
struct split4 {
	int32_t local[CLASSIFIER_BURST_MAX];
	int32_t remote[CLASSIFIER_BURST_MAX];
	uint32_t ports[CLASSIFIER_BURST_MAX];
	uint32_t protocol[CLASSIFIER_BURST_MAX];
};

/* Words of sixteen keys, which stand four to a register, into a register each. */
ALWAYS_INLINE void split_keys4(const struct key4 *keys, unsigned count, struct split4 *ret)
{
	const __m512i first =
		_mm512_setr_epi32(0, 4, 8, 12, 16, 20, 24, 28, 1, 5, 9, 13, 17, 21, 25, 29);
	const __m512i last = _mm512_add_epi32(first, _mm512_set1_epi32(2));
	const __m512i swap = _mm512_broadcast_i32x4(
		_mm_setr_epi8(3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12));
	const __m512i top = _mm512_set1_epi32((int)0x80000000);

	for (unsigned i = 0; i < count; i += LANES) {
		unsigned left = count - i < LANES ? count - i : LANES;
		uint64_t words = left < LANES ? (UINT64_C(1) << left * 4) - 1 : UINT64_MAX;
		__m512i quarter[4], low, high;

		for (unsigned q = 0; q < 4; q++)
			quarter[q] = _mm512_maskz_loadu_epi32((__mmask16)(words >> 16 * q),
							      &keys[i + 4 * q]);
		low = _mm512_permutex2var_epi32(quarter[0], first, quarter[1]);
		high = _mm512_permutex2var_epi32(quarter[2], first, quarter[3]);
		low = _mm512_xor_si512(_mm512_shuffle_epi8(low, swap), top);
		high = _mm512_xor_si512(_mm512_shuffle_epi8(high, swap), top);
		_mm512_store_si512(&ret->local[i], _mm512_shuffle_i64x2(low, high, 0x44));
		_mm512_store_si512(&ret->remote[i], _mm512_shuffle_i64x2(low, high, 0xee));
		low = _mm512_permutex2var_epi32(quarter[0], last, quarter[1]);
		high = _mm512_permutex2var_epi32(quarter[2], last, quarter[3]);
		_mm512_store_si512(&ret->ports[i], _mm512_shuffle_i64x2(low, high, 0x44));
		_mm512_store_si512(&ret->protocol[i], _mm512_shuffle_i64x2(low, high, 0xee));
	}
}

static void find_ports4(const struct table_set *set, const struct split4 *keys, unsigned count,
			struct places *ret)
{
	for (unsigned i = 0; i < count; i += LANES) {
		unsigned left = count - i < LANES ? count - i : LANES;

		find_ports(set, (__mmask16)((1U << left) - 1), _mm512_load_si512(&keys->ports[i]),
			   _mm512_load_si512(&keys->protocol[i]), i, ret);
	}
}

static void find_ports6(const struct table_set *set, const struct key6 *keys, unsigned count,
			struct places *ret)
{
	const __m512i stride = _mm512_setr_epi32(0, 12, 24, 36, 48, 60, 72, 84, 96, 108, 120, 132,
						 144, 156, 168, 180);

	for (unsigned i = 0; i < count; i += LANES) {
		unsigned left = count - i < LANES ? count - i : LANES;
		__mmask16 lanes = (__mmask16)((1U << left) - 1);
		const int *base = (const int *)&keys[i];
		__m512i zero = _mm512_setzero_si512();

		find_ports(set, lanes,
			   _mm512_mask_i32gather_epi32(zero, lanes, stride, base + 8, 4),
			   _mm512_mask_i32gather_epi32(zero, lanes, stride, base + 9, 4), i, ret);
	}
}

#endif
