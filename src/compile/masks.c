/*
 * Port ranges as prefixes: see masks.h.
 */
#include "compile/masks.h"

#include <stdlib.h>

static int by_size(const void *a, const void *b)
{
	const struct port_mask *x = a, *y = b;

	if (x->mask != y->mask)
		return (x->mask > y->mask) - (x->mask < y->mask);
	return (x->value > y->value) - (x->value < y->value);
}

unsigned port_masks(uint16_t first, uint16_t last, struct port_mask ret[PORT_MASKS_MAX])
{
	uint32_t at = first, end = (uint32_t)last + 1;
	unsigned count = 0;

	while (at < end) {
		uint32_t size = at ? at & -at : 0x10000;

		while (at + size > end)
			size /= 2;
		ret[count++] = (struct port_mask){ (uint16_t)at, (uint16_t)(0x10000 - size) };
		at += size;
	}
	qsort(ret, count, sizeof(ret[0]), by_size);
	return count;
}

struct port_mask port_mask_around(uint16_t first, uint16_t last)
{
	uint16_t differ = first ^ last;
	uint32_t size = 1;

	while (size <= differ)
		size *= 2;
	return (struct port_mask){ (uint16_t)(first & ~(size - 1)), (uint16_t)(0x10000 - size) };
}
