/*
 * Sweeps a table set's four fields and lays out what they found: see classifier_build.h.
 */
#include "classify/classifier_build.h"

#include "classify/classifier_layout.h"
#include "classify/classifier_ports.h"
#include "classify/classifier_sparse.h"
#include "classify/classifier_sweep.h"
#include "classify/classifier_tree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The fields of SIDE_LOCAL and SIDE_REMOTE follow each other. */
enum field { FIELD_ADDRESS, FIELD_PORT = FIELD_ADDRESS + SIDES };
#define FIELDS 4

/* Everything that lives from the sweeps to the tables. */
struct build {
	struct layout layout;
	struct events events[SIDES];
	struct rows rows[FIELDS];
	struct rows lists[SIDES];
	struct borders addresses[SIDES];
	uint32_t *border_lists[SIDES]; /* NULL where no rule is sparse */
	struct port_outline ports[SIDES];
	uint32_t first_line[FIELDS];
};

static void sweeps_fini(struct build *build)
{
	for (int i = 0; i < FIELDS; i++)
		rows_fini(&build->rows[i]);
	for (int side = 0; side < SIDES; side++) {
		rows_fini(&build->lists[side]);
		borders_fini(&build->addresses[side]);
		port_outline_fini(&build->ports[side]);
	}
}

static void build_fini(struct build *build)
{
	sweeps_fini(build);
	for (int side = 0; side < SIDES; side++) {
		events_fini(&build->events[side]);
		free(build->border_lists[side]);
	}
	classifier_layout_fini(&build->layout);
}

static int sweep_side(struct build *build, enum side side)
{
	const struct layout *layout = &build->layout;
	bool sparse = layout->sparse_count[SIDE_LOCAL] + layout->sparse_count[SIDE_REMOTE] > 0;
	int r = rows_init(&build->rows[FIELD_ADDRESS + side], layout->words);

	if (r == 0)
		r = rows_init(&build->rows[FIELD_PORT + side], layout->words);
	if (r == 0)
		r = rows_init(&build->lists[side], layout->sparse_count[side] / 64 + 1);
	if (r == 0)
		r = sweep_addresses(layout, side, &build->events[side],
				    &build->rows[FIELD_ADDRESS + side],
				    sparse ? &build->lists[side] : NULL, &build->addresses[side]);
	if (r < 0)
		return r;
	if (side == SIDE_LOCAL)
		return port_outline_local(layout, &build->rows[FIELD_PORT + side],
					  &build->ports[side]);
	return port_outline_remote(layout, &build->rows[FIELD_PORT + side], &build->ports[side]);
}

static int sweep_all(struct build *build)
{
	int r = sweep_side(build, SIDE_LOCAL);

	return r < 0 ? r : sweep_side(build, SIDE_REMOTE);
}

/* Sweeps, and makes the lists; rules that do not suit lists are swept again, with bits for all. */
static int sweep_and_list(struct build *build, struct pieces *pieces, struct table_set *ret)
{
	struct layout *layout = &build->layout;
	struct sparse_input input = {
		.layout = layout,
		.borders = { &build->addresses[SIDE_LOCAL], &build->addresses[SIDE_REMOTE] },
		.lists = { &build->lists[SIDE_LOCAL], &build->lists[SIDE_REMOTE] },
		.protocols = &build->ports[SIDE_LOCAL],
	};
	int r = sweep_all(build);

	if (r < 0 || layout->sparse_count[SIDE_LOCAL] + layout->sparse_count[SIDE_REMOTE] == 0)
		return r;
	r = sparse_build(&input, pieces, &ret->sparse, build->border_lists);
	if (r == SPARSE_BUILT) {
		ret->is_sparse = true;
		return 0;
	}
	if (r < 0)
		return r;
	sweeps_fini(build);
	r = layout_place_all(layout);
	return r < 0 ? r : sweep_all(build);
}

/* One array for the rows of all fields. */
static int place_rows(struct build *build, struct pieces *pieces, struct table_set *ret)
{
	size_t row_bytes = build->layout.words * sizeof(uint64_t);
	size_t bytes = 0;
	uint8_t *rows;

	for (int i = 0; i < FIELDS; i++) {
		if (bytes / LINE_BYTES + build->rows[i].count * ret->line_count >= PORT_MIXED)
			return -ENOSPC;
		build->first_line[i] = (uint32_t)(bytes / LINE_BYTES);
		bytes += build->rows[i].count * row_bytes;
	}
	rows = malloc(bytes);
	if (!rows)
		return -ENOMEM;
	for (int i = 0; i < FIELDS; i++)
		memcpy(rows + (size_t)build->first_line[i] * LINE_BYTES, build->rows[i].bits,
		       build->rows[i].count * row_bytes);
	return pieces_add(pieces, (const void **)&ret->rows, rows, bytes);
}

