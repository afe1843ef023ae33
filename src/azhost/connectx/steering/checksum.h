/*
 * Internet checksums of a packet whose headers are changed in place (RFC 1071, RFC 1624). A packet
 * that comes with a wrong checksum leaves with one that is wrong by the same amount: hardware
 * updates, it does not recompute.
 *
 * Threads: no state; walkers.
 */
#ifndef AZHOST_CONNECTX_STEERING_CHECKSUM_H
#define AZHOST_CONNECTX_STEERING_CHECKSUM_H

#include "azhost/connectx/steering/steering.h"

/* The folded one's complement sum of n (even) bytes. */
uint16_t checksum_sum(const uint8_t *data, unsigned int n);

/* Updates the checksum at field for words that summed to before and sum to after now. */
void checksum_update(uint8_t *field, uint16_t before, uint16_t after);

/* The same for the packet's L4 checksum: TCP, ICMPv6, and UDP unless it carries none (0). */
void checksum_update_l4(struct steer_packet *packet, uint16_t before, uint16_t after);

#endif
