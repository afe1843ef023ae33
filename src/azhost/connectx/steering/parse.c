/*
 * Ethernet, up to two VLAN tags, IPv4, IPv6 with extension headers, TCP, UDP, ICMP and ICMPv6. No
 * tunnel, no MPLS: inner headers are not modelled. Runs on the device thread for every packet, so
 * it is one straight line a header.
 */
#include "azhost/connectx/steering/parse.h"

#include <netinet/in.h>
#include <string.h>

enum {
	ETHERNET_BYTES = 14,
	VLAN_BYTES = 4,
	IPV4_BYTES = 20,
	IPV6_BYTES = 40,
	TCP_BYTES = 20,
	UDP_BYTES = 8,
	ICMP_BYTES = 8,
	EXTENSION_BYTES = 8, /* the shortest, and the fragment header (RFC 8200) */
	EXTENSIONS_MAX = 8,  /* how many the parser follows */
};

enum {
	TYPE_IPV4 = 0x0800,
	TYPE_CVLAN = 0x8100,
	TYPE_IPV6 = 0x86dd,
	TYPE_SVLAN = 0x88a8,
};

static uint16_t load16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t load32(const uint8_t *p)
{
	return (uint32_t)load16(p) << 16 | load16(p + 2);
}

static void store16(uint8_t *p, uint16_t value)
{
	p[0] = (uint8_t)(value >> 8);
	p[1] = (uint8_t)value;
}

static bool is_vlan(uint16_t type)
{
	return type == TYPE_CVLAN || type == TYPE_SVLAN;
}

static bool ipv4_checksum_ok(const uint8_t *header, uint32_t bytes)
{
	uint32_t sum = 0;

	for (uint32_t i = 0; i < bytes; i += 2)
		sum += load16(header + i);
	sum = (sum & 0xffff) + (sum >> 16);
	return sum + (sum >> 16) == 0xffff;
}

/* The tags behind the addresses. Returns the offset behind the last Ethertype; *bits gains the
 * kind of the first tag. */
static uint32_t parse_vlans(const uint8_t *data, uint32_t length, uint8_t *key, uint16_t *bits,
			    struct steer_headers *headers)
{
	uint16_t type = load16(data + 12);
	uint32_t at = ETHERNET_BYTES;

	if (is_vlan(type) && at + VLAN_BYTES <= length) {
		*bits |= type == TYPE_CVLAN ? L3_BITS_CVLAN : L3_BITS_SVLAN;
		memcpy(key + KEY_FIRST_TCI, data + at, 2);
		headers->vlans = 1;
		type = load16(data + at + 2);
		at += VLAN_BYTES;
	}
	if (headers->vlans && is_vlan(type) && at + VLAN_BYTES <= length) {
		key[KEY_SECOND_BITS] |= type == TYPE_CVLAN ? SECOND_BITS_CVLAN : SECOND_BITS_SVLAN;
		memcpy(key + KEY_SECOND_TCI, data + at, 2);
		headers->vlans = 2;
		at += VLAN_BYTES;
	}
	return at;
}

static void parse_tcp(const uint8_t *l4, uint8_t *key, uint16_t *bits)
{
	memcpy(key + KEY_TCP_SPORT, l4, 4);
	*bits |= load16(l4 + 12) & L3_BITS_TCP_FLAGS;
	memcpy(key + KEY_TCP_SEQ, l4 + 4, 4);
	memcpy(key + KEY_TCP_ACK, l4 + 8, 4);
}

static void parse_l4(const uint8_t *data, uint32_t length, uint32_t at, uint8_t *key,
		     uint16_t *bits, struct steer_headers *headers)
{
	uint32_t left = length - at;
	const uint8_t *l4 = data + at;

	switch (headers->ip_protocol) {
	case IPPROTO_TCP:
		if (left < TCP_BYTES)
			return;
		headers->l4 = STEER_L4_TCP;
		parse_tcp(l4, key, bits);
		break;
	case IPPROTO_UDP:
		if (left < UDP_BYTES)
			return;
		headers->l4 = STEER_L4_UDP;
		memcpy(key + KEY_UDP_SPORT, l4, 4);
		break;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6: {
		bool v6 = headers->ip_protocol == IPPROTO_ICMPV6;

		if (left < ICMP_BYTES || v6 != (headers->l3 == STEER_L3_IPV6))
			return;
		headers->l4 = STEER_L4_ICMP;
		memcpy(key + (v6 ? KEY_ICMPV6_TYPE : KEY_ICMP_TYPE), l4, 2);
		memcpy(key + (v6 ? KEY_ICMPV6_DATA : KEY_ICMP_DATA), l4 + 4, 4);
		break;
	}
	default:
		headers->l4 = STEER_L4_OTHER;
	}
	headers->l4_offset = (uint16_t)at;
}

static void parse_ipv4(const uint8_t *data, uint32_t length, uint8_t *key, uint16_t *bits,
		       struct steer_headers *headers)
{
	const uint8_t *ip = data + headers->l3_offset;
	uint32_t left = length - headers->l3_offset;
	uint32_t header = left ? (ip[0] & 15) * 4 : 0;
	uint16_t fragment;

