/*
 * Regions: what an entry holds of one kind and family, as boxes of one source prefix, one
 * destination prefix and one range of ports on each side. Pure.
 */
#ifndef COMPILE_REGION_H
#define COMPILE_REGION_H

#include "compile/entry.h"

struct region {
	uint32_t entry;
	enum ip_family family;
	enum plan_kind kind;
	struct ip_prefix source;
	struct ip_prefix destination;
	struct port_range source_ports;
	struct port_range destination_ports;
	uint32_t tags[PLAN_TAGS]; /* and the packet has all of these bits */
	/* Both are fit to except, never to mark or drop. */
	bool is_hull; /* holds more than the entry does */
	bool is_hole; /* holds what the entry's wide region behind it must not decide */
};

/* Which address groups have a bit of a tag instead of prefixes. */
#define REGION_NO_BIT UINT8_MAX
struct region_tags {
	uint8_t *bit[PLAN_TAGS]; /* by group number; REGION_NO_BIT */
};

struct region_list {
	struct region *regions;
	size_t count;
	size_t capacity;
	bool could_be_wide; /* some entry is written the long way that has a wide form */
};

/* How entries are written as regions. */
struct region_style {
	const struct region_tags *tags; /* NULL: none */
	size_t limit; /* where an entry would be more regions than this, one hull instead */
	/*
	 * Sources of which little is left out (Internet) as one region of all sources, behind holes
	 * where they are left out.
	 */
	bool is_wide;
};

/* Appends the entry's regions of one kind and family. 0 or -ENOMEM. */
int region_list_add_entry(struct region_list *list, const struct program *program,
			  const struct entry *entry, uint32_t index, enum plan_kind kind,
			  enum ip_family family, const struct region_style *style);
void region_list_fini(struct region_list *list);

/* The IP protocol that packets of this kind have. */
uint8_t plan_kind_protocol(enum plan_kind kind, enum ip_family family);

bool region_overlaps(const struct region *a, const struct region *b);
/* Of two that overlap: whether the one holds all of the other. */
bool region_lies_inside(const struct region *inner, const struct region *outer);
/* What both hold; they overlap. */
struct region region_intersection(const struct region *a, const struct region *b);

#endif
