/*
 * The AVX-512 path (F, BW, DQ, VL): see classifier_tables.h. Compiled for those instructions, so
 * nothing here may be called before classifier_new() found them.
 *
 * Addresses are searched a level at a time for the whole burst; ports are gathered sixteen at a
 * time; rows are prefetched as soon as they are known, and ANDed in a last pass.
 */
#include "classify/classifier_lookup.h"

#include <immintrin.h>

#define ALWAYS_INLINE static inline __attribute__((always_inline))
#define LANES         16

static inline uint32_t block_hits(const struct sparse_block *block, uint32_t rank)
{
	__m128i first = _mm_load_si128((const __m128i *)block->first);
	__m128i width = _mm_load_si128((const __m128i *)block->width);
	__m128i above = _mm_sub_epi16(_mm_set1_epi16((short)rank), first);

	return _mm_cmple_epu16_mask(above, width);
}

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

ALWAYS_INLINE void find_outcomes(const struct table_set *set, const struct row_words *rows,
				 uint32_t words, const uint32_t *mask, unsigned segments,
				 uint64_t *outcomes)
{
	for (unsigned s = 0; s < segments; s++)
		outcomes[s] = outcome_of(set, rows, (unsigned)__builtin_ctz(words & mask[s]));
}

/* Rows of few lines: all of them are ANDed, without a branch that depends on the data. */
ALWAYS_INLINE void judge_short(const struct table_set *set, const struct places *places,
			       unsigned count, unsigned line_count, unsigned segments,
			       struct verdict *ret)
{
	uint32_t mask[STAGES];

