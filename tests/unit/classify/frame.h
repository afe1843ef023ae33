/*
 * Frames for tests: headers in order of the calls, lengths put right at the end.
 *
 * The NIC is 10.1.0.4, fd00::4 and 00:0d:3a:00:00:01; the other side is whoever a test says.
 */
#ifndef TESTS_CLASSIFY_FRAME_H
#define TESTS_CLASSIFY_FRAME_H

#include "classify/packet.h"

#define FRAME_MAX 2048

struct frame {
	uint8_t bytes[FRAME_MAX];
	uint32_t length;
	uint32_t l3;
	uint32_t l4;
	enum direction direction;
};

extern const uint8_t frame_nic_mac[6];
extern const uint8_t frame_peer_mac[6];

/* Ethernet from or to the NIC. */
void frame_begin(struct frame *frame, enum direction direction, uint16_t ethertype);
/* Addresses as text, local first: the direction says which is the source. */
void frame_ip4(struct frame *frame, const char *local, const char *remote, uint8_t protocol);
void frame_ip6(struct frame *frame, const char *local, const char *remote, uint8_t next_header);
/* Fragment fields of the IPv4 header that was begun last; offset in bytes. */
void frame_fragment4(struct frame *frame, uint16_t id, uint16_t offset, bool more);
/* One IPv6 extension header of 8 * (1 + units) bytes, or a Fragment header. */
void frame_extension(struct frame *frame, uint8_t next_header, uint8_t units);
void frame_fragment6(struct frame *frame, uint8_t next_header, uint32_t id, uint16_t offset,
		     bool more);
void frame_tcp(struct frame *frame, uint16_t local, uint16_t remote, uint8_t flags,
	       uint32_t sequence, uint32_t acknowledge);
void frame_udp(struct frame *frame, uint16_t local, uint16_t remote);
void frame_icmp(struct frame *frame, uint8_t type, uint8_t code, uint16_t id);
void frame_payload(struct frame *frame, const void *bytes, uint32_t length);
/* Writes the lengths of IP and UDP. Not for tests that want them wrong. */
void frame_end(struct frame *frame);

#endif
