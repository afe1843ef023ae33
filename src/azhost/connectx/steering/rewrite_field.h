/*
 * The fields that modify-header can name: which bits of the packet, or of the key's registers, they
 * are. Sources: see rewrite.h.
 *
 * Threads: constant.
 */
#ifndef AZHOST_CONNECTX_STEERING_REWRITE_FIELD_H
#define AZHOST_CONNECTX_STEERING_REWRITE_FIELD_H

#include <stddef.h>
#include <stdint.h>

/* What a place is counted from. */
enum place_base {
	IN_NOTHING,
	IN_KEY,
	IN_ETHERNET,
	IN_ETHERTYPE, /* the last one */
	IN_FIRST_VLAN,
	IN_IPV4,
	IN_IPV6,
	IN_TCP,
	IN_UDP,
};

/* A container of 1, 2 or 4 bytes, big-endian. */
struct place {
	uint8_t base;
	uint8_t offset; /* of the container, from its base */
	uint8_t bytes;
	uint8_t shift; /* of the field's lowest bit in the container */
};

enum {
	CAN_ADD = 1 << 0,
	RX_ONLY = 1 << 1,
	TX_ONLY = 1 << 2,
};

struct rewrite_field {
	const char *name;
	uint16_t id;
	uint8_t bits;
	uint8_t l3; /* enum steer_l3 that it presumes */
	uint8_t l4; /* enum steer_l4 that it presumes */
	uint8_t flags;
	struct place place;
	struct place or_else; /* where place.base is not in the packet */
};

extern const struct rewrite_field rewrite_fields[];
extern const size_t rewrite_n_fields;

#endif
