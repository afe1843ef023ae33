/*
 * The table of fields of modify-header; see rewrite_field.h.
 */
#include "azhost/connectx/steering/rewrite_field.h"

#include "azhost/connectx/steering/match.h"
#include "azhost/connectx/steering/steering.h"

#define REGISTER(name, id, key, flags)                            \
	{                                                         \
		name, id, 32, 0, 0, flags, { IN_KEY, key, 4, 0 }, \
		{                                                 \
			0                                         \
		}                                                 \
	}
#define ADDRESS4(name, id, offset)                                            \
	{                                                                     \
		name, id, 32, STEER_L3_IPV4, 0, 0, { IN_IPV4, offset, 4, 0 }, \
		{                                                             \
			0                                                     \
		}                                                             \
	}
#define ADDRESS6(name, id, offset)                                            \
	{                                                                     \
		name, id, 32, STEER_L3_IPV6, 0, 0, { IN_IPV6, offset, 4, 0 }, \
		{                                                             \
			0                                                     \
		}                                                             \
	}
#define PORT(name, id, l4, base, offset)                        \
	{                                                       \
		name, id, 16, 0, l4, 0, { base, offset, 2, 0 }, \
		{                                               \
			0                                       \
		}                                               \
	}

const struct rewrite_field rewrite_fields[] = {
	{ "smac_47_16", 0x01, 32, 0, 0, 0, { IN_ETHERNET, 6, 4, 0 }, { 0 } },
	{ "smac_15_0", 0x02, 16, 0, 0, 0, { IN_ETHERNET, 10, 2, 0 }, { 0 } },
	{ "ethertype", 0x03, 16, 0, 0, 0, { IN_ETHERTYPE, 0, 2, 0 }, { 0 } },
	{ "dmac_47_16", 0x04, 32, 0, 0, 0, { IN_ETHERNET, 0, 4, 0 }, { 0 } },
	{ "dmac_15_0", 0x05, 16, 0, 0, 0, { IN_ETHERNET, 4, 2, 0 }, { 0 } },
	{ "ip_dscp", 0x06, 6, 0, 0, 0, { IN_IPV4, 1, 1, 2 }, { IN_IPV6, 0, 2, 6 } },
	{ "tcp_flags", 0x07, 9, 0, STEER_L4_TCP, 0, { IN_TCP, 12, 2, 0 }, { 0 } },
	PORT("tcp_sport", 0x08, STEER_L4_TCP, IN_TCP, 0),
	PORT("tcp_dport", 0x09, STEER_L4_TCP, IN_TCP, 2),
	{ "ipv4_ttl", 0x0a, 8, STEER_L3_IPV4, 0, CAN_ADD, { IN_IPV4, 8, 1, 0 }, { 0 } },
	PORT("udp_sport", 0x0b, STEER_L4_UDP, IN_UDP, 0),
	PORT("udp_dport", 0x0c, STEER_L4_UDP, IN_UDP, 2),
	ADDRESS6("src_ipv6_127_96", 0x0d, 8),
	ADDRESS6("src_ipv6_95_64", 0x0e, 12),
	ADDRESS6("src_ipv6_63_32", 0x0f, 16),
	ADDRESS6("src_ipv6_31_0", 0x10, 20),
	ADDRESS6("dst_ipv6_127_96", 0x11, 24),
	ADDRESS6("dst_ipv6_95_64", 0x12, 28),
	ADDRESS6("dst_ipv6_63_32", 0x13, 32),
	ADDRESS6("dst_ipv6_31_0", 0x14, 36),
	ADDRESS4("src_ipv4", 0x15, 12),
	ADDRESS4("dst_ipv4", 0x16, 16),
	{ "first_vid", 0x17, 16, 0, 0, 0, { IN_FIRST_VLAN, 0, 2, 0 }, { 0 } },
	{ "ipv6_hoplimit", 0x47, 8, STEER_L3_IPV6, 0, CAN_ADD, { IN_IPV6, 7, 1, 0 }, { 0 } },
	REGISTER("metadata_reg_a", 0x49, KEY_REG_A, TX_ONLY),
	REGISTER("metadata_reg_b", 0x50, KEY_REG_B, RX_ONLY),
	REGISTER("metadata_reg_c_0", 0x51, KEY_REG_C0, 0),
	REGISTER("metadata_reg_c_1", 0x52, KEY_REG_C0 - 4, 0),
	REGISTER("metadata_reg_c_2", 0x53, KEY_REG_C0 - 8, 0),
	REGISTER("metadata_reg_c_3", 0x54, KEY_REG_C0 - 12, 0),
	REGISTER("metadata_reg_c_4", 0x55, KEY_REG_C0 - 16, 0),
	REGISTER("metadata_reg_c_5", 0x56, KEY_REG_C0 - 20, 0),
	{ "tcp_seq_num", 0x59, 32, 0, STEER_L4_TCP, CAN_ADD, { IN_TCP, 4, 4, 0 }, { 0 } },
	{ "tcp_ack_num", 0x5b, 32, 0, STEER_L4_TCP, CAN_ADD, { IN_TCP, 8, 4, 0 }, { 0 } },
	{ "ip_ecn", 0x73, 2, 0, 0, 0, { IN_IPV4, 1, 1, 0 }, { IN_IPV6, 0, 2, 4 } },
};

const size_t rewrite_n_fields = sizeof(rewrite_fields) / sizeof(rewrite_fields[0]);
