/*
 * Internet checksums (RFC 1071) of whole frames: verified for frames to the guest, filled in for
 * frames from it. The host does in software what Hyper-V has done by the NIC below it. Pure.
 */
#ifndef AZHOST_VMBUS_CHECKSUM_H
#define AZHOST_VMBUS_CHECKSUM_H

#include "azhost/vswitch/parse.h"

#include <stdint.h>

/* NDIS_RX_* bits: what is right and what is wrong in @frame; 0 where nothing can be said. */
uint32_t checksum_verify(const uint8_t *frame, uint32_t length);

/* Fill in the IPv4 header's checksum. */
void checksum_fill_ip(uint8_t *frame, const struct parsed_frame *f);

enum checksum_result { CHECKSUM_FILLED = 0, CHECKSUM_IMPOSSIBLE = 1 };

/* Fill in the checksum of TCP or UDP. Impossible: another protocol, or a fragment, or too short. */
enum checksum_result checksum_fill_l4(uint8_t *frame, const struct parsed_frame *f);

#endif
