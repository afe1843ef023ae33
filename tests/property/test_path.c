/*
 * The path machine under random histories: whatever happens in whatever order, a handful of things
 * stay true. A model of the world around it (is there a VF, are its rules in, is a timer running)
 * is kept beside it and knows nothing of its tables.
 */
#include "nic/path.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define HISTORIES 4000
#define STEPS     120

struct world {
	struct path path;
	uint64_t random;
	uint64_t now;
	bool present, carrying; /* the VF is there; it carries, or could */
	int rules;              /* -1: nobody said; 0: changing; 1: in; 2: refused; 3: awaited */
	uint64_t ripe_at;       /* bifurcated: when the wait of this return is over */
	bool attached;          /* rules belong on the port */
	bool on_vf;             /* bifurcated: where we moved the traffic */
	bool owned;             /* hold-down */
	bool taken;             /* by the driver, before that: it may carry all the same */
	bool wants_hold;
	uint64_t timer_at; /* 0: none */
};

static unsigned roll(struct world *world, unsigned sides)
{
	world->random = world->random * 6364136223846793005ULL + 1442695040888963407ULL;
	return (unsigned)(world->random >> 33) % sides;
}

static bool on(const struct path *path)
{
	return path->state == PATH_VF || path->state == PATH_DEGRADED;
}

/* What an action may count on, and what it changes. */
static void carry_out(struct world *world, const struct path_step *step, enum path_event event)
{
	const unsigned actions = step->actions;
	const enum uplink_type uplink = world->path.uplink;

	if (actions & (PATH_ACTION_TO_SYNTHETIC | PATH_ACTION_TO_VF))
		assert_int_equal(uplink, UPLINK_BIFURCATED);
	if (actions & (PATH_ACTION_HOLD | PATH_ACTION_LET_GO))
		assert_true(world->path.actuators & PATH_CAN_HOLD);
	if (actions & PATH_ACTION_TO_SYNTHETIC) {
		assert_true(world->on_vf);
		world->on_vf = false;
	}
	if (actions & PATH_ACTION_DETACH) {
		assert_true(world->attached);
		world->attached = false;
	}
	if (actions & PATH_ACTION_HOLD)
		world->owned = true;
	if (actions & PATH_ACTION_LET_GO)
		world->owned = false;
	if (actions & PATH_ACTION_ATTACH) {
		assert_false(world->attached);
		assert_true(world->carrying);
		world->attached = true;
		world->rules = -1;
	}
	if (actions & PATH_ACTION_TO_VF) {
		/* not before the wait is over, and without rules only where none are taken */
		assert_true(world->attached && world->rules >= 1);
		assert_true(world->now >= world->ripe_at);
		if (world->rules == 3)
			assert_true(world->now >= world->ripe_at + PATH_PATIENCE_MS);
		world->on_vf = true;
	}
	if (actions & PATH_ACTION_STOP_TIMER)
		world->timer_at = 0;
	if (actions & PATH_ACTION_START_TIMER) {
		assert_true(step->timer_ms > 0 && world->timer_at == 0);
		world->timer_at = world->now + step->timer_ms;
		if (actions & PATH_ACTION_ATTACH)
			world->ripe_at = world->timer_at;
	}
	if (actions & PATH_ACTION_COMPLAIN) {
		assert_int_equal(event, PATH_EVENT_TIMER);
		assert_true(world->present && (!world->carrying || world->rules == 0 ||
					       world->rules == 3 || world->rules == -1));
	} else if (event == PATH_EVENT_TIMER) {
		assert_true(world->carrying); /* an idle VF is complained of */
	}
}

static void check_invariants(const struct world *world, enum path_event event)
{
	const struct path *path = &world->path;

	/* rules are on the port exactly where a VF carries, or is about to */
	assert_int_equal(world->attached, on(path) || path->state == PATH_ARMING);
	/* no VF: never a state that needs one, and no timer that waits for it */
	if (!world->present) {
		assert_int_equal(path->state, PATH_SYNTHETIC);
		assert_int_equal(world->timer_at, 0);
	}
	/* failover is never put off */
	if (event == PATH_EVENT_VF_REMOVED)
		assert_int_equal(path->state, PATH_SYNTHETIC);
	if (event == PATH_EVENT_VF_WITHDRAWN && path->uplink != UPLINK_PLAIN)
		assert_false(on(path) || path->state == PATH_ARMING);
	/* "vf" is said of nothing but a VF whose rules are in; "degraded" of one where they are not
	 */
	if (path->state == PATH_VF)
		assert_true(world->rules == 1 ||
			    (world->rules % 3 == 0 && path->uplink == UPLINK_BIFURCATED));
	if (path->state == PATH_DEGRADED)
		assert_true(world->rules == 2 ||
			    (world->rules % 3 == 0 && path->uplink == UPLINK_BIFURCATED));
	if (path->uplink == UPLINK_BIFURCATED)
		assert_int_equal(world->on_vf, on(path));
	/* a return waits once: what has its rules goes on when that wait is over, and a timer runs
	 */
	if (path->uplink == UPLINK_BIFURCATED && path->state == PATH_ARMING) {
		assert_true(world->timer_at > 0);
		if (world->rules == 1 || world->rules == 2)
			assert_int_equal(world->timer_at, world->ripe_at);
	}
	/* held means: the VF does not get the traffic where that is ours to say */
	if (path->held && path->uplink == UPLINK_BIFURCATED)
		assert_int_equal(path->state, PATH_SYNTHETIC);
	assert_int_equal(path->held, world->wants_hold);
	/* what the rules came to shows at once where the VF carries without our doing */
	if (event == PATH_EVENT_RULES_INSTALLED && path->uplink != UPLINK_BIFURCATED)
		assert_int_equal(path->state, PATH_VF);
	if (event == PATH_EVENT_RULES_REFUSED && path->uplink != UPLINK_BIFURCATED)
		assert_int_equal(path->state, PATH_DEGRADED);
	if (path->actuators & PATH_CAN_HOLD)
		assert_int_equal(path->held, world->owned);
	assert_true(path->failback_ms >= PATH_FAILBACK_MS &&
		    path->failback_ms <= PATH_FAILBACK_MS * PATH_FAILBACK_GROWTH);
}

