/*
 * The AVX-512 path (F, BW, DQ, VL): see classifier_tables.h. Compiled for those instructions, so
 * nothing here may be called before classifier_new() found them.
 *
 * classifier_avx512_places.h finds where the keys stand; here their rows are ANDed and their lists
 * looked through.
 */
#include "classify/classifier_avx512_places.h"

static inline uint32_t block_hits(const struct sparse_block *block, uint32_t rank)
{
	__m128i first = _mm_load_si128((const __m128i *)block->first);
	__m128i width = _mm_load_si128((const __m128i *)block->width);
	__m128i above = _mm_sub_epi16(_mm_set1_epi16((short)rank), first);

	return _mm_cmple_epu16_mask(above, width);
}

ALWAYS_INLINE __m512i and_line(const struct row_words *rows, unsigned line)
{
	__m512i local = _mm512_load_si512(rows->local + line * LINE_WORDS);
	__m512i remote = _mm512_load_si512(rows->remote + line * LINE_WORDS);
	__m512i local_port = _mm512_load_si512(rows->local_port + line * LINE_WORDS);
	__m512i remote_port = _mm512_load_si512(rows->remote_port + line * LINE_WORDS);
	__m512i live = _mm512_load_si512(rows->live + line * LINE_WORDS);

	/* 0x80: the AND of three */
	return _mm512_ternarylogic_epi64(_mm512_ternarylogic_epi64(local, remote, local_port, 0x80),
					 remote_port, live, 0x80);
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
