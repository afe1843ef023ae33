/* The host's state as JSON, see state.h. */
#include "azhost/host/state.h"

#include "azhost/host/kernel_nic.h"
#include "azhost/vmbus/netvsc.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void add_mac(struct json *object, const uint8_t *mac)
{
	json_add_format(object, "mac", "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2],
			mac[3], mac[4], mac[5]);
}

static void add_vf(const struct nic *nic, struct json *object)
{
	const struct vf *vf = &nic->vf;

	json_add_string(object, "profile", vf->profile);
	json_add_string(object, "pci", vf->address);
	json_add_string(object, "interface", vf->netdev);
	json_add_string(object, "rdma", vf->ibname);
	json_add_bool(object, "present", vf->present);
	json_add_bool(object, "open", vf->control.fd >= 0);
	json_add_bool(object, "ready", vf->ready);
	json_add_bool(object, "noted", nic->life.note_on);
	json_add_integer(object, "serial", nic->life.serial);
	json_add_bool(object, "changing", vf_life_busy(&nic->life));
}

void state_nics(struct host *host, struct json *array)
{
	for (unsigned i = 0; i < host->nic_count; i++) {
		const struct nic *nic = &host->nics[i];
		struct json *object = json_add_object(array, NULL);

		json_add_string(object, "name", nic->name);
		add_mac(object, nic->mac);
		json_add_string(object, "guid", nic->netvsc != NULL ? nic->guid : NULL);
		json_add_string(object, "pci",
				nic->has_vf && nic->vf.present ? nic->vf.address : NULL);
		json_add_string(object, "interface",
				nic->has_vf && nic->vf.present ? nic->vf.netdev : NULL);
		json_add_string(object, "kernelInterface",
				nic->kernel != NULL ? nic->interface : NULL);
		json_add_string(object, "uplink", nic->uplink != NULL ? nic->uplink->name : "pair");
		json_add_bool(object, "linkUp", nic->port.link_up);
		json_add_string(object, "datapath", vm_path_names[vm_port_path(&nic->port)]);
		if (nic->has_vf)
			add_vf(nic, json_add_object(object, "vf"));
		else
			json_add_null(object, "vf");
	}
}

static void add_counters(struct json *object, const char *key, const struct vm_counter *of)
{
	struct json *counters = json_add_object(object, key);

	for (unsigned path = 0; path < VM_PATHS; path++) {
		struct json *one = json_add_object(counters, vm_path_names[path]);

		json_add_unsigned(one, "frames", of[path].frames);
		json_add_unsigned(one, "bytes", of[path].bytes);
	}
}

