/*
 * Frames: see frame.h.
 */
#include "wire/frame.h"

#include <string.h>

#define ETHERNET_LEN   14
#define TRAILER_LEN    8
#define PAYLOAD_LEN    20 /* at least, the trailer included */
#define IPV4_FRAGMENTS 0x2000
#define NEXT_FRAGMENT  44
#define NEXT_OPTIONS   60
#define TTL            64

static const uint8_t magic[4] = { 0xac, 0xce, 0x1e, 0x7d };
static const uint8_t vm_mac[6] = { 0x00, 0x0d, 0x3a, 0, 0, 1 };
static const uint8_t remote_mac[6] = { 0x02, 0, 0, 0, 0, 2 };
/* by enum model_icmp; the error is "destination unreachable" */
static const uint8_t icmp4_types[] = { 0, 8, 0, 3 };
static const uint8_t icmp6_types[] = { 0, 128, 129, 1 };

static uint8_t *put16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
	return at + 2;
}

static uint8_t *put32(uint8_t *at, uint32_t value)
{
	return put16(put16(at, value >> 16), value & 0xffff);
}

/* --- RFC 1071 --- */

static uint32_t sum_of(const uint8_t *bytes, size_t length, uint32_t sum)
{
	for (size_t i = 0; i + 1 < length; i += 2)
		sum += (uint32_t)bytes[i] << 8 | bytes[i + 1];
	return length % 2 ? sum + ((uint32_t)bytes[length - 1] << 8) : sum;
}

