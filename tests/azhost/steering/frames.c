/*
 * Frames by description; see frames.h.
 */
#include "azhost/steering/frames.h"

#include <netinet/in.h>
#include <string.h>

void put16(uint8_t *p, uint32_t value)
{
	p[0] = (uint8_t)(value >> 8);
	p[1] = (uint8_t)value;
}

void put32(uint8_t *p, uint32_t value)
{
	put16(p, value >> 16);
	put16(p + 2, value);
}

uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

uint32_t get32(const uint8_t *p)
{
	return (uint32_t)get16(p) << 16 | get16(p + 2);
}

struct frame_spec frame_plain(unsigned int ip, uint8_t protocol)
{
	struct frame_spec spec = {
		.dmac = { 0x02, 0, 0, 0, 0, 0x01 },
		.smac = { 0x02, 0, 0, 0, 0, 0x02 },
		.ip = ip,
		.ethertype = 0x88b5,
		.ttl = 64,
		.protocol = protocol,
		.sport = 1000,
		.dport = 80,
		.tcp_flags = 0x10,
		.seq = 0x01020304,
		.ack = 0x05060708,
		.icmp_type = 8,
		.icmp_data = 0x00010002,
		.payload = 20,
	};

	put32(spec.src, 0x0a000001);
	put32(spec.dst, 0x0a000002);
	if (ip == 6) {
		put32(spec.src, 0x20010db8);
		put32(spec.dst, 0x20010db8);
		spec.src[15] = 1;
		spec.dst[15] = 2;
	}
	return spec;
}

static uint32_t sum_bytes(const uint8_t *p, size_t n, uint32_t sum)
{
	for (size_t i = 0; i < n; i++)
		sum += i % 2 ? p[i] : (uint32_t)p[i] << 8;
	return sum;
}

static uint16_t fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

/* Where in its L4 header the checksum is, or 0. */
static unsigned int l4_checksum_offset(uint8_t protocol)
{
	switch (protocol) {
	case IPPROTO_TCP:
		return 16;
	case IPPROTO_UDP:
		return 6;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		return 2;
	default:
		return 0;
	}
}

static uint32_t pseudo_sum(unsigned int ip, const uint8_t *l3, uint8_t protocol, size_t l4_bytes)
{
	if (protocol == IPPROTO_ICMP)
		return 0;
	if (ip == 4)
		return sum_bytes(l3 + 12, 8, protocol + (uint32_t)l4_bytes);
	return sum_bytes(l3 + 8, 32, protocol + (uint32_t)l4_bytes);
}

static size_t l4_header(const struct frame_spec *spec, uint8_t *p)
{
	switch (spec->protocol) {
	case IPPROTO_TCP:
		put16(p, spec->sport);
		put16(p + 2, spec->dport);
		put32(p + 4, spec->seq);
		put32(p + 8, spec->ack);
		put16(p + 12, 0x5000u | spec->tcp_flags);
		put16(p + 14, 1024);
		return 20;
	case IPPROTO_UDP:
		put16(p, spec->sport);
		put16(p + 2, spec->dport);
		put16(p + 4, 8 + spec->payload);
		return 8;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		p[0] = spec->icmp_type;
		p[1] = spec->icmp_code;
		put32(p + 4, spec->icmp_data);
		return 8;
	default:
		return 0;
	}
}

/* L4 header and payload; its checksum covers just these, also in a first fragment. */
static size_t build_l4(const struct frame_spec *spec, const uint8_t *l3, uint8_t *l4)
{
	bool later = spec->fragment == LATER_FRAGMENT;
	size_t header = later ? 0 : l4_header(spec, l4);
	size_t bytes = header + spec->payload;
	unsigned int at = later ? 0 : l4_checksum_offset(spec->protocol);
	uint16_t sum;

	for (unsigned int i = 0; i < spec->payload; i++)
		l4[header + i] = (uint8_t)(i * 7 + 1);
	if (!at || (spec->protocol == IPPROTO_UDP && spec->udp_without_checksum))
		return bytes;
	sum = (uint16_t)~fold(
		sum_bytes(l4, bytes, pseudo_sum(spec->ip, l3, spec->protocol, bytes)));
	put16(l4 + at, !sum && spec->protocol == IPPROTO_UDP ? 0xffff : sum);
	return bytes;
}

