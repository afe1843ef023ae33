/*
 * Protocols and ports to port maps: the layout that classifier_tables.h describes. Private to
 * classifier*.c.
 */
#ifndef CLASSIFY_CLASSIFIER_PORTS_H
#define CLASSIFY_CLASSIFIER_PORTS_H

#include "classify/classifier_arena.h"
#include "classify/classifier_sweep.h"

/*
 * The rows must have their place before the maps are made, since maps hold line numbers, so each
 * field is swept first. An outline is what a sweep found.
 */
struct port_outline {
	uint32_t protocols[256]; /* as in struct table_set */
	uint8_t class_of[256];   /* protocols that the same rules match are one class, a part */
	uint8_t example[256];    /* a protocol of each class */
	struct borders *parts;   /* in the order of the root */
	bool *has_ports;         /* false: borders of one entry, the row of all packets */
	size_t part_count;
};

/* Both: 0 or -ENOMEM; port_outline_fini() in any case. */
int port_outline_local(const struct layout *layout, struct rows *rows, struct port_outline *ret);
int port_outline_remote(const struct layout *layout, struct rows *rows, struct port_outline *ret);
void port_outline_fini(struct port_outline *outline);

/* 0 or -ENOMEM. */
int port_map_build(const struct port_outline *outline, uint32_t first_line, uint32_t line_count,
		   struct pieces *pieces, struct port_map *ret);

#endif
