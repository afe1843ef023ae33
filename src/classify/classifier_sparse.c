/*
 * Building of lists: see classifier_sparse.h.
 */
#include "classify/classifier_sparse.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* One more than the largest rank that a list may hold; what pads a block lies above. */
#define RANKS_MAX 65535

#define PROTOCOL_CLASSES_MAX 32

/* On average, of a rule: what port ranges and address ranges make of it. */
#define EXPANSION_MAX 4

/* Ranks of the other side. */
struct span {
	uint16_t first;
	uint16_t width;
};

struct builder {
	const struct sparse_input *input;
	struct sparse_rule *rules;
	size_t rule_count;
	struct span *spans;
	size_t span_count;
	/* by live rule: its part of rules[] and of spans[]; one more at the end */
	uint32_t *first_rule;
	uint32_t *first_span;
	uint32_t *by_list_bit[SIDES]; /* live rule */
	struct sparse_block *blocks;
	size_t block_count;
	size_t block_capacity;
	uint32_t *list_of_row; /* while one side is worked on */
	size_t limit;          /* of rules, and of spans */
};

static void builder_fini(struct builder *b)
{
	free(b->rules);
	free(b->spans);
	free(b->first_rule);
	free(b->first_span);
	free(b->by_list_bit[SIDE_LOCAL]);
	free(b->by_list_bit[SIDE_REMOTE]);
	free(b->blocks);
	free(b->list_of_row);
}

static int builder_init(struct builder *b, const struct sparse_input *input)
{
	const struct layout *layout = input->layout;

	*b = (struct builder){
		.input = input,
		.rule_count = 1, /* rule 0 matches no protocol */
		.limit = layout->count * EXPANSION_MAX,
	};
	b->rules = calloc(b->limit, sizeof(*b->rules));
	b->spans = calloc(b->limit, sizeof(*b->spans));
	b->first_rule = calloc(layout->count + 1, sizeof(*b->first_rule));
	b->first_span = calloc(layout->count + 1, sizeof(*b->first_span));
	for (int side = 0; side < SIDES; side++)
		b->by_list_bit[side] =
			calloc(layout->sparse_count[side] + 1, sizeof(*b->by_list_bit[side]));
	return b->rules && b->spans && b->first_rule && b->first_span &&
			       b->by_list_bit[SIDE_LOCAL] && b->by_list_bit[SIDE_REMOTE]
		       ? 0
		       : -ENOMEM;
}

static uint32_t protocol_bits(const struct sparse_input *input, const struct live_rule *live)
{
	uint32_t bits = 0;

	for (size_t k = 0; k < input->protocols->part_count; k++) {
		if (program_rule_has_protocol(live->rule, input->layout->family,
					      input->protocols->example[k]))
			bits |= UINT32_C(1) << k;
	}
	return bits;
}

static size_t range_count(const struct port_set *ports)
{
	return ports->any ? 1 : ports->range_count;
}

static void set_ports(struct sparse_rule *rule, enum side side, const struct port_set *ports,
		      size_t i)
{
	rule->port_first[side] = ports->any ? 0 : ports->ranges[i].first;
	rule->port_width[side] =
		ports->any ? UINT16_MAX
			   : (uint16_t)(ports->ranges[i].last - ports->ranges[i].first);
}

/* A sparse rule for each pair of port ranges. */
static int add_rules(struct builder *b, const struct live_rule *live)
{
	const struct port_set *local = live->ports[SIDE_LOCAL], *remote = live->ports[SIDE_REMOTE];
	struct sparse_rule rule = {
		.outcome = live->outcome,
		.protocols = protocol_bits(b->input, live),
		.segment = live->segment,
	};

	for (size_t i = 0; i < range_count(local); i++) {
		set_ports(&rule, SIDE_LOCAL, local, i);
		for (size_t k = 0; k < range_count(remote); k++) {
			set_ports(&rule, SIDE_REMOTE, remote, k);
			if (b->rule_count == b->limit)
				return SPARSE_UNFIT;
			b->rules[b->rule_count++] = rule;
		}
	}
	return SPARSE_BUILT;
}

