/*
 * Overlaps among regions: see region_index.h.
 */
#include "compile/region_index.h"

#include <errno.h>
#include <stdlib.h>

#define NO_NODE UINT32_MAX

/* A distinct prefix of one nest. */
struct node {
	ip_number first, last;
	uint32_t parent;   /* the longest prefix of the nest that holds it; NO_NODE: none */
	uint32_t from, to; /* of a source: its destinations' nodes; of a destination: its leaves */
};

/* A region, with what is looked at when the addresses overlap. */
struct leaf {
	struct port_range source_ports, destination_ports;
	uint32_t region;
};

struct region_index {
	struct node *sources, *destinations;
	size_t source_count, destination_count;
	struct leaf *leaves;
	size_t count;
};

/* A part of one level. */
struct nest {
	const struct node *nodes;
	uint32_t from, to;
};

/* --- making --- */

struct sorted {
	ip_number source, destination;
	uint8_t source_length, destination_length;
	uint32_t region;
};

static int compare_sorted(const void *a, const void *b)
{
	const struct sorted *x = a, *y = b;

	if (x->source != y->source)
		return x->source > y->source ? 1 : -1;
	if (x->source_length != y->source_length)
		return x->source_length > y->source_length ? 1 : -1;
	if (x->destination != y->destination)
		return x->destination > y->destination ? 1 : -1;
	if (x->destination_length != y->destination_length)
		return x->destination_length > y->destination_length ? 1 : -1;
	return x->region > y->region ? 1 : -1;
}

static struct sorted *sort_regions(const struct region *regions, size_t count)
{
	struct sorted *sorted = calloc(count + 1, sizeof(*sorted));

	if (!sorted)
		return NULL;
	for (size_t i = 0; i < count; i++)
		sorted[i] = (struct sorted){
			.source = ip_prefix_range(&regions[i].source).first,
			.destination = ip_prefix_range(&regions[i].destination).first,
			.source_length = regions[i].source.length,
			.destination_length = regions[i].destination.length,
			.region = (uint32_t)i,
		};
	qsort(sorted, count, sizeof(*sorted), compare_sorted);
	return sorted;
}

/* Appends a node of the nest that begins at `nest`, and returns it. */
static struct node *append_node(struct node *nodes, size_t *count, size_t nest,
				const struct ip_prefix *prefix, size_t from)
{
	struct ip_range range = ip_prefix_range(prefix);
	struct node *node = &nodes[*count];
	uint32_t parent = *count > nest ? (uint32_t)*count - 1 : NO_NODE;

	while (parent != NO_NODE && nodes[parent].last < range.first)
		parent = nodes[parent].parent;
	*node = (struct node){ range.first, range.last, parent, (uint32_t)from, (uint32_t)from };
	(*count)++;
	return node;
}

static void add_sorted(struct region_index *index, const struct region *regions,
		       const struct sorted *sorted, size_t i)
{
	const struct region *region = &regions[sorted[i].region];
	bool is_new_source = i == 0 || sorted[i].source != sorted[i - 1].source ||
			     sorted[i].source_length != sorted[i - 1].source_length;
	struct node *source;

	if (is_new_source)
		append_node(index->sources, &index->source_count, 0, &region->source,
			    index->destination_count);
	source = &index->sources[index->source_count - 1];
	if (is_new_source || sorted[i].destination != sorted[i - 1].destination ||
	    sorted[i].destination_length != sorted[i - 1].destination_length) {
		append_node(index->destinations, &index->destination_count, source->from,
			    &region->destination, i);
		source->to++;
	}
	index->destinations[index->destination_count - 1].to++;
	index->leaves[i] =
		(struct leaf){ region->source_ports, region->destination_ports, sorted[i].region };
}

int region_index_new(const struct region *regions, size_t count, struct region_index **ret)
{
	struct sorted *sorted = sort_regions(regions, count);
	struct region_index *index = calloc(1, sizeof(*index));

	if (index) {
		index->sources = calloc(count + 1, sizeof(*index->sources));
		index->destinations = calloc(count + 1, sizeof(*index->destinations));
		index->leaves = calloc(count + 1, sizeof(*index->leaves));
	}
	if (!sorted || !index || !index->sources || !index->destinations || !index->leaves) {
		free(sorted);
		region_index_free(index);
		return -ENOMEM;
	}
	for (size_t i = 0; i < count; i++)
		add_sorted(index, regions, sorted, i);
	index->count = count;
	free(sorted);
	*ret = index;
	return 0;
}

void region_index_free(struct region_index *index)
{
	if (!index)
		return;
	free(index->sources);
	free(index->destinations);
	free(index->leaves);
	free(index);
}

/* --- looking up --- */

/* One search: what is looked for, and who is told. */
struct search {
	const struct region_index *index;
	struct ip_range source, destination;
	struct port_range source_ports, destination_ports;
	size_t steps;
	region_visitor *visit;
	void *context;
};

