/*
 * What a NIC has in hardware: the plan of its policy on the uplink's device.
 *
 * Between the policy, which is the NIC's, and the rules, which are the offload room's: makes plans
 * for the device that was found, orders a change of policy so that no moment is wrong, and tells
 * what has become of it. Thread: control, except where it says otherwise.
 */
#ifndef NIC_HARDWARE_H
#define NIC_HARDWARE_H

#include "nic/drain.h"
#include "nic/failover.h"
#include "nic/hardware_edit.h"
#include "nic/hardware_rules.h"
#include "nic/hardware_weigh.h"
#include "nic/nic.h"
#include "offload/offload.h"

struct nic;
struct ruleset;
struct snapshot;

/* A change of rule set under way. */
struct hardware_change {
	struct offload_change *change;
	struct snapshot *before;    /* the rule set in force with fewer marks; may be NULL */
	struct hardware_edit *edit; /* owned; the plan comes after publishing; NULL: it is there */
	bool keeps_hits;            /* another plan for the rule set in force */
};

/*
 * What a rule set's drops were hit under plans that others took the place of, by index in
 * chain[DIRECTION_INBOUND][stage].
 */
struct hardware_carry {
	struct hardware_carried {
		uint64_t dropped;
		uint64_t last_drop;
	} * of[STAGES]; /* owned; NULL: nothing */
	size_t count[STAGES];
};

/* What was told of the share last: to find it out takes as long as the plan is large. */
struct hardware_shown {
	uint64_t until; /* ms; 0: nothing was */
	const struct plan *plan;
	uint64_t generation;
	bool any;
	unsigned share;
};

struct hardware {
	struct offload_nic *offload; /* NULL: nothing goes to hardware */
	struct drain drain;
	struct hardware_carry carry;
	struct hardware_shown *shown; /* owned; NULL as long as `offload` is */
	struct hardware_change late;  /* its plan could not be made yet: out of memory */
	/* what events have told of */
	enum offload_state told;
	uint64_t told_epoch;
	uint64_t told_generation;
	char cause[128]; /* of the refusal */
	uint64_t drops_cleared;
	struct hardware_hits hits; /* that plans are weighed by */
	uint64_t weigh_at;         /* ms: not before; 0: since nothing was looked at */
};

/* Lanes are there. Without an offload thread, or switched off for the NIC, nothing is made. */
int hardware_init(struct nic *nic, struct accelnet_error *err);
/*
 * No rule call is made any more. Workers have ended, and the uplink is closed next, its rules with
 * it: see uplink_close().
 */
void hardware_fini(struct nic *nic);

/* The seam to the path machine: context is the NIC. */
struct failover_seam hardware_seam(struct nic *nic);

/*
 * Everything that can fail: makes a plan, and gives `snapshot`, which is not published yet, its
 * marks. -ENOMEM. Then hardware_publish() or hardware_abort(). Where nothing goes to hardware both
 * do what is left to do.
 *
 * For a rule set that was made by an edit of the one in force no plan is made before it is
 * published: only what the edit may touch is taken back then, and hardware_publish() makes the plan
 * when the rule set is in force.
 */
int hardware_prepare(struct nic *nic, struct snapshot *snapshot, struct hardware_change *ret,
		     struct accelnet_error *err);
/* Withdraws what the new rule set does not drop, publishes, and has the rest put in. */
void hardware_publish(struct nic *nic, struct hardware_change *change, struct snapshot *snapshot);
void hardware_abort(struct hardware_change *change);

/* The device may be another, or rules may be in, or not: plans anew where needed, tells events. */
void hardware_attend(struct nic *nic);

/*
 * The plan of a rule set for the device that is there, weighed by hits; *ret is NULL where nothing
 * is to be in hardware, or the device is not known yet. -ENOMEM.
 */
int hardware_make_plan(const struct nic *nic, const struct ruleset *ruleset,
		       const struct hardware_hits *hits, struct plan **ret,
		       struct accelnet_error *err);
/* False where nothing of it may be in hardware. */
bool hardware_wants_rules(const struct nic *nic, const struct ruleset *ruleset);
/* The plan of an edit that is in force, where it is late. False where it cannot be made yet. */
bool hardware_complete_late(struct nic *nic);
/* Another plan for the rule set in force. Takes it over, on failure too. -ENOMEM. */
int hardware_exchange_plan(struct nic *nic, struct plan *plan, struct accelnet_error *err);

/*
 * hardware_replan.c: where not everything fits into the device, a new plan, if one by what rules
 * are hit would decide a larger part of that. Looks at most every ten minutes. `now`: of
 * clock_ms().
 */
void hardware_weigh(struct nic *nic, uint64_t now);
/*
 * How much the plan in force decides of what the rules in force were hit, in parts of
 * PLAN_SHARE_ALL; false where nothing was hit, or nothing is in hardware.
 */
bool hardware_share(const struct nic *nic, unsigned *ret);
/* The same, up to ten seconds old: for those who ask often. `now`: of clock_ms(). */
bool hardware_share_lately(const struct nic *nic, uint64_t now, unsigned *ret);

/* Where a rule set that is not in force would be decided. */
int hardware_preview(const struct nic *nic, const struct ruleset *ruleset,
		     struct hardware_split *ret, struct accelnet_error *err);
/*
 * The plan of the rule set in force; NULL where nothing goes to hardware, and while the plan of an
 * edit is late: offload_plan() is of the rule set before then.
 */
const struct plan *hardware_plan(const struct nic *nic);
/* What the plan in force says of the rule set in force, whether it is in yet or not. -ENOMEM. */
int hardware_planned(const struct nic *nic, struct hardware_split *ret);
/* What is in by now. Where there is no memory to find out: nothing. */
void hardware_now(const struct nic *nic, struct hardware_split *ret);

/*
 * Packets dropped in hardware, whatever the policy was, since the NIC is there or the count was
 * cleared; false where a drop that is in the device has no counter.
 */
bool hardware_drops(const struct nic *nic, uint64_t *ret);
void hardware_clear_drops(struct nic *nic);

/* False where nothing ever goes to hardware; hardware_why_none() tells why. */
bool hardware_status(const struct nic *nic, struct offload_status *ret);
const char *hardware_why_none(const struct nic *nic);

/* hardware_report.c: events and log lines about what has changed since the last time. */
void hardware_tell(struct nic *nic, const struct offload_status *status);
/* "offload": {...} of `nic show`. */
void hardware_describe(const struct nic *nic, struct json *to);

#endif
