/*
 * The portable path: see classifier_tables.h. Its answers are the measure of the other two.
 */
#include "classify/classifier_lookup.h"

static size_t rank4(const struct tree4 *tree, uint32_t address)
{
	int32_t key = TREE4_KEY(__builtin_bswap32(address));
	size_t k = 0;

	for (unsigned level = 0; level < tree->depth; level++) {
		const int32_t *node = tree->level[level] + k * TREE4_KEYS;
		size_t below = 0;

		for (unsigned i = 0; i < TREE4_KEYS; i++)
			below += node[i] < key;
		k = k * (level + 1 < tree->depth ? TREE4_KEYS + 1 : TREE4_KEYS) + below;
	}
	return k;
}

static size_t rank6(const struct tree6 *tree, const uint8_t *address)
{
	int64_t key = TREE6_KEY(load_high(address));
	size_t k = 0;

	for (unsigned level = 0; level < tree->depth; level++) {
		const int64_t *node = tree->level[level] + k * TREE6_KEYS;
		size_t below = 0;

		for (unsigned i = 0; i < TREE6_KEYS; i++)
			below += node[i] < key;
		k = k * (level + 1 < tree->depth ? TREE6_KEYS + 1 : TREE6_KEYS) + below;
	}
	return k;
}

static uint64_t segment_outcome(const struct table_set *set, const struct segment *segment,
				const struct row_words *rows)
{
	unsigned word = segment->first_word;

	while (word_of(rows, word) == 0)
		word++;
	return outcome_of(set, rows, word);
}

static uint64_t all_outcomes(const struct table_set *set, const struct row_words *rows)
{
	unsigned i = set->segment_count - 1;
	uint64_t outcome = segment_outcome(set, &set->segment[i], rows);

	while (i-- > 0)
		outcome = outcome_before(segment_outcome(set, &set->segment[i], rows), outcome);
	return outcome;
}

static void judge_lines(const struct table_set *set, const struct row_lines *lines, unsigned count,
			struct verdict *ret)
{
	for (unsigned i = 0; i < count; i++) {
		struct row_words rows = row_words_of(set, lines, i);

		store_verdict(&ret[i], all_outcomes(set, &rows));
	}
}

void classifier_judge4_scalar(const struct table_set *set, const struct key4 *keys, unsigned count,
			      struct verdict *ret)
{
	struct row_lines lines;

	if (set->segment_count == 0) {
		judge_nothing(set, count, ret);
		return;
	}
	for (unsigned i = 0; i < count; i++) {
		const struct key4 *key = &keys[i];

		lines.local[i] = set->local.v4.lines[rank4(&set->local.v4, key->local)];
		lines.remote[i] = set->remote.v4.lines[rank4(&set->remote.v4, key->remote)];
		lines.local_port[i] = line_of_local_port(set, key->protocol, key->local_port);
		lines.remote_port[i] = line_of_remote_port(set, key->remote_port);
	}
	judge_lines(set, &lines, count, ret);
}

void classifier_judge6_scalar(const struct table_set *set, const struct key6 *keys, unsigned count,
			      struct verdict *ret)
{
	const struct tree6 *local = &set->local.v6, *remote = &set->remote.v6;
	struct row_lines lines;

	if (set->segment_count == 0) {
		judge_nothing(set, count, ret);
		return;
	}
	for (unsigned i = 0; i < count; i++) {
		const struct key6 *key = &keys[i];

		lines.local[i] = line_in_span(local, rank6(local, key->local), key->local);
		lines.remote[i] = line_in_span(remote, rank6(remote, key->remote), key->remote);
		lines.local_port[i] = line_of_local_port(set, key->protocol, key->local_port);
		lines.remote_port[i] = line_of_remote_port(set, key->remote_port);
	}
	judge_lines(set, &lines, count, ret);
}