static size_t build_ipv4(const struct frame_spec *spec, uint8_t *l3)
{
	static const uint16_t fragment[] = { 0x4000, 0x2000, 0x2009 };
	size_t header = 20 + 4 * spec->options;
	size_t bytes;

	l3[0] = (uint8_t)(0x40 | header / 4);
	l3[1] = spec->tos;
	put16(l3 + 4, 0x1234);
	put16(l3 + 6, fragment[spec->fragment]);
	l3[8] = spec->ttl;
	l3[9] = spec->protocol;
	memcpy(l3 + 12, spec->src, 4);
	memcpy(l3 + 16, spec->dst, 4);
	memset(l3 + 20, 1, 4 * spec->options); /* no-operation */
	bytes = header + build_l4(spec, l3, l3 + header);
	put16(l3 + 2, (uint32_t)bytes);
	put16(l3 + 10, (uint16_t)~fold(sum_bytes(l3, header, 0)));
	return bytes;
}

static size_t build_ipv6(const struct frame_spec *spec, uint8_t *l3)
{
	static const uint16_t fragment[] = { 0, 0x0001, 0x0049 };
	uint8_t *next = &l3[6];
	uint8_t *at = l3 + 40;

	put32(l3, 6u << 28 | (uint32_t)spec->tos << 20 | spec->flow_label);
	l3[7] = spec->ttl;
	memcpy(l3 + 8, spec->src, 16);
	memcpy(l3 + 24, spec->dst, 16);
	for (unsigned int i = 0; i < spec->options; i++) {
		*next = IPPROTO_DSTOPTS;
		next = at;
		memcpy(at + 2, (uint8_t[]){ 1, 4, 0, 0, 0, 0 }, 6);
		at += 8;
	}
	if (spec->fragment) {
		*next = IPPROTO_FRAGMENT;
		next = at;
		put16(at + 2, fragment[spec->fragment]);
		put32(at + 4, 0x55667788);
		at += 8;
	}
	*next = spec->protocol;
	at += build_l4(spec, l3, at);
	put16(l3 + 4, (uint32_t)(at - l3 - 40));
	return (size_t)(at - l3);
}

size_t frame_build(const struct frame_spec *spec, uint8_t *buffer)
{
	uint8_t *at = buffer + 12;

	memset(buffer, 0, FRAME_MAX_BYTES);
	memcpy(buffer, spec->dmac, 6);
	memcpy(buffer + 6, spec->smac, 6);
	for (unsigned int i = 0; i < spec->n_vlans; i++, at += 4) {
		put16(at, spec->tpid[i]);
		put16(at + 2, spec->tci[i]);
	}
	put16(at, spec->ip == 4 ? 0x0800 : spec->ip == 6 ? 0x86dd : spec->ethertype);
	at += 2;
	if (spec->ip == 4)
		at += build_ipv4(spec, at);
	else if (spec->ip == 6)
		at += build_ipv6(spec, at);
	else
		at += spec->payload;
	return (size_t)(at - buffer);
}

static void param_vlans(const struct frame_spec *spec, uint8_t *param, uint16_t *bits)
{
	if (spec->n_vlans > 0) {
		*bits |= spec->tpid[0] == 0x8100 ? 0x8000 : 0x4000;
		put16(param + P_FIRST_TCI, spec->tci[0]);
	}
	if (spec->n_vlans > 1) {
		param[P_SECOND_BITS] = spec->tpid[1] == 0x8100 ? 0x80 : 0x20;
		put16(param + P_SECOND_TCI, spec->tci[1]);
	}
}

