/*
 * Plans for the device and changes of policy: see hardware.h; hardware_report.c tells of them.
 */
#define LOG_ROOM LOG_ROOM_NIC
#include "nic/hardware.h"

#include "base/log.h"
#include "nic/hardware_rules.h"
#include "nic/nic_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* --- what the offload room asks --- */

static void changed(void *context)
{
	struct nic *nic = context;

	nic->services.wake(nic->services.context);
}

static uint64_t drain_ticket(void *context)
{
	struct nic *nic = context;

	return drain_take(&nic->hardware.drain);
}

static bool drained(void *context, uint64_t ticket)
{
	struct nic *nic = context;

	return drain_is_over(&nic->hardware.drain, ticket);
}

/* --- life --- */

/* netvsc reads its VF's ring behind its own: only an empty burst tells of both. */
static uint64_t ring_of(const struct nic *nic)
{
	return nic->config->uplink == UPLINK_NETVSC ? 0 : uplink_port(nic->uplink)->ring;
}

int hardware_init(struct nic *nic, struct accelnet_error *err)
{
	const struct offload_nic_options options = {
		.name = nic->config->name,
		.queues = nic->config->queues,
		.mac = nic->mac,
		.changed = changed,
		.drain_ticket = drain_ticket,
		.drained = drained,
		.context = nic,
	};

	nic->hardware.told = OFFLOAD_STATE_ABSENT;
	if (!nic->services.offload || nic->config->offload_off)
		return 0;
	drain_init(&nic->hardware.drain, &nic->view, ring_of(nic));
	return offload_nic_new(nic->services.offload, &options, &nic->hardware.offload, err);
}

void hardware_fini(struct nic *nic)
{
	hardware_abort(&nic->hardware.late);
	offload_nic_free(nic->hardware.offload);
	nic->hardware.offload = NULL;
}

/* --- the seam to the path machine --- */

static void attach(void *context, uint16_t port)
{
	struct nic *nic = context;

	if (nic->hardware.offload)
		offload_attach(nic->hardware.offload, port);
}

static void detach(void *context)
{
	struct nic *nic = context;

	if (nic->hardware.offload)
		offload_detach(nic->hardware.offload);
}

static enum failover_rules rules_state(void *context)
{
	static const enum failover_rules states[] = {
		[OFFLOAD_STATE_ABSENT] = FAILOVER_RULES_UNKNOWN,
		[OFFLOAD_STATE_WAITING] = FAILOVER_RULES_CHANGING,
		[OFFLOAD_STATE_INSTALLING] = FAILOVER_RULES_CHANGING,
		[OFFLOAD_STATE_COMPLETE] = FAILOVER_RULES_INSTALLED,
		[OFFLOAD_STATE_DEGRADED] = FAILOVER_RULES_REFUSED,
		[OFFLOAD_STATE_IDLE] = FAILOVER_RULES_NONE,
	};
	const struct nic *nic = context;
	struct offload_status status;

	if (!nic->hardware.offload)
		return FAILOVER_RULES_NONE;
	offload_status(nic->hardware.offload, &status);
	return states[status.state];
}

struct failover_seam hardware_seam(struct nic *nic)
{
	return (struct failover_seam){
		.rules = rules_state, .attach = attach, .detach = detach, .context = nic
	};
}

/* --- plans --- */

static bool wants_rules(const struct nic *nic, const struct ruleset *ruleset)
{
	return nic->hardware.offload && ruleset->has_policy &&
	       ruleset->policy->offload != OFFLOAD_OFF;
}

/* *ret is NULL where nothing is to be in hardware, or the device is not known yet. */
static int make_plan(const struct nic *nic, const struct ruleset *ruleset, struct plan **ret,
		     struct accelnet_error *err)
{
	struct offload_status status;

	*ret = NULL;
	if (!wants_rules(nic, ruleset))
		return 0;
	offload_status(nic->hardware.offload, &status);
	if (!status.has_tier)
		return 0;
	status.device.drops = !ruleset->audit;
	return plan_new(ruleset->policy, ruleset->program, &status.device, ret, err);
}

