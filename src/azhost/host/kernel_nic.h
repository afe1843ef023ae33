/*
 * The synthetic NIC of a guest whose kernel drives it: what hv_netvsc makes of the VMBus device and
 * of the VF below it, as an interface in the guest's network namespace. It is the kernel's view
 * only: no VMBus is shown, so netvsc's PMD has nothing to find.
 *
 * As hv_netvsc (drivers/net/hyperv/netvsc_drv.c of Linux):
 *  - the interface has the MAC address of the VF, which it takes for its lower device;
 *  - it asks for the VF's data path when the VF's interface is up and associated by a note
 *    (netvsc_vf_changed()), and for the synthetic one when that goes down or away;
 *  - what it sends goes by the VF while that path is on (netvsc_start_xmit());
 *  - what the VF's own kernel driver receives, which is what no rule of a program takes, appears on
 *    it (netvsc_vf_handle_frame()).
 *
 * It is not a device: no checksums, no large sends, no queues; a TAP. The host process's only
 * thread.
 */
#ifndef AZHOST_HOST_KERNEL_NIC_H
#define AZHOST_HOST_KERNEL_NIC_H

#include "azhost/vswitch/vmport.h"

#include <stdbool.h>
#include <stdint.h>

struct loop;
struct kernel_nic;

struct kernel_nic_config {
	const char *interface; /* "azeth0"; outlives the object */
	const char *vf;        /* the VF's interface, NULL: there is none ever; outlives it, too */
	const uint8_t *mac;
	uint32_t mtu;
};

struct kernel_nic_callbacks {
	/* The kernel sent a frame; @vf: its driver gave it to the VF. */
	void (*send)(void *opaque, bool vf, const uint8_t *frame, uint32_t length);
	/* Whether frames of the kernel may be taken now. */
	bool (*may_send)(void *opaque);
	/* The driver asks for a data path. */
	void (*datapath)(void *opaque, bool vf);
	/* The interface is up: it can receive. */
	void (*receiving)(void *opaque);
};

/* -errno where the interface cannot be made. */
int kernel_nic_new(const struct kernel_nic_config *config, struct loop *loop,
		   const struct kernel_nic_callbacks *callbacks, void *opaque,
		   struct kernel_nic **ret);
void kernel_nic_free(struct kernel_nic *nic);

/* A frame for the kernel; @vf: by the VF, where no rule took it. */
enum vm_delivery kernel_nic_receive(struct kernel_nic *nic, bool vf, const uint8_t *frame,
				    uint32_t length);

/* VF association. */
void kernel_nic_note(struct kernel_nic *nic, bool allocated);

void kernel_nic_set_link(struct kernel_nic *nic, bool up);

struct kernel_nic_stats {
	const char *interface;
	uint64_t from_vf; /* frames that the VF's kernel driver passed up */
	uint64_t refused; /* the interface did not take them: it is down, or full */
};

struct kernel_nic_stats kernel_nic_get_stats(const struct kernel_nic *nic);

#endif
