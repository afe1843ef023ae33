/*
 * Receive-side scaling of a TIR: which fields are hashed, and the Toeplitz hash over them.
 */
#ifndef AZHOST_CONNECTX_RSS_H
#define AZHOST_CONNECTX_RSS_H

#include "azhost/connectx/prm.h"
#include "azhost/connectx/steering/steering.h"

#include <stdint.h>

/* Two IPv6 addresses, two ports and a security index, in half bytes. */
#define CX_RSS_NIBBLES ((16 + 16 + 2 + 2 + 4) * 2)

struct cx_rss {
	uint32_t fields; /* HASH_SOURCE_IP and so on; 0: no hash */
	uint8_t l3;      /* enum steer_l3 that is hashed */
	uint8_t l4;      /* enum steer_l4 whose ports are hashed */
	/* The hash is linear: contribution of each value of each half byte of the input. */
	uint32_t part[CX_RSS_NIBBLES][16];
};

/* key: TIRC_KEY_BYTES bytes. */
void cx_rss_init(struct cx_rss *rss, const uint8_t *key, uint32_t fields, uint8_t l3, uint8_t l4);

/* The hash of a frame of length bytes, 0 where it has not the headers that are hashed. ret_fields
 * are the fields that went into it, as a CQE's rx_hash_type reports them. */
uint32_t cx_rss_hash(const struct cx_rss *rss, const uint8_t *data, uint32_t length,
		     const struct steer_headers *headers, uint8_t *ret_fields);

#endif
