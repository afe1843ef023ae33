/* Forwarding, see vswitch.h. */
#include "azhost/vswitch/vswitch.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#define ETHER_HEADER 14

void vswitch_init(struct vswitch *sw)
{
	memset(sw, 0, sizeof(*sw));
}

int vswitch_add(struct vswitch *sw, struct vswitch_port *port)
{
	if (sw->count == VSWITCH_PORTS)
		return -ENOSPC;
	sw->ports[sw->count++] = port;
	port->owner = sw;
	return 0;
}

static struct vswitch_learned *learned_slot(struct vswitch *sw, const uint8_t *mac)
{
	unsigned hash = mac[3] * 31u + mac[4] * 7u + mac[5] + mac[2] * 131u;

	return &sw->learned[hash % VSWITCH_LEARN];
}

static void learn(struct vswitch *sw, struct vswitch_port *from, const uint8_t *mac)
{
	if ((mac[0] & 1) != 0 || memcmp(mac, from->mac, 6) == 0)
		return;

	struct vswitch_learned *slot = learned_slot(sw, mac);

	memcpy(slot->mac, mac, 6);
	slot->port = from;
}

static struct vswitch_port *find_nic(struct vswitch *sw, const uint8_t *mac)
{
	for (unsigned i = 0; i < sw->count; i++)
		if (!sw->ports[i]->is_uplink && memcmp(sw->ports[i]->mac, mac, 6) == 0)
			return sw->ports[i];

	struct vswitch_learned *slot = learned_slot(sw, mac);

	return slot->port != NULL && memcmp(slot->mac, mac, 6) == 0 ? slot->port : NULL;
}

static struct vswitch_port *find_uplink(struct vswitch *sw)
{
	for (unsigned i = 0; i < sw->count; i++)
		if (sw->ports[i]->is_uplink)
			return sw->ports[i];
	return NULL;
}

static void flood(struct vswitch *sw, struct vswitch_port *from, const uint8_t *frame,
		  uint32_t length)
{
	for (unsigned i = 0; i < sw->count; i++)
		if (sw->ports[i] != from)
			sw->ports[i]->output(sw->ports[i]->opaque, frame, length);
}

bool vswitch_may_input(const struct vswitch_port *from, uint64_t now_ns)
{
	const struct vswitch *sw = from->owner;

	if (!sw->flow_control || sw->count != 2)
		return true;

	struct vswitch_port *to = sw->ports[sw->ports[0] == from];

	if (to->has_room == NULL || to->has_room(to->opaque)) {
		to->full_since = 0;
		return true;
	}
	if (to->full_since == 0)
		to->full_since = now_ns;
	return now_ns - to->full_since >= VSWITCH_PATIENCE_NS;
}

void vswitch_input(struct vswitch_port *from, const uint8_t *frame, uint32_t length)
{
	struct vswitch *sw = from->owner;

	if (length < ETHER_HEADER)
		return;
	if (sw->count <= 2 || (frame[0] & 1) != 0) {
		flood(sw, from, frame, length);
		return;
	}

	struct vswitch_port *to = find_nic(sw, frame);

	if (!from->is_uplink)
		learn(sw, from, frame + 6);
	/* A NIC that sends to an address of its own means somebody on the wire. */
	if (to == NULL || to == from)
		to = from->is_uplink ? NULL : find_uplink(sw);
	if (to == NULL) {
		sw->unknown++;
		return;
	}
	to->output(to->opaque, frame, length);
}
