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

int tree4_build(const struct borders *borders, uint32_t first_line, uint32_t line_count,
		struct pieces *pieces, struct tree4 *ret)
{
	uint64_t *starts = malloc(borders->count * sizeof(*starts));
	size_t rank_end = divide_up(borders->count, TREE4_KEYS) * TREE4_KEYS + 1;
	uint32_t *lines = malloc(rank_end * sizeof(*lines));
	struct levels levels = { 0 };
	int r;

	for (size_t i = 1; starts && i < borders->count; i++)
		starts[i - 1] = (uint64_t)borders->items[i].at;
	r = starts && lines ? build_levels(starts, borders->count - 1, TREE4_KEYS, &levels)
			    : -ENOMEM;
	ret->depth = levels.depth;
	for (unsigned i = 0; i < levels.depth && r == 0; i++)
		r = add_level4(levels.keys[levels.depth - 1 - i],
			       levels.nodes[levels.depth - 1 - i], pieces,
			       (const void **)&ret->level[i]);
	free(starts);
	levels_fini(&levels);
	if (r < 0) {
		free(lines);
		return r;
	}
	for (size_t i = 0; i < rank_end; i++) {
		size_t last = i < borders->count ? i : borders->count - 1;

		lines[i] = first_line + borders->items[last].row * line_count;
	}
	return pieces_add(pieces, (const void **)&ret->lines, lines, rank_end * sizeof(*lines));
}

struct spans {
	struct span6 *items;
	size_t count;
	uint64_t *lows;
	uint32_t *lines;
	size_t low_count;
};

static void add_low(struct spans *spans, uint64_t low, uint32_t line)
{
	spans->lows[spans->low_count] = low;
	spans->lines[spans->low_count++] = line;
	spans->items[spans->count - 1].count++;
	spans->items[spans->count - 1].after = line;
}

static void make_spans(const struct borders *borders, uint32_t first_line, uint32_t line_count,
		       struct spans *spans)
{
	uint32_t line = 0;

	for (size_t i = 0; i < borders->count; i++) {
		uint64_t high = (uint64_t)(borders->items[i].at >> 64);
		uint64_t low = (uint64_t)borders->items[i].at;

		if (i == 0 || high != spans->items[spans->count - 1].high) {
			spans->items[spans->count++] =
				(struct span6){ .high = high, .first = (uint32_t)spans->low_count };
			/* a span that begins in its middle goes on with the row before it */
			if (low != 0)
				add_low(spans, 0, line);
		}
		line = first_line + borders->items[i].row * line_count;
		add_low(spans, low, line);
	}
}

static int add_spans(struct spans *spans, struct pieces *pieces, struct tree6 *ret)
{
	int r = pieces_add(pieces, (const void **)&ret->spans, spans->items,
			   spans->count * sizeof(*spans->items));

	spans->items = NULL;
	if (r == 0) {
		r = pieces_add(pieces, (const void **)&ret->lows, spans->lows,
			       spans->low_count * sizeof(*spans->lows));
		spans->lows = NULL;
	}
	if (r == 0) {
		r = pieces_add(pieces, (const void **)&ret->low_lines, spans->lines,
			       spans->low_count * sizeof(*spans->lines));
		spans->lines = NULL;
	}
	return r;
}

int tree6_build(const struct borders *borders, uint32_t first_line, uint32_t line_count,
		struct pieces *pieces, struct tree6 *ret)
{
	struct spans spans = {
		.items = calloc(borders->count, sizeof(*spans.items)),
		.lows = calloc(borders->count * 2, sizeof(*spans.lows)),
		.lines = calloc(borders->count * 2, sizeof(*spans.lines)),
	};
	uint64_t *starts = malloc(borders->count * sizeof(*starts));
	struct levels levels = { 0 };
	int r = -ENOMEM;

	if (spans.items && spans.lows && spans.lines && starts) {
		make_spans(borders, first_line, line_count, &spans);
		for (size_t i = 1; i < spans.count; i++)
			starts[i - 1] = spans.items[i].high;
		r = build_levels(starts, spans.count - 1, TREE6_KEYS, &levels);
	}
	ret->depth = levels.depth;
	for (unsigned i = 0; i < levels.depth && r == 0; i++)
		r = add_level6(levels.keys[levels.depth - 1 - i],
			       levels.nodes[levels.depth - 1 - i], pieces,
			       (const void **)&ret->level[i]);
	if (r == 0)
		r = add_spans(&spans, pieces, ret);
	free(starts);
	levels_fini(&levels);
	free(spans.items);
	free(spans.lows);
	free(spans.lines);
	return r;
}
