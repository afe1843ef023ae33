/*
 * Sweeps a table set's four fields and lays out what they found: see classifier_build.h.
 */
#include "classify/classifier_build.h"

#include "classify/classifier_layout.h"
#include "classify/classifier_ports.h"
#include "classify/classifier_sweep.h"
#include "classify/classifier_tree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum field { FIELD_LOCAL, FIELD_REMOTE, FIELD_LOCAL_PORT, FIELD_REMOTE_PORT };
#define FIELDS 4

/* Everything that lives from the sweeps to the tables. */
struct build {
	struct layout layout;
	struct rows rows[FIELDS];
	struct borders addresses[SIDES];
	struct port_outline ports[SIDES];
	uint32_t first_line[FIELDS];
};

static void build_fini(struct build *build)
{
	for (int i = 0; i < FIELDS; i++)
		rows_fini(&build->rows[i]);
	for (int i = 0; i < SIDES; i++) {
		borders_fini(&build->addresses[i]);
		port_outline_fini(&build->ports[i]);
	}
	layout_fini(&build->layout);
}

static int sweep_all(struct build *build)
{
	const struct layout *layout = &build->layout;
	int r = 0;

	for (int i = 0; i < FIELDS && r == 0; i++)
		r = rows_init(&build->rows[i], layout->words);
	if (r == 0)
		r = sweep_addresses(layout, SIDE_LOCAL, &build->rows[FIELD_LOCAL],
				    &build->addresses[SIDE_LOCAL]);
	if (r == 0)
		r = sweep_addresses(layout, SIDE_REMOTE, &build->rows[FIELD_REMOTE],
				    &build->addresses[SIDE_REMOTE]);
	if (r == 0)
		r = port_outline_local(layout, &build->rows[FIELD_LOCAL_PORT],
				       &build->ports[SIDE_LOCAL]);
	if (r == 0)
		r = port_outline_remote(layout, &build->rows[FIELD_REMOTE_PORT],
					&build->ports[SIDE_REMOTE]);
	return r;
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

static int build_trees(const struct build *build, struct pieces *pieces, struct table_set *ret)
{
	const struct borders *local = &build->addresses[SIDE_LOCAL];
	const struct borders *remote = &build->addresses[SIDE_REMOTE];
	uint32_t local_line = build->first_line[FIELD_LOCAL];
	uint32_t remote_line = build->first_line[FIELD_REMOTE];
	int r;

	if (build->layout.family == IP_FAMILY_V4) {
		r = tree4_build(local, local_line, ret->line_count, pieces, &ret->local.v4);
		if (r == 0)
			r = tree4_build(remote, remote_line, ret->line_count, pieces,
					&ret->remote.v4);
	} else {
		r = tree6_build(local, local_line, ret->line_count, pieces, &ret->local.v6);
		if (r == 0)
			r = tree6_build(remote, remote_line, ret->line_count, pieces,
					&ret->remote.v6);
	}
	return r;
}

static int build_ports(const struct build *build, struct pieces *pieces, struct table_set *ret)
{
	uint32_t *protocols = malloc(sizeof(build->ports[SIDE_LOCAL].protocols));
	int r;

	if (!protocols)
		return -ENOMEM;
	memcpy(protocols, build->ports[SIDE_LOCAL].protocols, 256 * sizeof(*protocols));
	r = pieces_add(pieces, (const void **)&ret->protocols, protocols, 256 * sizeof(*protocols));
	if (r == 0)
		r = port_map_build(&build->ports[SIDE_LOCAL], build->first_line[FIELD_LOCAL_PORT],
				   ret->line_count, pieces, &ret->local_ports);
	if (r == 0)
		r = port_map_build(&build->ports[SIDE_REMOTE], build->first_line[FIELD_REMOTE_PORT],
				   ret->line_count, pieces, &ret->remote_ports);
	return r;
}

static int move_outcomes(struct layout *layout, struct pieces *pieces, struct table_set *ret)
{
	size_t count = layout->words ? layout->words * 64 : 1;
	uint64_t *outcomes = layout->outcomes;

	layout->outcomes = NULL;
	return pieces_add(pieces, (const void **)&ret->outcomes, outcomes,
			  count * sizeof(*outcomes));
}

int table_set_build(const struct program *program, enum direction direction, enum ip_family family,
		    struct pieces *pieces, struct table_set *ret)
{
	struct build build = { 0 };
	int r = layout_init(&build.layout, program, direction, family);

	if (r == 0) {
		ret->segment_count = build.layout.segment_count;
		memcpy(ret->segment, build.layout.segment, sizeof(ret->segment));
		ret->line_count = (uint32_t)(build.layout.words / LINE_WORDS);
		r = move_outcomes(&build.layout, pieces, ret);
	}
	if (r == 0 && ret->segment_count > 0) {
		r = sweep_all(&build);
		if (r == 0)
			r = place_rows(&build, pieces, ret);
		if (r == 0)
			r = build_trees(&build, pieces, ret);
		if (r == 0)
			r = build_ports(&build, pieces, ret);
	}
	build_fini(&build);
	return r;
}
