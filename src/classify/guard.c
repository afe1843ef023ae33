/*
 * Isolation. Pure; any thread.
 */
#include "classify/guard.h"

#include "classify/wire.h"

#include <string.h>

#define DHCP_CLIENT_PORT 68 /* RFC 2131 */
#define DHCP_SERVER_PORT 67

#define ARP_SENDER_MAC (WIRE_ETHER_LEN + 8) /* RFC 826 */
#define ARP_SENDER_IP  (WIRE_ETHER_LEN + 14)

#define ND_TARGET                8 /* RFC 4861 section 4.3, 4.4 */
#define ND_OPTION_SOURCE_ADDRESS 1 /* section 4.6.1 */
#define ND_OPTION_TARGET_ADDRESS 2

static const uint8_t unspecified[16];
static const uint8_t loopback[16] = { [15] = 1 };

static bool is_mac(const struct ruleset *ruleset, const uint8_t *bytes)
{
	return memcmp(ruleset->mac.bytes, bytes, sizeof(ruleset->mac.bytes)) == 0;
}

static bool owns4(const struct ruleset *ruleset, uint32_t address)
{
	for (size_t i = 0; i < ruleset->address4_count; i++) {
		if (ruleset->addresses4[i] == address)
			return true;
	}
	return false;
}

static bool owns6(const struct ruleset *ruleset, const uint8_t *address)
{
	for (size_t i = 0; i < ruleset->address6_count; i++) {
		if (memcmp(ruleset->addresses6[i], address, 16) == 0)
			return true;
	}
	return false;
}

/*
 * A link-local address whose identifier is made from a MAC (RFC 4291 appendix A: ff:fe in the
 * middle) must be made from the NIC's; any other is taken for a stable opaque one (RFC 7217).
 */
static bool may_be_link_local(const struct ruleset *ruleset, const uint8_t *address)
{
	const uint8_t *mac = ruleset->mac.bytes;

	if (address[0] != 0xfe || (address[1] & 0xc0) != 0x80)
		return false;
	if (address[11] != 0xff || address[12] != 0xfe)
		return true;
	return address[8] == (mac[0] ^ 2) && memcmp(address + 9, mac + 1, 2) == 0 &&
	       memcmp(address + 13, mac + 3, 3) == 0;
}

static bool may_use6(const struct ruleset *ruleset, const uint8_t *address)
{
	return !ruleset->has_addresses || owns6(ruleset, address) ||
	       may_be_link_local(ruleset, address);
}

static enum drop_reason leaving_arp(const struct ruleset *ruleset, const struct packet *packet)
{
	uint32_t sender = wire_raw32(packet->frame + ARP_SENDER_IP);

	if (!is_mac(ruleset, packet->frame + ARP_SENDER_MAC))
		return DROP_SOURCE_MAC;
	if (!ruleset->has_addresses || sender == 0 /* a probe: RFC 5227 */ ||
	    owns4(ruleset, sender))
		return DROP_NONE;
	return DROP_SOURCE_IP;
}

static bool is_dhcp_request(const struct packet *packet)
{
	return packet->protocol == IP_PROTOCOL_UDP && !(packet->flags & PACKET_LATER_FRAGMENT) &&
	       packet->key4.local_port == wire_order16(DHCP_CLIENT_PORT) &&
	       packet->key4.remote_port == wire_order16(DHCP_SERVER_PORT);
}

static enum drop_reason leaving_ip4(const struct ruleset *ruleset, const struct packet *packet)
{
	if (!ruleset->has_addresses || owns4(ruleset, packet->key4.local))
		return DROP_NONE;
	if (packet->key4.local == 0 && is_dhcp_request(packet))
		return DROP_NONE;
	return DROP_SOURCE_IP;
}

