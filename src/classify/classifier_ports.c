/*
 * Building of port maps: see classifier_ports.h.
 */
#include "classify/classifier_ports.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void port_outline_fini(struct port_outline *outline)
{
	for (size_t i = 0; i < outline->part_count; i++)
		borders_fini(&outline->parts[i]);
	free(outline->parts);
	free(outline->has_ports);
	*outline = (struct port_outline){ 0 };
}

static int outline_init(struct port_outline *outline)
{
	*outline = (struct port_outline){
		.parts = calloc(256, sizeof(*outline->parts)),
		.has_ports = calloc(256, sizeof(*outline->has_ports)),
	};
	return outline->parts && outline->has_ports ? 0 : -ENOMEM;
}

/* The sets of protocols that rules name are few: most name all, TCP or UDP. */
struct protocol_sets {
	const uint64_t **sets;
	size_t count;
};

static int find_sets(const struct layout *layout, struct protocol_sets *ret)
{
	ret->count = 0;
	ret->sets = calloc(layout->count + 1, sizeof(*ret->sets));
	if (!ret->sets)
		return -ENOMEM;
	for (size_t i = 0; i < layout->count; i++) {
		const uint64_t *set = layout->rules[i].rule->protocols[layout->family];
		size_t k = 0;

		while (k < ret->count && memcmp(ret->sets[k], set, 4 * sizeof(*set)) != 0)
			k++;
		if (k == ret->count)
			ret->sets[ret->count++] = set;
	}
	return 0;
}

static bool same_class(const struct protocol_sets *sets, uint8_t a, uint8_t b)
{
	if (ip_protocol_has_ports(a) != ip_protocol_has_ports(b))
		return false;
	for (size_t i = 0; i < sets->count; i++) {
		const uint64_t *set = sets->sets[i];

		if ((set[a / 64] >> (a % 64) & 1) != (set[b / 64] >> (b % 64) & 1))
			return false;
	}
	return true;
}

static int add_class(const struct layout *layout, uint8_t protocol, struct rows *rows,
		     struct port_outline *outline)
{
	struct borders *part = &outline->parts[outline->part_count];
	uint32_t row;
	int r;

	outline->has_ports[outline->part_count++] = ip_protocol_has_ports(protocol);
	if (ip_protocol_has_ports(protocol))
		return sweep_ports(layout, SIDE_LOCAL, protocol, rows, part);
	part->items = calloc(1, sizeof(*part->items));
	r = part->items ? sweep_protocol(layout, protocol, rows, &row) : -ENOMEM;
	if (r == 0)
		part->items[part->count++] = (struct border){ .row = row };
	return r;
}

int port_outline_local(const struct layout *layout, struct rows *rows, struct port_outline *ret)
{
	struct protocol_sets sets;
	uint32_t base[256], next = 0;
	int r = outline_init(ret);

	if (r == 0)
		r = find_sets(layout, &sets);
	if (r < 0)
		return r;
	for (unsigned i = 0; i < 256 && r == 0; i++) {
		uint8_t p = (uint8_t)i;
		bool has_ports = ip_protocol_has_ports(p);
		size_t k = 0;

		while (k < ret->part_count && !same_class(&sets, ret->example[k], p))
			k++;
		ret->class_of[p] = (uint8_t)k;
		if (k == ret->part_count) {
			ret->example[k] = p;
			base[k] = next | (has_ports ? PROTOCOL_PORTS : 0);
			next += has_ports ? PORT_ROOT : 1;
			r = add_class(layout, p, rows, ret);
		}
		ret->protocols[p] = base[k];
	}
	free(sets.sets);
	return r;
}

int port_outline_remote(const struct layout *layout, struct rows *rows, struct port_outline *ret)
{
	int r = outline_init(ret);

	if (r < 0)
		return r;
	ret->has_ports[0] = true;
	ret->part_count = 1;
	return sweep_ports(layout, SIDE_REMOTE, 0, rows, &ret->parts[0]);
}

struct map_builder {
	uint32_t *root;
	size_t root_count;
	uint32_t *mixed;
	size_t mixed_count;
	uint32_t first_line;
	uint32_t line_count;
};

static uint32_t line_of(const struct map_builder *map, const struct borders *part, size_t i)
{
	return map->first_line + part->items[i].row * map->line_count;
}

static size_t border_at(const struct borders *part, size_t i)
{
	return i < part->count ? (size_t)part->items[i].at : 65536;
}

/* Cuts one part into blocks; only those in which a border falls get lines of their own. */
static void add_part(struct map_builder *map, const struct borders *part)
{
	size_t i = 0;

	for (size_t block = 0; block < PORT_ROOT; block++) {
		size_t port = block * PORT_BLOCK, end = port + PORT_BLOCK;

		if (border_at(part, i + 1) == port)
			i++;
		if (border_at(part, i + 1) >= end) {
			map->root[map->root_count++] = line_of(map, part, i);
			continue;
		}
		map->root[map->root_count++] = (uint32_t)map->mixed_count | PORT_MIXED;
		for (; port < end; port++) {
			if (border_at(part, i + 1) == port)
				i++;
			map->mixed[map->mixed_count++] = line_of(map, part, i);
		}
	}
}

int port_map_build(const struct port_outline *outline, uint32_t first_line, uint32_t line_count,
		   struct pieces *pieces, struct port_map *ret)
{
	struct map_builder map = { .first_line = first_line, .line_count = line_count };
	size_t roots = 0, blocks = 0;
	int r;

	for (size_t i = 0; i < outline->part_count; i++) {
		size_t borders = outline->parts[i].count;

		roots += outline->has_ports[i] ? PORT_ROOT : 1;
		blocks += borders < PORT_ROOT ? borders : PORT_ROOT;
	}
	map.root = calloc(roots, sizeof(*map.root));
	map.mixed = calloc(blocks * PORT_BLOCK, sizeof(*map.mixed));
	if (!map.root || !map.mixed) {
		free(map.root);
		free(map.mixed);
		return -ENOMEM;
	}
	for (size_t i = 0; i < outline->part_count; i++) {
		if (outline->has_ports[i])
			add_part(&map, &outline->parts[i]);
		else
			map.root[map.root_count++] = line_of(&map, &outline->parts[i], 0);
	}
	r = pieces_add(pieces, (const void **)&ret->root, map.root, roots * sizeof(*map.root));
	if (r < 0) {
		free(map.mixed);
		return r;
	}
	return pieces_add(pieces, (const void **)&ret->mixed, map.mixed,
			  map.mixed_count * sizeof(*map.mixed));
}
