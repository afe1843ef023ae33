/*
 * A plan by what its rules are hit, in place of one that was made before that was known: see
 * hardware.h. Thread: control.
 */
#define LOG_ROOM LOG_ROOM_NIC
#include "base/log.h"
#include "nic/hardware.h"
#include "nic/nic_private.h"

/* How often plans are weighed, after how many hits, and what must be gained, of PLAN_SHARE_ALL. */
#define WEIGH_INTERVAL_MS (10 * 60 * 1000)
#define WEIGH_HITS_MIN    1000
#define WEIGH_GAIN_MIN    50

#define SHOWN_MS 10000

static unsigned share_of(const struct plan *plan, const struct hardware_hits *hits,
			 const struct program *program)
{
	uint64_t *given[STAGES];
	unsigned share = 0;

	hardware_hits_give(hits, program, given);
	(void)plan_share(plan, (const uint64_t *const *)given, &share);
	hardware_hits_take_back(given);
	return share;
}

/* With a plan by these hits, which it takes over where that decides so much more. */
static void plan_by_hits(struct nic *nic, struct hardware_hits *hits)
{
	const struct ruleset *ruleset = nic_snapshot(nic)->ruleset;
	struct accelnet_error err = { 0 };
	unsigned before, after;
	struct plan *plan;

	if (hardware_make_plan(nic, ruleset, hits, &plan, &err) < 0 || !plan)
		return;
	before = share_of(offload_plan(nic->hardware.offload), hits, ruleset->program);
	after = share_of(plan, hits, ruleset->program);
	if (after < before + WEIGH_GAIN_MIN) {
		plan_free(plan);
		return;
	}
	hardware_hits_fini(&nic->hardware.hits);
	nic->hardware.hits = *hits;
	*hits = (struct hardware_hits){ .total = 0 };
	if (hardware_exchange_plan(nic, plan, &err) == 0)
		log_notice("the plan was made anew by hits",
			   "nic=%s decided_before=%u decided_after=%u of=%u", nic->config->name,
			   before, after, PLAN_SHARE_ALL);
}

void hardware_weigh(struct nic *nic, uint64_t now)
{
	struct offload_status status;
	struct hardware_hits hits = { .total = 0 };
	const struct plan *plan;

	if (now < nic->hardware.weigh_at || !hardware_status(nic, &status))
		return;
	if (nic->hardware.weigh_at > 0 && status.plan_fits) {
		plan = offload_plan(nic->hardware.offload);
		if (plan->spilled > 0 && hardware_hits_read(nic, &hits) == 0 &&
		    hits.total >= WEIGH_HITS_MIN)
			plan_by_hits(nic, &hits);
		hardware_hits_fini(&hits);
	}
	nic->hardware.weigh_at = now + WEIGH_INTERVAL_MS;
}

bool hardware_share(const struct nic *nic, unsigned *ret)
{
	const struct plan *plan = hardware_plan(nic);
	struct hardware_hits hits = { .total = 0 };
	bool any;

	if (!plan || hardware_hits_read(nic, &hits) < 0)
		return false;
	any = hits.total > 0;
	*ret = share_of(plan, &hits, nic_snapshot(nic)->ruleset->program);
	hardware_hits_fini(&hits);
	return any;
}

bool hardware_share_lately(const struct nic *nic, uint64_t now, unsigned *ret)
{
	const struct plan *plan = hardware_plan(nic);
	struct hardware_shown *shown = nic->hardware.shown;

	if (now >= shown->until || shown->plan != plan || shown->generation != nic->generation) {
		*shown = (struct hardware_shown){
			.until = now + SHOWN_MS,
			.plan = plan,
			.generation = nic->generation,
		};
		shown->any = hardware_share(nic, &shown->share);
	}
	if (shown->any)
		*ret = shown->share;
	return shown->any;
}
