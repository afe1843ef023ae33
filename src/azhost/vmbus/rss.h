/*
 * Receive-side scaling: the Toeplitz hash over addresses, and ports of TCP, as NDIS defines it, and
 * the table that turns it into a channel. Checked against the vectors of Microsoft's "Verifying the
 * RSS Hash Calculation".
 */
#ifndef AZHOST_VMBUS_RSS_H
#define AZHOST_VMBUS_RSS_H

#include "azhost/vmbus/ndis.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RSS_INPUT_MAX 36 /* two IPv6 addresses and two ports */

struct rss {
	bool on;
	uint32_t types; /* NDIS_HASH_* */
	uint32_t table[NDIS_RSS_ENTRIES];
	uint8_t key[NDIS_RSS_KEY];
	uint32_t by_byte[RSS_INPUT_MAX][256]; /* share of each input byte in the hash */
};

void rss_reset(struct rss *rss);
void rss_set_key(struct rss *rss, const uint8_t key[NDIS_RSS_KEY]);

uint32_t rss_hash(const struct rss *rss, const uint8_t *input, size_t bytes);

/* False where the frame has nothing to hash; *ret_type is one of NDIS_HASH_*. */
bool rss_hash_frame(const struct rss *rss, const uint8_t *frame, uint32_t length,
		    uint32_t *ret_hash, uint32_t *ret_type);

/*
 * Take OID_RECEIVE_SCALE_PARAMETERS, @bytes long. -EINVAL where it does not hold what it says;
 * nothing is changed then.
 */
int rss_configure(struct rss *rss, const void *parameters, uint32_t bytes);

#endif