	for (unsigned s = 0; s < segments; s++)
		mask[s] = segment_mask(&set->segment[s]);
	for (unsigned i = 0; i < count; i++) {
		struct row_words rows = row_words_of(set, places, i);
		uint64_t outcomes[STAGES];

		find_outcomes(set, &rows, words_set(&rows, line_count), mask, segments, outcomes);
		store_verdict(&ret[i], outcome_of_all(outcomes, segments));
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

static void judge_long(const struct table_set *set, const struct places *places, unsigned count,
		       struct verdict *ret)
{
	for (unsigned i = 0; i < count; i++) {
		struct row_words rows = row_words_of(set, places, i);
		uint64_t outcomes[STAGES];

		for (unsigned s = 0; s < set->segment_count; s++)
			outcomes[s] = scan_segment(set, &set->segment[s], &rows);
		store_verdict(&ret[i], outcome_of_all(outcomes, set->segment_count));
	}
}

static void judge_rows(const struct table_set *set, const struct places *places, unsigned count,
		       struct verdict *ret)
{
	bool single = set->segment_count == 1;

	switch (set->line_count) {
	case 1:
		if (single)
			judge_short(set, places, count, 1, 1, ret);
		else
			judge_short(set, places, count, 1, set->segment_count, ret);
		break;
	case 2:
		if (single)
			judge_short(set, places, count, 2, 1, ret);
		else
			judge_short(set, places, count, 2, set->segment_count, ret);
		break;
	case 3:
	case 4:
		judge_short(set, places, count, set->line_count, set->segment_count, ret);
		break;
	default:
		judge_long(set, places, count, ret);
		break;
	}
}

/* What a burst's keys find in the first blocks of their lists; rule 0 where there is nothing. */
struct findings {
	uint32_t first[CLASSIFIER_BURST_MAX];
	uint32_t second[CLASSIFIER_BURST_MAX];
	uint8_t more[CLASSIFIER_BURST_MAX]; /* there are others, or more blocks */
};

/* The rule of the first of `hits`: those of the local block, then those of the remote one. */
ALWAYS_INLINE uint32_t rule_hit(const struct sparse_block *local, const struct sparse_block *remote,
				uint32_t hits)
{
	uint32_t at = (uint32_t)_tzcnt_u32(hits);
	const struct sparse_block *block = at & SPARSE_BLOCK ? remote : local;
	uint32_t any = -(uint32_t)(hits != 0);

	return block->rule[at % SPARSE_BLOCK] & any;
}

/*
 * Most keys find one rule or none, and have lists of one block or none: which of them cannot be
 * foretold, so nothing here is a branch. Keys that have more are few, and judged by judge_lists().
 */
static void find_sparse(const struct table_set *set, const struct places *places, unsigned count,
			struct findings *ret)
{
	const struct sparse *sparse = &set->sparse;
	const uint32_t *local_rank = places->rank[SIDE_LOCAL];
	const uint32_t *remote_rank = places->rank[SIDE_REMOTE];

	for (unsigned i = 0; i < count; i++) {
		uint32_t local = places->list[SIDE_LOCAL][i];
		uint32_t remote = places->list[SIDE_REMOTE][i];
		const struct sparse_block *a = &sparse->blocks[SPARSE_LIST_BLOCK(local)];
		const struct sparse_block *b = &sparse->blocks[SPARSE_LIST_BLOCK(remote)];
		uint32_t hits = block_hits(a, remote_rank[i]) | block_hits(b, local_rank[i])
									<< SPARSE_BLOCK;

		ret->first[i] = rule_hit(a, b, hits);
		hits &= hits - 1;
		ret->second[i] = rule_hit(a, b, hits);
		ret->more[i] = ((hits & (hits - 1)) != 0) | (SPARSE_LIST_COUNT(local) > 1) |
			       (SPARSE_LIST_COUNT(remote) > 1);
		_mm_prefetch((const char *)&sparse->rules[ret->first[i]], _MM_HINT_T0);
	}
}

/* `first` is that of the first key, `stride` bytes before that of the next. */
ALWAYS_INLINE void judge_sparse_segments(const struct table_set *set, const struct places *places,
					 unsigned count, const struct transport *first,
					 size_t stride, unsigned segments, struct verdict *ret)
{
	const struct sparse *sparse = &set->sparse;
	struct findings findings;
	uint32_t mask[STAGES];

	find_sparse(set, places, count, &findings);
	for (unsigned s = 0; s < segments; s++)
		mask[s] = segment_mask(&set->segment[s]);
	for (unsigned i = 0; i < count; i++) {
		const struct transport *transport =
			(const struct transport *)((const char *)first + i * stride);
		const struct sparse_rule *one = &sparse->rules[findings.first[i]];
		const struct sparse_rule *two = &sparse->rules[findings.second[i]];
		struct row_words rows = row_words_of(set, places, i);
		uint64_t outcomes[STAGES];
		unsigned s;

		find_outcomes(set, &rows, words_set(&rows, SPARSE_LINES), mask, segments, outcomes);
		s = segments == 1 ? 0 : one->segment;
		outcomes[s] = outcome_with(sparse, one, transport, outcomes[s]);
		s = segments == 1 ? 0 : two->segment;
		outcomes[s] = outcome_with(sparse, two, transport, outcomes[s]);
		if (__builtin_expect(findings.more[i], 0))
			judge_lists(set, places, i, transport, outcomes);
		store_verdict(&ret[i], outcome_of_all(outcomes, segments));
	}
}

static void judge_sparse(const struct table_set *set, const struct places *places, unsigned count,
			 const struct transport *first, size_t stride, struct verdict *ret)
{
	if (set->segment_count == 1)
		judge_sparse_segments(set, places, count, first, stride, 1, ret);
	else
		judge_sparse_segments(set, places, count, first, stride, set->segment_count, ret);
}

void classifier_judge4_avx512(const struct table_set *set, const struct key4 *keys, unsigned count,
			      struct verdict *ret)
{
	struct places places __attribute__((aligned(64)));
	struct split4 split __attribute__((aligned(64)));

	if (set->segment_count == 0 || count == 0) {
		judge_nothing(set, count, ret);
		return;
	}
	split_keys4(keys, count, &split);
	find_ranks4(&set->address[SIDE_LOCAL].v4, split.local, count, places.rank[SIDE_LOCAL]);
	find_places(set, SIDE_LOCAL, count, &places);
	find_ranks4(&set->address[SIDE_REMOTE].v4, split.remote, count, places.rank[SIDE_REMOTE]);
	find_places(set, SIDE_REMOTE, count, &places);
	find_ports4(set, &split, count, &places);
	if (set->is_sparse)
		judge_sparse(set, &places, count, transport4(keys), sizeof(*keys), ret);
	else
		judge_rows(set, &places, count, ret);
}

void classifier_judge6_avx512(const struct table_set *set, const struct key6 *keys, unsigned count,
			      struct verdict *ret)
{
	struct places places __attribute__((aligned(64)));

	if (set->segment_count == 0 || count == 0) {
		judge_nothing(set, count, ret);
		return;
	}
	find_ranks6(&set->address[SIDE_LOCAL].v6, keys->local, count, places.rank[SIDE_LOCAL]);
	find_places(set, SIDE_LOCAL, count, &places);
	find_ranks6(&set->address[SIDE_REMOTE].v6, keys->remote, count, places.rank[SIDE_REMOTE]);
	find_places(set, SIDE_REMOTE, count, &places);
	find_ports6(set, keys, count, &places);
	if (set->is_sparse)
		judge_sparse(set, &places, count, transport6(keys), sizeof(*keys), ret);
	else
		judge_rows(set, &places, count, ret);
}
