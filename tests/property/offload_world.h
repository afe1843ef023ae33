/*
 * A device, an installer, and the policy and table of marks in force: what a NIC is to the property
 * tests of offload. Every step is checked by packets at the borders of the policies.
 *
 * What is checked: a mark that the table in force vouches for names the rules that the reference
 * names under the policy in force; a drop is one that the reference makes; packets that were marked
 * at any earlier time and are judged only now included.
 */
#ifndef TESTS_PROPERTY_OFFLOAD_WORLD_H
#define TESTS_PROPERTY_OFFLOAD_WORLD_H

#include "classify/mark.h"
#include "offload/installer.h"
#include "support/fake_flow.h"
#include "testpmd/random.h"

#define WORLD_PROBES    48
#define WORLD_IN_FLIGHT 512

struct world_probe {
	struct tuple tuple;
	struct plan_packet packet;
};

struct world {
	char where[96]; /* for failure messages */
	struct random random;
	struct fake_flow fake;
	struct flow_port port;
	struct installer installer;
	uint64_t now;

	struct policy *policy; /* in force */
	struct mark_table *table;
	struct policy *coming; /* from the withdrawal on until it is in force: drops hold for both
				*/

	struct world_probe probes[WORLD_PROBES];
	struct {
		struct world_probe probe;
		uint32_t mark;
	} in_flight[WORLD_IN_FLIGHT];
	size_t in_flight_count;
	uint64_t ticket, drained;

	bool without_plan; /* the next change takes everything out */
	bool is_detached;  /* no call is made but those of a retreat */
	bool is_retreating;
	bool is_changing;
	bool may_vanish; /* now and then the port is gone when a creation returns */
	/*
	 * Drops do not go, and so go on dropping: but nothing that was not dropped when the change
	 * began, if it is to pass.
	 */
	bool drops_are_bound, drops_may_stay;
	struct plan *before[2];

	uint64_t checked, vouched, dropped, kept, added;
	uint64_t staged; /* plans with look-ups of address groups */
};

void world_init(struct world *world, uint64_t seed, enum plan_tier tier);
void world_fini(struct world *world);

/*
 * Probes at the borders of the policy in force and of another (NULL: none), and where rules of the
 * plan in force, or of one that comes, meet.
 */
void world_aim(struct world *world, const struct policy *other, const struct plan *coming);
/* Some of the probes go where rules of before are that do not stay. */
void world_aim_at_gone(struct world *world, const struct change *change);
/* Some of the probes go where the rule meets others. */
void world_aim_at_rule(struct world *world, const struct plan *plan, const struct plan_rule *rule);
void world_check(struct world *world);

/* Makes the installer's next call and checks; false where there was none. */
bool world_step(struct world *world);
/* Until there is nothing more to do now; with `ms`, after that time, again and again to its end. */
void world_run(struct world *world, uint64_t ms);

/* What can go goes; from then on nothing is done, until the port is attached again. */
void world_detach(struct world *world);
void world_attach(struct world *world);

/* Receive queues are drained: no packet is left that was marked before. */
void world_drain(struct world *world);

/* The parts of a change. Policies are taken over. */
struct plan *world_plan(struct world *world, const struct policy *policy);
void world_free_slots(struct world *world);
/* What is dropped now, for drops_may_stay. */
void world_remember(struct world *world);
/* Puts the table in force and checks; where it is NULL the one that is stays. */
void world_publish_table(struct world *world, struct mark_table **table);
void world_begin(struct world *world, struct policy *policy, struct change *ret);
void world_withdraw(struct world *world, struct change *change);
void world_publish(struct world *world, struct change *change);
void world_abort(struct world *world, struct change *change);
/* All of them, the last calls apart: world_run() makes those. */
void world_change(struct world *world, struct policy *policy);

/* The device holds what the plan holds, and nothing else. */
void world_expect_complete(struct world *world);

#endif
