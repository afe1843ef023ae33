/*
 * Plans for the device: see hardware.h; hardware_change.c has changes of policy, hardware_report.c
 * tells of them.
 */
#define LOG_ROOM LOG_ROOM_NIC
#include "nic/hardware.h"

#include "base/log.h"
#include "nic/clock.h"
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

static void look_behind(struct nic *nic)
{
	struct uplink_reading reading;

	if (!nic->hardware.drain.has_rings_behind)
		return;
	uplink_read(nic->uplink, &reading);
	drain_see(&nic->hardware.drain, reading.looks,
		  reading.vf.present && reading.vf.claimed && !reading.vf.carries);
}

static uint64_t drain_ticket(void *context)
{
	struct nic *nic = context;

	look_behind(nic);
	return drain_take(&nic->hardware.drain);
}

static bool drained(void *context, uint64_t ticket)
{
	struct nic *nic = context;

	look_behind(nic);
	return drain_is_over(&nic->hardware.drain, ticket);
}

/* --- life --- */

/* Behind two paths there are two rings: only an empty burst tells of the VF's. */
static uint64_t ring_of(const struct nic *nic)
{
	return nic->config->uplink == UPLINK_PLAIN ? uplink_port(nic->uplink)->ring : 0;
}

/* A VF that netvsc has and does not poll keeps what has come to it; a bifurcated one's is ours. */
static bool has_rings_behind(const struct nic *nic)
{
	return nic->config->uplink == UPLINK_NETVSC;
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
	nic->hardware.shown = calloc(1, sizeof(*nic->hardware.shown));
	if (!nic->hardware.shown)
		return fail(err, ACCELNET_E_MEMORY, NULL, "out of memory");
	drain_init(&nic->hardware.drain, &nic->view, ring_of(nic), has_rings_behind(nic));
	return offload_nic_new(nic->services.offload, &options, &nic->hardware.offload, err);
}

void hardware_fini(struct nic *nic)
{
	hardware_abort(&nic->hardware.late);
	hardware_rules_forget(nic);
	free(nic->hardware.shown);
	nic->hardware.shown = NULL;
	hardware_hits_fini(&nic->hardware.hits);
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
		[OFFLOAD_STATE_WAITING] = FAILOVER_RULES_AWAITED,
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

bool hardware_wants_rules(const struct nic *nic, const struct ruleset *ruleset)
{
	return nic->hardware.offload && ruleset->has_policy &&
	       ruleset->policy->offload != OFFLOAD_OFF;
}

int hardware_make_plan(const struct nic *nic, const struct ruleset *ruleset,
		       const struct hardware_hits *hits, struct plan **ret,
		       struct accelnet_error *err)
{
	uint64_t *given[STAGES];
	struct offload_status status;
	int r;

	*ret = NULL;
	if (!hardware_wants_rules(nic, ruleset))
		return 0;
	offload_status(nic->hardware.offload, &status);
	if (!status.has_tier)
		return 0;
	status.device.drops = !ruleset->audit;
	hardware_hits_give(hits, ruleset->program, given);
	for (int s = 0; s < STAGES; s++)
		status.device.hits[s] = given[s];
	r = plan_new(ruleset->policy, ruleset->program, &status.device, ret, err);
	hardware_hits_take_back(given);
	return r;
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
	int r = hardware_make_plan(nic, ruleset, &nic->hardware.hits, &plan, err);

	if (r < 0)
		return r;
	r = split_of_plan(plan, ruleset, ret);
	plan_free(plan);
	return r < 0 ? fail(err, ACCELNET_E_MEMORY, NULL, "out of memory") : 0;
}

const struct plan *hardware_plan(const struct nic *nic)
{
	if (!nic->hardware.offload || nic->hardware.late.change)
		return NULL;
	return offload_plan(nic->hardware.offload);
}

int hardware_planned(const struct nic *nic, struct hardware_split *ret)
{
	return split_of_plan(hardware_plan(nic), nic_snapshot(nic)->ruleset, ret);
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
	struct accelnet_error err = { 0 };
	struct plan *plan;
	int r = hardware_make_plan(nic, nic_snapshot(nic)->ruleset, &nic->hardware.hits, &plan,
				   &err);

	if (r == 0)
		r = hardware_exchange_plan(nic, plan, &err);
	if (r < 0)
		log_error("no plan for the device: software decides", "nic=%s error=\"%s\"",
			  nic->config->name, err.detail);
}

/* --- looking after it --- */

void hardware_attend(struct nic *nic)
{
	struct offload_status status;

	if (!nic->hardware.offload)
		return;
	look_behind(nic);
	drain_advance(&nic->hardware.drain);
	if (!hardware_complete_late(nic))
		return;
	offload_status(nic->hardware.offload, &status);
	if (status.has_tier && !status.plan_fits &&
	    hardware_wants_rules(nic, nic_snapshot(nic)->ruleset)) {
		plan_anew(nic);
		offload_status(nic->hardware.offload, &status);
	}
	hardware_weigh(nic, clock_ms());
	hardware_tell(nic, &status);
}

bool hardware_status(const struct nic *nic, struct offload_status *ret)
{
	if (!nic->hardware.offload)
		return false;
	offload_status(nic->hardware.offload, ret);
	return true;
}

bool hardware_drops(const struct nic *nic, uint64_t *ret)
{
	struct offload_status status = { 0 };

	(void)hardware_status(nic, &status);
	if (status.drops_uncounted)
		return false;
	*ret = status.dropped - nic->hardware.drops_cleared;
	return true;
}

void hardware_clear_drops(struct nic *nic)
{
	struct offload_status status = { 0 };

	(void)hardware_status(nic, &status);
	nic->hardware.drops_cleared = status.dropped;
}