static void param_l3(const struct frame_spec *spec, uint8_t *param, uint16_t *bits)
{
	*bits |= (uint16_t)(spec->ip << 9);
	if (spec->fragment)
		*bits |= 0x2000;
	param[P_IP_PROTOCOL] = spec->protocol;
	param[P_DSCP_ECN] = spec->tos;
	param[P_TTL] = spec->ttl;
	if (spec->ip == 4) {
		param[P_IHL] = (uint8_t)((5 + spec->options) << 4);
		memcpy(param + P_SRC4, spec->src, 4);
		memcpy(param + P_DST4, spec->dst, 4);
		return;
	}
	put32(param + P_FLOW_LABEL, spec->flow_label);
	memcpy(param + P_SRC6, spec->src, 16);
	memcpy(param + P_DST6, spec->dst, 16);
}

static void param_l4(const struct frame_spec *spec, uint8_t *param, uint16_t *bits)
{
	switch (spec->protocol) {
	case IPPROTO_TCP:
		put16(param + P_TCP_SPORT, spec->sport);
		put16(param + P_TCP_DPORT, spec->dport);
		put32(param + P_TCP_SEQ, spec->seq);
		put32(param + P_TCP_ACK, spec->ack);
		*bits |= spec->tcp_flags;
		break;
	case IPPROTO_UDP:
		put16(param + P_UDP_SPORT, spec->sport);
		put16(param + P_UDP_DPORT, spec->dport);
		break;
	case IPPROTO_ICMP:
		param[P_ICMP_TYPE] = spec->icmp_type;
		param[P_ICMP_TYPE + 1] = spec->icmp_code;
		put32(param + P_ICMP_DATA, spec->icmp_data);
		break;
	case IPPROTO_ICMPV6:
		param[P_ICMP6_TYPE] = spec->icmp_type;
		param[P_ICMP6_TYPE + 1] = spec->icmp_code;
		put32(param + P_ICMP6_DATA, spec->icmp_data);
		break;
	default:
		break;
	}
}

void frame_param(const struct frame_spec *spec, uint8_t *param)
{
	uint16_t bits = 0;

	memset(param, 0, PARAM_BYTES);
	memcpy(param + P_SMAC, spec->smac, 6);
	memcpy(param + P_DMAC, spec->dmac, 6);
	put16(param + P_ETHERTYPE, spec->ip == 4   ? 0x0800
				   : spec->ip == 6 ? 0x86dd
						   : spec->ethertype);
	param_vlans(spec, param, &bits);
	if (spec->ip)
		param_l3(spec, param, &bits);
	if (spec->ip && spec->fragment != LATER_FRAGMENT)
		param_l4(spec, param, &bits);
	put16(param + P_L3_BITS, bits);
}

void param_ipv4(uint8_t *mask, uint8_t *value)
{
	put16(mask + P_L3_BITS, 0x1e00);
	put16(value + P_L3_BITS, 4 << 9);
}

void param_tcp_dport(uint8_t *mask, uint8_t *value, uint16_t port)
{
	param_ipv4(mask, value);
	mask[P_IP_PROTOCOL] = 0xff;
	value[P_IP_PROTOCOL] = IPPROTO_TCP;
	put16(mask + P_TCP_DPORT, 0xffff);
	put16(value + P_TCP_DPORT, port);
}

bool frame_checksums_ok(const struct frame_spec *spec, const uint8_t *frame, size_t length)
{
	const uint8_t *l3 = frame + 14 + 4 * spec->n_vlans;
	size_t header = spec->ip == 4 ? 20 + 4 * spec->options
				      : 40 + 8 * spec->options + (spec->fragment ? 8 : 0);
	const uint8_t *l4 = l3 + header;
	size_t bytes = length - (size_t)(l4 - frame);
	unsigned int at = l4_checksum_offset(spec->protocol);

	if (spec->ip == 4 && fold(sum_bytes(l3, header, 0)) != 0xffff)
		return false;
	if (!at || spec->fragment == LATER_FRAGMENT)
		return true;
	if (spec->protocol == IPPROTO_UDP && !get16(l4 + at))
		return spec->udp_without_checksum;
	return fold(sum_bytes(l4, bytes, pseudo_sum(spec->ip, l3, spec->protocol, bytes))) ==
	       0xffff;
}
