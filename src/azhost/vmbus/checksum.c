/* Internet checksums, see checksum.h. */
#include "azhost/vmbus/checksum.h"

#include "azhost/vmbus/ndis.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>

#define TCP_HEADER     20u
#define UDP_HEADER     8u
#define TCP_SUM_OFFSET 16u
#define UDP_SUM_OFFSET 6u
#define IP_SUM_OFFSET  10u

/* One's complement sum in native byte order; the result is independent of it (RFC 1071, 2 (B)). */
static uint64_t sum(const uint8_t *p, uint32_t bytes, uint64_t start)
{
	uint64_t total = start;

	while (bytes >= 4) {
		uint32_t word;

		memcpy(&word, p, 4);
		total += word;
		p += 4;
		bytes -= 4;
	}
	if (bytes != 0) {
		uint32_t word = 0;

		memcpy(&word, p, bytes);
		total += word;
	}
	return total;
}

static uint16_t fold(uint64_t total)
{
	total = (total & 0xffffffff) + (total >> 32);
	total = (total & 0xffffffff) + (total >> 32);
	total = (total & 0xffff) + (total >> 16);
	total = (total & 0xffff) + (total >> 16);
	return (uint16_t)total;
}

static uint64_t pseudo_header(const struct parsed_frame *f)
{
	const uint32_t n = f->version == 4 ? 4 : 16;
	const uint32_t rest[2] = { htonl(f->l3_end - f->l4), htonl(f->protocol) };
	uint64_t total = sum(f->source, n, 0);

	total = sum(f->destination, n, total);
	return sum((const uint8_t *)rest, sizeof(rest), total);
}

static uint16_t l4_sum(const uint8_t *frame, const struct parsed_frame *f)
{
	return fold(sum(frame + f->l4, f->l3_end - f->l4, pseudo_header(f)));
}

/* A first fragment's checksum is over the whole datagram, of which this frame has only a part. */
static bool is_fragment(const uint8_t *frame, const struct parsed_frame *f)
{
	if (f->later_fragment)
		return true;
	if (f->version == 4)
		return (frame[f->l3 + 6] & 0x20) != 0;
	return frame[f->l3 + 6] == IPPROTO_FRAGMENT;
}

static bool has_sum(const uint8_t *frame, const struct parsed_frame *f)
{
	uint32_t bytes = f->l3_end - f->l4;

	if (f->l4 > f->l3_end || is_fragment(frame, f))
		return false;
	return (f->protocol == IPPROTO_TCP && bytes >= TCP_HEADER) ||
	       (f->protocol == IPPROTO_UDP && bytes >= UDP_HEADER);
}

uint32_t checksum_verify(const uint8_t *frame, uint32_t length)
{
	struct parsed_frame f;
	uint32_t info = 0;

	if (!parse_frame(frame, length, &f))
		return 0;
	if (f.version == 4) {
		uint32_t header = (frame[f.l3] & 15u) * 4;

		info |= fold(sum(frame + f.l3, header, 0)) == 0xffff ? NDIS_RX_IP_OK
								     : NDIS_RX_IP_FAILED;
	}
	if (!has_sum(frame, &f))
		return info;
	if (f.protocol == IPPROTO_UDP && frame[f.l4 + UDP_SUM_OFFSET] == 0 &&
	    frame[f.l4 + UDP_SUM_OFFSET + 1] == 0)
		return f.version == 4 ? info | NDIS_RX_UDP_OK : info | NDIS_RX_UDP_FAILED;

	bool ok = l4_sum(frame, &f) == 0xffff;

	if (f.protocol == IPPROTO_TCP)
		return info | (ok ? NDIS_RX_TCP_OK : NDIS_RX_TCP_FAILED);
	return info | (ok ? NDIS_RX_UDP_OK : NDIS_RX_UDP_FAILED);
}

static void store(uint8_t *frame, uint32_t at, uint16_t value)
{
	memcpy(frame + at, &value, 2);
}

void checksum_fill_ip(uint8_t *frame, const struct parsed_frame *f)
{
	uint32_t header = (frame[f->l3] & 15u) * 4;

	if (f->version != 4)
		return;
	store(frame, f->l3 + IP_SUM_OFFSET, 0);
	store(frame, f->l3 + IP_SUM_OFFSET, (uint16_t)~fold(sum(frame + f->l3, header, 0)));
}

enum checksum_result checksum_fill_l4(uint8_t *frame, const struct parsed_frame *f)
{
	uint32_t at;
	uint16_t value;

	if (!has_sum(frame, f))
		return CHECKSUM_IMPOSSIBLE;
	at = f->l4 + (f->protocol == IPPROTO_TCP ? TCP_SUM_OFFSET : UDP_SUM_OFFSET);
	store(frame, at, 0);
	value = (uint16_t)~l4_sum(frame, f);
	/* RFC 768: zero would mean that there is none. */
	if (value == 0 && f->protocol == IPPROTO_UDP)
		value = 0xffff;
	store(frame, at, value);
	return CHECKSUM_FILLED;
}
