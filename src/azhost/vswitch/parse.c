/* Frame parser, see parse.h. Layouts: IEEE 802.1Q, RFC 791, RFC 8200, RFC 9293, RFC 768. */
#include "azhost/vswitch/parse.h"

#include <netinet/in.h>
#include <string.h>

#define ETHERTYPE_IPV4 0x0800
#define ETHERTYPE_IPV6 0x86dd
#define ETHERTYPE_VLAN 0x8100
#define ETHERTYPE_QINQ 0x88a8

#define TCP_SYN 0x02
#define TCP_ACK 0x10

/* More headers than this in one packet are nobody's traffic. */
#define IPV6_HEADERS_MAX 8

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static bool parse_l4(const uint8_t *frame, uint32_t length, struct parsed_frame *f)
{
	const uint8_t *l4 = frame + f->l4;

	if (f->later_fragment)
		return true;
	if (f->protocol != IPPROTO_TCP && f->protocol != IPPROTO_UDP && f->protocol != IPPROTO_SCTP)
		return true;
	if (f->l4 + 4 > length)
		return true;
	f->has_ports = true;
	f->source_port = get16(l4);
	f->destination_port = get16(l4 + 2);
	if (f->protocol == IPPROTO_TCP && f->l4 + 14 <= length)
		f->tcp_opener = (l4[13] & (TCP_SYN | TCP_ACK)) == TCP_SYN;
	return true;
}

static bool parse_ipv4(const uint8_t *frame, uint32_t length, struct parsed_frame *f)
{
	const uint8_t *ip = frame + f->l3;

	if (f->l3 + 20 > length || ip[0] >> 4 != 4)
		return false;

	uint32_t header = (ip[0] & 15u) * 4;
	uint32_t total = get16(ip + 2);

	if (header < 20 || total < header || f->l3 + total > length)
		return false;
	f->version = 4;
	f->protocol = ip[9];
	f->later_fragment = (get16(ip + 6) & 0x1fff) != 0;
	memcpy(f->source, ip + 12, 4);
	memcpy(f->destination, ip + 16, 4);
	f->l4 = f->l3 + header;
	f->l3_end = f->l3 + total;
	return parse_l4(frame, f->l3_end, f);
}

static bool parse_ipv6(const uint8_t *frame, uint32_t length, struct parsed_frame *f)
{
	const uint8_t *ip = frame + f->l3;

	if (f->l3 + 40 > length || ip[0] >> 4 != 6)
		return false;

	uint32_t end = f->l3 + 40 + get16(ip + 4);

	if (end > length)
		return false;
	f->version = 6;
	memcpy(f->source, ip + 8, 16);
	memcpy(f->destination, ip + 24, 16);
	f->l3_end = end;
	f->protocol = ip[6];
	f->l4 = f->l3 + 40;
	for (unsigned i = 0; i < IPV6_HEADERS_MAX && f->l4 + 8 <= end; i++) {
		const uint8_t *header = frame + f->l4;

		if (f->protocol == IPPROTO_FRAGMENT) {
			f->later_fragment = (get16(header + 2) & 0xfff8) != 0;
			f->l4 += 8;
		} else if (f->protocol == IPPROTO_HOPOPTS || f->protocol == IPPROTO_ROUTING ||
			   f->protocol == IPPROTO_DSTOPTS) {
			f->l4 += (header[1] + 1u) * 8;
		} else {
			break;
		}
		f->protocol = header[0];
		if (f->l4 > end)
			return false;
	}
	return parse_l4(frame, end, f);
}

bool parse_frame(const uint8_t *frame, uint32_t length, struct parsed_frame *ret)
{
	uint32_t at = 12;

	memset(ret, 0, sizeof(*ret));
	if (length < 14)
		return false;

	uint16_t type = get16(frame + at);

	while ((type == ETHERTYPE_VLAN || type == ETHERTYPE_QINQ) && at + 6 <= length) {
		at += 4;
		type = get16(frame + at);
	}
	ret->l3 = at + 2;
	if (type == ETHERTYPE_IPV4)
		return parse_ipv4(frame, length, ret);
	if (type == ETHERTYPE_IPV6)
		return parse_ipv6(frame, length, ret);
	return false;
}
