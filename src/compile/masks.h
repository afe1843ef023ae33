/*
 * Port ranges as value/mask pairs, which is all that a NIC's matcher takes. Pure.
 */
#ifndef COMPILE_MASKS_H
#define COMPILE_MASKS_H

#include <stdint.h>

struct port_mask {
	uint16_t value;
	uint16_t mask;
};

/* A range of w-bit numbers needs at most 2w - 2 prefixes. */
#define PORT_MASKS_MAX 30

/* The fewest prefixes that cover first..last exactly, largest first. Returns their number. */
unsigned port_masks(uint16_t first, uint16_t last, struct port_mask ret[PORT_MASKS_MAX]);

/* The smallest single prefix that holds first..last, and may hold more. */
struct port_mask port_mask_around(uint16_t first, uint16_t last);

static inline uint32_t port_mask_size(struct port_mask mask)
{
	return (uint32_t)(uint16_t)~mask.mask + 1;
}

#endif
