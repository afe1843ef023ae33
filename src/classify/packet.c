/*
 * Ethernet, IPv4, IPv6 and its extension headers; the way every packet can take. Pure; any thread.
 */
#include "classify/packet.h"

#include "base/net.h"
#include "classify/packet_l4.h"
#include "classify/wire.h"

#include <string.h>

#define IP4_OFFSET_MASK    0x1fff
#define IP4_MORE_FRAGMENTS 0x2000
#define IP6_OFFSET_MASK    0xfff8
#define IP6_MORE_FRAGMENTS 0x0001

enum extension {
	EXTENSION_NONE,
	EXTENSION_SKIP, /* length in units of 8 bytes, the first 8 not counted */
	EXTENSION_HOP_BY_HOP,
	EXTENSION_FRAGMENT,
};

/* RFC 7045 section 4; ESP and AH end the walk. */
static const uint8_t extensions[256] = {
	[0] = EXTENSION_HOP_BY_HOP, [43] = EXTENSION_SKIP,  [44] = EXTENSION_FRAGMENT,
	[60] = EXTENSION_SKIP,      [135] = EXTENSION_SKIP, [139] = EXTENSION_SKIP,
	[140] = EXTENSION_SKIP,
};

static void set_addresses(struct packet *packet, const uint8_t *source, const uint8_t *destination)
{
	bool leaves = packet->direction == DIRECTION_OUTBOUND;
	const uint8_t *local = leaves ? source : destination;
	const uint8_t *remote = leaves ? destination : source;

	if (packet->kind == PACKET_IP4) {
		memcpy(&packet->key4.local, local, 4);
		memcpy(&packet->key4.remote, remote, 4);
	} else {
		memcpy(packet->key6.local, local, 16);
		memcpy(packet->key6.remote, remote, 16);
	}
}

/*
 * Fragment fields, alike in both families. `length` is what this fragment carries of the
 * fragmentable part, which begins at `start`.
 */
static enum drop_reason set_fragment(struct packet *packet, uint16_t offset, bool more,
				     uint32_t length)
{
	if (length == 0 || offset + length > UINT16_MAX || (more && length % 8 != 0))
		return DROP_MALFORMED_IP;
	packet->flags |= PACKET_FRAGMENT;
	packet->fragment_offset = offset;
	packet->fragment_protocol = packet->protocol;
	if (!more)
		packet->flags |= PACKET_LAST_FRAGMENT;
	if (offset == 0)
		return DROP_NONE;
	packet->flags |= PACKET_LATER_FRAGMENT;
	packet_set_ports(packet, 0, 0, 0);
	/* RFC 3128; how long the header really is, only the fragment table knows. */
	return offset < packet_l4_minimum(packet->protocol) ? DROP_FRAGMENT_OVERLAP : DROP_NONE;
}

/* The L4 header at `at`; `fragmentable` is where the fragmentable part begins. */
static enum drop_reason parse_upper(const uint8_t *frame, uint32_t at,
				    const struct packet_bounds *bounds, uint32_t fragmentable,
				    struct packet *ret)
{
	uint32_t length = packet_l4_minimum(ret->protocol);
	enum drop_reason drop;

	ret->l4_offset = at;
	drop = packet_parse_l4(bounds, ret);
	if (drop != DROP_NONE || !(ret->flags & PACKET_FRAGMENT))
		return drop;
	if (ret->protocol == IP_PROTOCOL_TCP)
		length = (frame[at + 12] >> 4) * 4u;
	ret->fragment_headers = at - fragmentable + length;
	return DROP_NONE;
}

static enum drop_reason parse_ip4(const uint8_t *frame, struct packet_bounds *bounds,
				  struct packet *ret)
{
	const uint8_t *ip = frame + WIRE_ETHER_LEN;
	uint32_t header_len;
	uint16_t fragment;
	enum drop_reason drop;

	if (bounds->readable < WIRE_ETHER_LEN + WIRE_IP4_LEN)
		return DROP_TRUNCATED;
	header_len = (ip[0] & 15) * 4u;
	ret->l3_length = wire_u16(ip + 2);
	if (ip[0] >> 4 != 4 || header_len < WIRE_IP4_LEN || ret->l3_length < header_len)
		return DROP_MALFORMED_IP;
	if ((uint32_t)WIRE_ETHER_LEN + ret->l3_length > bounds->end ||
	    WIRE_ETHER_LEN + header_len > bounds->readable)
		return DROP_TRUNCATED;
	bounds->end = WIRE_ETHER_LEN + ret->l3_length;
	ret->protocol = ip[9];
	set_addresses(ret, ip + WIRE_IP4_SOURCE, ip + WIRE_IP4_DESTINATION);

