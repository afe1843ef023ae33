/*
 * The key of a packet: its 5-tuple seen from the NIC, `local` being the VM's side.
 *
 * Seen this way both directions of a connection have the same key, and neither the classifier nor
 * the connection table needs to know source from destination: inbound, the source is the remote
 * side; outbound, the local one. All fields are in network byte order. Unused bytes are 0.
 */
#ifndef CLASSIFY_KEY_H
#define CLASSIFY_KEY_H

#include <stdint.h>

/*
 * ICMP and ICMPv6 queries carry their identifier in both ports and, in `kind`, the type of the
 * *request* (a reply has the key of its request) plus KEY_VM_ASKED where it is the VM that asks: an
 * identifier is the asker's own, so both sides may use the same one at a time. No request type has
 * that bit (RFC 792, 950, 4443: 8, 13, 15, 17, 128). Other protocols without ports: 0.
 */
#define KEY_VM_ASKED 0x40

struct key4 {
	uint32_t local;
	uint32_t remote;
	uint16_t local_port;
	uint16_t remote_port;
	uint8_t protocol;
	uint8_t kind;
	uint8_t zero[2];
} __attribute__((aligned(16)));

struct key6 {
	uint8_t local[16];
	uint8_t remote[16];
	uint16_t local_port;
	uint16_t remote_port;
	uint8_t protocol;
	uint8_t kind;
	uint8_t zero[10];
} __attribute__((aligned(16)));

_Static_assert(sizeof(struct key4) == 16, "one SSE register");
_Static_assert(sizeof(struct key6) == 48, "three SSE registers");

#endif
