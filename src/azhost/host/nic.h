/*
 * A NIC of the guest: one MAC address, a port of the switch, and behind it the synthetic device,
 * the VF, or both. Owned by struct host. The host process's only thread.
 */
#ifndef AZHOST_HOST_NIC_H
#define AZHOST_HOST_NIC_H

#include "azhost/host/options.h"
#include "azhost/host/vf.h"
#include "azhost/host/vf_life.h"
#include "azhost/vswitch/vmport.h"

#include <stdbool.h>

struct host;
struct netvsc;
struct kernel_nic;

struct nic {
	struct host *host;
	unsigned index;
	char name[16];
	char guid[AZHOST_GUID_TEXT];
	uint8_t mac[6];

	struct vm_port port;
	struct netvsc *netvsc;     /* owned; NULL without a synthetic device that is seen */
	struct kernel_nic *kernel; /* owned; NULL unless the guest's kernel drives that device */
	char interface[16];        /* of `kernel` */
	bool has_vf;
	struct vf vf;
	struct vf_life life;
	struct uplink *uplink; /* of its switch; NULL with pair */
};

int nic_init(struct nic *nic, struct host *host, unsigned index);
void nic_fini(struct nic *nic);

/* Put the VF on the bus at the start of the host, so that the guest finds it there. */
int nic_plug_initial(struct nic *nic);

void nic_set_link(struct nic *nic, bool up);

/* The uplink's peer, whose only NIC this is, feeds the VF by itself or ceases to. */
void nic_feed_vf(struct nic *nic, bool on);

/* Tell the guest of the VF's association by a note, now or as soon as it can be told. */
void nic_note(struct nic *nic, bool allocated);

#endif
