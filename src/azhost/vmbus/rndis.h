/*
 * RNDIS messages as netvsc uses them: [MS-RNDIS] for the layouts, drivers/net/netvsc/rndis.h and
 * hn_rndis.c of DPDK 22.11 for what is really sent. Offsets in a message count from the field that
 * stands behind type, length and (in control messages) after them: see each.
 */
#ifndef AZHOST_VMBUS_RNDIS_H
#define AZHOST_VMBUS_RNDIS_H

#include <stdint.h>

enum rndis_type {
	RNDIS_PACKET = 0x00000001,
	RNDIS_INITIALIZE = 0x00000002,
	RNDIS_HALT = 0x00000003, /* has no answer */
	RNDIS_QUERY = 0x00000004,
	RNDIS_SET = 0x00000005,
	RNDIS_RESET = 0x00000006,
	RNDIS_INDICATE_STATUS = 0x00000007,
	RNDIS_KEEPALIVE = 0x00000008,
};

/* The answer to a request has this bit besides the request's type. */
#define RNDIS_COMPLETE 0x80000000u

enum rndis_status {
	RNDIS_SUCCESS = 0x00000000,
	RNDIS_MEDIA_CONNECT = 0x4001000b,
	RNDIS_MEDIA_DISCONNECT = 0x4001000c,
	RNDIS_NOT_SUPPORTED = (int)0xc00000bb,
	RNDIS_INVALID_DATA = (int)0xc0010015,
};

/* Start of every message; `request` in control messages only. */
struct rndis_header {
	uint32_t type;
	uint32_t length;
	uint32_t request;
} __attribute__((packed));

struct rndis_initialize {
	struct rndis_header header;
	uint32_t major;
	uint32_t minor;
	uint32_t max_transfer;
} __attribute__((packed));

struct rndis_initialize_complete {
	struct rndis_header header;
	uint32_t status;
	uint32_t major;
	uint32_t minor;
	uint32_t device_flags; /* 1: connectionless */
	uint32_t medium;       /* 0: 802.3 */
	uint32_t max_packets;  /* in one message */
	uint32_t max_transfer;
	uint32_t alignment; /* as a power of two */
	uint32_t reserved[2];
} __attribute__((packed));

/* RNDIS_QUERY and RNDIS_SET. */
struct rndis_request {
	struct rndis_header header;
	uint32_t oid;
	uint32_t buffer_length;
	uint32_t buffer_offset; /* from `header.request` */
	uint32_t reserved;
} __attribute__((packed));

struct rndis_query_complete {
	struct rndis_header header;
	uint32_t status;
	uint32_t buffer_length;
	uint32_t buffer_offset; /* from `header.request` */
} __attribute__((packed));

/* RNDIS_SET, RNDIS_KEEPALIVE. */
struct rndis_simple_complete {
	struct rndis_header header;
	uint32_t status;
} __attribute__((packed));

struct rndis_reset_complete {
	uint32_t type;
	uint32_t length;
	uint32_t status;
	uint32_t addressing_reset;
} __attribute__((packed));

struct rndis_indicate_status {
	uint32_t type;
	uint32_t length;
	uint32_t status;
	uint32_t buffer_length;
	uint32_t buffer_offset;
} __attribute__((packed));

#define RNDIS_BUFFER_BASE 8u /* offset of `header.request` */

/* RNDIS_PACKET; offsets count from `data_offset`. */
struct rndis_packet {
	uint32_t type;
	uint32_t length; /* with header and padding: where the next one begins */
	uint32_t data_offset;
	uint32_t data_length;
	uint32_t oob_offset;
	uint32_t oob_length;
	uint32_t oob_count;
	uint32_t info_offset;
	uint32_t info_length;
	uint32_t vc_handle;
	uint32_t reserved;
} __attribute__((packed));

#define RNDIS_PACKET_BASE 8u /* offset of `data_offset` */

/* Per-packet information: a list of these, each followed by its data. */
struct rndis_info {
	uint32_t size;   /* with this header; a multiple of 4 */
	uint32_t type;   /* enum rndis_info_type */
	uint32_t offset; /* of the data, from the start of this header */
} __attribute__((packed));

enum rndis_info_type {
	RNDIS_INFO_CHECKSUM = 0,
	RNDIS_INFO_LARGE_SEND = 2,
	RNDIS_INFO_VLAN = 6,
	RNDIS_INFO_HASH_VALUE = 8,
	RNDIS_INFO_HASH_INFO = 9,
};

enum rndis_oid {
	OID_MAXIMUM_FRAME_SIZE = 0x00010106,
	OID_LINK_SPEED = 0x00010107, /* in units of 100 bit/s */
	OID_PACKET_FILTER = 0x0001010e,
	OID_MEDIA_CONNECT_STATUS = 0x00010114, /* 0: connected */
	OID_RECEIVE_SCALE_CAPABILITIES = 0x00010203,
	OID_RECEIVE_SCALE_PARAMETERS = 0x00010204,
	OID_PERMANENT_ADDRESS = 0x01010101,
	OID_CURRENT_ADDRESS = 0x01010102,
	OID_OFFLOAD_PARAMETERS = (int)0xfc01020c,
	OID_OFFLOAD_CAPABILITIES = (int)0xfc01020d,
};

enum rndis_filter {
	RNDIS_FILTER_DIRECTED = 0x01,
	RNDIS_FILTER_MULTICAST = 0x02,
	RNDIS_FILTER_ALL_MULTICAST = 0x04,
	RNDIS_FILTER_BROADCAST = 0x08,
	RNDIS_FILTER_PROMISCUOUS = 0x20,
};

#endif
