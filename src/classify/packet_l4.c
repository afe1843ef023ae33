/*
 * TCP, UDP, SCTP, ICMP and ICMPv6 headers. Pure; any thread.
 */
#include "classify/packet_l4.h"

#include "base/net.h"
#include "classify/wire.h"

/* RFC 792 (echo, timestamp, information), RFC 950 (address mask), RFC 4443 (echo) */
static const struct {
	uint8_t kind;
	uint8_t request;
	uint8_t reply;
} icmp_queries[] = {
	{ PACKET_IP4, 8, 0 },   { PACKET_IP4, 13, 14 },   { PACKET_IP4, 15, 16 },
	{ PACKET_IP4, 17, 18 }, { PACKET_IP6, 128, 129 },
};
#define ICMP_QUERIES (sizeof(icmp_queries) / sizeof(icmp_queries[0]))

unsigned packet_l4_minimum(uint8_t protocol)
{
	switch (protocol) {
	case IP_PROTOCOL_TCP:
		return 20;
	case IP_PROTOCOL_UDP:
	case IP_PROTOCOL_ICMP:
	case IP_PROTOCOL_ICMPV6:
		return 8;
	case IP_PROTOCOL_SCTP:
		return 12;
	default:
		return 0;
	}
}

uint8_t packet_icmp_request(enum packet_kind kind, uint8_t type)
{
	for (size_t i = 0; i < ICMP_QUERIES; i++) {
		if (icmp_queries[i].kind == kind &&
		    (icmp_queries[i].request == type || icmp_queries[i].reply == type))
			return icmp_queries[i].request;
	}
	return 0;
}

void packet_set_ports(struct packet *packet, uint16_t source, uint16_t destination, uint8_t kind)
{
	bool leaves = packet->direction == DIRECTION_OUTBOUND;
	uint16_t local = leaves ? source : destination;
	uint16_t remote = leaves ? destination : source;

	if (packet->kind == PACKET_IP4) {
		packet->key4.local_port = local;
		packet->key4.remote_port = remote;
		packet->key4.protocol = packet->protocol;
		packet->key4.kind = kind;
	} else {
		packet->key6.local_port = local;
		packet->key6.remote_port = remote;
		packet->key6.protocol = packet->protocol;
		packet->key6.kind = kind;
	}
}

static enum drop_reason parse_tcp(const uint8_t *header, uint32_t length, struct packet *packet)
{
	uint32_t header_len = (header[12] >> 4) * 4u;

	if (header_len < 20)
		return DROP_MALFORMED_L4;
	if (header_len > length)
		return packet->flags & PACKET_FRAGMENT ? DROP_FRAGMENT_TINY : DROP_MALFORMED_L4;
	packet->tcp_sequence = wire_u32(header + 4);
	packet->tcp_acknowledge = wire_u32(header + 8);
	packet->tcp_flags = header[13];
	packet_set_ports(packet, wire_raw16(header), wire_raw16(header + 2), 0);
	return packet_tcp_flags_bad(packet->tcp_flags) ? DROP_BAD_TCP_FLAGS : DROP_NONE;
}

static enum drop_reason parse_udp(const uint8_t *header, uint32_t length, struct packet *packet)
{
	uint16_t udp_len = wire_u16(header + 4);

	/* In a first fragment it is the length of the whole datagram. */
	if (udp_len < 8 || (udp_len > length && !(packet->flags & PACKET_FRAGMENT)))
		return DROP_MALFORMED_L4;
	packet_set_ports(packet, wire_raw16(header), wire_raw16(header + 2), 0);
	return DROP_NONE;
}

static bool is_icmp_error(enum packet_kind kind, uint8_t type)
{
	if (kind == PACKET_IP4)
		return type == 3 || type == 11 || type == 12;
	return type >= 1 && type <= 4;
}

static bool is_nd(const struct packet *packet, const uint8_t *header, uint32_t length)
{
	static const uint8_t minimum[] = { 8, 16, 24, 24, 40 }; /* RFC 4861 section 4 */
	unsigned index = header[0] - ND_ROUTER_SOLICITATION;
	uint8_t hop_limit = packet->frame[WIRE_ETHER_LEN + 7];

	return index < sizeof(minimum) && header[1] == 0 && hop_limit == 255 &&
	       length >= minimum[index] && !(packet->flags & PACKET_FRAGMENT); /* RFC 6980 */
}

static void parse_icmp(const uint8_t *header, uint32_t length, struct packet *packet)
{
	uint8_t request = packet_icmp_request(packet->kind, header[0]);
	bool leaves = packet->direction == DIRECTION_OUTBOUND;

	packet->icmp_type = header[0];
	packet->icmp_code = header[1];
	if (request) {
		bool reply = header[0] != request;
		uint16_t identifier = wire_raw16(header + 4);

		packet->flags |= PACKET_ICMP_QUERY | (reply ? PACKET_ICMP_REPLY : 0);
		packet_set_ports(packet, identifier, identifier,
				 request | (leaves != reply ? KEY_VM_ASKED : 0));
		return;
	}
	if (is_icmp_error(packet->kind, header[0]))
		packet->flags |= PACKET_ICMP_ERROR;
	else if (packet->kind == PACKET_IP6 && is_nd(packet, header, length))
		packet->flags |= PACKET_ND;
	packet_set_ports(packet, 0, 0, 0);
}

bool packet_is_own_icmp(const struct packet *packet)
{
	return packet->protocol ==
	       (packet->kind == PACKET_IP4 ? IP_PROTOCOL_ICMP : IP_PROTOCOL_ICMPV6);
}

enum drop_reason packet_parse_l4(const struct packet_bounds *bounds, struct packet *packet)
{
	const uint8_t *header = packet->frame + packet->l4_offset;
	uint32_t length = bounds->end - packet->l4_offset;
	unsigned minimum = packet_l4_minimum(packet->protocol);

	packet_set_ports(packet, 0, 0, 0);
	if (length < minimum)
		return packet->flags & PACKET_FRAGMENT ? DROP_FRAGMENT_TINY : DROP_MALFORMED_L4;
	if (packet->l4_offset + minimum > bounds->readable)
		return DROP_TRUNCATED;
	switch (packet->protocol) {
	case IP_PROTOCOL_TCP:
		return parse_tcp(header, length, packet);
	case IP_PROTOCOL_UDP:
		return parse_udp(header, length, packet);
	case IP_PROTOCOL_SCTP:
		packet_set_ports(packet, wire_raw16(header), wire_raw16(header + 2), 0);
		return DROP_NONE;
	default:
		if (packet_is_own_icmp(packet))
			parse_icmp(header, length, packet);
		return DROP_NONE;
	}
}
