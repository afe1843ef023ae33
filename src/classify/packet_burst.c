/*
 * The short way for plain IPv4 TCP and UDP: no options, no fragment, untagged.
 *
 * The key is made by one 16-byte load, from TTL to the ports, and one shuffle. Whatever is not
 * plain, or not in order, is left to packet_parse(), so that both ways give the same answers. Any
 * thread.
 */
#include "base/net.h"
#include "classify/packet.h"
#include "classify/packet_l4.h"
#include "classify/wire.h"

#include <tmmintrin.h>

#define IP4_AT WIRE_ETHER_LEN
#define L4_AT  (WIRE_ETHER_LEN + WIRE_IP4_LEN)

/* Bytes 8 to 23 of the IPv4 header: TTL, protocol, checksum, source, destination, both ports. */
static const int8_t key_shuffle[DIRECTIONS][16] = {
	[DIRECTION_INBOUND] = { 8, 9, 10, 11, 4, 5, 6, 7, 14, 15, 12, 13, 1, -1, -1, -1 },
	[DIRECTION_OUTBOUND] = { 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 1, -1, -1, -1 },
};

static inline bool plain_tcp(const uint8_t *frame, uint32_t headers_len, uint32_t l4_len,
			     struct packet *ret)
{
	uint32_t header_len;

	if (headers_len < L4_AT + 20)
		return false;
	header_len = (frame[L4_AT + 12] >> 4) * 4u;
	ret->tcp_sequence = wire_u32(frame + L4_AT + 4);
	ret->tcp_acknowledge = wire_u32(frame + L4_AT + 8);
	ret->tcp_flags = frame[L4_AT + 13];
	return header_len >= 20 && header_len <= l4_len && !packet_tcp_flags_bad(ret->tcp_flags);
}

static inline bool plain_udp(const uint8_t *frame, uint32_t l4_len, struct packet *ret)
{
	uint16_t udp_len = wire_u16(frame + L4_AT + 4);

	ret->tcp_sequence = 0;
	ret->tcp_acknowledge = 0;
	ret->tcp_flags = 0;
	return udp_len >= 8 && udp_len <= l4_len;
}

static inline bool parse_plain(const struct packet_frame *frame, enum direction direction,
			       __m128i shuffle, struct packet *ret)
{
	const uint8_t *data = frame->data;
	uint32_t length;
	uint8_t protocol;

	if (frame->headers_len < L4_AT + 8 || frame->headers_len > frame->frame_len)
		return false;
	/* Ethertype 0x0800, version 4 and 5 words; no offset, no more fragments. */
	if ((wire_raw32(data + 12) & 0x00ffffff) != 0x00450008 ||
	    (wire_raw16(data + IP4_AT + 6) & 0xff3f))
		return false;
	length = wire_u16(data + IP4_AT + 2);
	if (length < WIRE_IP4_LEN + 8 || WIRE_ETHER_LEN + length > frame->frame_len)
		return false;
	protocol = data[IP4_AT + 9];
	if (protocol == IP_PROTOCOL_TCP) {
		if (!plain_tcp(data, frame->headers_len, length - WIRE_IP4_LEN, ret))
			return false;
	} else if (protocol != IP_PROTOCOL_UDP || !plain_udp(data, length - WIRE_IP4_LEN, ret)) {
		return false;
	}
	_mm_store_si128(
		(__m128i *)&ret->key4,
		_mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(data + IP4_AT + 8)), shuffle));
	ret->l3_length = length;
	ret->kind = PACKET_IP4;
	ret->protocol = protocol;
	ret->flags = 0;
	ret->direction = direction;
	ret->drop = DROP_NONE;
	ret->frame = data;
	ret->headers_len = frame->headers_len;
	ret->l4_offset = L4_AT;
	return true;
}

void packet_parse_burst(const struct packet_frame *frames, unsigned count, enum direction direction,
			struct packet *ret)
{
	__m128i shuffle = _mm_loadu_si128((const __m128i *)key_shuffle[direction]);

	for (unsigned i = 0; i < count; i++) {
		if (!parse_plain(&frames[i], direction, shuffle, &ret[i]))
			(void)packet_parse(frames[i].data, frames[i].headers_len,
					   frames[i].frame_len, direction, &ret[i]);
	}
}
