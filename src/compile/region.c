/*
 * Regions: see region.h.
 */
#include "compile/region.h"

#include "compile/prefix_list.h"
#include "compile/ranges.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void region_list_fini(struct region_list *list)
{
	free(list->regions);
	*list = (struct region_list){ 0 };
}

uint8_t plan_kind_protocol(enum plan_kind kind, enum ip_family family)
{
	switch (kind) {
	case PLAN_UDP:
		return IP_PROTOCOL_UDP;
	case PLAN_ICMP:
		return family == IP_FAMILY_V4 ? IP_PROTOCOL_ICMP : IP_PROTOCOL_ICMPV6;
	default:
		return IP_PROTOCOL_TCP;
	}
}

/* A source with so many prefixes, and so many times more than it leaves out, can be wide. */
#define WIDE_PREFIXES 48
#define WIDE_SAVES    4

static const struct port_range all_ports = { 0, UINT16_MAX };

/* The fields that an entry's parts leave, each as a list. */
struct fields {
	struct prefix_list source;
	struct prefix_list holes; /* where the source is wide */
	struct prefix_list destination;
	struct port_range *source_ports;
	size_t source_port_count;
	struct port_range *destination_ports;
	size_t destination_port_count;
	uint32_t tags[PLAN_TAGS];
};

static void fields_fini(struct fields *fields)
{
	prefix_list_fini(&fields->source);
	prefix_list_fini(&fields->holes);
	prefix_list_fini(&fields->destination);
	free(fields->source_ports);
	free(fields->destination_ports);
}

/* Prefixes that all parts share; groups with a bit of a tag add their bit instead. */
static int common_prefixes(const struct program *program, const struct entry *entry, int side,
			   enum ip_family family, const struct region_tags *tags,
			   struct prefix_list *ret, uint32_t *ret_bits)
{
	struct range_list ranges = { 0 };
	int r = range_list_add(&ranges,
			       (struct ip_range){ 0, ip_low_mask(ip_family_bits(family)) });

	for (int s = 0; r == 0 && s < STAGES; s++) {
		const struct program_rule *part = entry->parts[s];
		const struct address_group *group;
		uint32_t number;

		if (!part)
			continue;
		number = side == PLAN_TAG_SOURCE ? part->source : part->destination;
		if (tags && tags->bit[side][number] != REGION_NO_BIT) {
			*ret_bits |= 1U << tags->bit[side][number];
			continue;
		}
		group = &program->groups[number];
		r = range_list_intersect(&ranges, group->ranges[family],
					 group->range_count[family]);
	}
	for (size_t i = 0; r == 0 && i < ranges.count; i++)
		r = prefix_list_add_range(ret, family, ranges.ranges[i]);
	range_list_fini(&ranges);
	return r;
}

/* a[] becomes what both hold; both are sorted and disjoint. */
static int intersect_ports(struct port_range **a, size_t *count, const struct port_set *set)
{
	struct port_range *both;
	size_t n = 0;

	if (set->any)
		return 0;
	both = calloc(*count + set->range_count, sizeof(*both));
	if (!both)
		return -ENOMEM;
	for (size_t i = 0; i < *count; i++) {
		for (size_t j = 0; j < set->range_count; j++) {
			const struct port_range *x = &(*a)[i], *y = &set->ranges[j];
			uint16_t first = x->first > y->first ? x->first : y->first;
			uint16_t last = x->last < y->last ? x->last : y->last;

			if (first <= last)
				both[n++] = (struct port_range){ first, last };
		}
	}
	free(*a);
	*a = both;
	*count = n;
	return 0;
}

static int common_ports(const struct entry *entry, bool is_source, enum plan_kind kind,
			struct port_range **ret, size_t *ret_count)
{
	struct port_range *ranges = malloc(sizeof(*ranges));
	size_t count = 1;
	int r = 0;

	if (!ranges)
		return -ENOMEM;
	ranges[0] = all_ports;
	for (int s = 0; r == 0 && kind != PLAN_ICMP && s < STAGES; s++) {
		const struct program_rule *part = entry->parts[s];

		if (part)
			r = intersect_ports(&ranges, &count,
					    is_source ? part->source_ports
						      : part->destination_ports);
	}
	*ret = ranges;
	*ret_count = count;
	return r;
}

static bool has_protocol(const struct entry *entry, enum plan_kind kind, enum ip_family family)
{
	uint8_t protocol = plan_kind_protocol(kind, family);

	for (int s = 0; s < STAGES; s++) {
		if (entry->parts[s] &&
		    !program_rule_has_protocol(entry->parts[s], family, protocol))
			return false;
	}
	return true;
}

