/*
 * The sweeps: see classifier_sweep.h.
 *
 * Addresses are swept by group, not by rule: going into a group flips the bits of all rules that
 * name it.
 */
#include "classify/classifier_sweep.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Marks a bit of the lists, not of the rows. */
#define LIST_BIT 0x80000000

/* Which bits each item flips: those of item i are bits[first[i]] to bits[first[i + 1] - 1]. */
struct flips {
	uint32_t *first;
	uint32_t *bits;
};

/* What a sweep writes to. */
struct sweep {
	const struct flips *flips;
	struct rows *rows;
	struct rows *lists; /* may be NULL */
	bool keep_all;      /* borders without a change, too */
	struct borders *borders;
};

void borders_fini(struct borders *borders)
{
	free(borders->items);
	*borders = (struct borders){ 0 };
}

static int borders_add(struct borders *borders, const struct border *border)
{
	if (borders->count == borders->capacity) {
		size_t capacity = borders->capacity ? borders->capacity * 2 : 64;
		struct border *items =
			reallocarray(borders->items, capacity, sizeof(*borders->items));

		if (!items)
			return -ENOMEM;
		borders->items = items;
		borders->capacity = capacity;
	}
	borders->items[borders->count++] = *border;
	return 0;
}

static void start_row(const struct layout *layout, struct rows *rows)
{
	rows_clear(rows);
	for (unsigned i = 0; i < layout->segment_count; i++)
		rows_flip(rows, layout->last_bit[i]);
}

static void flip_item(const struct sweep *sweep, uint32_t item)
{
	for (uint32_t k = sweep->flips->first[item]; k < sweep->flips->first[item + 1]; k++) {
		uint32_t bit = sweep->flips->bits[k];

		if (bit & LIST_BIT)
			rows_flip(sweep->lists, bit & ~LIST_BIT);
		else
			rows_flip(sweep->rows, bit);
	}
}

static int add_current(const struct sweep *sweep, ip_number at)
{
	struct borders *borders = sweep->borders;
	struct border border = { .at = at };
	int r = rows_current(sweep->rows, &border.row);

	if (r == 0 && sweep->lists)
		r = rows_current(sweep->lists, &border.list);
	if (r < 0)
		return r;
	if (!sweep->keep_all && borders->count > 0 &&
	    borders->items[borders->count - 1].row == border.row)
		return 0;
	return borders_add(borders, &border);
}

/* Goes through the events and records the borders. */
static int run_sweep(const struct sweep *sweep, const struct events *events)
{
	ip_number at = 0;
	size_t i = 0;
	int r;

	do {
		for (; i < events->count && events->items[i].at == at; i++)
			flip_item(sweep, events->items[i].item);
		r = add_current(sweep, at);
		if (i < events->count)
			at = events->items[i].at;
	} while (r == 0 && i < events->count);
	return r;
}

/* The bit that a rule's group flips on this side, or NO_BIT. */
static uint32_t address_bit(const struct live_rule *live, enum side side)
{
	if (live->bit != NO_BIT)
		return live->bit;
	return live->list_side == side ? live->list_bit | LIST_BIT : NO_BIT;
}

/* The bits of each group's rules, by counting sort. */
static int group_flips(const struct layout *layout, enum side side, struct flips *ret)
{
	size_t groups = layout->program->group_count;
	uint32_t *first = calloc(groups + 2, sizeof(*first));
	uint32_t *bits = calloc(layout->count + 1, sizeof(*bits));

	ret->first = first;
	ret->bits = bits;
	if (!first || !bits)
		return -ENOMEM;
	/* one further along than it ends up, so that filling moves each start into place */
	for (size_t i = 0; i < layout->count; i++)
		first[layout->rules[i].group[side] + 2] +=
			address_bit(&layout->rules[i], side) != NO_BIT;
	for (size_t g = 2; g < groups + 2; g++)
		first[g] += first[g - 1];
	for (size_t i = 0; i < layout->count; i++) {
		uint32_t bit = address_bit(&layout->rules[i], side);

		if (bit != NO_BIT)
			bits[first[layout->rules[i].group[side] + 1]++] = bit;
	}
	return 0;
}

