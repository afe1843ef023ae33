/*
 * The AVX2 path: see classifier_tables.h. Compiled for AVX2, BMI and POPCNT, so nothing here may be
 * called before classifier_new() found them.
 */
#include "classify/classifier_lookup.h"

#include <immintrin.h>

#define HALF_KEYS4 8
#define HALF_KEYS6 4

static inline size_t below4(const int32_t *node, __m256i key)
{
	__m256i low = _mm256_load_si256((const __m256i *)node);
	__m256i high = _mm256_load_si256((const __m256i *)(node + HALF_KEYS4));
	int low_mask = _mm256_movemask_ps(_mm256_castsi256_ps(_mm256_cmpgt_epi32(key, low)));
	int high_mask = _mm256_movemask_ps(_mm256_castsi256_ps(_mm256_cmpgt_epi32(key, high)));

	return (size_t)_mm_popcnt_u32((unsigned)(low_mask | high_mask << HALF_KEYS4));
}

static inline size_t rank4(const struct tree4 *tree, uint32_t address)
{
	__m256i key = _mm256_set1_epi32(TREE4_KEY(__builtin_bswap32(address)));
	unsigned last = tree->depth - 1;
	size_t k = 0;

	for (unsigned level = 0; level < last; level++)
		k = k * (TREE4_KEYS + 1) + below4(tree->level[level] + k * TREE4_KEYS, key);
	return k * TREE4_KEYS + below4(tree->level[last] + k * TREE4_KEYS, key);
}

static inline size_t below6(const int64_t *node, __m256i key)
{
	__m256i low = _mm256_load_si256((const __m256i *)node);
	__m256i high = _mm256_load_si256((const __m256i *)(node + HALF_KEYS6));
	int low_mask = _mm256_movemask_pd(_mm256_castsi256_pd(_mm256_cmpgt_epi64(key, low)));
	int high_mask = _mm256_movemask_pd(_mm256_castsi256_pd(_mm256_cmpgt_epi64(key, high)));

	return (size_t)_mm_popcnt_u32((unsigned)(low_mask | high_mask << HALF_KEYS6));
}

static inline size_t rank6(const struct tree6 *tree, const uint8_t *address)
{
	__m256i key = _mm256_set1_epi64x(TREE6_KEY(load_high(address)));
	unsigned last = tree->depth - 1;
	size_t k = 0;

	for (unsigned level = 0; level < last; level++)
		k = k * (TREE6_KEYS + 1) + below6(tree->level[level] + k * TREE6_KEYS, key);
	return k * TREE6_KEYS + below6(tree->level[last] + k * TREE6_KEYS, key);
}

static inline void prefetch_row(const struct table_set *set, uint32_t line)
{
	const char *row = (const char *)set->rows + (size_t)line * LINE_BYTES;

	_mm_prefetch(row, _MM_HINT_T0);
	_mm_prefetch(row + LINE_BYTES, _MM_HINT_T0);
}

/* Four words of the four rows; which of them are not empty. */
static inline unsigned words_set(const struct row_words *rows, unsigned word)
{
	__m256i local = _mm256_load_si256((const __m256i *)(rows->local + word));
	__m256i remote = _mm256_load_si256((const __m256i *)(rows->remote + word));
	__m256i local_port = _mm256_load_si256((const __m256i *)(rows->local_port + word));
	__m256i remote_port = _mm256_load_si256((const __m256i *)(rows->remote_port + word));
	__m256i bits = _mm256_and_si256(_mm256_and_si256(local, remote),
					_mm256_and_si256(local_port, remote_port));
	__m256i empty = _mm256_cmpeq_epi64(bits, _mm256_setzero_si256());

	return ~(unsigned)_mm256_movemask_pd(_mm256_castsi256_pd(empty)) & 0xf;
}

/* A segment may begin within four words: those before it are masked out. */
static inline uint64_t segment_outcome(const struct table_set *set, const struct segment *segment,
				       const struct row_words *rows)
{
	unsigned word = segment->first_word & ~3U;
	unsigned found = words_set(rows, word) & (0xfU << (segment->first_word & 3));

	while (found == 0) {
		word += 4;
		found = words_set(rows, word);
	}
	return outcome_of(set, rows, word + (unsigned)__builtin_ctz(found));
}

static void judge_lines(const struct table_set *set, const struct row_lines *lines, unsigned count,
			struct verdict *ret)
{
	for (unsigned i = 0; i < count; i++) {
		struct row_words rows = row_words_of(set, lines, i);
		unsigned s = set->segment_count - 1;
		uint64_t outcome = segment_outcome(set, &set->segment[s], &rows);

		while (s-- > 0)
			outcome = outcome_before(segment_outcome(set, &set->segment[s], &rows),
						 outcome);
		store_verdict(&ret[i], outcome);
	}
}

static void find_rows4(const struct table_set *set, const struct key4 *keys, unsigned count,
		       struct row_lines *ret)
{
	const struct tree4 *local = &set->local.v4, *remote = &set->remote.v4;

	for (unsigned i = 0; i < count; i++) {
		ret->local[i] = local->lines[rank4(local, keys[i].local)];
		ret->remote[i] = remote->lines[rank4(remote, keys[i].remote)];
		prefetch_row(set, ret->local[i]);
		prefetch_row(set, ret->remote[i]);
	}
	for (unsigned i = 0; i < count; i++) {
		ret->local_port[i] = line_of_local_port(set, keys[i].protocol, keys[i].local_port);
		ret->remote_port[i] = line_of_remote_port(set, keys[i].remote_port);
		prefetch_row(set, ret->local_port[i]);
	}
}

static void find_rows6(const struct table_set *set, const struct key6 *keys, unsigned count,
		       struct row_lines *ret)
{
	const struct tree6 *local = &set->local.v6, *remote = &set->remote.v6;

	for (unsigned i = 0; i < count; i++) {
		ret->local[i] = line_in_span(local, rank6(local, keys[i].local), keys[i].local);
		ret->remote[i] =
			line_in_span(remote, rank6(remote, keys[i].remote), keys[i].remote);
		prefetch_row(set, ret->local[i]);
		prefetch_row(set, ret->remote[i]);
	}
	for (unsigned i = 0; i < count; i++) {
		ret->local_port[i] = line_of_local_port(set, keys[i].protocol, keys[i].local_port);
		ret->remote_port[i] = line_of_remote_port(set, keys[i].remote_port);
		prefetch_row(set, ret->local_port[i]);
	}
}

void classifier_judge4_avx2(const struct table_set *set, const struct key4 *keys, unsigned count,
			    struct verdict *ret)
{
	struct row_lines lines;

	if (set->segment_count == 0) {
		judge_nothing(set, count, ret);
		return;
	}
	find_rows4(set, keys, count, &lines);
	judge_lines(set, &lines, count, ret);
}

void classifier_judge6_avx2(const struct table_set *set, const struct key6 *keys, unsigned count,
			    struct verdict *ret)
{
	struct row_lines lines;

	if (set->segment_count == 0) {
		judge_nothing(set, count, ret);
		return;
	}
	find_rows6(set, keys, count, &lines);
	judge_lines(set, &lines, count, ret);
}