	if (header < IPV4_BYTES || header > left || ip[0] >> 4 != 4)
		return;
	headers->l3 = STEER_L3_IPV4;
	headers->ip_protocol = ip[9];
	headers->l3_ok = ipv4_checksum_ok(ip, header);
	key[KEY_IP_PROTOCOL] = ip[9];
	key[KEY_IP_DSCP_ECN] = ip[1];
	key[KEY_IPV4_IHL] = (uint8_t)(ip[0] << 4);
	key[KEY_TTL] = ip[8];
	memcpy(key + KEY_SRC_IPV4, ip + 12, 4);
	memcpy(key + KEY_DST_IPV4, ip + 16, 4);
	*bits |= 4 << L3_BITS_VERSION_SHIFT;
	fragment = load16(ip + 6);
	headers->fragment = fragment & 0x3fff;
	if (headers->fragment)
		*bits |= L3_BITS_FRAGMENT;
	if (!(fragment & 0x1fff))
		parse_l4(data, length, headers->l3_offset + header, key, bits, headers);
}

static bool is_extension(uint8_t next)
{
	return next == IPPROTO_HOPOPTS || next == IPPROTO_ROUTING || next == IPPROTO_FRAGMENT ||
	       next == IPPROTO_DSTOPTS;
}

/* Follows the extension headers from `at`; returns the offset behind them, or 0 where there is no
 * L4 header to be found: a later fragment, or headers that run out of the frame. */
static uint32_t skip_extensions(const uint8_t *data, uint32_t length, uint32_t at,
				struct steer_headers *headers)
{
	for (int i = 0; is_extension(headers->ip_protocol); i++) {
		const uint8_t *extension = data + at;
		bool fragment = headers->ip_protocol == IPPROTO_FRAGMENT;

		if (i == EXTENSIONS_MAX || at + EXTENSION_BYTES > length)
			return 0;
		headers->ip_protocol = extension[0];
		if (!fragment) {
			at += EXTENSION_BYTES * (1 + extension[1]);
			continue;
		}
		headers->fragment = true;
		at += EXTENSION_BYTES;
		if (load16(extension + 2) & 0xfff8)
			return 0;
	}
	return at;
}

static void parse_ipv6(const uint8_t *data, uint32_t length, uint8_t *key, uint16_t *bits,
		       struct steer_headers *headers)
{
	const uint8_t *ip = data + headers->l3_offset;
	uint32_t at = headers->l3_offset + IPV6_BYTES;
	uint32_t word;

	if (at > length || ip[0] >> 4 != 6)
		return;
	headers->l3 = STEER_L3_IPV6;
	headers->l3_ok = true;
	headers->ip_protocol = ip[6];
	word = load32(ip);
	key[KEY_IP_DSCP_ECN] = (uint8_t)(word >> 20);
	key[KEY_IPV6_FLOW_LABEL + 1] = (uint8_t)(word >> 16 & 0x0f);
	store16(key + KEY_IPV6_FLOW_LABEL + 2, (uint16_t)word);
	key[KEY_TTL] = ip[7];
	memcpy(key + KEY_SRC_IPV6, ip + 8, 16);
	memcpy(key + KEY_DST_IPV6, ip + 24, 16);
	*bits |= 6 << L3_BITS_VERSION_SHIFT;
	at = skip_extensions(data, length, at, headers);
	key[KEY_IP_PROTOCOL] = headers->ip_protocol;
	if (headers->fragment)
		*bits |= L3_BITS_FRAGMENT;
	if (at && at <= length)
		parse_l4(data, length, at, key, bits, headers);
}

void parse_frame(const uint8_t *data, uint32_t length, struct match_key *key,
		 struct steer_headers *ret_headers)
{
	struct steer_headers headers = { 0 };
	uint8_t *bytes = key->bytes;
	uint16_t bits = 0;
	uint16_t type;

	memset(bytes + KEY_OUTER, 0, MATCH_SECTION_BYTES);
	memset(bytes + KEY_MISC + 8, 0, MATCH_SECTION_BYTES - 8);
	memset(bytes + KEY_MISC3, 0, MATCH_SECTION_BYTES);
	if (length >= ETHERNET_BYTES) {
		memcpy(bytes + KEY_SMAC, data + 6, 6);
		memcpy(bytes + KEY_DMAC, data, 6);
		headers.l3_offset = (uint16_t)parse_vlans(data, length, bytes, &bits, &headers);
		type = load16(data + headers.l3_offset - 2);
		store16(bytes + KEY_ETHERTYPE, type);
		if (type == TYPE_IPV4)
			parse_ipv4(data, length, bytes, &bits, &headers);
		else if (type == TYPE_IPV6)
			parse_ipv6(data, length, bytes, &bits, &headers);
		store16(bytes + KEY_L3_BITS, bits);
	}
	*ret_headers = headers;
}

void steer_parse(const uint8_t *data, uint32_t length, struct steer_headers *ret_headers)
{
	struct match_key key;

	parse_frame(data, length, &key, ret_headers);
}
