/*
 * Ranges, prefixes, intersections: see prefix_list.h.
 */
#include "compile/prefix_list.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void prefix_list_fini(struct prefix_list *list)
{
	free(list->prefixes);
	*list = (struct prefix_list){ 0 };
}

static int append(struct prefix_list *list, struct ip_prefix prefix)
{
	if (list->count == list->capacity) {
		size_t capacity = list->capacity ? list->capacity * 2 : 8;
		struct ip_prefix *grown = reallocarray(list->prefixes, capacity, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		list->prefixes = grown;
		list->capacity = capacity;
	}
	list->prefixes[list->count++] = prefix;
	return 0;
}

/* The largest block that begins at `first`, is aligned there and ends by `last`: its size in bits.
 */
static unsigned block_bits(ip_number first, ip_number last, unsigned width)
{
	unsigned bits = 0;

	while (bits < width) {
		ip_number low = ip_low_mask(bits + 1);

		if ((first & low) != 0 || (first | low) > last)
			break;
		bits++;
	}
	return bits;
}

int prefix_list_add_range(struct prefix_list *list, enum ip_family family, struct ip_range range)
{
	unsigned width = ip_family_bits(family);
	ip_number first = range.first;

	for (;;) {
		unsigned bits = block_bits(first, range.last, width);
		ip_number end = first | ip_low_mask(bits);
		int r = append(list, (struct ip_prefix){
					     .family = family,
					     .length = (uint8_t)(width - bits),
					     .number = first,
				     });

		if (r < 0)
			return r;
		if (end == range.last)
			return 0;
		first = end + 1;
	}
}

int range_list_intersect(struct range_list *list, const struct ip_range *ranges, size_t count)
{
	struct range_list both = { 0 };
	size_t i = 0, j = 0;
	int r = 0;

	while (r == 0 && i < list->count && j < count) {
		const struct ip_range *a = &list->ranges[i], *b = &ranges[j];
		struct ip_range common = {
			.first = a->first > b->first ? a->first : b->first,
			.last = a->last < b->last ? a->last : b->last,
		};

		if (common.first <= common.last)
			r = range_list_add(&both, common);
		if (a->last < b->last)
			i++;
		else
			j++;
	}
	range_list_fini(list);
	*list = both;
	return r;
}

bool ip_prefix_overlaps(const struct ip_prefix *a, const struct ip_prefix *b)
{
	unsigned length = a->length < b->length ? a->length : b->length;
	unsigned host = ip_family_bits(a->family) - length;

	if (a->family != b->family)
		return false;
	return length == 0 || a->number >> host == b->number >> host;
}