/* An edit of the rule set that the plan in force was made of; *ret is NULL where it is none. */
static int find_edit(const struct nic *nic, const struct ruleset *ruleset,
		     struct hardware_edit **ret)
{
	const struct ruleset *old = nic_snapshot(nic) ? nic_snapshot(nic)->ruleset : NULL;

	*ret = NULL;
	if (!old || !ruleset->is_edited || !wants_rules(nic, ruleset) || !wants_rules(nic, old) ||
	    !offload_plan(nic->hardware.offload))
		return 0;
	return hardware_edit_new(old, ruleset, ret);
}

static int prepare_with_plan(struct nic *nic, const struct ruleset *ruleset,
			     struct offload_change **ret, struct accelnet_error *err)
{
	struct plan *plan;
	int r = make_plan(nic, ruleset, &plan, err);

	return r < 0 ? r : offload_prepare(nic->hardware.offload, plan, ret, err);
}

static int prepare_edit(struct nic *nic, struct hardware_edit *edit, struct offload_change **ret,
			struct accelnet_error *err)
{
	const struct offload_edit asked = { .is_touched = hardware_edit_touches, .context = edit };

	return offload_prepare_edit(nic->hardware.offload, &asked, ret, err);
}

/* What the marks mean before and after publishing. 0 or -ENOMEM. */
static int take_marks(const struct nic *nic, struct hardware_change *change,
		      struct snapshot *snapshot)
{
	struct mark_table *before = offload_marks_before(change->change);
	struct mark_table *after = offload_marks_after(change->change);

	if (change->edit)
		hardware_edit_translate(change->edit, after);
	snapshot_set_marks(snapshot, after);
	return before ? snapshot_new_marks(nic_snapshot(nic), before, &change->before) : 0;
}

/* --- an edit, once it is in force --- */

/* The plan of the rule set in force, and its marks in two steps. False for want of memory. */
static bool make_late_plan(struct nic *nic, struct hardware_change *change, struct snapshot *ret[2])
{
	struct mark_table *before;
	struct accelnet_error err;
	struct plan *plan;
	int r = make_plan(nic, nic_snapshot(nic)->ruleset, &plan, &err);

	if (r < 0 || offload_complete(change->change, plan, &err) < 0)
		return false;
	before = offload_marks_before(change->change);
	if (before) {
		hardware_edit_translate(change->edit, before);
		r = snapshot_new_marks(nic_snapshot(nic), before, &ret[0]);
	}
	if (r == 0)
		r = snapshot_new_marks(nic_snapshot(nic), offload_marks_after(change->change),
				       &ret[1]);
	return r == 0;
}

/* Until this has succeeded the change stays open: what it withdrew must not come back. */
static bool complete(struct nic *nic, struct hardware_change *change)
{
	struct snapshot *snapshots[2] = { NULL, NULL };

	if (!make_late_plan(nic, change, snapshots)) {
		snapshot_free(snapshots[0]);
		return false;
	}
	if (snapshots[0])
		nic_publish(nic, snapshots[0]);
	offload_withdraw(change->change);
	nic_publish(nic, snapshots[1]);
	offload_commit(change->change);
	hardware_edit_free(change->edit);
	*change = (struct hardware_change){ 0 };
	return true;
}

/* --- changes --- */

int hardware_prepare(struct nic *nic, struct snapshot *snapshot, struct hardware_change *ret,
		     struct accelnet_error *err)
{
	struct hardware_change change = { 0 };
	int r;

	*ret = change;
	if (!nic->hardware.offload)
		return 0;
	if (nic->hardware.late.change && !complete(nic, &nic->hardware.late))
		return fail(err, ACCELNET_E_MEMORY, NULL, "out of memory");
	r = find_edit(nic, snapshot->ruleset, &change.edit);
	if (r < 0)
		return fail(err, ACCELNET_E_MEMORY, NULL, "out of memory");
	if (change.edit)
		r = prepare_edit(nic, change.edit, &change.change, err);
	else
		r = prepare_with_plan(nic, snapshot->ruleset, &change.change, err);
	if (r == 0 && take_marks(nic, &change, snapshot) < 0)
		r = fail(err, ACCELNET_E_MEMORY, NULL, "out of memory");
	if (r < 0)
		hardware_abort(&change);
	else
		*ret = change;
	return r;
}

