/*
 * The portable path: see classifier_tables.h. Its answers are the measure of the other two.
 */
#include "classify/classifier_lookup.h"

static inline uint32_t block_hits(const struct sparse_block *block, uint32_t rank)
{
	uint32_t hits = 0;

	for (unsigned i = 0; i < SPARSE_BLOCK; i++)
		hits |= (uint32_t)((uint16_t)(rank - block->first[i]) <= block->width[i]) << i;
	return hits;
}

/* How many of a node's sorted keys are below `key`: halving, without a branch. */
static inline size_t below4(const int32_t *node, int32_t key)
{
	size_t below = 0;

	for (size_t half = TREE4_KEYS / 2; half > 0; half /= 2)
		below += half & -(size_t)(node[below + half - 1] < key);
	return below + (node[below] < key);
}

static inline size_t below6(const int64_t *node, int64_t key)
{
	size_t below = 0;

	for (size_t half = TREE6_KEYS / 2; half > 0; half /= 2)
		below += half & -(size_t)(node[below + half - 1] < key);
	return below + (node[below] < key);
}

static uint32_t rank4(const struct tree4 *tree, uint32_t address)
{
	int32_t key = TREE4_KEY(__builtin_bswap32(address));
	unsigned last = tree->depth - 1;
	size_t k = 0;

	for (unsigned level = 0; level < last; level++)
		k = k * (TREE4_KEYS + 1) + below4(tree->level[level] + k * TREE4_KEYS, key);
	return (uint32_t)(k * TREE4_KEYS + below4(tree->level[last] + k * TREE4_KEYS, key));
}

static uint32_t rank6(const struct tree6 *tree, const uint8_t *address)
{
	int64_t key = TREE6_KEY(load_high(address));
	unsigned last = tree->depth - 1;
	size_t k = 0;

	for (unsigned level = 0; level < last; level++)
		k = k * (TREE6_KEYS + 1) + below6(tree->level[level] + k * TREE6_KEYS, key);
	k = k * TREE6_KEYS + below6(tree->level[last] + k * TREE6_KEYS, key);
	return rank_in_span(tree, k, address);
}

static uint64_t segment_outcome(const struct table_set *set, const struct segment *segment,
				const struct row_words *rows)
{
	unsigned word = segment->first_word;

	while (word_of(rows, word) == 0)
		word++;
	return outcome_of(set, rows, word);
}

static uint64_t judge_one(const struct table_set *set, const struct places *places, unsigned i,
			  const struct transport *transport)
{
	struct row_words rows = row_words_of(set, places, i);
	uint64_t outcomes[STAGES];

	for (unsigned s = 0; s < set->segment_count; s++)
		outcomes[s] = segment_outcome(set, &set->segment[s], &rows);
	if (set->is_sparse)
		judge_lists(set, places, i, transport, outcomes);
	return outcome_of_all(outcomes, set->segment_count);
}

static void find_lines(const struct table_set *set, unsigned i, const struct transport *transport,
		       struct places *places)
{
	for (unsigned side = 0; side < SIDES; side++) {
		const struct address_place *place = &set->places[side][places->rank[side][i]];

		places->address_line[side][i] = place->line;
		places->list[side][i] = place->list;
	}
	places->port_line[SIDE_LOCAL][i] =
		line_of_local_port(set, transport->protocol, transport->port[SIDE_LOCAL]);
	places->port_line[SIDE_REMOTE][i] = line_of_remote_port(set, transport->port[SIDE_REMOTE]);
}

void classifier_judge4_scalar(const struct table_set *set, const struct key4 *keys, unsigned count,
			      struct verdict *ret)
{
	struct places places;

	if (set->segment_count == 0) {
		judge_nothing(set, count, ret);
		return;
	}
	for (unsigned i = 0; i < count; i++) {
		places.rank[SIDE_LOCAL][i] = rank4(&set->address[SIDE_LOCAL].v4, keys[i].local);
		places.rank[SIDE_REMOTE][i] = rank4(&set->address[SIDE_REMOTE].v4, keys[i].remote);
		find_lines(set, i, transport4(&keys[i]), &places);
	}
	for (unsigned i = 0; i < count; i++)
		store_verdict(&ret[i], judge_one(set, &places, i, transport4(&keys[i])));
}

void classifier_judge6_scalar(const struct table_set *set, const struct key6 *keys, unsigned count,
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
		find_lines(set, i, transport6(&keys[i]), &places);
	}
	for (unsigned i = 0; i < count; i++)
		store_verdict(&ret[i], judge_one(set, &places, i, transport6(&keys[i])));
}
