/*
 * RNDIS data messages: reading those of the guest, with what they ask the host to do to the packet,
 * and writing those to the guest. Pure: no rings, no sockets; the fuzz target starts here.
 */
#ifndef AZHOST_VMBUS_RNDIS_DATA_H
#define AZHOST_VMBUS_RNDIS_DATA_H

#include "azhost/vmbus/rndis.h"

#include <stdbool.h>
#include <stdint.h>

/* A packet that the guest sends; @data points into the message. */
struct rndis_tx {
	const uint8_t *data;
	uint32_t length;
	bool has_vlan, has_checksum, has_large_send;
	uint32_t vlan;       /* NDIS_VLAN_* */
	uint32_t checksum;   /* NDIS_TX_* */
	uint32_t large_send; /* NDIS_LSO_* */
};

/*
 * The first packet of @message, which holds one or more. *ret_next: bytes to the next one. -EINVAL
 * where any offset or length leads outside, or information is malformed.
 */
int rndis_read_packet(const uint8_t *message, uint32_t bytes, struct rndis_tx *ret,
		      uint32_t *ret_next);

/* A packet for the guest. */
struct rndis_rx {
	const uint8_t *frame; /* without the tag that `vlan` tells of */
	uint32_t length;
	bool has_vlan, has_hash;
	uint32_t vlan;
	uint32_t checksum; /* NDIS_RX_*; 0: say nothing */
	uint32_t hash;
	uint32_t hash_type; /* NDIS_HASH_* */
};

/* Room for the header and all information in front of a frame. */
#define RNDIS_RX_HEADER_MAX (sizeof(struct rndis_packet) + 4 * (sizeof(struct rndis_info) + 4))

/* Write the message to @to, which has room. Returns its length. */
uint32_t rndis_write_packet(const struct rndis_rx *rx, uint8_t *to);

/*
 * Do what the guest asked for and hand on the resulting frames, each to @emit. @scratch is
 * RNDIS_SCRATCH long; the frames are in it or in @tx. Returns the number of frames, 0 where the
 * request cannot be fulfilled (the packet is lost, as it is on a real host), for *ret_why one of:
 */
enum rndis_refusal {
	RNDIS_FINE,
	RNDIS_BAD_CHECKSUM_REQUEST,
	RNDIS_BAD_LARGE_SEND,
	RNDIS_BAD_LENGTH,
};

#define RNDIS_SCRATCH 16384u

struct rndis_done {
	unsigned frames;
	bool checksum, segmented, vlan;
	enum rndis_refusal refusal;
};

typedef void (*rndis_emit_fn)(void *opaque, const uint8_t *frame, uint32_t length);

struct rndis_done rndis_finish_packet(const struct rndis_tx *tx, uint32_t frame_max,
				      uint8_t *scratch, rndis_emit_fn emit, void *opaque);

#endif
