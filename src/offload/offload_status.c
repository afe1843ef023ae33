/*
 * What people see of a NIC's rules: copies, made under the lock. See offload.h.
 */
#include "offload/offload_private.h"

#include <stdio.h>

const char *offload_state_name(enum offload_state state)
{
	static const char *const names[] = {
		[OFFLOAD_STATE_ABSENT] = "absent",         [OFFLOAD_STATE_WAITING] = "waiting",
		[OFFLOAD_STATE_INSTALLING] = "installing", [OFFLOAD_STATE_COMPLETE] = "complete",
		[OFFLOAD_STATE_DEGRADED] = "degraded",     [OFFLOAD_STATE_IDLE] = "idle",
	};

	return names[state];
}

/* The lock is no part of what const promises. */
static pthread_mutex_t *lock_of(const struct offload_nic *nic)
{
	return &nic->offload->lock;
}

static void fill_errors(const struct installer_counts *counts, struct offload_status *ret)
{
	if (!counts->newest)
		return;
	ret->pmd_error = counts->newest->number;
	(void)snprintf(ret->pmd_message, sizeof(ret->pmd_message), "%s", counts->newest->message);
}

void offload_status(const struct offload_nic *nic, struct offload_status *ret)
{
	struct installer_counts counts;

	(void)pthread_mutex_lock(lock_of(nic));
	installer_count(&nic->installer, &counts);
	*ret = (struct offload_status){
		.state = nic_state(nic, &counts),
		.port = nic->stage == PORT_ABSENT ? UINT16_MAX : nic->port.id,
		.detaching = nic->retreating,
		.has_tier = nic->has_tier,
		.device = nic->probe.device,
		.counts = nic->probe.counts,
		.plan_fits = nic_plan_fits(nic),
		.planned = counts.planned,
		.installed = counts.installed,
		.refused = counts.refused + counts.blocked,
		.epoch = nic->installer.epoch,
		.dropped = nic->installer.dropped,
		.drops_uncounted = counts.uncounted > 0,
	};
	(void)snprintf(ret->why_tier, sizeof(ret->why_tier), "%s", nic->probe.why);
	fill_errors(&counts, ret);
	(void)pthread_mutex_unlock(lock_of(nic));
}

static struct offload_rule rule_at(const struct installer *installer, size_t index)
{
	const struct rule_state *state = &installer->layout.states[index];
	const struct flow_error *refusal = &installer->refusals.list[state->refusal];
	struct offload_rule ret = {
		.rule = &installer->layout.plan->rules[index],
		.mark = state->slot == SLOT_NONE ? 0 : mark_of_slot(state->slot),
		.installed = state->handle != NULL,
		.blocked = !state->handle && state->wait == RULE_BLOCKED,
		.counted = state->handle && state->counted,
		.hits = state->packets + state->hits_offset,
		.last_hit = state->last_hit,
	};

	if (state->handle || state->wait != RULE_REFUSED)
		return ret;
	ret.pmd_error = refusal->number;
	(void)snprintf(ret.pmd_message, sizeof(ret.pmd_message), "%s", refusal->message);
	return ret;
}

const struct plan *offload_plan(const struct offload_nic *nic)
{
	/* only the control thread, which asks, puts another in its place */
	return nic->installer.layout.plan;
}

size_t offload_rules(const struct offload_nic *nic, struct offload_rule *ret, size_t max)
{
	size_t count;

	(void)pthread_mutex_lock(lock_of(nic));
	count = layout_count(&nic->installer.layout);
	for (size_t i = 0; i < count && i < max; i++)
		ret[i] = rule_at(&nic->installer, i);
	(void)pthread_mutex_unlock(lock_of(nic));
	return count;
}