	fragment = wire_u16(ip + 6);
	if (fragment & (IP4_OFFSET_MASK | IP4_MORE_FRAGMENTS)) {
		ret->fragment_id = wire_raw16(ip + 4);
		drop = set_fragment(ret, (fragment & IP4_OFFSET_MASK) * 8u,
				    fragment & IP4_MORE_FRAGMENTS, ret->l3_length - header_len);
		if (drop != DROP_NONE || (ret->flags & PACKET_LATER_FRAGMENT))
			return drop;
	}
	return parse_upper(frame, WIRE_ETHER_LEN + header_len, bounds, WIRE_ETHER_LEN + header_len,
			   ret);
}

/* Where a walk along the extension headers stands. */
struct extension_walk {
	uint32_t at;           /* offset in the frame of the header that is next */
	uint32_t fragmentable; /* offset of the fragmentable part; 0: no fragment */
	uint8_t next;
};

/* Room for `size` bytes at walk->at, or why not. */
static enum drop_reason walk_room(const struct extension_walk *walk, uint32_t size,
				  const struct packet_bounds *bounds)
{
	if (walk->at + size > bounds->end)
		return walk->fragmentable ? DROP_FRAGMENT_TINY : DROP_MALFORMED_IP;
	return walk->at + size > bounds->readable ? DROP_TRUNCATED : DROP_NONE;
}

static enum drop_reason walk_fragment(struct extension_walk *walk, const uint8_t *header,
				      const struct packet_bounds *bounds, struct packet *ret)
{
	uint16_t field = wire_u16(header + 2);

	if (walk->fragmentable)
		return DROP_MALFORMED_IP;
	walk->at += 8;
	walk->next = header[0];
	if (!(field & (IP6_OFFSET_MASK | IP6_MORE_FRAGMENTS)))
		return DROP_NONE; /* RFC 6946 */
	ret->fragment_id = wire_raw32(header + 4);
	ret->protocol = walk->next;
	walk->fragmentable = walk->at;
	return set_fragment(ret, field & IP6_OFFSET_MASK, field & IP6_MORE_FRAGMENTS,
			    bounds->end - walk->at);
}

/* Ends at the upper-layer header, at ESP or AH, or at a later fragment's payload. */
static enum drop_reason walk_extensions(const uint8_t *frame, const struct packet_bounds *bounds,
					struct extension_walk *walk, struct packet *ret)
{
	enum drop_reason drop;

	for (unsigned i = 0;; i++) {
		enum extension extension = extensions[walk->next];
		const uint8_t *header = frame + walk->at;
		uint32_t length = 8;

		if (extension == EXTENSION_NONE || (ret->flags & PACKET_LATER_FRAGMENT))
			return DROP_NONE;
		if (i == PACKET_EXTENSIONS_MAX)
			return DROP_EXTENSION_HEADERS;
		if (extension == EXTENSION_HOP_BY_HOP && i > 0)
			return DROP_MALFORMED_IP; /* RFC 8200 section 4.1 */
		drop = walk_room(walk, length, bounds);
		if (drop != DROP_NONE)
			return drop;
		if (extension == EXTENSION_FRAGMENT) {
			drop = walk_fragment(walk, header, bounds, ret);
			if (drop != DROP_NONE)
				return drop;
			continue;
		}
		length += header[1] * 8u;
		drop = walk_room(walk, length, bounds);
		if (drop != DROP_NONE)
			return drop;
		walk->next = header[0];
		walk->at += length;
	}
}

static enum drop_reason parse_ip6(const uint8_t *frame, struct packet_bounds *bounds,
				  struct packet *ret)
{
	const uint8_t *ip = frame + WIRE_ETHER_LEN;
	struct extension_walk walk = { .at = WIRE_ETHER_LEN + WIRE_IP6_LEN };
	uint32_t length;
	enum drop_reason drop;

	if (bounds->readable < WIRE_ETHER_LEN + WIRE_IP6_LEN)
		return DROP_TRUNCATED;
	length = WIRE_IP6_LEN + wire_u16(ip + 4);
	if (ip[0] >> 4 != 6 || length > UINT16_MAX)
		return DROP_MALFORMED_IP;
	if (WIRE_ETHER_LEN + length > bounds->end)
		return DROP_TRUNCATED;
	ret->l3_length = length;
	bounds->end = WIRE_ETHER_LEN + length;
	set_addresses(ret, ip + WIRE_IP6_SOURCE, ip + WIRE_IP6_DESTINATION);

	walk.next = ip[6];
	drop = walk_extensions(frame, bounds, &walk, ret);
	if (drop != DROP_NONE || (ret->flags & PACKET_LATER_FRAGMENT))
		return drop;
	ret->protocol = walk.next;
	return parse_upper(frame, walk.at, bounds, walk.fragmentable, ret);
}

static enum drop_reason parse_arp(const uint8_t *frame, const struct packet_bounds *bounds)
{
	static const uint8_t ethernet_ip4[6] = { 0, 1, 8, 0, 6, 4 };

	if (bounds->readable < WIRE_ETHER_LEN + WIRE_ARP_LEN)
		return DROP_TRUNCATED;
	return memcmp(frame + WIRE_ETHER_LEN, ethernet_ip4, sizeof(ethernet_ip4))
		       ? DROP_MALFORMED_ARP
		       : DROP_NONE;
}

