/*
 * The parser of the emulated NIC: a frame into the fields that matchers see, once a packet.
 *
 * Field semantics are the PRM's (fte_match_set_lyr_2_4): ethertype is the one behind the last VLAN
 * tag; ip_protocol is the last next-header behind IPv6 extension headers; frag is set in every
 * fragment, the first included; fields of a header that the frame does not have read as 0, and so
 * do the L4 fields of a later fragment. A header that does not lie wholly within the frame, or
 * whose own length says nonsense, is not there.
 *
 * Threads: no state; any.
 */
#ifndef AZHOST_CONNECTX_STEERING_PARSE_H
#define AZHOST_CONNECTX_STEERING_PARSE_H

#include "azhost/connectx/steering/match.h"
#include "azhost/connectx/steering/steering.h"

/* Fills the outer, misc and misc3 fields of the key from the frame. Registers and source_sqn, which
 * are no part of a frame, are left as they are; everything else is overwritten. */
void parse_frame(const uint8_t *data, uint32_t length, struct match_key *key,
		 struct steer_headers *ret_headers);

#endif
