/*
 * Platform traffic: what Azure's own services need, and no rule cuts unless it names them.
 *
 * Requests pass as if a rule allowed them and make connections; replies come by connection state
 * only. Pure; any thread.
 */
#ifndef CLASSIFY_PLATFORM_H
#define CLASSIFY_PLATFORM_H

#include "classify/packet.h"
#include "classify/ruleset.h"

/* ARP and ND: pass both ways, without a connection. */
static inline bool platform_passes(const struct packet *packet)
{
	return packet->kind == PACKET_ARP || (packet->flags & PACKET_ND);
}

#define PLATFORM_ADDRESS(a, b, c, d) \
	((uint32_t)(a) | (uint32_t)(b) << 8 | (uint32_t)(c) << 16 | (uint32_t)(d) << 24)
#define PLATFORM_WIRE_SERVER PLATFORM_ADDRESS(168, 63, 129, 16)
#define PLATFORM_IMDS_SERVER PLATFORM_ADDRESS(169, 254, 169, 254)
#define PLATFORM_BROADCAST   PLATFORM_ADDRESS(255, 255, 255, 255)

/* False where an IPv4 packet cannot be of a platform service; `remote` as it stands on the wire. */
static inline bool platform_may_be4(uint32_t remote)
{
	return remote == PLATFORM_WIRE_SERVER || remote == PLATFORM_IMDS_SERVER ||
	       remote == PLATFORM_BROADCAST;
}

/*
 * Whether the packet is a request to a platform service (leaving), or could be a reply of one
 * (arriving), and no rule names that service.
 */
bool platform_service(const struct ruleset *ruleset, const struct packet *packet);

/*
 * The same for what a packet's key says: of a request where it leaves, of a reply where it arrives.
 * `named` holds, by enum address_platform, the tags that rules name.
 */
bool platform_key4(const bool *named, enum direction direction, const struct key4 *key);
bool platform_key6(enum direction direction, const struct key6 *key);

/*
 * DHCP asks a broadcast or multicast address and is answered by the server's own: both get one key,
 * that of the service. Call it for packets of platform_service(); `packet` is left alone where it
 * is not DHCP.
 */
void platform_set_key(struct packet *packet);

#endif
