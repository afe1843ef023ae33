/*
 * The AVX2 path: see classifier_tables.h. Compiled for AVX2, BMI and POPCNT, so nothing here may be
 * called before classifier_new() found them.
 */
#include "classify/classifier_lookup.h"

#include <immintrin.h>

#define HALF_KEYS4 8
#define HALF_KEYS6 4

static inline uint32_t block_hits(const struct sparse_block *block, uint32_t rank)
{
	__m128i first = _mm_load_si128((const __m128i *)block->first);
	__m128i width = _mm_load_si128((const __m128i *)block->width);
	__m128i above = _mm_sub_epi16(_mm_set1_epi16((short)rank), first);
	__m128i hits = _mm_cmpeq_epi16(_mm_min_epu16(above, width), above);

	return (uint32_t)_mm_movemask_epi8(_mm_packs_epi16(hits, _mm_setzero_si128()));
}

static inline uint32_t below4(const int32_t *node, __m256i key)
{
	__m256i low = _mm256_load_si256((const __m256i *)node);
	__m256i high = _mm256_load_si256((const __m256i *)(node + HALF_KEYS4));
	int low_mask = _mm256_movemask_ps(_mm256_castsi256_ps(_mm256_cmpgt_epi32(key, low)));
	int high_mask = _mm256_movemask_ps(_mm256_castsi256_ps(_mm256_cmpgt_epi32(key, high)));

	return (uint32_t)_mm_popcnt_u32((unsigned)(low_mask | high_mask << HALF_KEYS4));
}

static inline size_t below6(const int64_t *node, __m256i key)
{
	__m256i low = _mm256_load_si256((const __m256i *)node);
	__m256i high = _mm256_load_si256((const __m256i *)(node + HALF_KEYS6));
	int low_mask = _mm256_movemask_pd(_mm256_castsi256_pd(_mm256_cmpgt_epi64(key, low)));
	int high_mask = _mm256_movemask_pd(_mm256_castsi256_pd(_mm256_cmpgt_epi64(key, high)));

	return (size_t)_mm_popcnt_u32((unsigned)(low_mask | high_mask << HALF_KEYS6));
}

static inline void prefetch_row(const uint8_t *rows, uint32_t line)
{
	const char *row = (const char *)rows + (size_t)line * LINE_BYTES;

	_mm_prefetch(row, _MM_HINT_T0);
	_mm_prefetch(row + LINE_BYTES, _MM_HINT_T0);
}

/* Level after level for the whole burst: see classifier_avx512.c. */
static void find_ranks4(const struct tree4 *tree, const int32_t *keys, unsigned count,
			uint32_t *ret)
{
	unsigned depth = tree->depth;

	for (unsigned i = 0; i < count; i++)
		ret[i] = 0;
	for (unsigned level = 0; level < depth; level++) {
		const int32_t *nodes = tree->level[level];
		unsigned fanout = level + 1 < depth ? TREE4_KEYS + 1 : TREE4_KEYS;

		for (unsigned i = 0; i < count; i++)
			ret[i] = ret[i] * fanout + below4(nodes + (size_t)ret[i] * TREE4_KEYS,
							  _mm256_set1_epi32(keys[i]));
	}
}

static inline uint32_t rank6(const struct tree6 *tree, const uint8_t *address)
{
	__m256i key = _mm256_set1_epi64x(TREE6_KEY(load_high(address)));
	unsigned last = tree->depth - 1;
	size_t k = 0;

	for (unsigned level = 0; level < last; level++)
		k = k * (TREE6_KEYS + 1) + below6(tree->level[level] + k * TREE6_KEYS, key);
	k = k * TREE6_KEYS + below6(tree->level[last] + k * TREE6_KEYS, key);
	return rank_in_span(tree, k, address);
}

static void find_places(const struct table_set *set, enum side side, unsigned count,
			struct places *ret)
{
	const uint32_t *rank = ret->rank[side];

	for (unsigned i = 0; i < count; i++) {
		const struct address_place *place = &set->places[side][rank[i]];

		ret->address_line[side][i] = place->line;
		ret->list[side][i] = place->list;
		prefetch_row(set->rows, place->line);
	}
}

static inline void find_port_lines(const struct table_set *set, unsigned i,
				   const struct transport *transport, struct places *places)
{
	places->port_line[SIDE_LOCAL][i] =
		line_of_local_port(set, transport->protocol, transport->port[SIDE_LOCAL]);
	places->port_line[SIDE_REMOTE][i] = line_of_remote_port(set, transport->port[SIDE_REMOTE]);
	prefetch_row(set->rows, places->port_line[SIDE_LOCAL][i]);
}

