/*
 * Changes of policy: see offload.h for their order.
 */
#define LOG_ROOM LOG_ROOM_OFFLOAD
#include "base/log.h"
#include "offload/change_edit.h"
#include "offload/offload_private.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

static void count_delta(struct offload_change *change)
{
	const struct installer *installer = &change->nic->installer;
	size_t installed = 0;

	for (size_t i = 0; i < layout_count(&installer->layout); i++)
		installed += installer->layout.states[i].handle != NULL;
	change->delta = (struct offload_delta){
		.kept = change->change.kept,
		.added = layout_count(&change->change.next) - change->change.kept,
		.removed = installed - change->change.kept,
		.withdrawn = change->change.withdraw_count,
	};
}

/* From here on the installer is the caller's, though the lock is not held. */
static void begin_planning(struct offload_nic *nic)
{
	(void)pthread_mutex_lock(&nic->offload->lock);
	nic->is_planning = true;
	nic_quiet(nic);
	slot_pool_advance(&nic->installer.slots, nic->options.drain_ticket, nic->options.drained,
			  nic->options.context);
	(void)pthread_mutex_unlock(&nic->offload->lock);
}

static void end_planning(struct offload_nic *nic, struct offload_change *change)
{
	(void)pthread_mutex_lock(&nic->offload->lock);
	nic->is_planning = false;
	nic->change = change;
	(void)pthread_cond_signal(&nic->offload->work);
	(void)pthread_mutex_unlock(&nic->offload->lock);
}

int offload_prepare(struct offload_nic *nic, struct plan *plan, struct offload_change **ret,
		    struct accelnet_error *err)
{
	struct offload_change *change = calloc(1, sizeof(*change));
	int r = -ENOMEM;

	assert(!nic->change);
	begin_planning(nic);
	if (!change)
		plan_free(plan);
	else
		r = installer_prepare(&nic->installer, plan, &change->change);
	if (r == 0) {
		change->nic = nic;
		count_delta(change);
	}
	end_planning(nic, r == 0 ? change : NULL);
	if (r < 0) {
		free(change);
		return fail(err, ACCELNET_E_MEMORY, NULL,
			    "no memory for a change of hardware rules");
	}
	*ret = change;
	return 0;
}

static int find_touched(const struct layout *layout, const struct offload_edit *edit, bool **ret)
{
	bool *touched = calloc(layout_count(layout) + 1, sizeof(*touched));

	if (!touched)
		return -ENOMEM;
	for (size_t i = 0; i < layout_count(layout); i++) {
		const struct plan_rule *rule = &layout->plan->rules[i];

		touched[i] = (rule->action == PLAN_MARK || rule->action == PLAN_DROP) &&
			     edit->is_touched(edit->context, layout->plan, rule);
	}
	*ret = touched;
	return 0;
}

int offload_prepare_edit(struct offload_nic *nic, const struct offload_edit *edit,
			 struct offload_change **ret, struct accelnet_error *err)
{
	struct offload_change *change = calloc(1, sizeof(*change));
	const struct layout *layout = &nic->installer.layout;
	int r = -ENOMEM;

	assert(!nic->change);
	begin_planning(nic);
	if (change)
		r = find_touched(layout, edit, &change->touched);
	if (r == 0)
		r = change_init_edit(&change->change, layout, change->touched);
	if (r == 0) {
		change->nic = nic;
		change->delta.withdrawn = change->change.withdraw_count;
	}
	end_planning(nic, r == 0 ? change : NULL);
	if (r < 0) {
		if (change)
			free(change->touched);
		free(change);
		return fail(err, ACCELNET_E_MEMORY, NULL,
			    "no memory for a change of hardware rules");
	}
	*ret = change;
	return 0;
}

int offload_complete(struct offload_change *change, struct plan *plan, struct accelnet_error *err)
{
	struct offload_nic *nic = change->nic;
	int r;

	begin_planning(nic);
	if (!change->edit.withdraw) {
		change->edit = change->change;
		change->change = (struct change){ 0 };
	}
	change_undo(&change->change, &nic->installer.slots);
	change_fini(&change->change);
	r = installer_prepare(&nic->installer, plan, &change->change);
	if (r == 0) {
		count_delta(change);
		if (change->change.before)
			change_void_touched(&nic->installer.layout, change->touched,
					    change->change.before);
	}
	end_planning(nic, change);
	if (r < 0)
		return fail(err, ACCELNET_E_MEMORY, NULL,
			    "no memory for a change of hardware rules");
	return 0;
}

static struct mark_table *give(struct mark_table **table)
{
	struct mark_table *ret = *table;

	*table = NULL;
	return ret;
}

struct mark_table *offload_marks_before(struct offload_change *change)
{
	return give(&change->change.before);
}

struct mark_table *offload_marks_after(struct offload_change *change)
{
	return give(&change->change.after);
}

void offload_delta(const struct offload_change *change, struct offload_delta *ret)
{
	*ret = change->delta;
}

static size_t count_remaining(const struct offload_change *change)
{
	const struct layout *old = &change->nic->installer.layout;
	size_t count = 0;

	for (size_t i = 0; i < change->change.withdraw_count; i++)
		count += old->states[change->change.withdraw[i]].handle != NULL;
	return count;
}

void offload_withdraw(struct offload_change *change)
{
	struct offload_nic *nic = change->nic;
	size_t remaining;

	if (change->change.withdraw_count == 0)
		return;
	(void)pthread_mutex_lock(&nic->offload->lock);
	installer_withdraw(&nic->installer, &change->change);
	nic_run_task(nic);
	remaining = count_remaining(change);
	(void)pthread_mutex_unlock(&nic->offload->lock);
	if (remaining > 0)
		log_error("drops of the old policy do not go", "nic=%s port=%u rules=%zu",
			  nic->options.name, nic->port.id, remaining);
}

static void set_to_work(struct offload_nic *nic)
{
	if (nic->retreating)
		installer_retreat(&nic->installer);
	else
		installer_install(&nic->installer);
}

/* With the lock held. */
static void end_change(struct offload_change *change)
{
	struct offload_nic *nic = change->nic;

	nic->change = NULL;
	nic->is_news = true;
	(void)pthread_cond_signal(&nic->offload->work);
}

void offload_commit(struct offload_change *change)
{
	struct offload_nic *nic = change->nic;

	(void)pthread_mutex_lock(&nic->offload->lock);
	installer_adopt(&nic->installer, &change->change);
	connection_rules_clear(&nic->connections);
	set_to_work(nic);
	end_change(change);
	(void)pthread_mutex_unlock(&nic->offload->lock);
	change_fini(&change->edit);
	free(change->touched);
	free(change);
}

void offload_abort(struct offload_change *change)
{
	struct offload_nic *nic;
	bool withdrew;

	if (!change)
		return;
	nic = change->nic;
	(void)pthread_mutex_lock(&nic->offload->lock);
	withdrew = nic->installer.task != TASK_INSTALL;
	installer_abort(&nic->installer, &change->change);
	if (withdrew || nic->retreating)
		set_to_work(nic);
	end_change(change); /* else the thread goes on where it was */
	(void)pthread_mutex_unlock(&nic->offload->lock);
	change_fini(&change->edit);
	free(change->touched);
	free(change);
}
