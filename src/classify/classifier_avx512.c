/*
 * The AVX-512 path (F, BW, DQ, VL): see classifier_tables.h. Compiled for those instructions, so
 * nothing here may be called before classifier_new() found them.
 *
 * Addresses are searched one by one, the tree's depth being a constant of each copy of the loop so
 * that the processor has several searches in flight; ports are gathered sixteen at a time; rows are
 * prefetched as soon as they are known, and ANDed in a second pass.
 */
#include "classify/classifier_lookup.h"

#include <immintrin.h>

#define ALWAYS_INLINE static inline __attribute__((always_inline))
#define LANES         16

ALWAYS_INLINE size_t below4(const int32_t *node, __m512i key)
{
	return (size_t)_mm_popcnt_u32(_mm512_cmpgt_epi32_mask(key, _mm512_load_si512(node)));
}

ALWAYS_INLINE size_t rank4(const struct tree4 *tree, uint32_t address, unsigned depth)
{
	__m512i key = _mm512_set1_epi32(TREE4_KEY(__builtin_bswap32(address)));
	size_t k = 0;

	for (unsigned level = 0; level + 1 < depth; level++)
		k = k * (TREE4_KEYS + 1) + below4(tree->level[level] + k * TREE4_KEYS, key);
	return k * TREE4_KEYS + below4(tree->level[depth - 1] + k * TREE4_KEYS, key);
}

ALWAYS_INLINE void prefetch_row(const struct table_set *set, uint32_t line, unsigned line_count)
{
	const char *row = (const char *)set->rows + (size_t)line * LINE_BYTES;

	for (unsigned i = 0; i < line_count; i++)
		_mm_prefetch(row + i * LINE_BYTES, _MM_HINT_T0);
}

ALWAYS_INLINE void search4(const struct table_set *set, const struct tree4 *tree,
			   const uint32_t *address, unsigned count, unsigned depth, uint32_t *ret)
{
	const unsigned stride = sizeof(struct key4) / sizeof(*address);

	for (unsigned i = 0; i < count; i++) {
		ret[i] = tree->lines[rank4(tree, address[i * stride], depth)];
		prefetch_row(set, ret[i], 2);
	}
}

/* `address` is that field of the first key. */
static void find_addresses4(const struct table_set *set, const struct tree4 *tree,
			    const uint32_t *address, unsigned count, uint32_t *ret)
{
	switch (tree->depth) {
	case 1:
		search4(set, tree, address, count, 1, ret);
		break;
	case 2:
		search4(set, tree, address, count, 2, ret);
		break;
	case 3:
		search4(set, tree, address, count, 3, ret);
		break;
	case 4:
		search4(set, tree, address, count, 4, ret);
		break;
	default:
		search4(set, tree, address, count, tree->depth, ret);
		break;
	}
}

ALWAYS_INLINE size_t below6(const int64_t *node, __m512i key)
{
	return (size_t)_mm_popcnt_u32(_mm512_cmpgt_epi64_mask(key, _mm512_load_si512(node)));
}

ALWAYS_INLINE size_t rank6(const struct tree6 *tree, const uint8_t *address)
{
	__m512i key = _mm512_set1_epi64(TREE6_KEY(load_high(address)));
	unsigned last = tree->depth - 1;
	size_t k = 0;

	for (unsigned level = 0; level < last; level++)
		k = k * (TREE6_KEYS + 1) + below6(tree->level[level] + k * TREE6_KEYS, key);
	return k * TREE6_KEYS + below6(tree->level[last] + k * TREE6_KEYS, key);
}

static void find_addresses6(const struct table_set *set, const struct tree6 *tree,
			    const uint8_t *address, unsigned count, uint32_t *ret)
{
	for (unsigned i = 0; i < count; i++, address += sizeof(struct key6)) {
		ret[i] = line_in_span(tree, rank6(tree, address), address);
		prefetch_row(set, ret[i], 2);
	}
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

/* `ports` holds sixteen keys' local (low half) and remote ports, `protocols` their protocols. */
ALWAYS_INLINE void find_ports(const struct table_set *set, __mmask16 lanes, __m512i ports,
			      __m512i protocols, uint32_t *ret_local, uint32_t *ret_remote)
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
	_mm512_store_si512(ret_local, gather_ports(&set->local_ports, lanes, root, local));
	_mm512_store_si512(ret_remote, gather_ports(&set->remote_ports, lanes,
						    _mm512_srli_epi32(remote, 6), remote));
}

/* Bits 3 and 2 of sixteen keys of four words each, from registers of four keys. */
static void find_ports4(const struct table_set *set, const struct key4 *keys, unsigned count,
			struct row_lines *ret)
{
	const __m512i pick =
		_mm512_setr_epi32(2, 6, 10, 14, 18, 22, 26, 30, 3, 7, 11, 15, 19, 23, 27, 31);

	for (unsigned i = 0; i < count; i += LANES) {
		unsigned left = count - i < LANES ? count - i : LANES;
		uint64_t words = left < LANES ? (UINT64_C(1) << left * 4) - 1 : UINT64_MAX;
		__m512i quarter[4], low, high;

		for (unsigned q = 0; q < 4; q++)
			quarter[q] = _mm512_maskz_loadu_epi32((__mmask16)(words >> 16 * q),
							      &keys[i + 4 * q]);
		low = _mm512_permutex2var_epi32(quarter[0], pick, quarter[1]);
		high = _mm512_permutex2var_epi32(quarter[2], pick, quarter[3]);
		find_ports(set, (__mmask16)((1U << left) - 1),
			   _mm512_shuffle_i64x2(low, high, 0x44),
			   _mm512_shuffle_i64x2(low, high, 0xee), &ret->local_port[i],
			   &ret->remote_port[i]);
	}
}

