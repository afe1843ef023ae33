/*
 * What a change of a rule or two puts off: a program and a classifier built anew. Thread: control.
 *
 * They go into the rule set in force, which judges as before, only faster: hits, generation and
 * marks stay as they are, and workers wait for nothing.
 */
#define LOG_ROOM LOG_ROOM_NIC
#include "base/log.h"
#include "nic/clock.h"
#include "nic/nic_private.h"

#include <rte_rcu_qsbr.h>

/* While changes follow each other this close, the work is left to the last of them. */
#define SETTLE_AFTER_MS 50
/* What has failed for want of memory takes milliseconds: it is tried again ever later. */
#define RETRY_MIN_MS 1000
#define RETRY_MAX_MS 60000

void settle_later(struct nic *nic)
{
	nic->settle_at = clock_ms() + SETTLE_AFTER_MS;
}

static void try_again_later(struct nic *nic)
{
	uint64_t ms = (uint64_t)RETRY_MIN_MS << (nic->settle_failed < 6 ? nic->settle_failed : 6);

	nic->settle_failed++;
	nic->settle_at = clock_ms() + (ms < RETRY_MAX_MS ? ms : RETRY_MAX_MS);
}

void settle_attend(struct nic *nic)
{
	struct ruleset *ruleset = nic_snapshot(nic)->counted->ruleset;
	struct ruleset_build build;
	struct accelnet_error err;

	if (!ruleset_is_patched(ruleset) || clock_ms() < nic->settle_at)
		return;
	if (ruleset_rebuild(ruleset, &build, &err) < 0) {
		log_warning("the classifier stays patched", "nic=%s error=\"%s\"",
			    nic->config->name, err.detail);
		try_again_later(nic);
		return;
	}
	nic->settle_failed = 0;
	ruleset_exchange(ruleset, &build);
	rte_rcu_qsbr_synchronize(nic->services.qsbr, RTE_QSBR_THRID_INVALID);
	ruleset_build_fini(&build);
}