static int build_places(const struct build *build, enum side side, struct pieces *pieces,
			struct table_set *ret)
{
	const struct borders *borders = &build->addresses[side];
	const uint32_t *lists = build->border_lists[side];
	struct address_place *places = calloc(borders->count, sizeof(*places));

	if (!places)
		return -ENOMEM;
	for (size_t i = 0; i < borders->count; i++)
		places[i] = (struct address_place){
			.line = build->first_line[FIELD_ADDRESS + side] +
				borders->items[i].row * ret->line_count,
			.list = lists ? lists[i] : 0,
		};
	return pieces_add(pieces, (const void **)&ret->places[side], places,
			  borders->count * sizeof(*places));
}

static int build_side(const struct build *build, enum side side, struct pieces *pieces,
		      struct table_set *ret)
{
	const struct borders *borders = &build->addresses[side];
	int r = build_places(build, side, pieces, ret);

	if (r == 0)
		r = build->layout.family == IP_FAMILY_V4
			    ? tree4_build(borders, pieces, &ret->address[side].v4)
			    : tree6_build(borders, pieces, &ret->address[side].v6);
	if (r == 0)
		r = port_map_build(&build->ports[side], build->first_line[FIELD_PORT + side],
				   ret->line_count, pieces, &ret->ports[side]);
	return r;
}

static int add_copy(struct pieces *pieces, const void **slot, const void *data, size_t size)
{
	void *copy = malloc(size);

	if (!copy)
		return -ENOMEM;
	memcpy(copy, data, size);
	return pieces_add(pieces, slot, copy, size);
}

/* Padding has no bits in any row of a field, so that it need not be told apart here. */
static int build_live(const struct layout *layout, struct pieces *pieces, struct table_set *ret)
{
	size_t bytes = layout->words * sizeof(uint64_t);
	uint64_t *live = malloc(bytes);

	if (!live)
		return -ENOMEM;
	memset(live, 0xff, bytes);
	return pieces_add(pieces, (const void **)&ret->live, live, bytes);
}

static int build_tables(struct build *build, struct pieces *pieces, struct table_set *ret)
{
	const struct layout *layout = &build->layout;
	int r;

	ret->line_count = (uint32_t)(layout->words / LINE_WORDS);
	memcpy(ret->segment, layout->segment, sizeof(ret->segment));
	r = add_copy(pieces, (const void **)&ret->outcomes, layout->outcomes,
		     layout->words * 64 * sizeof(*layout->outcomes));
	if (r == 0)
		r = add_copy(pieces, (const void **)&ret->protocols,
			     build->ports[SIDE_LOCAL].protocols,
			     sizeof(build->ports[SIDE_LOCAL].protocols));
	if (r == 0)
		r = build_live(layout, pieces, ret);
	if (r == 0)
		r = place_rows(build, pieces, ret);
	if (r == 0)
		r = build_side(build, SIDE_LOCAL, pieces, ret);
	if (r == 0)
		r = build_side(build, SIDE_REMOTE, pieces, ret);
	return r;
}

/* Without a stage there is nothing to look up. */
static int build_nothing(struct build *build, struct pieces *pieces, struct table_set *ret)
{
	int r = layout_place_all(&build->layout);

	if (r < 0)
		return r;
	return add_copy(pieces, (const void **)&ret->outcomes, build->layout.outcomes,
			sizeof(*build->layout.outcomes));
}

int table_set_build(const struct program *program, enum direction direction, enum ip_family family,
		    struct pieces *pieces, struct table_set *ret)
{
	struct build build = { 0 };
	int r = classifier_layout_init(&build.layout, program, direction, family);

	ret->segment_count = build.layout.segment_count;
	if (r == 0 && ret->segment_count == 0) {
		r = build_nothing(&build, pieces, ret);
	} else if (r == 0) {
		for (int side = 0; side < SIDES && r == 0; side++)
			r = layout_events(&build.layout, (enum side)side, &build.events[side]);
		if (r == 0)
			r = layout_place(&build.layout, build.events);
		if (r == 0)
			r = sweep_and_list(&build, pieces, ret);
		if (r == 0)
			r = build_tables(&build, pieces, ret);
	}
	build_fini(&build);
	return r;
}
