/*
 * Isolation: a frame leaves with the NIC's own addresses only, and does not arrive with them.
 *
 * `sourceGuard` of the policy, on by default. Where the policy does not know the NIC's IP
 * addresses, MAC addresses alone are looked at. Pure; any thread.
 */
#ifndef CLASSIFY_GUARD_H
#define CLASSIFY_GUARD_H

#include "classify/packet.h"
#include "classify/ruleset.h"

#include <string.h>

/* A MAC in the low 6 bytes; 8 are read. */
static inline uint64_t guard_mac(const uint8_t *bytes)
{
	uint64_t mac;

	memcpy(&mac, bytes, sizeof(mac));
	return mac & 0xffffffffffff;
}

/*
 * True where guard_check() has nothing against an IPv4 packet, for those that can be told at once:
 * to or from the NIC's MAC (`mac`), and its only address where it has any.
 */
static inline bool guard_passes4(const struct ruleset *ruleset, const struct packet *packet,
				 enum direction direction, uint64_t mac)
{
	uint32_t own = ruleset->address4_count == 1 ? ruleset->addresses4[0] : 0;
	uint8_t first = packet->key4.remote & 0xff;

	if (direction == DIRECTION_OUTBOUND)
		return guard_mac(packet->frame + 6) == mac &&
		       (!ruleset->has_addresses || (own && packet->key4.local == own));
	return guard_mac(packet->frame) == mac && first != 0 && first != 127 && first < 224 &&
	       (!ruleset->has_addresses || (own && packet->key4.remote != own));
}

/* DROP_NONE, DROP_SOURCE_MAC, DROP_SOURCE_IP, DROP_SOURCE_MARTIAN or DROP_DESTINATION_MAC. */
enum drop_reason guard_check(const struct ruleset *ruleset, const struct packet *packet);

#endif
