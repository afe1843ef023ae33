/*
 * Building of search trees: see classifier_tree.h.
 *
 * Both trees are built over an array of 64-bit keys; the levels of an IPv4 tree are then narrowed.
 */
#include "classify/classifier_tree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The keys of each level, from the leaves up, before they are turned round. */
struct levels {
	uint64_t *keys[TREE_DEPTH_MAX];
	size_t nodes[TREE_DEPTH_MAX];
	unsigned depth;
};

static void levels_fini(struct levels *levels)
{
	for (unsigned i = 0; i < levels->depth; i++)
		free(levels->keys[i]);
}

static size_t divide_up(size_t n, size_t by)
{
	return (n + by - 1) / by;
}

static uint64_t *new_level(size_t nodes, unsigned width)
{
	uint64_t *keys = malloc(nodes * width * sizeof(*keys));

	/* UINT64_MAX pads: no value lies above it */
	if (keys)
		memset(keys, 0xff, nodes * width * sizeof(*keys));
	return keys;
}

/*
 * `starts` are the count borders, ascending and above 0. The key of child c + 1 of a node is the
 * least border below that child, which stands `span` leaves further on for each child.
 */
static int build_levels(const uint64_t *starts, size_t count, unsigned width, struct levels *ret)
{
	size_t nodes = count ? divide_up(count, width) : 1;
	size_t leaves_per_child = 0; /* 0: the level of the leaves */

	*ret = (struct levels){ 0 };
	for (;;) {
		uint64_t *keys;

		if (ret->depth == TREE_DEPTH_MAX)
			return -ENOSPC;
		keys = new_level(nodes, width);
		if (!keys)
			return -ENOMEM;
		for (size_t i = 0; i < nodes * width; i++) {
			size_t child = i / width * (width + 1) + i % width + 1;
			size_t at = leaves_per_child ? child * leaves_per_child * width : i;

			if (at < count)
				keys[i] = starts[at] - 1;
		}
		ret->keys[ret->depth] = keys;
		ret->nodes[ret->depth++] = nodes;
		if (nodes == 1)
			return 0;
		nodes = divide_up(nodes, width + 1);
		leaves_per_child = leaves_per_child ? leaves_per_child * (width + 1) : 1;
	}
}

static int add_level4(const uint64_t *keys, size_t nodes, struct pieces *pieces, const void **slot)
{
	int32_t *level = malloc(nodes * TREE4_KEYS * sizeof(*level));

	if (!level)
		return -ENOMEM;
	for (size_t i = 0; i < nodes * TREE4_KEYS; i++)
		level[i] = TREE4_KEY((uint32_t)keys[i]);
	return pieces_add(pieces, slot, level, nodes * TREE4_KEYS * sizeof(*level));
}

static int add_level6(const uint64_t *keys, size_t nodes, struct pieces *pieces, const void **slot)
{
	int64_t *level = malloc(nodes * TREE6_KEYS * sizeof(*level));

	if (!level)
		return -ENOMEM;
	for (size_t i = 0; i < nodes * TREE6_KEYS; i++)
		level[i] = TREE6_KEY(keys[i]);
	return pieces_add(pieces, slot, level, nodes * TREE6_KEYS * sizeof(*level));
}

int tree4_build(const struct borders *borders, struct pieces *pieces, struct tree4 *ret)
{
	uint64_t *starts = malloc(borders->count * sizeof(*starts));
	struct levels levels = { 0 };
	int r = starts ? 0 : -ENOMEM;

	for (size_t i = 1; r == 0 && i < borders->count; i++)
		starts[i - 1] = (uint64_t)borders->items[i].at;
	if (r == 0)
		r = build_levels(starts, borders->count - 1, TREE4_KEYS, &levels);
	ret->depth = levels.depth;
	for (unsigned i = 0; i < levels.depth && r == 0; i++)
		r = add_level4(levels.keys[levels.depth - 1 - i],
			       levels.nodes[levels.depth - 1 - i], pieces,
			       (const void **)&ret->level[i]);
	free(starts);
	levels_fini(&levels);
	return r;
}

/* Groups borders by high half; `starts` gets the high halves but the first, which is 0. */
static size_t make_spans(const struct borders *borders, struct span6 *spans, uint64_t *lows,
			 uint64_t *starts)
{
	size_t count = 0;

	for (size_t i = 0; i < borders->count; i++) {
		uint64_t high = (uint64_t)(borders->items[i].at >> 64);

		if (i == 0 || high != spans[count - 1].high) {
			if (count > 0)
				starts[count - 1] = high;
			spans[count++] = (struct span6){ .high = high, .first = (uint32_t)i };
		}
		spans[count - 1].count++;
		lows[i] = (uint64_t)borders->items[i].at;
	}
	return count;
}

int tree6_build(const struct borders *borders, struct pieces *pieces, struct tree6 *ret)
{
	struct span6 *spans = calloc(borders->count, sizeof(*spans));
	uint64_t *lows = calloc(borders->count, sizeof(*lows));
	uint64_t *starts = calloc(borders->count, sizeof(*starts));
	struct levels levels = { 0 };
	size_t span_count = 0;
	int r = -ENOMEM;

	if (spans && lows && starts) {
		span_count = make_spans(borders, spans, lows, starts);
		r = build_levels(starts, span_count - 1, TREE6_KEYS, &levels);
	}
	ret->depth = levels.depth;
	for (unsigned i = 0; i < levels.depth && r == 0; i++)
		r = add_level6(levels.keys[levels.depth - 1 - i],
			       levels.nodes[levels.depth - 1 - i], pieces,
			       (const void **)&ret->level[i]);
	free(starts);
	levels_fini(&levels);
	if (r < 0) {
		free(spans);
		free(lows);
		return r;
	}
	r = pieces_add(pieces, (const void **)&ret->spans, spans, span_count * sizeof(*spans));
	if (r < 0) {
		free(lows);
		return r;
	}
	return pieces_add(pieces, (const void **)&ret->lows, lows, borders->count * sizeof(*lows));
}
