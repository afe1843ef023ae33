/* Faults, see faults.h. */
#include "azhost/host/faults.h"

#include "azhost/host/host.h"
#include "azhost/host/say.h"
#include "azhost/vmbus/netvsc.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

#define PPM 1000000u
/* The VF library waits 10 s for the host, in all. */
#define SLOW_MAX_MS      9000u
#define SLOW_RULE_MAX_US 100000u

static int tell_vf(struct nic *nic, enum vf_fault fault, uint64_t value, struct accelnet_error *err)
{
	if (!nic->has_vf)
		return fail(err, ACCELNET_E_UNSUPPORTED, NULL, "%s has no VF", nic->name);
	if (vf_fault(&nic->vf, fault, value) < 0)
		return fail(err, ACCELNET_E_STATE, NULL, "%s: no guest has its VF open", nic->name);
	return 0;
}

#define VF_FAULT_FUNCTION(id, name, help)                                                   \
	static int inject_##id(struct nic *nic, uint64_t value, struct accelnet_error *err) \
	{                                                                                   \
		return tell_vf(nic, VF_FAULT_##id, value, err);                             \
	}
VF_FAULTS(VF_FAULT_FUNCTION)
#undef VF_FAULT_FUNCTION

static int set_wire(struct nic *nic, uint64_t value, uint64_t max, size_t offset,
		    struct accelnet_error *err)
{
	if (nic->uplink == NULL)
		return fail(err, ACCELNET_E_UNSUPPORTED, NULL, "%s has no uplink", nic->name);
	if (value > max)
		return fail(err, ACCELNET_E_RANGE, NULL, "at most %llu", (unsigned long long)max);
	*(uint32_t *)((char *)&nic->uplink->in + offset) = (uint32_t)value;
	*(uint32_t *)((char *)&nic->uplink->out + offset) = (uint32_t)value;
	return 0;
}

static int inject_loss(struct nic *nic, uint64_t value, struct accelnet_error *err)
{
	return set_wire(nic, value, PPM, offsetof(struct impair, loss_ppm), err);
}

static int inject_reorder(struct nic *nic, uint64_t value, struct accelnet_error *err)
{
	return set_wire(nic, value, PPM, offsetof(struct impair, reorder_ppm), err);
}

static int inject_delay(struct nic *nic, uint64_t value, struct accelnet_error *err)
{
	return set_wire(nic, value, 10 * PPM, offsetof(struct impair, delay_us), err);
}

static int inject_stall(struct nic *nic, uint64_t value, struct accelnet_error *err)
{
	if (nic->netvsc == NULL)
		return fail(err, ACCELNET_E_UNSUPPORTED, NULL, "%s has no synthetic device",
			    nic->name);
	netvsc_stall(nic->netvsc, value != 0);
	return 0;
}

static int inject_vf_silent(struct nic *nic, uint64_t value, struct accelnet_error *err)
{
	if (!nic->has_vf)
		return fail(err, ACCELNET_E_UNSUPPORTED, NULL, "%s has no VF", nic->name);
	vf_cut(&nic->vf, value != 0);
	return 0;
}

static int set_slow(struct nic *nic, uint64_t value, uint64_t max, uint32_t *ret_time,
		    struct accelnet_error *err)
{
	if (!nic->has_vf)
		return fail(err, ACCELNET_E_UNSUPPORTED, NULL, "%s has no VF", nic->name);
	if (value > max)
		return fail(err, ACCELNET_E_RANGE, NULL, "at most %llu", (unsigned long long)max);
	*ret_time = (uint32_t)value;
	return 0;
}

static int inject_slow_open(struct nic *nic, uint64_t value, struct accelnet_error *err)
{
	return set_slow(nic, value, SLOW_MAX_MS, &nic->vf.open_ms, err);
}

static int inject_slow_queue(struct nic *nic, uint64_t value, struct accelnet_error *err)
{
	return set_slow(nic, value, SLOW_MAX_MS, &nic->vf.queue_ms, err);
}

static int inject_slow_rule(struct nic *nic, uint64_t value, struct accelnet_error *err)
{
	return set_slow(nic, value, SLOW_RULE_MAX_US, &nic->vf.rule_us, err);
}

static int inject_host_gone(struct nic *nic, uint64_t value, struct accelnet_error *err)
{
	(void)nic;
	(void)value;
	(void)err;
	say("the host process ends itself, as asked");
	return kill(getpid(), SIGKILL) == 0 ? 0 : fail(err, ACCELNET_E_INTERNAL, NULL, "kill");
}

const struct fault faults[] = {
#define VF_FAULT_ENTRY(id, name, help) { name, help, inject_##id },
	VF_FAULTS(VF_FAULT_ENTRY)
#undef VF_FAULT_ENTRY
		{ "loss", "of a million frames on the NIC's uplink VALUE are lost", inject_loss },
	{ "reorder", "of a million frames VALUE are overtaken by the next one", inject_reorder },
	{ "delay", "frames on the NIC's uplink take VALUE microseconds longer", inject_delay },
	{ "stall", "1: the synthetic device's rings are left alone; 0: no more", inject_stall },
	{ "vf-silent", "1: the VF carries no frames and says nothing; 0: no more",
	  inject_vf_silent },
	{ "slow-open", "a guest that opens the VF waits VALUE ms, at most 9000; 0: no more",
	  inject_slow_open },
	{ "slow-queue", "each Rx queue of a VF opened from now on takes VALUE ms, at most 9000",
	  inject_slow_queue },
	{ "slow-rule", "each rule of a VF opened from now on takes VALUE us, at most 100000",
	  inject_slow_rule },
	{ "host-gone", "the host process is killed; the guest goes on", inject_host_gone },
	{ NULL, NULL, NULL },
};

int fault_inject(struct nic *nic, const char *name, uint64_t value, struct accelnet_error *err)
{
	for (const struct fault *fault = faults; fault->name != NULL; fault++)
		if (strcmp(fault->name, name) == 0)
			return fault->inject(nic, value, err);
	return fail(err, ACCELNET_E_VALUE, NULL, "no fault '%s' (azhost ctl fault --help)", name);
}
