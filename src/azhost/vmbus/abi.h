/*
 * VMBus as memory: the ring buffer and the packets in it. Source: drivers/bus/vmbus/rte_vmbus_reg.h
 * and vmbus_bufring.c of DPDK 22.11; Linux include/linux/hyperv.h names the same things.
 *
 * A channel has two rings, each a header page and data pages: the guest's transmit ring first, then
 * its receive ring. Indexes count bytes of the data area and wrap at its end; a packet may wrap
 * too. Everything is little-endian and 8-byte aligned; lengths in packet headers are in units of 8
 * bytes.
 */
#ifndef AZHOST_VMBUS_ABI_H
#define AZHOST_VMBUS_ABI_H

#include <stdint.h>

#define VMBUS_PAGE 4096u

/* First page of a ring. Each index is written by one side. */
struct vmbus_ring_header {
	uint32_t write_index;    /* by the sender */
	uint32_t read_index;     /* by the receiver */
	uint32_t interrupt_mask; /* by the receiver: do not signal me */
	uint32_t pending_send;   /* by the sender: wake me when so much is free */
	uint32_t reserved[12];
	uint32_t features; /* bit 0: pending_send is in use */
};

enum vmbus_packet_type {
	VMBUS_INBAND = 6, /* the message is in the packet */
	VMBUS_RECEIVE_PAGES =
		7,            /* the message is in a section of the receive buffer (to the guest) */
	VMBUS_GPA_DIRECT = 9, /* the message is in pages that the packet names (from the guest) */
	VMBUS_COMPLETION = 11,
};

#define VMBUS_WANTS_COMPLETION 1u /* flag */

struct vmbus_packet {
	uint16_t type;
	uint16_t header_8; /* length of this header with its extension */
	uint16_t total_8;  /* ... with the message behind it; an 8-byte trailer follows */
	uint16_t flags;
	uint64_t transaction; /* comes back in the completion */
} __attribute__((packed));

/* Extension of a VMBUS_GPA_DIRECT header. */
struct vmbus_gpa_header {
	uint32_t reserved;
	uint32_t count;
} __attribute__((packed));

struct vmbus_gpa_range {
	uint32_t length;
	uint32_t offset; /* in the page */
	uint64_t page;   /* number of a guest page; IOVA divided by 4096 */
} __attribute__((packed));

/* Extension of a VMBUS_RECEIVE_PAGES header, with one range. */
struct vmbus_receive_header {
	uint16_t buffer_id; /* NVSP_RECEIVE_BUFFER_ID */
	uint16_t reserved;
	uint32_t count;
	uint32_t length;
	uint32_t offset; /* in the receive buffer */
} __attribute__((packed));

/* The longest packet of an honest guest: a GPA list of some hundred ranges. */
#define VMBUS_PACKET_MAX 16384u

#endif
