/*
 * An Ethernet frame on its way through a device, in a buffer of the device thread: what offloads do
 * to it. No FCS. Pure functions, device thread only.
 */
#ifndef AZHOST_CONNECTX_FRAME_H
#define AZHOST_CONNECTX_FRAME_H

#include "azhost/connectx/steering/steering.h"

#include <stdbool.h>
#include <stdint.h>

#define CX_FRAME_HEADROOM 64u
/* The longest frame on any wire: 9000 bytes of payload, VLAN tags, some room. */
#define CX_FRAME_MAX 9216u
/* The longest message of one Tx descriptor: a TSO packet before it is cut. */
#define CX_MESSAGE_MAX (256u << 10)

struct cx_frame {
	uint8_t *data;
	uint32_t length;
	uint32_t headroom; /* writable bytes before data */
};

/* Put an 802.1Q tag behind the MAC addresses. False if the frame has no headroom or no addresses.
 */
bool cx_frame_push_vlan(struct cx_frame *frame, uint16_t tci);

/* Write the IPv4 header checksum and (l4) the TCP or UDP checksum, as far as headers has them.
 * Fragments get no L4 checksum. */
void cx_frame_write_checksums(struct cx_frame *frame, const struct steer_headers *headers, bool l3,
			      bool l4);

/* What a receiver says of the TCP or UDP checksum: true is "verified and right". An absent UDP
 * checksum over IPv4 is right; a fragment is not verified. (headers->l3_ok is the IPv4 checksum.)
 */
bool cx_frame_l4_good(const struct cx_frame *frame, const struct steer_headers *headers);

/*
 * Segmentation of a TCP message: whole is headers and payload, header_length bytes of it headers.
 * Segment number i (from 0) is written to segment->data, with lengths, IPv4 identification,
 * sequence number and flags set and checksums written. False past the last one, or if whole is no
 * TCP.
 */
bool cx_frame_segment(const struct cx_frame *whole, const struct steer_headers *headers,
		      uint32_t header_length, uint16_t mss, uint32_t i, struct cx_frame *segment);

#endif
