/*
 * The life of a VF as the guest sees it. Azure takes a VF away for servicing and brings it back;
 * the guest notices by four things, which reach it in no fixed order and with any delay between
 * them:
 *
 *   note    the VF association note of NVSP (netvsc)
 *   pci     the PCI entry, its interface and RDMA device
 *   uevent  the kernel's event for the PCI device
 *   fatal   the device itself reports that it is dead
 *
 * A change is a list of these steps with a delay before each but the first.
 */
#ifndef AZHOST_HOST_VF_LIFE_H
#define AZHOST_HOST_VF_LIFE_H

#include "azhost/host/loop.h"

#include <stdbool.h>
#include <stdint.h>

struct nic;

enum vf_step { VF_STEP_NOTE, VF_STEP_PCI, VF_STEP_UEVENT, VF_STEP_FATAL, VF_STEPS };

extern const char *const vf_step_names[VF_STEPS];

struct vf_change {
	bool assign; /* else revoke */
	enum vf_step steps[VF_STEPS];
	unsigned count;
	uint32_t delay_ms;
};

#define VF_CHANGES_MAX 16 /* queued: a flapping VF */

struct vf_life {
	struct nic *nic;
	struct loop_timer timer;
	struct vf_change queue[VF_CHANGES_MAX];
	unsigned queued;
	unsigned step; /* of queue[0] */

	bool note_on;    /* the host has the VF allocated, as far as notes go */
	uint32_t serial; /* of the last note */
	uint64_t revokes;
	uint64_t assigns;
};

void vf_life_init(struct vf_life *life, struct nic *nic, struct loop *loop);
void vf_life_fini(struct vf_life *life);

/* Steps in Azure's usual order. */
struct vf_change vf_change_default(bool assign);

/* "note,pci,uevent": each step at most once. -EINVAL. */
int vf_change_parse_order(struct vf_change *change, const char *order);

/* Begin @change, or queue it behind those that are not finished. -ENOBUFS. */
int vf_life_change(struct vf_life *life, const struct vf_change *change);

/* Some change is not finished. */
bool vf_life_busy(const struct vf_life *life);

#endif
