/*
 * What workers judge by, made, published and reclaimed. Thread: control.
 */
#include "nic/lane.h"

#include "nic/clock.h"
#include "nic/nic_private.h"

#include <errno.h>
#include <rte_common.h>
#include <rte_rcu_qsbr.h>
#include <stdlib.h>
#include <string.h>

static void counted_free(struct counted_ruleset *counted)
{
	for (uint16_t q = 0; q < counted->lanes; q++)
		free(counted->hits[q]);
	ruleset_free(counted->ruleset);
	free(counted);
}

void snapshot_free(struct snapshot *snapshot)
{
	if (!snapshot)
		return;
	if (--snapshot->counted->snapshots == 0)
		counted_free(snapshot->counted);
	free(snapshot->marks);
	free(snapshot);
}

/* Each lane's counters on lines of their own. */
static int make_hits(struct counted_ruleset *counted)
{
	size_t bytes = counted->ruleset->hit_count * sizeof(struct rule_hit);

	bytes = RTE_ALIGN_CEIL(bytes ? bytes : 1, RTE_CACHE_LINE_SIZE);
	for (uint16_t q = 0; q < counted->lanes; q++) {
		counted->hits[q] = aligned_alloc(RTE_CACHE_LINE_SIZE, bytes);
		if (!counted->hits[q])
			return -ENOMEM;
		memset(counted->hits[q], 0, bytes);
	}
	return 0;
}

static const struct ruleset *ruleset_in_force(const struct nic *nic)
{
	const struct snapshot *snapshot = atomic_load(&nic->view.snapshot);

	return snapshot ? snapshot->ruleset : NULL;
}

static int counted_new(const struct nic *nic, struct policy *policy, uint64_t generation,
		       struct counted_ruleset **ret, struct accelnet_error *err)
{
	const struct ruleset_options options = {
		.mac = nic->mac,
		.generation = policy ? RTE_MAX(generation, nic->epoch + 1) : 0,
		.vlan_pass = nic->config->vlan == FRAMES_PASS,
		.non_ip_pass = nic->config->non_ip == FRAMES_PASS,
		.longest = conn_deadlines_longest(&nic->config->timeouts),
	};
	struct counted_ruleset *counted = calloc(1, sizeof(*counted));
	int r;

	if (!counted) {
		policy_free(policy);
		return fail(err, ACCELNET_E_MEMORY, NULL, "out of memory");
	}
	counted->lanes = nic->config->queues;
	r = ruleset_new(policy, &options, ruleset_in_force(nic), &counted->ruleset, err);
	if (r == 0 && make_hits(counted) < 0)
		r = fail(err, ACCELNET_E_MEMORY, NULL, "out of memory");
	if (r < 0) {
		counted_free(counted);
		return r;
	}
	*ret = counted;
	return 0;
}

static struct snapshot *snapshot_of(struct counted_ruleset *counted, uint64_t generation)
{
	struct snapshot *snapshot = calloc(1, sizeof(*snapshot));

	if (!snapshot)
		return NULL;
	counted->snapshots++;
	snapshot->counted = counted;
	snapshot->ruleset = counted->ruleset;
	snapshot->generation = generation;
	return snapshot;
}

int snapshot_new(const struct nic *nic, struct policy *policy, uint64_t generation,
		 struct snapshot **ret, struct accelnet_error *err)
{
	struct counted_ruleset *counted = NULL;
	struct snapshot *snapshot;
	int r = counted_new(nic, policy, generation, &counted, err);

	if (r < 0)
		return r;
	snapshot = snapshot_of(counted, generation);
	if (!snapshot) {
		counted_free(counted);
		return fail(err, ACCELNET_E_MEMORY, NULL, "out of memory");
	}
	*ret = snapshot;
	return 0;
}

int snapshot_new_marks(const struct snapshot *of, struct mark_table *marks, struct snapshot **ret)
{
	struct snapshot *snapshot = snapshot_of(of->counted, of->generation);

	if (!snapshot) {
		free(marks);
		return -ENOMEM;
	}
	snapshot_set_marks(snapshot, marks);
	*ret = snapshot;
	return 0;
}

void snapshot_set_marks(struct snapshot *snapshot, struct mark_table *marks)
{
	free(snapshot->marks);
	snapshot->marks = marks;
	snapshot->settles = false;
	for (uint32_t i = 0; marks && i < marks->count; i++)
		snapshot->settles |= marks->slots[i].kind == MARK_SETTLED;
}

void nic_publish(struct nic *nic, struct snapshot *snapshot)
{
	struct snapshot *old;

	ruleset_enter(snapshot->counted->ruleset, clock_ms());
	old = atomic_exchange(&nic->view.snapshot, snapshot);
	nic->epoch = RTE_MAX(nic->epoch, snapshot->ruleset->generation);
	if (snapshot->ruleset->generation)
		generations_note(&nic->generations, snapshot->ruleset->generation,
				 snapshot->generation);
	settle_later(nic);
	if (!old)
		return;
	/* from here on every burst begins with the new one; wait for those that began before */
	rte_rcu_qsbr_synchronize(nic->services.qsbr, RTE_QSBR_THRID_INVALID);
	snapshot_free(old);
}
