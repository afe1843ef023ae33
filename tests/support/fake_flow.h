/*
 * A device that takes rules, in memory: the flow_backend of tests.
 *
 * It holds what a device of its tier would hold, refuses what that would refuse, and judges packets
 * as plan_judge() does, so that a test can ask at any moment what the hardware does. Faults: the
 * Nth call fails, the Nth destruction fails for ever, limits, a port that goes away in the middle.
 *
 * One port. Thread-safe: one lock around everything.
 */
#ifndef TESTS_SUPPORT_FAKE_FLOW_H
#define TESTS_SUPPORT_FAKE_FLOW_H

#include "offload/flow_backend.h"

#include <pthread.h>

struct fake_rule {
	struct fake_rule *next;
	struct plan_rule rule;
	uint32_t mark;
	bool counted;
	uint64_t packets;
	uint64_t life; /* of the port, in which it was made */
	uint64_t serial;
	bool immortal; /* its destruction fails */
};

struct fake_flow {
	struct flow_backend backend; /* context: this */
	pthread_mutex_t lock;
	const struct flow_watcher *watcher;
	struct fake_rule *rules;
	struct fake_rule *dead; /* of earlier lives, and destroyed: kept to catch their use */

	/* what the device is; may be written between calls */
	enum plan_tier tier;
	uint32_t priorities; /* in group 0 */
	bool is_started;
	bool is_removed;          /* every call is a misuse */
	size_t rule_limit;        /* 0: none */
	size_t counter_limit;     /* SIZE_MAX: none; 0: it has no counters */
	_Atomic unsigned call_ns; /* how long a call takes, in the thread that makes it */

	/* faults: the call with this number, from now, fails; 0: none */
	uint64_t fail_create_at;
	uint64_t fail_destroy_at;
	int fail_errno;        /* of those; 0: EREMOTEIO */
	bool keeps_all;        /* no destruction succeeds */
	int refuse_all;        /* no creation does: a positive errno; 0: they do */
	uint64_t refuse_kinds; /* bit 1 << enum plan_kind: never accepted */

	/* what happened */
	uint64_t life;
	uint64_t creates;
	uint64_t destroys;
	_Atomic uint64_t kept; /* of those, how many failed */
	uint64_t next_serial;
	uint64_t misuses;   /* calls with a handle that is none (any more), or on a port gone */
	uint64_t conflicts; /* creations in a place that is taken */
};

void fake_flow_init(struct fake_flow *fake, enum plan_tier tier);
void fake_flow_fini(struct fake_flow *fake);

/* The port is stopped, or removed: its rules are gone. */
void fake_flow_stop(struct fake_flow *fake);
/* One that was removed is a new one, and the watcher is told. */
void fake_flow_start(struct fake_flow *fake);
/*
 * As stop, but the watcher is told first, as INTR_RMV does. A call that still runs when it has
 * been told, or comes later, is a misuse.
 */
void fake_flow_remove(struct fake_flow *fake);

size_t fake_flow_count(struct fake_flow *fake);

/*
 * The destruction of a rule fails, until it is let go: of the nth that is no drop.
 */
void fake_flow_bind(struct fake_flow *fake, size_t nth);
/* The same of the jumps into the other groups. */
void fake_flow_bind_entrances(struct fake_flow *fake);
/* The same of all drops there are. */
void fake_flow_bind_drops(struct fake_flow *fake);
void fake_flow_unbind(struct fake_flow *fake);

/*
 * What the device holds, as a plan for plan_judge(): the slot of a rule that marks is its mark.
 * Where rules of one rank match and disagree, the newest wins, or the oldest. The caller frees it
 * with plan_free().
 */
struct plan *fake_flow_plan(struct fake_flow *fake, bool newest_wins);

/* What the device does with this packet; counts it for the rule that decides. */
void fake_flow_receive(struct fake_flow *fake, const struct plan_packet *packet,
		       struct plan_answer *ret);

#endif
