/*
 * Frames for tests: see frame.h.
 */
#include "frame.h"

#include "base/net.h"
#include "classify/wire.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

const uint8_t frame_nic_mac[6] = { 0x00, 0x0d, 0x3a, 0x00, 0x00, 0x01 };
const uint8_t frame_peer_mac[6] = { 0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc };

static uint8_t *add(struct frame *frame, uint32_t length)
{
	uint8_t *at = frame->bytes + frame->length;

	if (frame->length + length > FRAME_MAX)
		abort();
	memset(at, 0, length);
	frame->length += length;
	return at;
}

static void put16(uint8_t *at, uint16_t value)
{
	at[0] = value >> 8;
	at[1] = value & 0xff;
}

static void put32(uint8_t *at, uint32_t value)
{
	put16(at, value >> 16);
	put16(at + 2, value & 0xffff);
}

/* A test that gives a wrong address is wrong itself. */
static void address(int family, const char *text, uint8_t *at)
{
	if (inet_pton(family, text, at) != 1)
		abort();
}

void frame_begin(struct frame *frame, enum direction direction, uint16_t ethertype)
{
	bool leaves = direction == DIRECTION_OUTBOUND;
	uint8_t *at;

	*frame = (struct frame){ .direction = direction };
	at = add(frame, WIRE_ETHER_LEN);
	memcpy(at, leaves ? frame_peer_mac : frame_nic_mac, 6);
	memcpy(at + 6, leaves ? frame_nic_mac : frame_peer_mac, 6);
	put16(at + 12, ethertype);
	frame->l3 = frame->l4 = frame->length;
}

void frame_ip4(struct frame *frame, const char *local, const char *remote, uint8_t protocol)
{
	bool leaves = frame->direction == DIRECTION_OUTBOUND;
	uint8_t *at;

	frame->l3 = frame->length;
	at = add(frame, WIRE_IP4_LEN);
	at[0] = 0x45;
	at[8] = 64;
	at[9] = protocol;
	address(AF_INET, leaves ? local : remote, at + 12);
	address(AF_INET, leaves ? remote : local, at + 16);
	frame->l4 = frame->length;
}

void frame_ip6(struct frame *frame, const char *local, const char *remote, uint8_t next_header)
{
	bool leaves = frame->direction == DIRECTION_OUTBOUND;
	uint8_t *at;

	frame->l3 = frame->length;
	at = add(frame, WIRE_IP6_LEN);
	at[0] = 0x60;
	at[6] = next_header;
	at[7] = 255;
	address(AF_INET6, leaves ? local : remote, at + 8);
	address(AF_INET6, leaves ? remote : local, at + 24);
	frame->l4 = frame->length;
}

void frame_fragment4(struct frame *frame, uint16_t id, uint16_t offset, bool more)
{
	put16(frame->bytes + frame->l3 + 4, id);
	put16(frame->bytes + frame->l3 + 6, offset / 8 | (more ? 0x2000 : 0));
}

void frame_extension(struct frame *frame, uint8_t next_header, uint8_t units)
{
	uint8_t *at = add(frame, 8 * (1 + units));

	at[0] = next_header;
	at[1] = units;
	frame->l4 = frame->length;
}

void frame_fragment6(struct frame *frame, uint8_t next_header, uint32_t id, uint16_t offset,
		     bool more)
{
	uint8_t *at = add(frame, 8);

	at[0] = next_header;
	put16(at + 2, offset | (more ? 1 : 0));
	put32(at + 4, id);
	frame->l4 = frame->length;
}

static void put_ports(const struct frame *frame, uint8_t *at, uint16_t local, uint16_t remote)
{
	bool leaves = frame->direction == DIRECTION_OUTBOUND;

	put16(at, leaves ? local : remote);
	put16(at + 2, leaves ? remote : local);
}

void frame_tcp(struct frame *frame, uint16_t local, uint16_t remote, uint8_t flags,
	       uint32_t sequence, uint32_t acknowledge)
{
	uint8_t *at = add(frame, 20);

	put_ports(frame, at, local, remote);
	put32(at + 4, sequence);
	put32(at + 8, acknowledge);
	at[12] = 5 << 4;
	at[13] = flags;
}

void frame_udp(struct frame *frame, uint16_t local, uint16_t remote)
{
	uint8_t *at = add(frame, 8);

	put_ports(frame, at, local, remote);
	put16(at + 4, 8);
}

void frame_icmp(struct frame *frame, uint8_t type, uint8_t code, uint16_t id)
{
	uint8_t *at = add(frame, 8);

	at[0] = type;
	at[1] = code;
	put16(at + 4, id);
}

void frame_payload(struct frame *frame, const void *bytes, uint32_t length)
{
	uint8_t *at = add(frame, length);

	if (bytes)
		memcpy(at, bytes, length);
}

void frame_end(struct frame *frame)
{
	uint8_t *l3 = frame->bytes + WIRE_ETHER_LEN;
	uint32_t length = frame->length - WIRE_ETHER_LEN;

	if (l3[0] >> 4 == 4) {
		put16(l3 + 2, length);
		if (l3[9] == IP_PROTOCOL_UDP && !(wire_u16(l3 + 6) & 0x1fff))
			put16(frame->bytes + frame->l4 + 4, frame->length - frame->l4);
	} else if (l3[0] >> 4 == 6) {
		put16(l3 + 4, length - WIRE_IP6_LEN);
		if (l3[6] == IP_PROTOCOL_UDP)
			put16(frame->bytes + frame->l4 + 4, frame->length - frame->l4);
	}
}
