/*
 * The Toeplitz hash, with tables for speed. A TIR hashes one kind of packet (say, UDP over IPv4);
 * for each kind the PMD makes a TIR of its own, and a rule leads the packets there.
 */
#include "azhost/connectx/rss.h"

#include <netinet/in.h>

#define SECURITY_INDEX_BYTES 4u /* RFC 4303: first word of the ESP header */

static uint32_t key_window(const uint8_t *key, unsigned int bit)
{
	uint32_t window = 0;

	for (unsigned int i = 0; i < 32; i++) {
		unsigned int at = (bit + i) % (TIRC_KEY_BYTES * 8);

		window = window << 1 | (key[at / 8] >> (7 - at % 8) & 1u);
	}
	return window;
}

void cx_rss_init(struct cx_rss *rss, const uint8_t *key, uint32_t fields, uint8_t l3, uint8_t l4)
{
	rss->fields = fields;
	rss->l3 = l3;
	rss->l4 = l4;
	for (unsigned int n = 0; n < CX_RSS_NIBBLES; n++) {
		for (unsigned int value = 0; value < 16; value++) {
			rss->part[n][value] = 0;
			for (unsigned int b = 0; b < 4; b++) {
				if (value >> (3 - b) & 1)
					rss->part[n][value] ^= key_window(key, n * 4 + b);
			}
		}
	}
}

static uint32_t hash_bytes(const struct cx_rss *rss, const uint8_t *at, unsigned int length,
			   unsigned int *position)
{
	uint32_t hash = 0;

	for (unsigned int i = 0; i < length; i++) {
		hash ^= rss->part[*position][at[i] >> 4] ^ rss->part[*position + 1][at[i] & 0xf];
		*position += 2;
	}
	return hash;
}

uint32_t cx_rss_hash(const struct cx_rss *rss, const uint8_t *data, uint32_t length,
		     const struct steer_headers *headers, uint8_t *ret_fields)
{
	unsigned int position = 0, size = headers->l3 == STEER_L3_IPV4 ? 4 : 16;
	const uint8_t *source = data + headers->l3_offset + (size == 4 ? 12 : 8);
	const uint8_t *ports = data + headers->l4_offset;
	uint32_t fields = rss->fields, hash = 0;

	if (headers->l3 == STEER_L3_NONE || headers->l3 != rss->l3)
		fields = 0;
	if (headers->l4 != rss->l4 || headers->fragment)
		fields &= ~(uint32_t)(HASH_SOURCE_PORT | HASH_DESTINATION_PORT);
	if (headers->ip_protocol != IPPROTO_ESP || headers->fragment ||
	    length < headers->l4_offset + SECURITY_INDEX_BYTES)
		fields &= ~(uint32_t)HASH_SECURITY_INDEX;
	*ret_fields = (uint8_t)fields;
	if (fields & HASH_SOURCE_IP)
		hash ^= hash_bytes(rss, source, size, &position);
	if (fields & HASH_DESTINATION_IP)
		hash ^= hash_bytes(rss, source + size, size, &position);
	if (fields & HASH_SOURCE_PORT)
		hash ^= hash_bytes(rss, ports, 2, &position);
	if (fields & HASH_DESTINATION_PORT)
		hash ^= hash_bytes(rss, ports + 2, 2, &position);
	if (fields & HASH_SECURITY_INDEX)
		hash ^= hash_bytes(rss, ports, SECURITY_INDEX_BYTES, &position);
	return hash;
}
