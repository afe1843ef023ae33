/*
 * The virtual switch: ports for the guest's NICs and at most one uplink. With one NIC it is a
 * cable: every frame passes, and the guest's own filters decide. With more it forwards by MAC
 * address: a NIC's own address, then addresses that NICs were seen to use, then the uplink. Frames
 * are handled to the end in the call that brings them in; nothing is queued. The host process's
 * only thread.
 */
#ifndef AZHOST_VSWITCH_VSWITCH_H
#define AZHOST_VSWITCH_VSWITCH_H

#include <stdbool.h>
#include <stdint.h>

#define VSWITCH_PORTS 16
#define VSWITCH_LEARN 256 /* a power of two */

struct vswitch_port {
	void (*output)(void *opaque, const uint8_t *frame, uint32_t length);
	void *opaque;
	bool is_uplink;
	uint8_t mac[6]; /* of a NIC */
	struct vswitch *owner;
};

struct vswitch_learned {
	uint8_t mac[6];
	struct vswitch_port *port; /* NULL: free */
};

struct vswitch {
	struct vswitch_port *ports[VSWITCH_PORTS];
	unsigned count;
	struct vswitch_learned learned[VSWITCH_LEARN];
	uint64_t unknown; /* frames that no port wanted */
};

void vswitch_init(struct vswitch *sw);

/* -ENOSPC. The port stays the caller's and must outlive the switch. */
int vswitch_add(struct vswitch *sw, struct vswitch_port *port);

/* A frame came in at @from. Runts below an Ethernet header are dropped. */
void vswitch_input(struct vswitch_port *from, const uint8_t *frame, uint32_t length);

#endif
