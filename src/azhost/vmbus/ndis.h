/*
 * What the buffers of some OIDs and per-packet information hold: NDIS structures, as
 * drivers/net/netvsc/ndis.h of DPDK 22.11 has them (the public names are Microsoft's:
 * NDIS_OFFLOAD, NDIS_RECEIVE_SCALE_CAPABILITIES and so on).
 */
#ifndef AZHOST_VMBUS_NDIS_H
#define AZHOST_VMBUS_NDIS_H

#include <stdint.h>

enum ndis_object {
	NDIS_OBJECT_DEFAULT = 0x80,
	NDIS_OBJECT_RSS_CAPABILITIES = 0x88,
	NDIS_OBJECT_RSS_PARAMETERS = 0x89,
	NDIS_OBJECT_OFFLOAD = 0xa7,
};

struct ndis_header {
	uint8_t object;
	uint8_t revision;
	uint16_t size;
} __attribute__((packed));

/* Checksums: the same bits in both directions. */
#define NDIS_SUM_IP_OPTIONS  0x001u
#define NDIS_SUM_TCP_OPTIONS 0x004u
#define NDIS_SUM_TCP         0x010u
#define NDIS_SUM_UDP         0x040u
#define NDIS_SUM_IP          0x100u

#define NDIS_ENCAPSULATION_8023 0x0002u

struct ndis_offload {
	struct ndis_header header;
	struct {
		uint32_t v4_tx_encapsulation, v4_tx;
		uint32_t v4_rx_encapsulation, v4_rx;
		uint32_t v6_tx_encapsulation, v6_tx;
		uint32_t v6_rx_encapsulation, v6_rx;
	} checksum;
	uint32_t lso_v1[4];
	uint32_t ipsec_v1[7];
	struct {
		uint32_t v4_encapsulation, v4_max, v4_min_segments;
		uint32_t v6_encapsulation, v6_max, v6_min_segments;
		uint32_t v6_options; /* 1: extension headers, 4: TCP options */
	} lso;
	uint32_t flags;
	uint32_t ipsec_v2[8];   /* NDIS 6.1 */
	uint8_t rsc_v4, rsc_v6; /* NDIS 6.30 */
	uint16_t reserved;
	uint32_t encapsulation[2];
};

_Static_assert(sizeof(struct ndis_offload) == 156, "NDIS_OFFLOAD of NDIS 6.30");

#define NDIS_OFFLOAD_REVISION 3

#define NDIS_RSS_V4       0x00000100u
#define NDIS_RSS_V6       0x00000200u
#define NDIS_RSS_TOEPLITZ 0x00000001u
#define NDIS_RSS_ENTRIES  128u
#define NDIS_RSS_KEY      40u

struct ndis_rss_capabilities {
	struct ndis_header header;
	uint32_t capabilities;
	uint32_t interrupts;
	uint32_t queues;
	uint16_t entries; /* NDIS 6.30 */
} __attribute__((packed));

struct ndis_rss_parameters {
	struct ndis_header header;
	uint16_t flags;
	uint16_t base_cpu;
	uint32_t hash; /* NDIS_HASH_* and the function */
	uint16_t table_bytes;
	uint16_t reserved0;
	uint32_t table_offset; /* from the start of this structure; 32-bit queue numbers */
	uint16_t key_bytes;
	uint16_t reserved1;
	uint32_t key_offset;
} __attribute__((packed));

#define NDIS_RSS_UNCHANGED_HASH  0x0002u
#define NDIS_RSS_UNCHANGED_TABLE 0x0004u
#define NDIS_RSS_UNCHANGED_KEY   0x0008u
#define NDIS_RSS_DISABLE         0x0010u

#define NDIS_HASH_V4     0x00000100u
#define NDIS_HASH_TCP_V4 0x00000200u
#define NDIS_HASH_V6     0x00000400u
#define NDIS_HASH_TCP_V6 0x00001000u

/* RNDIS_INFO_VLAN */
#define NDIS_VLAN_PRIORITY(info) ((info)&7u)
#define NDIS_VLAN_DEI(info)      ((info) >> 3 & 1u)
#define NDIS_VLAN_ID(info)       ((info) >> 4 & 0xfffu)

/* RNDIS_INFO_CHECKSUM towards the guest */
#define NDIS_RX_TCP_FAILED 0x0001u
#define NDIS_RX_UDP_FAILED 0x0002u
#define NDIS_RX_IP_FAILED  0x0004u
#define NDIS_RX_TCP_OK     0x0008u
#define NDIS_RX_UDP_OK     0x0010u
#define NDIS_RX_IP_OK      0x0020u

/* RNDIS_INFO_CHECKSUM from the guest */
#define NDIS_TX_V4              0x00000001u
#define NDIS_TX_V6              0x00000002u
#define NDIS_TX_TCP             0x00000004u
#define NDIS_TX_UDP             0x00000008u
#define NDIS_TX_IP              0x00000010u
#define NDIS_TX_L4_OFFSET(info) ((info) >> 16 & 0x3ffu)

/* RNDIS_INFO_LARGE_SEND */
#define NDIS_LSO_MSS(info)       ((info)&0xfffffu)
#define NDIS_LSO_L4_OFFSET(info) ((info) >> 20 & 0x3ffu)
#define NDIS_LSO_VERSION_2       0x40000000u
#define NDIS_LSO_V6              0x80000000u

#endif
