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

void settle_later(struct nic *nic)
{
	nic->settle_at = clock_ms() + SETTLE_AFTER_MS;
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
		settle_later(nic);
		return;
	}
	ruleset_exchange(ruleset, &build);
	rte_rcu_qsbr_synchronize(nic->services.qsbr, RTE_QSBR_THRID_INVALID);
	ruleset_build_fini(&build);
}
