/*
 * A guest NIC's port of the virtual switch: one MAC address, two ways into the guest. It chooses
 * the way for each frame, counts what went where, and applies the host's own policy where one is
 * set.
 *
 * With the VF path on (the guest asked for it by SET_DATAPATH and the VF is there) unicast goes to
 * the VF, while broadcast, multicast and the SYN that opens a TCP connection arrive on the
 * synthetic path, as Azure documents; each of the two exceptions can be switched off.
 */
#ifndef AZHOST_VSWITCH_VMPORT_H
#define AZHOST_VSWITCH_VMPORT_H

#include "azhost/vswitch/vswitch.h"

#include <stdbool.h>
#include <stdint.h>

enum vm_path { VM_PATH_SYNTHETIC, VM_PATH_VF, VM_PATHS };

extern const char *const vm_path_names[VM_PATHS];

/* Why a frame was not carried. */
#define VM_DROPS(D)                                                  \
	D(NO_PATH, "noPath", "neither path is there")                \
	D(LINK, "linkDown", "the NIC's link is down")                \
	D(POLICY, "hostPolicy", "the host's policy denies it")       \
	D(FULL, "full", "the guest did not take frames fast enough") \
	D(FILTER, "filtered", "the guest's receive filter does not want it")

enum vm_drop {
#define VM_DROP_ENUM(id, name, help) VM_DROP_##id,
	VM_DROPS(VM_DROP_ENUM)
#undef VM_DROP_ENUM
		VM_DROPS_COUNT,
};

extern const char *const vm_drop_names[VM_DROPS_COUNT];

struct vm_counter {
	uint64_t frames;
	uint64_t bytes;
};

/* What a way into the guest answers. */
enum vm_delivery { VM_DELIVERED, VM_FULL, VM_FILTERED };

struct vm_port {
	struct vswitch_port port;

	/* Ways into the guest; NULL where the NIC has no such device. */
	enum vm_delivery (*to_guest[VM_PATHS])(void *opaque, const uint8_t *frame, uint32_t length);
	/* Whether a burst would find room there now. */
	bool (*has_room[VM_PATHS])(void *opaque);
	void *opaque;

	bool vf_usable; /* attached and not revoked */
	bool vf_asked;  /* SET_DATAPATH */
	bool vf_only;   /* there is no synthetic device */
	bool vf_fed;    /* by the uplink's peer: what comes by the switch is for the other path */
	bool link_up;
	bool openers_synthetic;   /* default on */
	bool multicast_synthetic; /* default on */

	struct host_policy *policy; /* NULL: none; not owned */
	bool policy_all_paths;      /* else the synthetic path alone */

	struct vm_counter received[VM_PATHS]; /* by the guest */
	struct vm_counter sent[VM_PATHS];     /* by the guest */
	uint64_t dropped[VM_DROPS_COUNT];
};

void vm_port_init(struct vm_port *port, const uint8_t *mac, void *opaque);

/* The way that ordinary unicast takes now. */
enum vm_path vm_port_path(const struct vm_port *port);

/* The guest sent a frame on @path. */
void vm_port_from_guest(struct vm_port *port, enum vm_path path, const uint8_t *frame,
			uint32_t length);

#endif
