/*
 * Platform traffic. Addresses and ports:
 * https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16
 * Pure; any thread.
 */
#include "classify/platform.h"

#include "classify/wire.h"

#include <string.h>

/* RFC 8415 section 7.1: All_DHCP_Relay_Agents_and_Servers */
static const uint8_t dhcp6_servers[16] = { 0xff, 0x02, [13] = 1, [15] = 2 };

#define DHCP6_CLIENT_PORT 546
#define DHCP6_SERVER_PORT 547
#define DHCP_CLIENT_PORT  68
#define DHCP_SERVER_PORT  67

static const struct service {
	uint32_t address; /* as it stands on the wire */
	uint16_t port;
	uint16_t local_port; /* 0: any */
	uint8_t protocol;
	uint8_t named; /* enum address_platform: the tag that puts it under the rules */
} services[] = {
	{ PLATFORM_BROADCAST, DHCP_SERVER_PORT, DHCP_CLIENT_PORT, IP_PROTOCOL_UDP, PLATFORM_NONE },
	{ PLATFORM_WIRE_SERVER, DHCP_SERVER_PORT, DHCP_CLIENT_PORT, IP_PROTOCOL_UDP,
	  PLATFORM_NONE },
	{ PLATFORM_WIRE_SERVER, 53, 0, IP_PROTOCOL_UDP, PLATFORM_DNS },
	{ PLATFORM_WIRE_SERVER, 53, 0, IP_PROTOCOL_TCP, PLATFORM_DNS },
	{ PLATFORM_WIRE_SERVER, 80, 0, IP_PROTOCOL_TCP, PLATFORM_NONE },
	{ PLATFORM_WIRE_SERVER, 32526, 0, IP_PROTOCOL_TCP, PLATFORM_NONE },
	{ PLATFORM_IMDS_SERVER, 80, 0, IP_PROTOCOL_TCP, PLATFORM_IMDS },
};
#define SERVICES (sizeof(services) / sizeof(services[0]))

bool platform_key4(const bool *named, enum direction direction, const struct key4 *key)
{
	if (!platform_may_be4(key->remote))
		return false;
	for (size_t i = 0; i < SERVICES; i++) {
		const struct service *service = &services[i];

		if (service->address == PLATFORM_BROADCAST && direction == DIRECTION_INBOUND)
			continue; /* nobody answers from there */
		if (key->remote == service->address && key->protocol == service->protocol &&
		    key->remote_port == wire_order16(service->port) &&
		    (!service->local_port || key->local_port == wire_order16(service->local_port)))
			return service->named == PLATFORM_NONE || !named[service->named];
	}
	return false;
}

bool platform_key6(enum direction direction, const struct key6 *key)
{
	if (key->protocol != IP_PROTOCOL_UDP ||
	    key->local_port != wire_order16(DHCP6_CLIENT_PORT) ||
	    key->remote_port != wire_order16(DHCP6_SERVER_PORT))
		return false;
	if (memcmp(key->remote, dhcp6_servers, 16) == 0)
		return true;
	/* The server answers from its link-local address. */
	return direction == DIRECTION_INBOUND && key->remote[0] == 0xfe &&
	       (key->remote[1] & 0xc0) == 0x80;
}

bool platform_service(const struct ruleset *ruleset, const struct packet *packet)
{
	if (packet->flags & PACKET_LATER_FRAGMENT)
		return false;
	if (packet->kind == PACKET_IP4)
		return platform_key4(ruleset->names_platform, packet->direction, &packet->key4);
	return packet->kind == PACKET_IP6 && platform_key6(packet->direction, &packet->key6);
}

void platform_set_key(struct packet *packet)
{
	if (packet->kind == PACKET_IP6) {
		memset(packet->key6.local, 0, sizeof(packet->key6.local));
		memcpy(packet->key6.remote, dhcp6_servers, sizeof(dhcp6_servers));
	} else if (packet->protocol == IP_PROTOCOL_UDP &&
		   packet->key4.remote_port == wire_order16(DHCP_SERVER_PORT)) {
		packet->key4.local = 0;
		packet->key4.remote = PLATFORM_WIRE_SERVER;
	}
}
