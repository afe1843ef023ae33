/*
 * Frames by description, for the tests of steering: the bytes of a frame, and, from the description
 * and not from the bytes, the match parameters that a NIC must see in it. The layout of the
 * parameters is written down here a second time (PRM, fte_match_param), so that a slip in the
 * engine's own table does not go unseen.
 */
#ifndef TESTS_AZHOST_STEERING_FRAMES_H
#define TESTS_AZHOST_STEERING_FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PARAM_BYTES     448
#define FRAME_MAX_BYTES 2048

/* Byte offsets in fte_match_param. */
enum {
	P_SMAC = 0x00,
	P_ETHERTYPE = 0x06,
	P_DMAC = 0x08,
	P_FIRST_TCI = 0x0e,
	P_IP_PROTOCOL = 0x10,
	P_DSCP_ECN = 0x11,
	P_L3_BITS = 0x12, /* 16 bits: cvlan svlan frag version:4 tcp_flags:9 */
	P_TCP_SPORT = 0x14,
	P_TCP_DPORT = 0x16,
	P_IHL = 0x1a,
	P_TTL = 0x1b,
	P_UDP_SPORT = 0x1c,
	P_UDP_DPORT = 0x1e,
	P_SRC6 = 0x20,
	P_SRC4 = 0x2c,
	P_DST6 = 0x30,
	P_DST4 = 0x3c,
	P_GRE_PROTOCOL = 0x4e,
	P_SQN = 0x40,
	P_SOURCE_PORT = 0x46,
	P_SECOND_TCI = 0x48,
	P_SECOND_BITS = 0x4c,
	P_VXLAN_VNI = 0x54,
	P_FLOW_LABEL = 0x5c,
	P_INNER = 0x80,
	P_MPLS = 0xc0,
	P_REG_C7 = 0xd0,
	P_REG_C0 = 0xec,
	P_REG_A = 0xf0,
	P_REG_B = 0xf4,
	P_TCP_SEQ = 0x104,
	P_TCP_ACK = 0x10c,
	P_ICMP_DATA = 0x118,
	P_ICMP6_DATA = 0x11c,
	P_ICMP_TYPE = 0x120,
	P_ICMP6_TYPE = 0x122,
	P_GTPU_TEID = 0x128,
	P_MISC4 = 0x140,
	P_MISC5 = 0x180,
};

enum frame_fragment {
	NOT_FRAGMENT,
	FIRST_FRAGMENT,
	LATER_FRAGMENT,
};

struct frame_spec {
	uint8_t dmac[6], smac[6];
	unsigned int n_vlans;
	uint16_t tpid[2], tci[2];
	unsigned int ip;          /* 0, 4 or 6 */
	uint16_t ethertype;       /* of a frame without IP */
	uint8_t src[16], dst[16]; /* IPv4: the first four */
	uint8_t tos, ttl;
	uint32_t flow_label;
	unsigned int
		options; /* IPv4: 32-bit words of options; IPv6: destination options of 8 bytes */
	enum frame_fragment fragment;
	uint8_t protocol;
	uint16_t sport, dport, tcp_flags;
	uint32_t seq, ack;
	uint8_t icmp_type, icmp_code;
	uint32_t icmp_data;
	unsigned int payload;
	bool udp_without_checksum;
};

/* A plain TCP, UDP or ICMP frame over IPv4 or IPv6 (ip = 4 or 6) that tests then change. */
struct frame_spec frame_plain(unsigned int ip, uint8_t protocol);

/* Writes the frame, checksums right, and returns its length. */
size_t frame_build(const struct frame_spec *spec, uint8_t *buffer);

/* What matchers must see in it; registers are 0. */
void frame_param(const struct frame_spec *spec, uint8_t *param);

/* Mask and value of a matcher's key, both 0 there: any IPv4; TCP over it to that port. */
void param_ipv4(uint8_t *mask, uint8_t *value);
void param_tcp_dport(uint8_t *mask, uint8_t *value, uint16_t port);

/* Computes all checksums of a frame as built above from scratch: are they right? */
bool frame_checksums_ok(const struct frame_spec *spec, const uint8_t *frame, size_t length);

void put16(uint8_t *p, uint32_t value);
void put32(uint8_t *p, uint32_t value);
uint16_t get16(const uint8_t *p);
uint32_t get32(const uint8_t *p);

#endif
