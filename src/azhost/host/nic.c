/* A guest NIC, see nic.h. */
#include "azhost/host/nic.h"

#include "azhost/host/host.h"
#include "azhost/host/kernel_nic.h"
#include "azhost/host/say.h"
#include "azhost/vmbus/netvsc.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static enum vm_delivery to_synthetic(void *opaque, const uint8_t *frame, uint32_t length)
{
	struct nic *nic = opaque;

	return netvsc_receive(nic->netvsc, frame, length);
}

static enum vm_delivery to_vf(void *opaque, const uint8_t *frame, uint32_t length)
{
	struct nic *nic = opaque;

	return vf_send(&nic->vf, frame, length) == VF_SENT ? VM_DELIVERED : VM_FULL;
}

static bool synthetic_has_room(void *opaque)
{
	const struct nic *nic = opaque;

	return netvsc_has_room(nic->netvsc);
}

static bool vf_room(void *opaque)
{
	const struct nic *nic = opaque;

	return vf_has_room(&nic->vf);
}

/* Frames of the guest wait where there is no room for them at the other end. */
static bool may_send(void *opaque)
{
	const struct nic *nic = opaque;

	return vswitch_may_input(&nic->port.port, loop_now_ns());
}

static void guest_ready(struct nic *nic)
{
	struct wire *wire = nic->uplink != NULL ? nic->uplink->wire : NULL;

	if (wire != NULL && wire->type->guest_ready != NULL)
		wire->type->guest_ready(wire);
}

/* Only where nothing has to be done with the VF's frames on the way. */
static bool may_be_fed(const struct nic *nic)
{
	const struct vm_port *port = &nic->port;

	return port->link_up && !port->vf_only && vm_port_path(port) == VM_PATH_VF &&
	       !(port->policy != NULL && port->policy_all_paths);
}

static void offer_vf(struct nic *nic)
{
	struct wire *wire = nic->uplink != NULL ? nic->uplink->wire : NULL;
	struct wire_vf vf;

	/* Beside other NICs somebody has to look at the MAC address. */
	if (wire == NULL || wire->type->offer_vf == NULL || nic->port.port.owner->count != 2)
		return;
	if (!may_be_fed(nic)) {
		wire->type->offer_vf(wire, NULL);
		return;
	}
	vf = vf_wire(&nic->vf);
	wire->type->offer_vf(wire, &vf);
}

void nic_feed_vf(struct nic *nic, bool on)
{
	if (!nic->has_vf || nic->port.vf_only)
		return;
	nic->port.vf_fed = on;
	if (!on)
		vf_take_back(&nic->vf);
}

static void vf_received(void *opaque, const uint8_t *frame, uint32_t length)
{
	struct nic *nic = opaque;

	vm_port_from_guest(&nic->port, VM_PATH_VF, frame, length);
}

static void vf_changed(void *opaque)
{
	struct nic *nic = opaque;

	nic->port.vf_usable = vf_usable(&nic->vf);
	offer_vf(nic);
	if (nic->vf.ready && nic->port.vf_only)
		guest_ready(nic);
}

static void synthetic_sent(void *opaque, const uint8_t *frame, uint32_t length)
{
	struct nic *nic = opaque;

	vm_port_from_guest(&nic->port, VM_PATH_SYNTHETIC, frame, length);
}

static void synthetic_datapath(void *opaque, bool vf)
{
	struct nic *nic = opaque;

	if (nic->port.vf_asked == vf)
		return;
	nic->port.vf_asked = vf;
	if (nic->has_vf)
		offer_vf(nic);
	say_detail("%s: data path %s", nic->name, vf ? "vf" : "synthetic");
}

static enum vm_delivery to_kernel(void *opaque, const uint8_t *frame, uint32_t length)
{
	struct nic *nic = opaque;

	return kernel_nic_receive(nic->kernel, false, frame, length);
}

static bool kernel_has_room(void *opaque)
{
	(void)opaque;
	return true; /* as every kernel: what its queue does not take is lost */
}

static void kernel_sent(void *opaque, bool vf, const uint8_t *frame, uint32_t length)
{
	struct nic *nic = opaque;

	vm_port_from_guest(&nic->port, vf ? VM_PATH_VF : VM_PATH_SYNTHETIC, frame, length);
}

static void kernel_receiving(void *opaque)
{
	guest_ready(opaque);
}

static void vf_unmatched(void *opaque, const uint8_t *frame, uint32_t length)
{
	struct nic *nic = opaque;

	(void)kernel_nic_receive(nic->kernel, true, frame, length);
}

static void synthetic_note_point(void *opaque)
{
	struct nic *nic = opaque;

	if (nic->has_vf && nic->life.note_on)
		netvsc_note(nic->netvsc, true, nic->life.serial);
}

static void synthetic_receiving(void *opaque, bool on)
{
	if (on)
		guest_ready(opaque);
}

static const struct vf_callbacks vf_callbacks = {
	.receive = vf_received,
	.may_receive = may_send,
	.unmatched = vf_unmatched,
	.changed = vf_changed,
};

static const struct netvsc_callbacks netvsc_callbacks = {
	.send = synthetic_sent,
	.may_send = may_send,
	.datapath = synthetic_datapath,
	.note_point = synthetic_note_point,
	.receiving = synthetic_receiving,
};

static const struct kernel_nic_callbacks kernel_callbacks = {
	.send = kernel_sent,
	.may_send = may_send,
	.datapath = synthetic_datapath,
	.receiving = kernel_receiving,
};