/* The link-layer addresses that the sender claims for itself, in an ND message's options. */
static bool nd_options_own(const struct ruleset *ruleset, const struct packet *packet)
{
	static const uint8_t first_option[] = { 8, 16, 24, 24, 40 };
	uint8_t claims = packet->icmp_type == ND_NEIGHBOR_ADVERTISEMENT ? ND_OPTION_TARGET_ADDRESS
									: ND_OPTION_SOURCE_ADDRESS;
	uint32_t at = packet->l4_offset + first_option[packet->icmp_type - ND_ROUTER_SOLICITATION];
	uint32_t end = WIRE_ETHER_LEN + packet->l3_length;

	if (end > packet->headers_len)
		return false;
	while (at < end) {
		const uint8_t *option = packet->frame + at;
		uint32_t length;

		if (at + 8 > end || option[1] == 0) /* units of 8 bytes, never 0 */
			return false;
		length = option[1] * 8u;
		if (option[0] == claims && !is_mac(ruleset, option + 2))
			return false;
		at += length;
	}
	return true;
}

static enum drop_reason leaving_nd(const struct ruleset *ruleset, const struct packet *packet)
{
	const uint8_t *target = packet->frame + packet->l4_offset + ND_TARGET;
	bool is_dad = memcmp(packet->key6.local, unspecified, 16) == 0;

	if (!nd_options_own(ruleset, packet))
		return DROP_SOURCE_MAC;
	if (is_dad && packet->icmp_type != ND_NEIGHBOR_SOLICITATION)
		return DROP_SOURCE_IP;
	if (!is_dad && !may_use6(ruleset, packet->key6.local))
		return DROP_SOURCE_IP;
	/* Both of these say that the target is the sender's own. */
	if (is_dad || packet->icmp_type == ND_NEIGHBOR_ADVERTISEMENT) {
		if (packet->l4_offset + ND_TARGET + 16u > packet->headers_len ||
		    !may_use6(ruleset, target))
			return DROP_SOURCE_IP;
	}
	return DROP_NONE;
}

static enum drop_reason leaving_ip6(const struct ruleset *ruleset, const struct packet *packet)
{
	if (packet->flags & PACKET_ND)
		return leaving_nd(ruleset, packet);
	return may_use6(ruleset, packet->key6.local) ? DROP_NONE : DROP_SOURCE_IP;
}

static enum drop_reason leaving(const struct ruleset *ruleset, const struct packet *packet)
{
	if (!is_mac(ruleset, packet->frame + WIRE_ETHER_SOURCE))
		return DROP_SOURCE_MAC;
	switch (packet->kind) {
	case PACKET_IP4:
		return leaving_ip4(ruleset, packet);
	case PACKET_IP6:
		return leaving_ip6(ruleset, packet);
	case PACKET_ARP:
		return leaving_arp(ruleset, packet);
	default:
		return DROP_NONE;
	}
}

static bool is_martian4(const struct ruleset *ruleset, uint32_t source)
{
	uint8_t first = source & 0xff; /* network byte order */

	return first == 0 || first == 127 || (first & 0xf0) == 224 || owns4(ruleset, source);
}

static bool is_martian6(const struct ruleset *ruleset, const struct packet *packet)
{
	const uint8_t *source = packet->key6.remote;

	if (memcmp(source, unspecified, 16) == 0) /* somebody else's DAD: RFC 4862 */
		return !((packet->flags & PACKET_ND) &&
			 packet->icmp_type == ND_NEIGHBOR_SOLICITATION);
	return source[0] == 0xff || memcmp(source, loopback, 16) == 0 || owns6(ruleset, source);
}

static enum drop_reason arriving(const struct ruleset *ruleset, const struct packet *packet)
{
	bool is_group = packet->frame[0] & 1;

	if (!is_group && !is_mac(ruleset, packet->frame))
		return DROP_DESTINATION_MAC;
	if (packet->kind == PACKET_IP4)
		return is_martian4(ruleset, packet->key4.remote) ? DROP_SOURCE_MARTIAN : DROP_NONE;
	if (packet->kind == PACKET_IP6)
		return is_martian6(ruleset, packet) ? DROP_SOURCE_MARTIAN : DROP_NONE;
	return DROP_NONE;
}

enum drop_reason guard_check(const struct ruleset *ruleset, const struct packet *packet)
{
	if (!ruleset->source_guard)
		return DROP_NONE;
	return packet->direction == DIRECTION_OUTBOUND ? leaving(ruleset, packet)
						       : arriving(ruleset, packet);
}
