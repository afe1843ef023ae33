/* VF assignment and removal, see vf_life.h. */
#include "azhost/host/vf_life.h"

#include "azhost/host/host.h"
#include "azhost/host/nic.h"
#include "azhost/host/pci.h"
#include "azhost/host/say.h"

#include <errno.h>
#include <string.h>

const char *const vf_step_names[VF_STEPS] = {
	[VF_STEP_NOTE] = "note",
	[VF_STEP_PCI] = "pci",
	[VF_STEP_UEVENT] = "uevent",
	[VF_STEP_FATAL] = "fatal",
};

struct vf_change vf_change_default(bool assign)
{
	static const struct vf_change revoke = {
		.assign = false,
		.steps = { VF_STEP_NOTE, VF_STEP_FATAL, VF_STEP_PCI, VF_STEP_UEVENT },
		.count = 4,
	};
	static const struct vf_change give = {
		.assign = true,
		.steps = { VF_STEP_PCI, VF_STEP_UEVENT, VF_STEP_NOTE },
		.count = 3,
	};

	return assign ? give : revoke;
}

int vf_change_parse_order(struct vf_change *change, const char *order)
{
	unsigned seen = 0;

	change->count = 0;
	while (*order != '\0') {
		size_t n = strcspn(order, ",");
		unsigned step = 0;

		while (step < VF_STEPS && (strlen(vf_step_names[step]) != n ||
					   strncmp(vf_step_names[step], order, n) != 0))
			step++;
		if (step == VF_STEPS || (seen & 1u << step) != 0)
			return -EINVAL;
		if (change->assign && step == VF_STEP_FATAL)
			return -EINVAL;
		seen |= 1u << step;
		change->steps[change->count++] = step;
		order += n;
		if (*order == ',' && *++order == '\0')
			return -EINVAL;
	}
	return change->count == 0 ? -EINVAL : 0;
}

static void step_note(struct nic *nic, bool assign)
{
	struct vf_life *life = &nic->life;

	life->note_on = assign;
	if (assign)
		life->serial++;
	nic_note(nic, assign);
}

static void step_pci(struct nic *nic, bool assign)
{
	int rc;

	if (!assign) {
		vf_unplug(&nic->vf);
	} else {
		rc = vf_plug(&nic->vf);
		if (rc < 0)
			say("%s: cannot plug the VF in: %s", nic->name, strerror(-rc));
	}
	host_write_vfs(nic->host);
}

static void step_uevent(struct nic *nic, bool assign)
{
	const struct pci_vf pci = {
		.address = nic->vf.address,
		.ibname = nic->vf.ibname,
		.netdev = nic->vf.netdev,
		.profile = nic->vf.profile,
		.view = nic->name,
	};
	int rc = pci_uevent(&pci, assign ? PCI_UEVENT_ADD : PCI_UEVENT_REMOVE);

	if (rc < 0)
		say("%s: cannot send the uevent: %s", nic->name, strerror(-rc));
}

static void step_fatal(struct nic *nic, bool assign)
{
	(void)assign;
	vf_fatal(&nic->vf, 0);
}

static void (*const run_step[VF_STEPS])(struct nic *nic, bool assign) = {
	[VF_STEP_NOTE] = step_note,
	[VF_STEP_PCI] = step_pci,
	[VF_STEP_UEVENT] = step_uevent,
	[VF_STEP_FATAL] = step_fatal,
};

/* Runs steps until one has to be waited for. */
static void run(struct vf_life *life)
{
	struct nic *nic = life->nic;

	while (life->queued != 0) {
		struct vf_change *change = &life->queue[0];

		if (life->step < change->count) {
			enum vf_step step = change->steps[life->step++];

			say_detail("%s: VF %s: %s", nic->name, change->assign ? "assign" : "revoke",
				   vf_step_names[step]);
			run_step[step](nic, change->assign);
		}
		if (life->step == change->count) {
			uint32_t delay_ms = change->delay_ms;

			*(change->assign ? &life->assigns : &life->revokes) += 1;
			life->queued--;
			life->step = 0;
			memmove(&life->queue[0], &life->queue[1],
				life->queued * sizeof(life->queue[0]));
			if (life->queued == 0 || delay_ms == 0)
				continue;
		}
		if (life->queue[0].delay_ms != 0) {
			loop_timer_set(&nic->host->loop, &life->timer,
				       life->queue[0].delay_ms * UINT64_C(1000000));
			return;
		}
	}
}

static void fire(void *opaque)
{
	run(opaque);
}

void vf_life_init(struct vf_life *life, struct nic *nic, struct loop *loop)
{
	(void)loop;
	*life = (struct vf_life){
		.nic = nic,
		.timer = { .fire = fire, .opaque = life },
	};
}

void vf_life_fini(struct vf_life *life)
{
	if (life->nic != NULL)
		loop_timer_cancel(&life->nic->host->loop, &life->timer);
}

int vf_life_change(struct vf_life *life, const struct vf_change *change)
{
	if (life->queued == VF_CHANGES_MAX)
		return -ENOBUFS;
	life->queue[life->queued++] = *change;
	if (life->queued == 1) {
		life->step = 0;
		run(life);
	}
	return 0;
}

bool vf_life_busy(const struct vf_life *life)
{
	return life->queued != 0;
}
