/*
 * Inside of the parser: from the first byte behind the IP headers to ports, flags and identifiers.
 */
#ifndef CLASSIFY_PACKET_L4_H
#define CLASSIFY_PACKET_L4_H

#include "classify/packet.h"

/* The part of a frame that one IP packet fills. */
struct packet_bounds {
	uint32_t readable; /* from the start of the frame */
	uint32_t end;      /* where the IP packet ends; may lie beyond what is readable */
};

/* Local and remote port, as they stand on the wire, and kind, in the key of the packet's family. */
void packet_set_ports(struct packet *packet, uint16_t source, uint16_t destination, uint8_t kind);

/*
 * Reads the L4 header at packet->l4_offset. packet->kind, protocol, direction and flags are set.
 * A header that does not end before `bounds->end` is DROP_FRAGMENT_TINY in a first fragment.
 */
enum drop_reason packet_parse_l4(const struct packet_bounds *bounds, struct packet *packet);

/* What the L4 header of a protocol takes at least; 0 where it has none that is looked into. */
unsigned packet_l4_minimum(uint8_t protocol);

/* SYN with FIN or RST, or no flag at all. */
static inline bool packet_tcp_flags_bad(uint8_t flags)
{
	return !(flags & 0x3f) || ((flags & TCP_SYN) && (flags & (TCP_FIN | TCP_RST)));
}

/* ICMP in IPv4, ICMPv6 in IPv6. The one in the other's packets is a payload like any other. */
bool packet_is_own_icmp(const struct packet *packet);

/* The request whose reply has this type, the type itself where it is a request; else 0. */
uint8_t packet_icmp_request(enum packet_kind kind, uint8_t type);

#endif
