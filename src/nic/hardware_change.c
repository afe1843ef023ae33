/*
 * Changes of rule set, as far as hardware is concerned: see hardware.h for their order.
 */
#define LOG_ROOM LOG_ROOM_NIC
#include "base/log.h"
#include "nic/hardware.h"
#include "nic/nic_private.h"

#include <assert.h>

/* An edit of the rule set that the plan in force was made of; *ret is NULL where it is none. */
static int find_edit(const struct nic *nic, const struct ruleset *ruleset,
		     struct hardware_edit **ret)
{
	const struct ruleset *old = nic_snapshot(nic) ? nic_snapshot(nic)->ruleset : NULL;

	*ret = NULL;
	if (!old || !ruleset->is_edited || !hardware_wants_rules(nic, ruleset) ||
	    !hardware_wants_rules(nic, old) || !offload_plan(nic->hardware.offload))
		return 0;
	return hardware_edit_new(old, ruleset, ret);
}

static int prepare_policy(struct nic *nic, const struct ruleset *ruleset,
			  struct offload_change **ret, struct accelnet_error *err)
{
	struct plan *plan;
	int r = hardware_make_plan(nic, ruleset, &nic->hardware.hits, &plan, err);

	return r < 0 ? r : offload_prepare(nic->hardware.offload, plan, ret, err);
}

/*
 * An edit knows less than a plan, and withdraws more. Above so many drops, each of which is a call
 * of a millisecond, the plan is sooner made. *ret_edit is NULL then.
 */
#define EDIT_WITHDRAWN_MAX 4

static int prepare_edit(struct nic *nic, struct hardware_edit **ret_edit,
			struct offload_change **ret, struct accelnet_error *err)
{
	const struct offload_edit asked = { .is_touched = hardware_edit_touches,
					    .context = *ret_edit };
	struct offload_delta delta;
	int r = offload_prepare_edit(nic->hardware.offload, &asked, ret, err);

	if (r < 0)
		return r;
	offload_delta(*ret, &delta);
	if (delta.withdrawn <= EDIT_WITHDRAWN_MAX)
		return 0;
	offload_abort(*ret);
	*ret = NULL;
	hardware_edit_free(*ret_edit);
	*ret_edit = NULL;
	return 0;
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
	int r = hardware_make_plan(nic, nic_snapshot(nic)->ruleset, &nic->hardware.hits, &plan,
				   &err);

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

bool hardware_complete_late(struct nic *nic)
{
	return !nic->hardware.late.change || complete(nic, &nic->hardware.late);
}

/* Takes over what has been prepared, and gives the snapshot its marks. */
static int prepared(struct nic *nic, struct hardware_change *change, struct snapshot *snapshot,
		    struct hardware_change *ret, struct accelnet_error *err)
{
	if (take_marks(nic, change, snapshot) < 0) {
		hardware_abort(change);
		return fail(err, ACCELNET_E_MEMORY, NULL, "out of memory");
	}
	*ret = *change;
	return 0;
}

int hardware_prepare(struct nic *nic, struct snapshot *snapshot, struct hardware_change *ret,
		     struct accelnet_error *err)
{
	struct hardware_change change = { 0 };
	int r;

	*ret = change;
	if (!nic->hardware.offload)
		return 0;
	if (!hardware_complete_late(nic) || find_edit(nic, snapshot->ruleset, &change.edit) < 0)
		return fail(err, ACCELNET_E_MEMORY, NULL, "out of memory");
	r = change.edit ? prepare_edit(nic, &change.edit, &change.change, err) : 0;
	if (r == 0 && !change.edit)
		r = prepare_policy(nic, snapshot->ruleset, &change.change, err);
	if (r == 0)
		return prepared(nic, &change, snapshot, ret, err);
	hardware_edit_free(change.edit);
	return r;
}

int hardware_exchange_plan(struct nic *nic, struct plan *plan, struct accelnet_error *err)
{
	struct hardware_change change = { .keeps_hits = true };
	struct snapshot *snapshot = NULL;
	int r = snapshot_new_marks(nic_snapshot(nic), NULL, &snapshot);

	assert(!nic->hardware.late.change); /* one change at a time */
	if (r < 0) {
		plan_free(plan);
		return r;
	}
	r = offload_prepare(nic->hardware.offload, plan, &change.change, err);
	if (r == 0)
		r = prepared(nic, &change, snapshot, &change, err);
	if (r < 0)
		snapshot_free(snapshot);
	else
		hardware_publish(nic, &change, snapshot);
	return r;
}

/* Between the withdrawal and the rest: nothing counts meanwhile. */
static void see_to_hits(struct nic *nic, const struct hardware_change *change)
{
	if (!change->keeps_hits)
		hardware_rules_forget(nic);
	else if (hardware_rules_carry(nic) < 0)
		log_error("hits of drops in hardware are forgotten: out of memory", "nic=%s",
			  nic->config->name);
}

void hardware_publish(struct nic *nic, struct hardware_change *change, struct snapshot *snapshot)
{
	if (change->before)
		nic_publish(nic, change->before);
	change->before = NULL;
	if (change->change)
		offload_withdraw(change->change);
	see_to_hits(nic, change);
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