static void init_vf(struct nic *nic, const struct host_options *options)
{
	const struct nic_options *own = &options->nic[nic->index];
	struct vf *vf = &nic->vf;

	snprintf(vf->ibname, sizeof(vf->ibname), "azmlx%u", nic->index);
	snprintf(vf->netdev, sizeof(vf->netdev), "azvf%u", nic->index);
	snprintf(vf->address, sizeof(vf->address), "%s", own->pci);
	snprintf(vf->profile, sizeof(vf->profile), "%s", own->profile);
	memcpy(vf->mac, nic->mac, sizeof(vf->mac));
	vf->view = nic->name;
	vf->mtu = options->mtu;
	vf->flow_control = options->flow_control;
	vf->under_synthetic = options->vf == VF_MODE_ON && options->kernel_synthetic;
	vf->pair = options->vf == VF_MODE_ONLY && strcmp(options->uplinks[0], "pair") == 0;
	vf_init(vf, nic->host->tree, &nic->host->loop, &vf_callbacks, nic);
	vf_life_init(&nic->life, nic, &nic->host->loop);
	nic->life.note_on = options->vf == VF_MODE_ON;
	nic->life.serial = nic->index + 1;
}

static int init_netvsc(struct nic *nic, const struct host_options *options)
{
	struct netvsc_config config = {
		.index = nic->index,
		.name = nic->name,
		.guid = nic->guid,
		.queues = options->queues,
		.mtu = options->mtu,
	};

	memcpy(config.mac, nic->mac, sizeof(config.mac));
	return netvsc_new(&config, nic->host->tree, &nic->host->loop, &netvsc_callbacks, nic,
			  &nic->netvsc);
}

static int init_kernel(struct nic *nic, const struct host_options *options)
{
	const struct kernel_nic_config config = {
		.interface = nic->interface,
		.vf = nic->has_vf ? nic->vf.netdev : NULL,
		.mac = nic->mac,
		.mtu = options->mtu,
	};

	snprintf(nic->interface, sizeof(nic->interface), "azeth%u", nic->index);
	nic->port.to_guest[VM_PATH_SYNTHETIC] = to_kernel;
	nic->port.has_room[VM_PATH_SYNTHETIC] = kernel_has_room;
	return kernel_nic_new(&config, &nic->host->loop, &kernel_callbacks, nic, &nic->kernel);
}

static int init_synthetic(struct nic *nic, const struct host_options *options)
{
	int rc;

	if (options->kernel_synthetic)
		return init_kernel(nic, options);
	rc = init_netvsc(nic, options);
	nic->port.to_guest[VM_PATH_SYNTHETIC] = to_synthetic;
	nic->port.has_room[VM_PATH_SYNTHETIC] = synthetic_has_room;
	return rc < 0 ? rc : tree_view_show(nic->host->tree, nic->name, "vmbus", nic->guid);
}

int nic_init(struct nic *nic, struct host *host, unsigned index)
{
	const struct host_options *options = host->options;
	int rc = 0;

	*nic = (struct nic){ .host = host, .index = index };
	snprintf(nic->name, sizeof(nic->name), "nic%u", index);
	memcpy(nic->guid, options->nic[index].guid, sizeof(nic->guid));
	memcpy(nic->mac, options->nic[index].mac, sizeof(nic->mac));
	vm_port_init(&nic->port, nic->mac, nic);
	nic->port.vf_only = options->vf == VF_MODE_ONLY;
	nic->port.openers_synthetic = options->openers_synthetic;
	nic->port.multicast_synthetic = options->multicast_synthetic;
	nic->port.policy = options->policy;
	nic->port.policy_all_paths = options->policy_all_paths;
	nic->has_vf = options->vf != VF_MODE_OFF;
	rc = tree_view_make(host->tree, nic->name);
	if (rc < 0)
		return rc;
	if (nic->has_vf) {
		init_vf(nic, options);
		nic->port.to_guest[VM_PATH_VF] = to_vf;
		nic->port.has_room[VM_PATH_VF] = vf_room;
	}
	return options->vf == VF_MODE_ONLY ? 0 : init_synthetic(nic, options);
}

void nic_fini(struct nic *nic)
{
	if (nic->has_vf) {
		vf_life_fini(&nic->life);
		vf_fini(&nic->vf);
	}
	netvsc_free(nic->netvsc);
	nic->netvsc = NULL;
	kernel_nic_free(nic->kernel);
	nic->kernel = NULL;
}

int nic_plug_initial(struct nic *nic)
{
	int rc = nic->has_vf ? vf_plug(&nic->vf) : 0;

	if (rc == 0 && nic->kernel != NULL && nic->has_vf)
		kernel_nic_note(nic->kernel, true);
	return rc;
}

void nic_set_link(struct nic *nic, bool up)
{
	nic->port.link_up = up;
	if (nic->netvsc != NULL)
		netvsc_set_link(nic->netvsc, up);
	if (nic->kernel != NULL)
		kernel_nic_set_link(nic->kernel, up);
	if (!nic->has_vf)
		return;
	vf_set_link(&nic->vf, up);
	offer_vf(nic);
}

void nic_note(struct nic *nic, bool allocated)
{
	if (nic->netvsc != NULL)
		netvsc_note(nic->netvsc, allocated, nic->life.serial);
	if (nic->kernel != NULL)
		kernel_nic_note(nic->kernel, allocated);
}