/* Puts a border with the low half 0 before each first border of a high half. */
static int split_highs(struct borders *borders)
{
	struct borders split = { 0 };
	int r = 0;

	for (size_t i = 0; i < borders->count && r == 0; i++) {
		ip_number high = borders->items[i].at >> 64;

		if (i > 0 && (uint64_t)borders->items[i].at != 0 &&
		    borders->items[i - 1].at >> 64 != high) {
			struct border start = borders->items[i - 1];

			start.at = high << 64;
			r = borders_add(&split, &start);
		}
		if (r == 0)
			r = borders_add(&split, &borders->items[i]);
	}
	borders_fini(borders);
	*borders = split;
	return r;
}

int sweep_addresses(const struct layout *layout, enum side side, const struct events *events,
		    struct rows *rows, struct rows *lists, struct borders *ret)
{
	struct flips flips = { 0 };
	struct sweep sweep = {
		.flips = &flips,
		.rows = rows,
		.lists = lists,
		.keep_all = lists != NULL,
		.borders = ret,
	};
	int r = group_flips(layout, side, &flips);

	if (r == 0) {
		start_row(layout, rows);
		r = run_sweep(&sweep, events);
	}
	if (r == 0 && layout->family == IP_FAMILY_V6)
		r = split_highs(ret);
	free(flips.first);
	free(flips.bits);
	return r;
}

static void add_port_events(const struct port_set *ports, uint32_t rule, struct events *events)
{
	if (ports->any) {
		events->items[events->count++] = (struct event){ 0, rule };
		return;
	}
	for (size_t k = 0; k < ports->range_count; k++) {
		ip_number first = ports->ranges[k].first, last = ports->ranges[k].last;

		events->items[events->count++] = (struct event){ first, rule };
		if (last < UINT16_MAX)
			events->items[events->count++] = (struct event){ last + 1, rule };
	}
}

static bool takes_part(const struct layout *layout, enum side side, size_t i, uint8_t protocol)
{
	const struct live_rule *live = &layout->rules[i];

	return live->bit != NO_BIT &&
	       (side == SIDE_REMOTE ||
		program_rule_has_protocol(live->rule, layout->family, protocol));
}

static int port_events(const struct layout *layout, enum side side, uint8_t protocol,
		       struct events *ret)
{
	size_t most = 1;

	for (size_t i = 0; i < layout->count; i++)
		most += 1 + 2 * layout->rules[i].ports[side]->range_count;
	ret->items = calloc(most, sizeof(*ret->items));
	if (!ret->items)
		return -ENOMEM;
	for (size_t i = 0; i < layout->count; i++) {
		if (takes_part(layout, side, i, protocol))
			add_port_events(layout->rules[i].ports[side], (uint32_t)i, ret);
	}
	events_sort(ret);
	return 0;
}

static int rule_flips(const struct layout *layout, struct flips *ret)
{
	ret->first = calloc(layout->count + 1, sizeof(*ret->first));
	ret->bits = calloc(layout->count + 1, sizeof(*ret->bits));
	if (!ret->first || !ret->bits)
		return -ENOMEM;
	for (size_t i = 0; i < layout->count; i++) {
		ret->first[i] = (uint32_t)i;
		ret->bits[i] = layout->rules[i].bit;
	}
	ret->first[layout->count] = (uint32_t)layout->count;
	return 0;
}

int sweep_ports(const struct layout *layout, enum side side, uint8_t protocol, struct rows *rows,
		struct borders *ret)
{
	struct events events = { 0 };
	struct flips flips = { 0 };
	struct sweep sweep = { .flips = &flips, .rows = rows, .borders = ret };
	int r = port_events(layout, side, protocol, &events);

	if (r == 0)
		r = rule_flips(layout, &flips);
	if (r == 0) {
		start_row(layout, rows);
		r = run_sweep(&sweep, &events);
	}
	events_fini(&events);
	free(flips.first);
	free(flips.bits);
	return r;
}

int sweep_protocol(const struct layout *layout, uint8_t protocol, struct rows *rows, uint32_t *ret)
{
	start_row(layout, rows);
	for (size_t i = 0; i < layout->count; i++) {
		if (takes_part(layout, SIDE_LOCAL, i, protocol))
			rows_flip(rows, layout->rules[i].bit);
	}
	return rows_current(rows, ret);
}