static enum packet_kind kind_of(uint16_t ethertype)
{
	switch (ethertype) {
	case WIRE_ETHERTYPE_IP4:
		return PACKET_IP4;
	case WIRE_ETHERTYPE_IP6:
		return PACKET_IP6;
	case WIRE_ETHERTYPE_ARP:
		return PACKET_ARP;
	case 0x8100: /* 802.1Q */
	case 0x88a8: /* 802.1ad */
	case 0x9100: /* QinQ before it was a standard */
		return PACKET_VLAN;
	default:
		return PACKET_NON_IP;
	}
}

enum drop_reason packet_parse(const uint8_t *frame, uint32_t headers_len, uint32_t frame_len,
			      enum direction direction, struct packet *ret)
{
	struct packet_bounds bounds = { .readable = headers_len, .end = frame_len };
	enum drop_reason drop = DROP_NONE;

	if (bounds.readable > frame_len)
		bounds.readable = frame_len;
	*ret = (struct packet){
		.kind = PACKET_NON_IP,
		.direction = direction,
		.frame = frame,
		.owner = ret->owner,
		.headers_len = bounds.readable,
	};
	if (bounds.readable < WIRE_ETHER_LEN) {
		ret->drop = DROP_TRUNCATED;
		return DROP_TRUNCATED;
	}
	ret->kind = kind_of(wire_u16(frame + 12));
	if (ret->kind == PACKET_IP4)
		drop = parse_ip4(frame, &bounds, ret);
	else if (ret->kind == PACKET_IP6)
		drop = parse_ip6(frame, &bounds, ret);
	else if (ret->kind == PACKET_ARP)
		drop = parse_arp(frame, &bounds);
	ret->drop = drop;
	return drop;
}

static bool quoted_ports(struct packet *ret, const uint8_t *l4)
{
	uint8_t request;

	packet_set_ports(ret, 0, 0, 0);
	if (ip_protocol_has_ports(ret->protocol)) {
		packet_set_ports(ret, wire_raw16(l4), wire_raw16(l4 + 2), 0);
		return true;
	}
	if (!packet_is_own_icmp(ret))
		return true;
	request = packet_icmp_request(ret->kind, l4[0]);
	if (!request)
		return false;
	packet_set_ports(ret, wire_raw16(l4 + 4), wire_raw16(l4 + 4),
			 request | ((ret->direction == DIRECTION_OUTBOUND) == (l4[0] == request)
					    ? KEY_VM_ASKED
					    : 0));
	return true;
}

static bool quoted4(const uint8_t *frame, uint32_t at, const struct packet_bounds *bounds,
		    struct packet *ret)
{
	const uint8_t *ip = frame + at;
	uint32_t header_len;

	if (at + WIRE_IP4_LEN > bounds->readable)
		return false;
	header_len = (ip[0] & 15) * 4u;
	/* RFC 792 promises the header and 8 bytes more. */
	if (ip[0] >> 4 != 4 || header_len < WIRE_IP4_LEN ||
	    at + header_len + 8 > bounds->readable || (wire_u16(ip + 6) & IP4_OFFSET_MASK))
		return false;
	ret->protocol = ip[9];
	set_addresses(ret, ip + WIRE_IP4_SOURCE, ip + WIRE_IP4_DESTINATION);
	return quoted_ports(ret, ip + header_len);
}

static bool quoted6(const uint8_t *frame, uint32_t at, const struct packet_bounds *bounds,
		    struct packet *ret)
{
	const uint8_t *ip = frame + at;
	struct extension_walk walk = { .at = at + WIRE_IP6_LEN };
	struct packet headers = { .kind = PACKET_IP6 };

	if (walk.at > bounds->readable || ip[0] >> 4 != 6)
		return false;
	walk.next = ip[6];
	if (walk_extensions(frame, bounds, &walk, &headers) != DROP_NONE ||
	    (headers.flags & PACKET_LATER_FRAGMENT) || walk.at + 8 > bounds->readable)
		return false;
	ret->protocol = walk.next;
	set_addresses(ret, ip + WIRE_IP6_SOURCE, ip + WIRE_IP6_DESTINATION);
	return quoted_ports(ret, frame + walk.at);
}

bool packet_quoted(const struct packet *packet, struct packet *ret)
{
	uint32_t at = packet->l4_offset + WIRE_ICMP_LEN;
	struct packet_bounds bounds = { .end = WIRE_ETHER_LEN + packet->l3_length };

	bounds.readable = packet->headers_len < bounds.end ? packet->headers_len : bounds.end;
	*ret = (struct packet){
		.kind = packet->kind,
		.direction = packet->direction == DIRECTION_INBOUND ? DIRECTION_OUTBOUND
								    : DIRECTION_INBOUND,
	};
	if (packet->kind == PACKET_IP4)
		return quoted4(packet->frame, at, &bounds, ret);
	return quoted6(packet->frame, at, &bounds, ret);
}
