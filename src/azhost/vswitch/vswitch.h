/*
 * The virtual switch: ports for the guest's NICs and at most one uplink. With two ports it is a
 * cable: every frame passes, and the guest's own filters decide. With more it forwards by MAC
 * address: a NIC's own address, then addresses that NICs were seen to use, then the uplink. Frames
 * are handled to the end in the call that brings them in; nothing is queued. The host process's
 * only thread.
 *
 * Flow control: whoever brings frames in asks first whether there is room at the other end of the
 * cable, and waits if there is none, so that nothing is lost for want of room. A switch of more
 * ports never makes anybody wait: one NIC that does not receive must not hold up the others.
 */
#ifndef AZHOST_VSWITCH_VSWITCH_H
#define AZHOST_VSWITCH_VSWITCH_H

#include <stdbool.h>
#include <stdint.h>

#define VSWITCH_PORTS 16
#define VSWITCH_LEARN 256 /* a power of two */

/* Who waits longer than this goes on, and loses what there is no room for. */
#define VSWITCH_PATIENCE_NS UINT64_C(10000000000)

struct vswitch_port {
	void (*output)(void *opaque, const uint8_t *frame, uint32_t length);
	/* Optional: is there room for a burst, or for a large send in its segments? */
	bool (*has_room)(void *opaque);
	void *opaque;
	bool is_uplink;
	uint64_t full_since; /* as far as somebody has asked; 0: it has room */
	uint8_t mac[6];      /* of a NIC */
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
	bool flow_control;
};

void vswitch_init(struct vswitch *sw);

/* -ENOSPC. The port stays the caller's and must outlive the switch. */
int vswitch_add(struct vswitch *sw, struct vswitch_port *port);

/* May frames be brought in at @from now? @now_ns is a clock that only goes forward. */
bool vswitch_may_input(const struct vswitch_port *from, uint64_t now_ns);

/* A frame came in at @from. Runts below an Ethernet header are dropped. */
void vswitch_input(struct vswitch_port *from, const uint8_t *frame, uint32_t length);

#endif