static void give(struct world *world, enum path_event event)
{
	struct path_step step = path_step(&world->path, event, world->now);

	carry_out(world, &step, event);
	check_invariants(world, event);
}

/* An event that can happen in this world, and what it does to the world. */
static void happen(struct world *world)
{
	static const enum path_event words[] = {
		PATH_EVENT_RULES_CHANGING,
		PATH_EVENT_RULES_INSTALLED,
		PATH_EVENT_RULES_REFUSED,
		PATH_EVENT_RULES_AWAITED,
	};
	const struct path *path = &world->path;
	const bool single = path->uplink == UPLINK_PLAIN;

	world->now += roll(world, 8) == 0 ? roll(world, 90000) : roll(world, 300);
	if (world->timer_at && world->now >= world->timer_at) {
		world->timer_at = 0;
		give(world, PATH_EVENT_TIMER);
		return;
	}
	switch (roll(world, 9)) {
	case 0:
		world->present = world->present || !single;
		if (world->present && !world->carrying)
			give(world, PATH_EVENT_VF_PRESENT);
		return;
	case 1:
		if ((world->owned && !world->taken) || (!world->present && !single))
			return;
		world->present = world->carrying = true;
		give(world, PATH_EVENT_VF_CARRIES);
		return;
	case 2:
		if (!world->carrying || single)
			return;
		world->carrying = false;
		give(world, PATH_EVENT_VF_WITHDRAWN);
		return;
	case 3:
		if (!world->present)
			return;
		world->present = world->carrying = world->taken = false;
		give(world, PATH_EVENT_VF_REMOVED);
		return;
	case 4:
	case 5:
	case 6:
		if (!world->attached)
			return;
		world->rules = (int)roll(world, 4);
		give(world, words[world->rules]);
		return;
	case 7:
		if (path_refusal(path, PATH_WISH_SYNTHETIC, world->carrying))
			return;
		if (!world->owned)
			world->taken = world->present && roll(world, 2) == 0;
		world->wants_hold = true;
		give(world, PATH_EVENT_HOLD);
		return;
	default:
		world->wants_hold = false;
		give(world, PATH_EVENT_RELEASE);
		return;
	}
}

static void live(enum uplink_type uplink, unsigned actuators, unsigned *visits)
{
	for (uint64_t seed = 1; seed <= HISTORIES; seed++) {
		struct world world = { .random = seed * 77777, .rules = -1, .now = 1 };

		path_init(&world.path, uplink, actuators, world.now);
		for (int step = 0; step < STEPS; step++) {
			happen(&world);
			visits[world.path.state]++;
		}
	}
}

static void check_visits(const unsigned *visits, bool unclaimed)
{
	for (int s = 0; s < PATH_STATES; s++)
		assert_true(visits[s] > 1000 || (s == PATH_UNCLAIMED && !unclaimed));
}

static void holds_on_netvsc(void **state)
{
	unsigned visits[PATH_STATES] = { 0 };

	(void)state;
	live(UPLINK_NETVSC, PATH_CAN_HOLD, visits);
	live(UPLINK_NETVSC, 0, visits);
	check_visits(visits, true);
}

static void holds_on_bifurcated(void **state)
{
	unsigned visits[PATH_STATES] = { 0 };

	(void)state;
	live(UPLINK_BIFURCATED, PATH_CAN_SWITCH, visits);
	check_visits(visits, true);
}

static void holds_on_plain(void **state)
{
	unsigned visits[PATH_STATES] = { 0 };

	(void)state;
	live(UPLINK_PLAIN, 0, visits);
	check_visits(visits, false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(holds_on_netvsc),
		cmocka_unit_test(holds_on_bifurcated),
		cmocka_unit_test(holds_on_plain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
