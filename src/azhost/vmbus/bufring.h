/*
 * The host's end of one VMBus ring (abi.h). The memory is the guest's too: an index read from it
 * may be anything, so each is checked, and a packet is copied out before it is looked at.
 */
#ifndef AZHOST_VMBUS_BUFRING_H
#define AZHOST_VMBUS_BUFRING_H

#include "azhost/vmbus/abi.h"

#include <stddef.h>

struct bufring {
	struct vmbus_ring_header *header;
	uint8_t *data;
	uint32_t size; /* of the data area */
	uint32_t own;  /* this side's index; the copy in memory is only told, never read */
};

enum bufring_result { BUFRING_OK = 0, BUFRING_EMPTY = 1, BUFRING_FULL = 2 };

/* @bytes: header page and data, a multiple of the page size, at least two pages. */
void bufring_init(struct bufring *ring, void *memory, size_t bytes);

/* Empty the ring, as before the guest opens the channel. */
void bufring_reset(struct bufring *ring);

/*
 * Receive: copy the oldest packet, header and all, into @packet[VMBUS_PACKET_MAX]. BUFRING_OK,
 * BUFRING_EMPTY, or -EPROTO where the sender's index or the packet's lengths cannot be.
 */
int bufring_receive(struct bufring *ring, void *packet, uint32_t *ret_length);

/* Bytes that can be sent now; 0 also where the receiver's index cannot be. */
uint32_t bufring_room(const struct bufring *ring);

struct bufring_part {
	const void *data;
	uint32_t length;
};

/*
 * Send a packet with a header extension (its length a multiple of 8) and a message, which is
 * padded. BUFRING_OK or BUFRING_FULL.
 */
int bufring_send(struct bufring *ring, enum vmbus_packet_type type, uint16_t flags,
		 uint64_t transaction, struct bufring_part extension, struct bufring_part message);

#endif