void hardware_publish(struct nic *nic, struct hardware_change *change, struct snapshot *snapshot)
{
	if (change->before)
		nic_publish(nic, change->before);
	change->before = NULL;
	if (change->change)
		offload_withdraw(change->change);
	nic_publish(nic, snapshot);
	if (!change->edit) {
		if (change->change)
			offload_commit(change->change);
	} else if (!complete(nic, change)) {
		log_error("no plan for the device yet: out of memory", "nic=%s", nic->config->name);
		nic->hardware.late = *change;
	}
	*change = (struct hardware_change){ 0 };
}

void hardware_abort(struct hardware_change *change)
{
	snapshot_free(change->before);
	offload_abort(change->change);
	hardware_edit_free(change->edit);
	*change = (struct hardware_change){ 0 };
}

/* Of a plan, which may be NULL, that is not asked about what is in the device. */
static int split_of_plan(const struct plan *plan, const struct ruleset *ruleset,
			 struct hardware_split *ret)
{
	struct hardware_rules *rules = NULL;
	int r = plan ? hardware_rules_of_plan(plan, ruleset->program, &rules) : 0;

	if (r < 0)
		return r;
	hardware_split(ruleset, rules, ret);
	hardware_rules_free(rules);
	return 0;
}

int hardware_preview(const struct nic *nic, const struct ruleset *ruleset,
		     struct hardware_split *ret, struct accelnet_error *err)
{
	struct plan *plan;
	int r = make_plan(nic, ruleset, &plan, err);

	if (r < 0)
		return r;
	r = split_of_plan(plan, ruleset, ret);
	plan_free(plan);
	return r < 0 ? fail(err, ACCELNET_E_MEMORY, NULL, "out of memory") : 0;
}

int hardware_planned(const struct nic *nic, struct hardware_split *ret)
{
	const struct offload_nic *offload = nic->hardware.offload;

	return split_of_plan(offload ? offload_plan(offload) : NULL, nic_snapshot(nic)->ruleset,
			     ret);
}

void hardware_now(const struct nic *nic, struct hardware_split *ret)
{
	struct hardware_rules *rules;

	(void)hardware_rules_new(nic, &rules); /* NULL then, too */
	hardware_split(nic_snapshot(nic)->ruleset, rules, ret);
	hardware_rules_free(rules);
}

/* The rule set in force, for the device that is there now. */
static void plan_anew(struct nic *nic)
{
	struct hardware_change change = { 0 };
	struct snapshot *snapshot = NULL;
	struct accelnet_error err = { 0 };
	int r = snapshot_new_marks(nic_snapshot(nic), NULL, &snapshot);

	if (r == 0)
		r = hardware_prepare(nic, snapshot, &change, &err);
	if (r < 0) {
		snapshot_free(snapshot);
		log_error("no plan for the device: software decides", "nic=%s error=\"%s\"",
			  nic->config->name, err.detail);
		return;
	}
	hardware_publish(nic, &change, snapshot);
}

/* --- looking after it --- */

void hardware_attend(struct nic *nic)
{
	struct offload_status status;

	if (!nic->hardware.offload)
		return;
	drain_advance(&nic->hardware.drain);
	if (nic->hardware.late.change && !complete(nic, &nic->hardware.late))
		return;
	offload_status(nic->hardware.offload, &status);
	if (status.has_tier && !status.plan_fits && wants_rules(nic, nic_snapshot(nic)->ruleset)) {
		plan_anew(nic);
		offload_status(nic->hardware.offload, &status);
	}
	hardware_tell(nic, &status);
}

bool hardware_status(const struct nic *nic, struct offload_status *ret)
{
	if (!nic->hardware.offload)
		return false;
	offload_status(nic->hardware.offload, ret);
	return true;
}