static bool ports_overlap(struct port_range a, struct port_range b)
{
	return a.first <= b.last && b.first <= a.last;
}

static int visit_leaves(struct search *search, const struct node *destination)
{
	for (uint32_t i = destination->from; i < destination->to; i++) {
		const struct leaf *leaf = &search->index->leaves[i];
		int r;

		if (search->steps == 0)
			return -E2BIG;
		search->steps--;
		if (!ports_overlap(leaf->destination_ports, search->destination_ports) ||
		    !ports_overlap(leaf->source_ports, search->source_ports))
			continue;
		r = search->visit(search->context, leaf->region);
		if (r != 0)
			return r;
	}
	return 0;
}

/* The first node of the nest that the range holds, or that stands behind where it would. */
static uint32_t first_inside(const struct nest *nest, struct ip_range range)
{
	uint32_t low = nest->from, high = nest->to;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		const struct node *node = &nest->nodes[middle];

		if (node->first < range.first ||
		    (node->first == range.first && node->last > range.last))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* The longest node of the nest that holds more than the range, all of it; NO_NODE: none. */
static uint32_t first_around(const struct nest *nest, struct ip_range range, uint32_t inside)
{
	uint32_t at = inside > nest->from ? inside - 1 : NO_NODE;

	while (at != NO_NODE && nest->nodes[at].last < range.last)
		at = nest->nodes[at].parent;
	return at;
}

/* Calls `each` for every node of the nest that overlaps the range. */
static int each_node(struct search *search, const struct nest *nest, struct ip_range range,
		     int (*each)(struct search *, const struct node *))
{
	uint32_t inside = first_inside(nest, range);
	uint32_t at = first_around(nest, range, inside);
	int r = 0;

	for (; r == 0 && at != NO_NODE; at = nest->nodes[at].parent)
		r = each(search, &nest->nodes[at]);
	for (at = inside; r == 0 && at < nest->to && nest->nodes[at].first <= range.last; at++)
		r = each(search, &nest->nodes[at]);
	return r;
}

static int visit_destinations(struct search *search, const struct node *source)
{
	const struct nest nest = { search->index->destinations, source->from, source->to };

	if (search->steps == 0)
		return -E2BIG;
	search->steps--;
	return each_node(search, &nest, search->destination, visit_leaves);
}

int region_index_overlaps(const struct region_index *index, const struct region *box, size_t steps,
			  region_visitor *visit, void *context)
{
	const struct nest nest = { index->sources, 0, (uint32_t)index->source_count };
	struct search search = {
		.index = index,
		.source = ip_prefix_range(&box->source),
		.destination = ip_prefix_range(&box->destination),
		.source_ports = box->source_ports,
		.destination_ports = box->destination_ports,
		.steps = steps,
		.visit = visit,
		.context = context,
	};

	return each_node(&search, &nest, search.source, visit_destinations);
}

/* --- pairs --- */

struct pairs {
	region_pair_visitor *visit;
	void *context;
	uint32_t region;    /* the one that was searched for */
	bool is_own_source; /* both have the same source: told once, by the later */
};

static int visit_pair(void *context, uint32_t other)
{
	struct pairs *pairs = context;

	if (other == pairs->region || (pairs->is_own_source && other > pairs->region))
		return 0;
	return other < pairs->region ? pairs->visit(pairs->context, other, pairs->region)
				     : pairs->visit(pairs->context, pairs->region, other);
}

/* Regions of one source against those whose source is the same or holds it. */
static int pair_leaf(struct search *search, struct pairs *pairs, uint32_t source,
		     const struct node *destination, const struct leaf *leaf)
{
	int r = 0;

	search->destination = (struct ip_range){ destination->first, destination->last };
	search->source_ports = leaf->source_ports;
	search->destination_ports = leaf->destination_ports;
	pairs->region = leaf->region;
	for (uint32_t at = source; r == 0 && at != NO_NODE;
	     at = search->index->sources[at].parent) {
		pairs->is_own_source = at == source;
		r = visit_destinations(search, &search->index->sources[at]);
	}
	return r;
}

int region_index_pairs(const struct region_index *index, size_t steps, region_pair_visitor *visit,
		       void *context)
{
	struct pairs pairs = { .visit = visit, .context = context };
	struct search search = {
		.index = index,
		.steps = steps,
		.visit = visit_pair,
		.context = &pairs,
	};
	int r = 0;

	for (uint32_t s = 0; s < index->source_count; s++) {
		const struct node *source = &index->sources[s];

		for (uint32_t d = source->from; d < source->to; d++) {
			const struct node *destination = &index->destinations[d];

			for (uint32_t i = destination->from; r == 0 && i < destination->to; i++)
				r = pair_leaf(&search, &pairs, s, destination, &index->leaves[i]);
		}
	}
	return r;
}
