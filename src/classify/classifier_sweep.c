/*
 * The event sweeps: see classifier_sweep.h.
 *
 * Addresses are swept by group, not by rule: a group's ranges are merged, so at any address it is
 * either in or out, and going in flips the bits of the rules that name it.
 */
#include "classify/classifier_sweep.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* At `at`, all bits of `item` (a group or a rule) flip. */
struct event {
	ip_number at;
	uint32_t item;
};

struct events {
	struct event *items;
	size_t count;
};

/* Which bits each item flips: those of item i are bits[first[i]] to bits[first[i + 1] - 1]. */
struct flips {
	uint32_t *first;
	uint32_t *bits;
};

void borders_fini(struct borders *borders)
{
	free(borders->items);
	*borders = (struct borders){ 0 };
}

static int borders_add(struct borders *borders, ip_number at, uint32_t row)
{
	if (borders->count > 0 && borders->items[borders->count - 1].row == row)
		return 0;
	if (borders->count == borders->capacity) {
		size_t capacity = borders->capacity ? borders->capacity * 2 : 64;
		struct border *items =
			reallocarray(borders->items, capacity, sizeof(*borders->items));

		if (!items)
			return -ENOMEM;
		borders->items = items;
		borders->capacity = capacity;
	}
	borders->items[borders->count++] = (struct border){ at, row };
	return 0;
}

static int compare_events(const void *a, const void *b)
{
	const struct event *x = a, *y = b;

	return (x->at > y->at) - (x->at < y->at);
}

static void start_row(const struct layout *layout, struct rows *rows)
{
	rows_clear(rows);
	for (unsigned i = 0; i < layout->segment_count; i++)
		rows_flip(rows, layout->last_bit[i]);
}

/* Goes through the sorted events and records a border wherever the row changes. */
static int sweep(const struct events *events, const struct flips *flips, struct rows *rows,
		 struct borders *ret)
{
	ip_number at = 0;
	size_t i = 0;
	int r;

	do {
		uint32_t row;

		for (; i < events->count && events->items[i].at == at; i++) {
			uint32_t item = events->items[i].item;

			for (uint32_t k = flips->first[item]; k < flips->first[item + 1]; k++)
				rows_flip(rows, flips->bits[k]);
		}
		r = rows_current(rows, &row);
		if (r == 0)
			r = borders_add(ret, at, row);
		if (i < events->count)
			at = events->items[i].at;
	} while (r == 0 && i < events->count);
	return r;
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
		first[layout->rules[i].group[side] + 2]++;
	for (size_t g = 2; g < groups + 2; g++)
		first[g] += first[g - 1];
	for (size_t i = 0; i < layout->count; i++)
		bits[first[layout->rules[i].group[side] + 1]++] = layout->rules[i].bit;
	return 0;
}

static int group_events(const struct layout *layout, const struct flips *flips, struct events *ret)
{
	const struct address_group *groups = layout->program->groups;
	ip_number end = ip_low_mask(ip_family_bits(layout->family));
	size_t most = 0;

	for (size_t g = 0; g < layout->program->group_count; g++) {
		if (flips->first[g] < flips->first[g + 1])
			most += 2 * groups[g].range_count[layout->family];
	}
	ret->items = calloc(most + 1, sizeof(*ret->items));
	if (!ret->items)
		return -ENOMEM;
	for (size_t g = 0; g < layout->program->group_count; g++) {
		const struct ip_range *ranges = groups[g].ranges[layout->family];

		if (flips->first[g] == flips->first[g + 1])
			continue;
		for (size_t i = 0; i < groups[g].range_count[layout->family]; i++) {
			ret->items[ret->count++] = (struct event){ ranges[i].first, (uint32_t)g };
			if (ranges[i].last != end)
				ret->items[ret->count++] =
					(struct event){ ranges[i].last + 1, (uint32_t)g };
		}
	}
	qsort(ret->items, ret->count, sizeof(*ret->items), compare_events);
	return 0;
}

int sweep_addresses(const struct layout *layout, enum side side, struct rows *rows,
		    struct borders *ret)
{
	struct events events = { 0 };
	struct flips flips = { 0 };
	int r = group_flips(layout, side, &flips);

	if (r == 0)
		r = group_events(layout, &flips, &events);
	if (r == 0) {
		start_row(layout, rows);
		r = sweep(&events, &flips, rows, ret);
	}
	free(events.items);
	free(flips.first);
	free(flips.bits);
	return r;
}

static size_t port_events(const struct layout *layout, enum side side, size_t i,
			  struct event *events)
{
	const struct port_set *ports = layout->rules[i].ports[side];
	size_t count = 0;

	if (ports->any) {
		events[count++] = (struct event){ 0, (uint32_t)i };
		return count;
	}
	for (size_t k = 0; k < ports->range_count; k++) {
		events[count++] = (struct event){ ports->ranges[k].first, (uint32_t)i };
		if (ports->ranges[k].last < UINT16_MAX)
			events[count++] = (struct event){ ports->ranges[k].last + 1U, (uint32_t)i };
	}
	return count;
}

static bool takes_part(const struct layout *layout, enum side side, size_t i, uint8_t protocol)
{
	return side == SIDE_REMOTE ||
	       program_rule_has_protocol(layout->rules[i].rule, layout->family, protocol);
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
	size_t most = 1;
	int r;

	for (size_t i = 0; i < layout->count; i++)
		most += 1 + 2 * layout->rules[i].ports[side]->range_count;
	events.items = calloc(most, sizeof(*events.items));
	r = events.items ? rule_flips(layout, &flips) : -ENOMEM;
	if (r == 0) {
		for (size_t i = 0; i < layout->count; i++) {
			if (takes_part(layout, side, i, protocol))
				events.count +=
					port_events(layout, side, i, events.items + events.count);
		}
		qsort(events.items, events.count, sizeof(*events.items), compare_events);
		start_row(layout, rows);
		r = sweep(&events, &flips, rows, ret);
	}
	free(events.items);
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