static void find_ports6(const struct table_set *set, const struct key6 *keys, unsigned count,
			struct row_lines *ret)
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
			   _mm512_mask_i32gather_epi32(zero, lanes, stride, base + 9, 4),
			   &ret->local_port[i], &ret->remote_port[i]);
	}
}

ALWAYS_INLINE __m512i and_line(const struct row_words *rows, unsigned line)
{
	__m512i local = _mm512_load_si512(rows->local + line * LINE_WORDS);
	__m512i remote = _mm512_load_si512(rows->remote + line * LINE_WORDS);
	__m512i local_port = _mm512_load_si512(rows->local_port + line * LINE_WORDS);
	__m512i remote_port = _mm512_load_si512(rows->remote_port + line * LINE_WORDS);

	/* 0x80: the AND of three */
	return _mm512_and_si512(_mm512_ternarylogic_epi64(local, remote, local_port, 0x80),
				remote_port);
}

/* Which words of a row of at most four lines are not empty. */
ALWAYS_INLINE uint32_t words_set(const struct row_words *rows, unsigned line_count)
{
	uint32_t words = 0;

	for (unsigned line = 0; line < line_count; line++) {
		__m512i bits = and_line(rows, line);

		words |= (uint32_t)_mm512_test_epi64_mask(bits, bits) << (line * LINE_WORDS);
	}
	return words;
}

ALWAYS_INLINE uint32_t segment_mask(const struct segment *segment)
{
	uint32_t words = segment->words < 32 ? (UINT32_C(1) << segment->words) - 1 : UINT32_MAX;

	return words << segment->first_word;
}

/* Rows of few lines: all of them are ANDed, without a branch that depends on the data. */
ALWAYS_INLINE void judge_short(const struct table_set *set, const struct row_lines *lines,
			       unsigned count, unsigned line_count, unsigned segments,
			       struct verdict *ret)
{
	uint32_t mask[STAGES];

	for (unsigned s = 0; s < segments; s++)
		mask[s] = segment_mask(&set->segment[s]);
	for (unsigned i = 0; i < count; i++) {
		struct row_words rows = row_words_of(set, lines, i);
		uint32_t words = words_set(&rows, line_count);
		unsigned s = segments - 1;
		uint64_t outcome = outcome_of(set, &rows, (unsigned)__builtin_ctz(words & mask[s]));

		while (s-- > 0)
			outcome = outcome_before(
				outcome_of(set, &rows, (unsigned)__builtin_ctz(words & mask[s])),
				outcome);
		store_verdict(&ret[i], outcome);
	}
}

/* Segments of long rows begin on a line, and are scanned up to the first line with a bit. */
ALWAYS_INLINE uint64_t scan_segment(const struct table_set *set, const struct segment *segment,
				    const struct row_words *rows)
{
	unsigned line = segment->first_word / LINE_WORDS;
	uint32_t words;

	do {
		__m512i bits = and_line(rows, line++);

		words = _mm512_test_epi64_mask(bits, bits);
	} while (words == 0);
	return outcome_of(set, rows, (line - 1) * LINE_WORDS + (unsigned)__builtin_ctz(words));
}

static void judge_long(const struct table_set *set, const struct row_lines *lines, unsigned count,
		       struct verdict *ret)
{
	for (unsigned i = 0; i < count; i++) {
		struct row_words rows = row_words_of(set, lines, i);
		unsigned s = set->segment_count - 1;
		uint64_t outcome = scan_segment(set, &set->segment[s], &rows);

		while (s-- > 0)
			outcome =
				outcome_before(scan_segment(set, &set->segment[s], &rows), outcome);
		store_verdict(&ret[i], outcome);
	}
}

static void judge_lines(const struct table_set *set, const struct row_lines *lines, unsigned count,
			struct verdict *ret)
{
	bool single = set->segment_count == 1;

	switch (set->line_count) {
	case 1:
		if (single)
			judge_short(set, lines, count, 1, 1, ret);
		else
			judge_short(set, lines, count, 1, set->segment_count, ret);
		break;
	case 2:
		if (single)
			judge_short(set, lines, count, 2, 1, ret);
		else
			judge_short(set, lines, count, 2, set->segment_count, ret);
		break;
	case 3:
	case 4:
		judge_short(set, lines, count, set->line_count, set->segment_count, ret);
		break;
	default:
		judge_long(set, lines, count, ret);
		break;
	}
}

void classifier_judge4_avx512(const struct table_set *set, const struct key4 *keys, unsigned count,
			      struct verdict *ret)
{
	struct row_lines lines __attribute__((aligned(64)));

	if (set->segment_count == 0) {
		judge_nothing(set, count, ret);
		return;
	}
	find_addresses4(set, &set->local.v4, &keys->local, count, lines.local);
	find_addresses4(set, &set->remote.v4, &keys->remote, count, lines.remote);
	find_ports4(set, keys, count, &lines);
	judge_lines(set, &lines, count, ret);
}

void classifier_judge6_avx512(const struct table_set *set, const struct key6 *keys, unsigned count,
			      struct verdict *ret)
{
	struct row_lines lines __attribute__((aligned(64)));

	if (set->segment_count == 0) {
		judge_nothing(set, count, ret);
		return;
	}
	find_addresses6(set, &set->local.v6, keys->local, count, lines.local);
	find_addresses6(set, &set->remote.v6, keys->remote, count, lines.remote);
	find_ports6(set, keys, count, &lines);
	judge_lines(set, &lines, count, ret);
}