/* Four words of the four rows; which of them are not empty. */
static inline uint32_t words_set(const struct row_words *rows, unsigned word)
{
	__m256i local = _mm256_load_si256((const __m256i *)(rows->local + word));
	__m256i remote = _mm256_load_si256((const __m256i *)(rows->remote + word));
	__m256i local_port = _mm256_load_si256((const __m256i *)(rows->local_port + word));
	__m256i remote_port = _mm256_load_si256((const __m256i *)(rows->remote_port + word));
	__m256i live = _mm256_load_si256((const __m256i *)(rows->live + word));
	__m256i bits = _mm256_and_si256(_mm256_and_si256(_mm256_and_si256(local, remote), live),
					_mm256_and_si256(local_port, remote_port));
	__m256i empty = _mm256_cmpeq_epi64(bits, _mm256_setzero_si256());

	return ~(uint32_t)_mm256_movemask_pd(_mm256_castsi256_pd(empty)) & 0xf;
}

/* Rows of at most four lines: all of them are ANDed, without a branch that depends on the data. */
static inline void short_outcomes(const struct table_set *set, const struct row_words *rows,
				  uint64_t *outcomes)
{
	uint32_t found = 0;

	for (unsigned word = 0; word < set->line_count * LINE_WORDS; word += 4)
		found |= words_set(rows, word) << word;
	for (unsigned s = 0; s < set->segment_count; s++) {
		/* what stands before the segment is cut off, and it has a bit itself */
		uint32_t in_segment = found >> set->segment[s].first_word;

		outcomes[s] = outcome_of(set, rows,
					 set->segment[s].first_word +
						 (unsigned)__builtin_ctz(in_segment));
	}
}

/* Segments of long rows begin on a line, and are scanned up to the first words with a bit. */
static inline void long_outcomes(const struct table_set *set, const struct row_words *rows,
				 uint64_t *outcomes)
{
	for (unsigned s = 0; s < set->segment_count; s++) {
		unsigned word = set->segment[s].first_word;
		uint32_t found = words_set(rows, word);

		while (found == 0) {
			word += 4;
			found = words_set(rows, word);
		}
		outcomes[s] = outcome_of(set, rows, word + (unsigned)__builtin_ctz(found));
	}
}

static inline uint64_t judge_one(const struct table_set *set, const struct places *places,
				 unsigned i, const struct transport *transport)
{
	struct row_words rows = row_words_of(set, places, i);
	uint64_t outcomes[STAGES];

	if (set->line_count <= 4)
		short_outcomes(set, &rows, outcomes);
	else
		long_outcomes(set, &rows, outcomes);
	if (set->is_sparse)
		judge_lists(set, places, i, transport, outcomes);
	return outcome_of_all(outcomes, set->segment_count);
}

void classifier_judge4_avx2(const struct table_set *set, const struct key4 *keys, unsigned count,
			    struct verdict *ret)
{
	int32_t address[SIDES][CLASSIFIER_BURST_MAX] = { 0 };
	struct places places;

	if (set->segment_count == 0) {
		judge_nothing(set, count, ret);
		return;
	}
	for (unsigned i = 0; i < count; i++) {
		address[SIDE_LOCAL][i] = TREE4_KEY(__builtin_bswap32(keys[i].local));
		address[SIDE_REMOTE][i] = TREE4_KEY(__builtin_bswap32(keys[i].remote));
	}
	for (unsigned side = 0; side < SIDES; side++) {
		find_ranks4(&set->address[side].v4, address[side], count, places.rank[side]);
		find_places(set, (enum side)side, count, &places);
	}
	for (unsigned i = 0; i < count; i++)
		find_port_lines(set, i, transport4(&keys[i]), &places);
	for (unsigned i = 0; i < count; i++)
		store_verdict(&ret[i], judge_one(set, &places, i, transport4(&keys[i])));
}

void classifier_judge6_avx2(const struct table_set *set, const struct key6 *keys, unsigned count,
			    struct verdict *ret)
{
	struct places places;

	if (set->segment_count == 0) {
		judge_nothing(set, count, ret);
		return;
	}
	for (unsigned i = 0; i < count; i++) {
		places.rank[SIDE_LOCAL][i] = rank6(&set->address[SIDE_LOCAL].v6, keys[i].local);
		places.rank[SIDE_REMOTE][i] = rank6(&set->address[SIDE_REMOTE].v6, keys[i].remote);
	}
	find_places(set, SIDE_LOCAL, count, &places);
	find_places(set, SIDE_REMOTE, count, &places);
	for (unsigned i = 0; i < count; i++)
		find_port_lines(set, i, transport6(&keys[i]), &places);
	for (unsigned i = 0; i < count; i++)
		store_verdict(&ret[i], judge_one(set, &places, i, transport6(&keys[i])));
}