static int reserve(struct region_list *list, size_t more)
{
	size_t capacity = list->capacity ? list->capacity : 64;
	struct region *grown;

	while (capacity < list->count + more)
		capacity *= 2;
	if (capacity == list->capacity)
		return 0;
	grown = reallocarray(list->regions, capacity, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	list->regions = grown;
	list->capacity = capacity;
	return 0;
}

/* Every combination of these sources and the other fields. */
static void multiply(struct region_list *list, const struct prefix_list *sources,
		     const struct fields *f, struct region region)
{
	for (size_t s = 0; s < sources->count; s++) {
		region.source = sources->prefixes[s];
		for (size_t d = 0; d < f->destination.count; d++) {
			region.destination = f->destination.prefixes[d];
			for (size_t p = 0; p < f->source_port_count; p++) {
				region.source_ports = f->source_ports[p];
				for (size_t q = 0; q < f->destination_port_count; q++) {
					region.destination_ports = f->destination_ports[q];
					list->regions[list->count++] = region;
				}
			}
		}
	}
}

/* The smallest prefix that holds all of a list. */
static struct ip_prefix prefix_around(const struct prefix_list *list)
{
	struct ip_prefix hull = list->prefixes[0];

	for (size_t i = 1; i < list->count; i++) {
		while (!ip_prefix_overlaps(&hull, &list->prefixes[i]) ||
		       hull.length > list->prefixes[i].length)
			hull.length--;
	}
	hull.number = ip_prefix_range(&hull).first;
	return hull;
}

static int append_hull(struct region_list *list, const struct fields *f, struct region region)
{
	int r = reserve(list, 1);

	if (r < 0)
		return r;
	region.is_hull = true;
	region.source = prefix_around(&f->source);
	region.destination = prefix_around(&f->destination);
	region.source_ports.first = f->source_ports[0].first;
	region.source_ports.last = f->source_ports[f->source_port_count - 1].last;
	region.destination_ports.first = f->destination_ports[0].first;
	region.destination_ports.last = f->destination_ports[f->destination_port_count - 1].last;
	list->regions[list->count++] = region;
	return 0;
}

static int find_fields(const struct program *program, const struct entry *entry,
		       enum plan_kind kind, enum ip_family family, const struct region_tags *tags,
		       struct fields *f)
{
	int r = common_prefixes(program, entry, PLAN_TAG_SOURCE, family, tags, &f->source,
				&f->tags[PLAN_TAG_SOURCE]);

	if (r == 0)
		r = common_prefixes(program, entry, PLAN_TAG_DESTINATION, family, tags,
				    &f->destination, &f->tags[PLAN_TAG_DESTINATION]);
	if (r == 0)
		r = common_ports(entry, true, kind, &f->source_ports, &f->source_port_count);
	if (r == 0)
		r = common_ports(entry, false, kind, &f->destination_ports,
				 &f->destination_port_count);
	return r;
}

/* Many prefixes that leave out few become all addresses, with holes. */
static int make_wide(struct region_list *list, struct fields *f, enum ip_family family,
		     bool is_wide)
{
	const struct ip_prefix all = { .family = family };
	struct range_list rest = { 0 };
	int r = 0;

	if (f->source.count < WIDE_PREFIXES)
		return 0;
	for (size_t i = 0; r == 0 && i < f->source.count; i++)
		r = range_list_add(&rest, ip_prefix_range(&f->source.prefixes[i]));
	range_list_normalise(&rest);
	if (r == 0)
		r = range_list_complement(&rest, family);
	for (size_t i = 0; r == 0 && i < rest.count; i++)
		r = prefix_list_add_range(&f->holes, family, rest.ranges[i]);
	range_list_fini(&rest);
	if (r == 0 && f->holes.count * WIDE_SAVES <= f->source.count && is_wide) {
		f->source.prefixes[0] = all;
		f->source.count = 1;
		return 0;
	}
	list->could_be_wide |= f->holes.count * WIDE_SAVES <= f->source.count;
	f->holes.count = 0;
	return r;
}

static int append_fields(struct region_list *list, const struct fields *f, struct region region,
			 size_t limit)
{
	size_t total = (f->holes.count + f->source.count) * f->destination.count *
		       f->source_port_count * f->destination_port_count;
	int r;

	if (total == 0 || f->source.count == 0)
		return 0;
	if (total > limit)
		return append_hull(list, f, region);
	r = reserve(list, total);
	if (r < 0)
		return r;
	region.is_hole = true;
	multiply(list, &f->holes, f, region);
	region.is_hole = false;
	multiply(list, &f->source, f, region);
	return 0;
}

int region_list_add_entry(struct region_list *list, const struct program *program,
			  const struct entry *entry, uint32_t index, enum plan_kind kind,
			  enum ip_family family, const struct region_style *style)
{
	struct region region = { .entry = index, .family = family, .kind = kind };
	struct fields f = { 0 };
	int r;

	if (!has_protocol(entry, kind, family))
		return 0;
	r = find_fields(program, entry, kind, family, style->tags, &f);
	if (r == 0)
		r = make_wide(list, &f, family, style->is_wide);
	if (r == 0) {
		memcpy(region.tags, f.tags, sizeof(region.tags));
		r = append_fields(list, &f, region, style->limit);
	}
	fields_fini(&f);
	return r;
}

static bool ports_overlap(struct port_range a, struct port_range b)
{
	return a.first <= b.last && b.first <= a.last;
}

bool region_overlaps(const struct region *a, const struct region *b)
{
	return a->kind == b->kind && ports_overlap(a->destination_ports, b->destination_ports) &&
	       ports_overlap(a->source_ports, b->source_ports) &&
	       ip_prefix_overlaps(&a->source, &b->source) &&
	       ip_prefix_overlaps(&a->destination, &b->destination);
}

static bool range_holds(struct port_range outer, struct port_range inner)
{
	return outer.first <= inner.first && inner.last <= outer.last;
}

bool region_lies_inside(const struct region *inner, const struct region *outer)
{
	return inner->source.length >= outer->source.length &&
	       inner->destination.length >= outer->destination.length &&
	       range_holds(outer->source_ports, inner->source_ports) &&
	       range_holds(outer->destination_ports, inner->destination_ports);
}

static struct port_range common_range(struct port_range a, struct port_range b)
{
	return (struct port_range){
		.first = a.first > b.first ? a.first : b.first,
		.last = a.last < b.last ? a.last : b.last,
	};
}

struct region region_intersection(const struct region *a, const struct region *b)
{
	struct region both = *a;

	both.source = a->source.length > b->source.length ? a->source : b->source;
	both.destination =
		a->destination.length > b->destination.length ? a->destination : b->destination;
	both.source_ports = common_range(a->source_ports, b->source_ports);
	both.destination_ports = common_range(a->destination_ports, b->destination_ports);
	return both;
}
