/* RSS, see rss.h. */
#include "azhost/vmbus/rss.h"

#include "azhost/vswitch/parse.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

void rss_reset(struct rss *rss)
{
	memset(rss, 0, sizeof(*rss));
}

/* 32 bits of the key from bit @at on; zero behind its end. */
static uint32_t key_window(const uint8_t *key, unsigned at)
{
	uint64_t window = 0;

	for (unsigned i = 0; i < 5; i++) {
		unsigned byte = at / 8 + i;

		window = window << 8 | (byte < NDIS_RSS_KEY ? key[byte] : 0);
	}
	return (uint32_t)(window >> (8 - at % 8));
}

void rss_set_key(struct rss *rss, const uint8_t key[NDIS_RSS_KEY])
{
	memcpy(rss->key, key, NDIS_RSS_KEY);
	for (unsigned byte = 0; byte < RSS_INPUT_MAX; byte++) {
		for (unsigned value = 0; value < 256; value++) {
			uint32_t hash = 0;

			for (unsigned bit = 0; bit < 8; bit++)
				if ((value & 0x80u >> bit) != 0)
					hash ^= key_window(key, byte * 8 + bit);
			rss->by_byte[byte][value] = hash;
		}
	}
}

uint32_t rss_hash(const struct rss *rss, const uint8_t *input, size_t bytes)
{
	uint32_t hash = 0;

	for (size_t i = 0; i < bytes; i++)
		hash ^= rss->by_byte[i][input[i]];
	return hash;
}

bool rss_hash_frame(const struct rss *rss, const uint8_t *frame, uint32_t length,
		    uint32_t *ret_hash, uint32_t *ret_type)
{
	struct parsed_frame f;
	uint8_t input[RSS_INPUT_MAX];
	uint32_t plain, tcp, type;

	if (!rss->on || !parse_frame(frame, length, &f))
		return false;
	plain = f.version == 4 ? NDIS_HASH_V4 : NDIS_HASH_V6;
	tcp = f.version == 4 ? NDIS_HASH_TCP_V4 : NDIS_HASH_TCP_V6;
	if ((rss->types & tcp) != 0 && f.protocol == IPPROTO_TCP && f.has_ports)
		type = tcp;
	else if ((rss->types & plain) != 0)
		type = plain;
	else
		return false;

	size_t n = f.version == 4 ? 4 : 16;
	size_t used = 2 * n;

	memcpy(input, f.source, n);
	memcpy(input + n, f.destination, n);
	if (type == tcp) {
		const uint16_t ports[] = { htons(f.source_port), htons(f.destination_port) };

		memcpy(input + used, ports, sizeof(ports));
		used += sizeof(ports);
	}
	*ret_hash = rss_hash(rss, input, used);
	*ret_type = type;
	return true;
}

static bool inside(uint32_t offset, uint32_t bytes, uint32_t total)
{
	return offset <= total && bytes <= total - offset;
}

int rss_configure(struct rss *rss, const void *parameters, uint32_t bytes)
{
	struct ndis_rss_parameters p;
	const uint8_t *base = parameters;

	if (bytes < sizeof(p))
		return -EINVAL;
	memcpy(&p, parameters, sizeof(p));
	if (p.header.object != NDIS_OBJECT_RSS_PARAMETERS)
		return -EINVAL;

	const bool has_table = (p.flags & NDIS_RSS_UNCHANGED_TABLE) == 0 && p.table_bytes != 0;
	const bool has_key = (p.flags & NDIS_RSS_UNCHANGED_KEY) == 0 && p.key_bytes != 0;

	if (has_table && (p.table_bytes > sizeof(rss->table) || p.table_bytes % 4 != 0 ||
			  !inside(p.table_offset, p.table_bytes, bytes)))
		return -EINVAL;
	if (has_key && (p.key_bytes != NDIS_RSS_KEY || !inside(p.key_offset, p.key_bytes, bytes)))
		return -EINVAL;

	/* A shorter table repeats. */
	for (uint32_t i = 0; has_table && i < NDIS_RSS_ENTRIES; i++)
		memcpy(&rss->table[i], base + p.table_offset + i * 4 % p.table_bytes, 4);
	if (has_key)
		rss_set_key(rss, base + p.key_offset);
	if ((p.flags & NDIS_RSS_UNCHANGED_HASH) == 0)
		rss->types = p.hash;
	rss->on = (p.flags & NDIS_RSS_DISABLE) == 0;
	return 0;
}