static void add_synthetic(const struct nic *nic, struct json *object)
{
	struct netvsc_stats stats;
	struct netvsc_queue_stats queue;
	struct json *queues;

	netvsc_get_stats(nic->netvsc, &stats);

	const struct {
		const char *key;
		uint64_t value;
	} numbers[] = {
		{ "opens", stats.opens },
		{ "chimneyPackets", stats.chimney_packets },
		{ "gpaPackets", stats.gpa_packets },
		{ "checksumsFilled", stats.checksums },
		{ "largeSends", stats.segmented },
		{ "segments", stats.segments },
		{ "vlanInserted", stats.vlan_inserted },
		{ "vlanStripped", stats.vlan_stripped },
		{ "controlMessages", stats.controls },
		{ "malformed", stats.malformed },
		{ "noSection", stats.no_section },
		{ "memoryFaults", stats.memory_faults },
		{ "sections", stats.sections },
		{ "sectionsFree", stats.sections_free },
		{ "filter", stats.filter },
	};

	json_add_bool(object, "connected", stats.connected);
	for (unsigned i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		json_add_unsigned(object, numbers[i].key, numbers[i].value);
	queues = json_add_array(object, "queues");
	for (unsigned i = 0; i < AZHOST_QUEUES_MAX; i++) {
		if (!netvsc_get_queue_stats(nic->netvsc, i, &queue))
			continue;

		struct json *one = json_add_object(queues, NULL);

		json_add_integer(one, "queue", i);
		json_add_unsigned(one, "toGuest", queue.to_guest);
		json_add_unsigned(one, "fromGuest", queue.from_guest);
		json_add_unsigned(one, "ringFull", queue.ring_full);
	}
}

static uint64_t relaxed(const uint64_t *counter)
{
	return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

static void add_vf_stats(const struct nic *nic, struct json *object)
{
	const struct vf *vf = &nic->vf;
	struct vf_losses now = vf_in_flight(vf);

	json_add_unsigned(object, "opens", vf->attaches);
	json_add_unsigned(object, "revokes", nic->life.revokes);
	json_add_unsigned(object, "assigns", nic->life.assigns);
	json_add_unsigned(object, "ringFull", vf->ring_full);
	json_add_unsigned(object, "protocolErrors", vf->protocol_errors);
	json_add_unsigned(object, "inFlight", now.undelivered + now.unseen);
	json_add_unsigned(object, "lostUndelivered", vf->losses.undelivered);
	json_add_unsigned(object, "lostUnseen", vf->losses.unseen);
	json_add_unsigned(object, "lostUnsent", vf->losses.unsent + vf->discarded);
	json_add_unsigned(object, "lostNoBuffer", vf->losses.no_buffer + now.no_buffer);
	json_add_unsigned(object, "noRule", vf->losses.no_rule + now.no_rule);
	json_add_unsigned(object, "lostAfterLastPoll", vf->losses.undelivered + vf->losses.unseen);
	if (vf->shared == NULL)
		return;
	json_add_unsigned(object, "delivered", relaxed(&vf->shared->delivered));
	json_add_unsigned(object, "consumed", relaxed(&vf->shared->consumed));
	json_add_unsigned(object, "dropped", relaxed(&vf->shared->dropped));
	json_add_unsigned(object, "toKernel", relaxed(&vf->shared->to_kernel));
	json_add_unsigned(object, "sent", relaxed(&vf->shared->sent));
	json_add_unsigned(object, "kernelSent", relaxed(&vf->shared->kernel_sent));
	json_add_unsigned(object, "wireFull", relaxed(&vf->shared->wire_full));
}

static void add_kernel(const struct nic *nic, struct json *object)
{
	const struct kernel_nic_stats stats = kernel_nic_get_stats(nic->kernel);

	json_add_string(object, "interface", stats.interface);
	json_add_unsigned(object, "fromVf", stats.from_vf);
	json_add_unsigned(object, "refused", stats.refused);
}

static void add_nic_stats(const struct nic *nic, struct json *object)
{
	struct json *drops;

	json_add_string(object, "name", nic->name);
	json_add_string(object, "datapath", vm_path_names[vm_port_path(&nic->port)]);
	add_counters(object, "toGuest", nic->port.received);
	add_counters(object, "fromGuest", nic->port.sent);
	drops = json_add_object(object, "drops");
	for (unsigned i = 0; i < VM_DROPS_COUNT; i++)
		json_add_unsigned(drops, vm_drop_names[i], nic->port.dropped[i]);
	if (nic->netvsc != NULL)
		add_synthetic(nic, json_add_object(object, "synthetic"));
	if (nic->kernel != NULL)
		add_kernel(nic, json_add_object(object, "kernel"));
	if (nic->has_vf)
		add_vf_stats(nic, json_add_object(object, "vf"));
}

static void add_uplink(const struct uplink *uplink, struct json *object)
{
	json_add_string(object, "name", uplink->name);
	json_add_unsigned(object, "received", uplink->received);
	json_add_unsigned(object, "sent", uplink->sent);
	json_add_unsigned(object, "refused", uplink->lost);
	json_add_unsigned(object, "faultLost", uplink->in.lost + uplink->out.lost);
	json_add_unsigned(object, "faultDelayed", uplink->in.delayed + uplink->out.delayed);
	json_add_unsigned(object, "faultReordered", uplink->in.reordered + uplink->out.reordered);
}

void state_stats(struct host *host, struct json *object)
{
	struct json *nics = json_add_array(object, "nics");
	struct json *uplinks;

	for (unsigned i = 0; i < host->nic_count; i++)
		add_nic_stats(&host->nics[i], json_add_object(nics, NULL));
	uplinks = json_add_array(object, "uplinks");
	for (unsigned i = 0; i < host->switch_count; i++)
		if (host->uplinks[i].wire != NULL)
			add_uplink(&host->uplinks[i], json_add_object(uplinks, NULL));
	json_add_double(object, "seconds",
			(double)(loop_now_ns() - host->started_ns) / 1000000000.0);
}

void state_datapath(const struct nic *nic, struct json *object)
{
	json_add_string(object, "nic", nic->name);
	json_add_string(object, "datapath", vm_path_names[vm_port_path(&nic->port)]);
	json_add_bool(object, "vfUsable", nic->port.vf_usable);
	json_add_bool(object, "guestAskedForVf", nic->port.vf_asked);
	json_add_bool(object, "openersSynthetic", nic->port.openers_synthetic);
	json_add_bool(object, "multicastSynthetic", nic->port.multicast_synthetic);
}

void state_vf_report(const struct nic *nic, struct json *object)
{
	const struct vf_report *report = &nic->vf.report;

	for (uint32_t i = 0; i < report->count; i++)
		json_add_unsigned(object, report->items[i].name, report->items[i].value);
}

bool state_profile_exists(const struct host *host, const char *profile)
{
	char path[TREE_PATH];

	if (strlen(profile) >= sizeof(host->nics[0].vf.profile) || profile[0] == '.' ||
	    strpbrk(profile, "/,;") != NULL)
		return false;
	snprintf(path, sizeof(path), "%s/%s", host->options->profiles, profile);
	return access(path, R_OK) == 0;
}