static uint16_t folded(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static uint32_t pseudo_header(const struct model_packet *packet, size_t length)
{
	const size_t width = packet->source.family == IP_FAMILY_V4 ? 4 : 16;
	uint8_t bytes[32];

	ip_addr_to_bytes(&packet->source, bytes);
	ip_addr_to_bytes(&packet->destination, bytes + width);
	return sum_of(bytes, 2 * width, (uint32_t)length + packet->protocol);
}

static void set_checksum(const struct model_packet *packet, uint8_t *body, size_t length)
{
	const bool is_v4 = packet->source.family == IP_FAMILY_V4;
	uint32_t sum = pseudo_header(packet, length);
	size_t at;

	if (packet->protocol == IP_PROTOCOL_TCP)
		at = 16;
	else if (packet->protocol == IP_PROTOCOL_UDP)
		at = 6;
	else if (packet->icmp != MODEL_NOT_ICMP)
		at = 2;
	else
		return;
	if (packet->icmp != MODEL_NOT_ICMP && is_v4)
		sum = 0;
	sum = folded(sum_of(body, length, sum));
	/* RFC 768: a sum of 0 is sent as all ones */
	(void)put16(body + at, sum == 0 && packet->protocol == IP_PROTOCOL_UDP ? 0xffff : sum);
}

/* --- L4 --- */

static uint8_t *put_quoted(const struct model_packet *packet, uint8_t *at);

static uint8_t *put_icmp(const struct model_packet *packet, uint8_t *at)
{
	const bool is_v4 = packet->source.family == IP_FAMILY_V4;
	const bool is_error = packet->icmp == MODEL_ICMP_ERROR;

	*at++ = (is_v4 ? icmp4_types : icmp6_types)[packet->icmp];
	*at++ = is_error ? 1 : 0;
	at = put16(at, 0);
	if (is_error)
		return put_quoted(packet->quoted, put32(at, 0));
	return put16(put16(at, packet->icmp_id), 1);
}

/* The header alone; of UDP `length` is that of the datagram. */
static uint8_t *put_header(const struct model_packet *packet, uint8_t more_flags, size_t length,
			   uint8_t *at)
{
	if (ip_protocol_has_ports(packet->protocol))
		at = put16(put16(at, packet->source_port), packet->destination_port);
	switch (packet->protocol) {
	case IP_PROTOCOL_TCP:
		at = put32(put32(at, packet->sequence), packet->acknowledge);
		*at++ = 5 << 4;
		*at++ = packet->tcp_flags | more_flags;
		return put32(put16(at, 512), 0); /* window; checksum, urgent pointer */
	case IP_PROTOCOL_UDP:
		return put32(at, (uint32_t)length << 16);
	case IP_PROTOCOL_SCTP:
		return put32(put32(at, 0), 0); /* tag, checksum */
	default:
		return packet->icmp != MODEL_NOT_ICMP ? put_icmp(packet, at) : at;
	}
}

static uint8_t *put_trailer(uint8_t *at, uint32_t id)
{
	memcpy(at, magic, sizeof(magic));
	return put32(at + sizeof(magic), id);
}

/* Header and payload, in all a multiple of eight bytes, as a first fragment has to be. */
static size_t make_body(const struct frame_spec *spec, uint8_t *body)
{
	uint8_t *end = put_header(spec->packet, spec->more_tcp_flags, 0, body);
	const size_t header = (size_t)(end - body);
	const size_t length = (header + PAYLOAD_LEN + 7) & ~(size_t)7;
	const size_t rest = spec->form == FRAME_FIRST_FRAGMENT ? 24 : 0; /* see make_rest() */

	(void)put_header(spec->packet, spec->more_tcp_flags, length + rest, body);
	memset(end, 'x', length - header);
	(void)put_trailer(body + length - TRAILER_LEN, spec->id);
	if (spec->form != FRAME_FIRST_FRAGMENT)
		set_checksum(spec->packet, body, length);
	return length;
}

static size_t make_rest(const struct frame_spec *spec, uint8_t *body)
{
	memset(body, 'y', 16);
	(void)put_trailer(body + 16, spec->id);
	return 24;
}

/* Where the rest begins, in bytes of the whole packet. */
static size_t offset_of_rest(const struct frame_spec *spec)
{
	struct frame_spec first = *spec;
	uint8_t body[FRAME_MAX];

	first.form = FRAME_FIRST_FRAGMENT;
	return make_body(&first, body);
}

/* --- L3 --- */

struct l3 {
	bool has_options;
	bool is_fragment;
	bool more;
	size_t offset;
	uint32_t fragment;
};

static uint8_t *put_ip4(const struct model_packet *packet, const struct l3 *l3, size_t length,
			uint8_t *ip)
{
	const size_t header = l3->has_options ? 24 : 20;
	uint8_t *at = put16(ip, 0x4000 | (uint32_t)header / 4 << 8);

	at = put16(at, (uint32_t)(header + length));
	at = put16(at, l3->fragment & 0xffff);
	at = put16(at, (l3->more ? IPV4_FRAGMENTS : 0) | (uint32_t)l3->offset / 8);
	*at++ = TTL;
	*at++ = packet->protocol;
	at = put16(at, 0);
	ip_addr_to_bytes(&packet->source, at);
	ip_addr_to_bytes(&packet->destination, at + 4);
	at += 8;
	if (l3->has_options)
		at = put32(at, 0x01010101); /* no operation, four times */
	(void)put16(ip + 10, folded(sum_of(ip, header, 0)));
	return at;
}

static uint8_t *put_ip6(const struct model_packet *packet, const struct l3 *l3, size_t length,
			uint8_t *at)
{
	const bool has_extension = l3->has_options || l3->is_fragment;

	at = put16(put32(at, 6U << 28), (uint32_t)(length + (has_extension ? 8 : 0)));
	*at++ = l3->has_options ? NEXT_OPTIONS
				: (l3->is_fragment ? NEXT_FRAGMENT : packet->protocol);
	*at++ = TTL;
	ip_addr_to_bytes(&packet->source, at);
	ip_addr_to_bytes(&packet->destination, at + 16);
	at += 32;
	if (!has_extension)
		return at;
	*at++ = packet->protocol;
	*at++ = 0;
	if (l3->has_options)
		return put32(put16(at, 0x0104), 0); /* PadN */
	return put32(put16(at, (uint32_t)l3->offset | l3->more), l3->fragment);
}

static uint8_t *put_l3(const struct model_packet *packet, const struct l3 *l3, size_t length,
		       uint8_t *at)
{
	return packet->source.family == IP_FAMILY_V4 ? put_ip4(packet, l3, length, at)
						     : put_ip6(packet, l3, length, at);
}

static uint8_t *put_quoted(const struct model_packet *packet, uint8_t *at)
{
	const struct l3 l3 = { 0 };
	uint8_t body[FRAME_MAX], *end = put_header(packet, 0, 8, body);

	/* at least eight bytes of what follows: RFC 792 */
	if (end < body + 8)
		end = put32(put32(body, 0), 0);
	at = put_l3(packet, &l3, (size_t)(end - body), at);
	memcpy(at, body, (size_t)(end - body));
	return at + (end - body);
}

static uint8_t *put_ethernet(enum direction direction, uint16_t type, uint8_t *at)
{
	const bool inbound = direction == DIRECTION_INBOUND;

	memcpy(at, inbound ? vm_mac : remote_mac, 6);
	memcpy(at + 6, inbound ? remote_mac : vm_mac, 6);
	return put16(at + 12, type);
}

size_t frame_make(const struct frame_spec *spec, uint8_t frame[FRAME_MAX])
{
	const struct model_packet *packet = spec->packet;
	const bool is_later = spec->form == FRAME_LATER_FRAGMENT;
	const struct l3 l3 = {
		.has_options = spec->form == FRAME_OPTIONS,
		.is_fragment = is_later || spec->form == FRAME_FIRST_FRAGMENT,
		.more = spec->form == FRAME_FIRST_FRAGMENT,
		.offset = is_later ? offset_of_rest(spec) : 0,
		.fragment = spec->fragment,
	};
	uint8_t body[FRAME_MAX], *at;
	const size_t length = is_later ? make_rest(spec, body) : make_body(spec, body);

	at = put_ethernet(packet->direction,
			  packet->source.family == IP_FAMILY_V4 ? 0x0800 : 0x86dd, frame);
	at = put_l3(packet, &l3, length, at);
	memcpy(at, body, length);
	return (size_t)(at - frame) + length;
}

size_t frame_barrier(enum direction direction, uint32_t id, uint8_t frame[FRAME_MAX])
{
	uint8_t *at = put_ethernet(direction, 0x0806, frame);

	at = put32(put32(at, 0x00010800), 0x06040001); /* RFC 826: Ethernet, IPv4, request */
	memcpy(at, frame + 6, 6);
	memset(at + 6, 0, 14); /* sender 0.0.0.0, a probe: RFC 5227 */
	at = put32(at + 16, 0xc0000201);
	memset(at, 0, 18);
	return (size_t)(put_trailer(at + 18 - TRAILER_LEN, id) - frame);
}

bool frame_id(const uint8_t *frame, size_t length, uint32_t *ret)
{
	const uint8_t *at = frame + length - TRAILER_LEN;

	if (length < ETHERNET_LEN + TRAILER_LEN || memcmp(at, magic, sizeof(magic)) != 0)
		return false;
	*ret = (uint32_t)at[4] << 24 | (uint32_t)at[5] << 16 | (uint32_t)at[6] << 8 | at[7];
	return true;
}
