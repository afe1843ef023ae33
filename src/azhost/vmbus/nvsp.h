/*
 * NVSP, the network protocol of VMBus: set-up messages, and the envelope of RNDIS messages. Source:
 * drivers/net/netvsc/hn_nvs.h and hn_nvs.c of DPDK 22.11; the same in Linux drivers/net/hyperv/.
 *
 * How a guest comes up, in this order:
 *
 *   guest                          host
 *   INIT version            ->     INIT_RESPONSE ok, or not: then the guest tries an older one
 *   NDIS_CONFIG mtu, caps   ->
 *   NDIS_INIT 6.30          ->
 *   RECEIVE_BUFFER gpadl    ->     RECEIVE_BUFFER_RESPONSE one section of equal slots
 *   SEND_BUFFER gpadl       ->     SEND_BUFFER_RESPONSE size of a section
 *                           <-     VF_ASSOCIATION, where there is a VF: not before this point,
 *                                  because a guest that waits for a response takes any other
 * message for a fatal error (hn_nvs.c:100) RNDIS ...               <->    RNDIS ... SUBCHANNELS n
 * ->     SUBCHANNELS_RESPONSE, with the new channels there already SET_DATAPATH            ->
 *
 * Requests that have a response come with VMBUS_WANTS_COMPLETION; the response is the completion.
 */
#ifndef AZHOST_VMBUS_NVSP_H
#define AZHOST_VMBUS_NVSP_H

#include <stdint.h>

enum nvsp_type {
	NVSP_INIT = 1,
	NVSP_INIT_RESPONSE = 2,
	NVSP_NDIS_INIT = 100,
	NVSP_RECEIVE_BUFFER = 101,
	NVSP_RECEIVE_BUFFER_RESPONSE = 102,
	NVSP_RECEIVE_BUFFER_GONE = 103,
	NVSP_SEND_BUFFER = 104,
	NVSP_SEND_BUFFER_RESPONSE = 105,
	NVSP_SEND_BUFFER_GONE = 106,
	NVSP_RNDIS = 107,
	NVSP_RNDIS_COMPLETE = 108,
	NVSP_NDIS_CONFIG = 125,
	NVSP_VF_ASSOCIATION = 128,
	NVSP_SET_DATAPATH = 129,
	NVSP_SUBCHANNELS = 133, /* request and response */
};

enum nvsp_status { NVSP_OK = 1, NVSP_FAILED = 2 };

#define NVSP_VERSION_1  0x00002u
#define NVSP_VERSION_2  0x30002u
#define NVSP_VERSION_4  0x40000u
#define NVSP_VERSION_5  0x50000u
#define NVSP_VERSION_6  0x60000u
#define NVSP_VERSION_61 0x60001u

#define NVSP_RECEIVE_BUFFER_ID 0xcafeu
#define NVSP_SEND_BUFFER_ID    0xfaceu

#define NVSP_CAPABILITY_SRIOV 0x0004u
#define NVSP_CAPABILITY_VLAN  0x0008u

struct nvsp_init {
	uint32_t type;
	uint32_t version_min;
	uint32_t version_max;
} __attribute__((packed));

struct nvsp_init_response {
	uint32_t type;
	uint32_t version;
	uint32_t reserved;
	uint32_t status;
} __attribute__((packed));

struct nvsp_ndis_config {
	uint32_t type;
	uint32_t mtu; /* with the Ethernet header */
	uint32_t reserved;
	uint64_t capabilities;
} __attribute__((packed));

struct nvsp_ndis_init {
	uint32_t type;
	uint32_t major;
	uint32_t minor;
} __attribute__((packed));

/* RECEIVE_BUFFER and SEND_BUFFER: memory that uio_hv_generic has shared already, by its GPADL. */
struct nvsp_buffer {
	uint32_t type;
	uint32_t gpadl;
	uint16_t id; /* NVSP_RECEIVE_BUFFER_ID or NVSP_SEND_BUFFER_ID */
} __attribute__((packed));

struct nvsp_receive_buffer_response {
	uint32_t type;
	uint32_t status;
	uint32_t sections; /* 1: the guest takes nothing else (hn_nvs.c:218) */
	uint32_t start;
	uint32_t slot_size;
	uint32_t slots;
	uint32_t end;
} __attribute__((packed));

struct nvsp_send_buffer_response {
	uint32_t type;
	uint32_t status;
	uint32_t section_size;
} __attribute__((packed));

enum nvsp_rndis_channel { NVSP_RNDIS_DATA = 0, NVSP_RNDIS_CONTROL = 1 };

/* No section of the send buffer: the message is in guest memory (VMBUS_GPA_DIRECT). */
#define NVSP_NO_SECTION UINT32_MAX

struct nvsp_rndis {
	uint32_t type;
	uint32_t channel;
	uint32_t section;
	uint32_t section_bytes;
	uint8_t reserved[24];
} __attribute__((packed));

struct nvsp_rndis_complete {
	uint32_t type;
	uint32_t status;
	uint8_t reserved[32];
} __attribute__((packed));

struct nvsp_vf_association {
	uint32_t type;
	uint32_t allocated;
	uint32_t serial;
} __attribute__((packed));

enum nvsp_datapath { NVSP_DATAPATH_SYNTHETIC = 0, NVSP_DATAPATH_VF = 1 };

struct nvsp_set_datapath {
	uint32_t type;
	uint32_t datapath;
} __attribute__((packed));

#define NVSP_SUBCHANNELS_ALLOCATE 1u

struct nvsp_subchannels {
	uint32_t type;
	uint32_t operation;
	uint32_t count;
} __attribute__((packed));

struct nvsp_subchannels_response {
	uint32_t type;
	uint32_t status;
	uint32_t count;
	uint8_t reserved[28];
} __attribute__((packed));

#endif