/* The border that stands exactly at `at`. */
static size_t border_index(const struct borders *borders, ip_number at)
{
	size_t low = 0, high = borders->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (borders->items[middle].at < at)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* A span for each range of the rule's other side. */
static int add_spans(struct builder *b, const struct live_rule *live)
{
	const struct layout *layout = b->input->layout;
	enum side other = live->list_side == SIDE_LOCAL ? SIDE_REMOTE : SIDE_LOCAL;
	const struct address_group *group = &layout->program->groups[live->group[other]];
	const struct borders *borders = b->input->borders[other];
	ip_number end = ip_low_mask(ip_family_bits(layout->family));

	for (size_t i = 0; i < group->range_count[layout->family]; i++) {
		const struct ip_range *range = &group->ranges[layout->family][i];
		size_t first = border_index(borders, range->first);
		size_t after = range->last == end ? borders->count
						  : border_index(borders, range->last + 1);

		if (b->span_count == b->limit)
			return SPARSE_UNFIT;
		b->spans[b->span_count++] =
			(struct span){ (uint16_t)first, (uint16_t)(after - 1 - first) };
	}
	return SPARSE_BUILT;
}

static int add_live_rules(struct builder *b)
{
	const struct layout *layout = b->input->layout;
	int r = SPARSE_BUILT;

	for (size_t i = 0; i < layout->count && r == SPARSE_BUILT; i++) {
		const struct live_rule *live = &layout->rules[i];

		b->first_rule[i] = (uint32_t)b->rule_count;
		b->first_span[i] = (uint32_t)b->span_count;
		if (live->bit != NO_BIT)
			continue;
		b->by_list_bit[live->list_side][live->list_bit] = (uint32_t)i;
		r = add_rules(b, live);
		if (r == SPARSE_BUILT)
			r = add_spans(b, live);
	}
	b->first_rule[layout->count] = (uint32_t)b->rule_count;
	b->first_span[layout->count] = (uint32_t)b->span_count;
	return r;
}

static int add_block(struct builder *b)
{
	struct sparse_block *block;

	if (b->block_count == b->block_capacity) {
		size_t capacity = b->block_capacity ? b->block_capacity * 2 : 256;
		struct sparse_block *blocks = reallocarray(b->blocks, capacity, sizeof(*b->blocks));

		if (!blocks)
			return -ENOMEM;
		b->blocks = blocks;
		b->block_capacity = capacity;
	}
	if (b->block_count == SPARSE_BLOCKS_MAX)
		return SPARSE_UNFIT;
	block = &b->blocks[b->block_count++];
	*block = (struct sparse_block){ 0 };
	/* first 65535 and width 0 hold no rank that there is */
	memset(block->first, 0xff, sizeof(block->first));
	return 0;
}

/* One list while it is written. */
struct list {
	size_t first_block;
	size_t entries;
};

static int add_entry(struct builder *b, struct list *list, struct span span, uint32_t rule)
{
	size_t at = list->entries % SPARSE_BLOCK;

	if (at == 0) {
		int r;

		if (list->entries == (size_t)SPARSE_LIST_BLOCKS_MAX * SPARSE_BLOCK)
			return SPARSE_UNFIT;
		r = add_block(b);
		if (r != 0)
			return r;
	}
	b->blocks[b->block_count - 1].first[at] = span.first;
	b->blocks[b->block_count - 1].width[at] = span.width;
	b->blocks[b->block_count - 1].rule[at] = rule;
	list->entries++;
	return SPARSE_BUILT;
}

static int add_to_list(struct builder *b, struct list *list, uint32_t live)
{
	int r = SPARSE_BUILT;

	for (uint32_t s = b->first_span[live]; s < b->first_span[live + 1]; s++) {
		for (uint32_t k = b->first_rule[live];
		     k < b->first_rule[live + 1] && r == SPARSE_BUILT; k++)
			r = add_entry(b, list, b->spans[s], k);
	}
	return r;
}

static int add_list(struct builder *b, enum side side, size_t row)
{
	const struct rows *rows = b->input->lists[side];
	const uint64_t *bits = rows->bits + row * rows->words;
	struct list list = { .first_block = b->block_count };
	int r = SPARSE_BUILT;

	for (size_t w = 0; w < rows->words && r == SPARSE_BUILT; w++) {
		for (uint64_t left = bits[w]; left && r == SPARSE_BUILT; left &= left - 1) {
			size_t bit = w * 64 + (size_t)__builtin_ctzll(left);

			r = add_to_list(b, &list, b->by_list_bit[side][bit]);
		}
	}
	if (list.entries > 0)
		b->list_of_row[row] =
			SPARSE_LIST(list.first_block, b->block_count - list.first_block);
	return r;
}

/* The lists of one side, and which of them each rank has. */
static int add_lists(struct builder *b, enum side side, uint32_t **ret)
{
	const struct borders *borders = b->input->borders[side];
	uint32_t *lists = malloc(borders->count * sizeof(*lists));
	int r = SPARSE_BUILT;

	free(b->list_of_row);
	b->list_of_row = calloc(b->input->lists[side]->count, sizeof(*b->list_of_row));
	if (!lists || !b->list_of_row)
		r = -ENOMEM;
	for (size_t i = 0; r == SPARSE_BUILT && i < b->input->lists[side]->count; i++)
		r = add_list(b, side, i);
	if (r != SPARSE_BUILT) {
		free(lists);
		return r;
	}
	for (size_t i = 0; i < borders->count; i++)
		lists[i] = b->list_of_row[borders->items[i].list];
	*ret = lists;
	return r;
}

static int hand_over(struct pieces *pieces, const void *slot, void *data, size_t size)
{
	return pieces_add(pieces, (const void **)slot, data, size);
}

static int add_pieces(struct builder *b, struct pieces *pieces, struct sparse *ret)
{
	uint32_t *protocols = malloc(256 * sizeof(*protocols));
	int r;

	/* each call owns what it is given, so all are made before any failure is looked at */
	r = hand_over(pieces, &ret->blocks, b->blocks, b->block_count * sizeof(*b->blocks));
	r |= hand_over(pieces, &ret->rules, b->rules, b->rule_count * sizeof(*b->rules));
	ret->rule_count = b->rule_count;
	b->blocks = NULL;
	b->rules = NULL;
	if (!protocols)
		return -ENOMEM;
	for (unsigned p = 0; p < 256; p++)
		protocols[p] = UINT32_C(1) << b->input->protocols->class_of[p];
	r |= hand_over(pieces, &ret->protocols, protocols, 256 * sizeof(*protocols));
	return r ? -ENOMEM : SPARSE_BUILT;
}

int sparse_build(const struct sparse_input *input, struct pieces *pieces, struct sparse *ret,
		 uint32_t *ret_lists[SIDES])
{
	uint32_t *lists[SIDES] = { NULL, NULL };
	struct builder b;
	int r;

	if (input->borders[SIDE_LOCAL]->count > RANKS_MAX ||
	    input->borders[SIDE_REMOTE]->count > RANKS_MAX ||
	    input->protocols->part_count > PROTOCOL_CLASSES_MAX)
		return SPARSE_UNFIT;
	r = builder_init(&b, input);
	if (r == 0)
		r = add_block(&b); /* block 0 */
	if (r == 0)
		r = add_live_rules(&b);
	if (r == SPARSE_BUILT)
		r = add_lists(&b, SIDE_LOCAL, &lists[SIDE_LOCAL]);
	if (r == SPARSE_BUILT)
		r = add_lists(&b, SIDE_REMOTE, &lists[SIDE_REMOTE]);
	if (r == SPARSE_BUILT)
		r = add_pieces(&b, pieces, ret);
	if (r == SPARSE_BUILT) {
		ret_lists[SIDE_LOCAL] = lists[SIDE_LOCAL];
		ret_lists[SIDE_REMOTE] = lists[SIDE_REMOTE];
	} else {
		free(lists[SIDE_LOCAL]);
		free(lists[SIDE_REMOTE]);
	}
	builder_fini(&b);
	return r;
}
