/*
 * The path machine, every event in every state for every uplink type, against tables written the
 * other way round: a line an event, a column a state.
 */
#include "nic/path.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ALL_ACTUATORS (PATH_CAN_SWITCH | PATH_CAN_HOLD)

/*
 * Cells: "." nothing happens; else the state after it (s u a v d; "=": it stays; "c": v where the
 * rules were last said to be in, else d) and the actions, a letter each:
 * S to-synthetic, D detach, H hold, L let-go, A attach, V to-vf, x stop-timer,
 * t start-timer, C complain.
 */
struct line {
	enum path_event event;
	const char *cells[PATH_STATES]; /* synthetic, unclaimed, arming, vf, degraded */
};

static const char state_letters[] = "suavd";
static const char action_letters[] = "SDHLAVxtC";

#define VF_PRESENT      PATH_EVENT_VF_PRESENT
#define VF_CARRIES      PATH_EVENT_VF_CARRIES
#define FAILBACK_MAX_MS (PATH_FAILBACK_MS * PATH_FAILBACK_GROWTH)
#define VF_WITHDRAWN    PATH_EVENT_VF_WITHDRAWN
#define VF_REMOVED      PATH_EVENT_VF_REMOVED
#define RULES_CHANGING  PATH_EVENT_RULES_CHANGING
#define RULES_AWAITED   PATH_EVENT_RULES_AWAITED
#define RULES_INSTALLED PATH_EVENT_RULES_INSTALLED
#define RULES_REFUSED   PATH_EVENT_RULES_REFUSED

static const struct line netvsc[PATH_EVENTS] = {
	{ VF_PRESENT, { "u xt", ".", ".", ".", "." } },
	{ VF_CARRIES, { "a xA", "a xA", ".", ".", "." } },
	{ VF_WITHDRAWN, { ".", ".", "s Dt", "s Dt", "s Dt" } },
	{ VF_REMOVED, { "= x", "s x", "s D", "s D", "s D" } },
	{ RULES_CHANGING, { ".", ".", ".", "a", "a" } },
	{ RULES_AWAITED, { ".", ".", ".", "a", "a" } },
	{ RULES_INSTALLED, { ".", ".", "v", ".", "v" } },
	{ RULES_REFUSED, { ".", ".", "d", "d", "." } },
	{ PATH_EVENT_HOLD, { "= xH", "s xH", ".", ".", "." } },
	{ PATH_EVENT_RELEASE, { ".", ".", ".", ".", "." } },
	{ PATH_EVENT_TIMER, { "u C", "= C", ".", ".", "." } },
};

static const struct line netvsc_held[PATH_EVENTS] = {
	{ VF_PRESENT, { ".", ".", ".", ".", "." } },
	{ VF_CARRIES, { "a xA", "a xA", ".", ".", "." } },
	{ VF_WITHDRAWN, { ".", ".", "s Dt", "s Dt", "s Dt" } },
	{ VF_REMOVED, { "= x", "s x", "s D", "s D", "s D" } },
	{ RULES_CHANGING, { ".", ".", ".", "a", "a" } },
	{ RULES_AWAITED, { ".", ".", ".", "a", "a" } },
	{ RULES_INSTALLED, { ".", ".", "v", ".", "v" } },
	{ RULES_REFUSED, { ".", ".", "d", "d", "." } },
	{ PATH_EVENT_HOLD, { ".", "s xH", ".", ".", "." } },
	{ PATH_EVENT_RELEASE, { "= L", "= L", "= L", "= L", "= L" } },
	{ PATH_EVENT_TIMER, { "u C", "= C", ".", ".", "." } },
};

static const struct line bifurcated[PATH_EVENTS] = {
	{ VF_PRESENT, { "u xt", ".", ".", ".", "." } },
	{ VF_CARRIES, { "a xtA", "a xtA", ".", ".", "." } },
	{ VF_WITHDRAWN, { ".", ".", "u Dxt", "u SDt", "u SDt" } },
	{ VF_REMOVED, { "= x", "s x", "s Dx", "s SD", "s SD" } },
	{ RULES_CHANGING, { ".", ".", ".", ".", "." } },
	{ RULES_AWAITED, { ".", ".", ".", ".", "." } },
	{ RULES_INSTALLED, { ".", ".", "v Vx", ".", "v" } },
	{ RULES_REFUSED, { ".", ".", "d Vx", "d", "." } },
	{ PATH_EVENT_HOLD, { "= x", "s x", "s Dx", "s SD", "s SD" } },
	{ PATH_EVENT_RELEASE, { ".", ".", ".", ".", "." } },
	{ PATH_EVENT_TIMER, { ".", "= C", "c V", ".", "." } },
};

static const struct line bifurcated_held[PATH_EVENTS] = {
	{ VF_PRESENT, { ".", ".", ".", ".", "." } },
	{ VF_CARRIES, { ".", "a xtA", ".", ".", "." } },
	{ VF_WITHDRAWN, { ".", ".", "u Dxt", "u SDt", "u SDt" } },
	{ VF_REMOVED, { "= x", "s x", "s Dx", "s SD", "s SD" } },
	{ RULES_CHANGING, { ".", ".", ".", ".", "." } },
	{ RULES_AWAITED, { ".", ".", ".", ".", "." } },
	{ RULES_INSTALLED, { ".", ".", "v Vx", ".", "v" } },
	{ RULES_REFUSED, { ".", ".", "d Vx", "d", "." } },
	{ PATH_EVENT_HOLD, { ".", "s x", "s Dx", "s SD", "s SD" } },
	{ PATH_EVENT_RELEASE, { ".", ".", ".", ".", "." } },
	{ PATH_EVENT_TIMER, { ".", "= C", "c V", ".", "." } },
};

static const struct line plain[PATH_EVENTS] = {
	{ VF_PRESENT, { ".", ".", ".", ".", "." } },
	{ VF_CARRIES, { "a A", ".", ".", ".", "." } },
	{ VF_WITHDRAWN, { ".", ".", ".", ".", "." } },
	{ VF_REMOVED, { ".", ".", "s D", "s D", "s D" } },
	{ RULES_CHANGING, { ".", ".", ".", "a", "a" } },
	{ RULES_AWAITED, { ".", ".", ".", "a", "a" } },
	{ RULES_INSTALLED, { ".", ".", "v", ".", "v" } },
	{ RULES_REFUSED, { ".", ".", "d", "d", "." } },
	{ PATH_EVENT_HOLD, { ".", ".", ".", ".", "." } },
	{ PATH_EVENT_RELEASE, { ".", ".", ".", ".", "." } },
	{ PATH_EVENT_TIMER, { ".", ".", ".", ".", "." } },
};

static const struct {
	const char *name;
	enum uplink_type uplink;
	bool held;
	const struct line *lines;
} machines[] = {
	{ "netvsc", UPLINK_NETVSC, false, netvsc },
	{ "netvsc, held", UPLINK_NETVSC, true, netvsc_held },
	{ "bifurcated", UPLINK_BIFURCATED, false, bifurcated },
	{ "bifurcated, held", UPLINK_BIFURCATED, true, bifurcated_held },
	{ "plain", UPLINK_PLAIN, false, plain },
};

/* What a step did, in the words of a cell. */
static void say(const struct path_step *step, bool incomplete, const char *cell, char *text)
{
	size_t n = 0;

	if (step->from == step->to && step->actions == 0) {
		strcpy(text, ".");
		return;
	}
	if (step->from == step->to)
		text[n++] = '=';
	else if (*cell == 'c' && step->to == (incomplete ? PATH_DEGRADED : PATH_VF))
		text[n++] = 'c';
	else
		text[n++] = state_letters[step->to];
	if (step->actions)
		text[n++] = ' ';
	for (size_t a = 0; action_letters[a]; a++) {
		if (step->actions & (1U << a))
			text[n++] = action_letters[a];
	}
	text[n] = '\0';
}

/* A cell's actions in the order of their bits, however they are written. */
static void sort_cell(const char *cell, char *text)
{
	size_t n = strcspn(cell, " ");

	memcpy(text, cell, n);
	if (cell[n])
		text[n++] = ' ';
	for (size_t a = 0; action_letters[a] && cell[strcspn(cell, " ")]; a++) {
		if (strchr(cell + strcspn(cell, " ") + 1, action_letters[a]))
			text[n++] = action_letters[a];
	}
	text[n] = '\0';
}

static void check_cell(size_t m, const struct line *line, enum path_state state, bool incomplete)
{
	char expected[32], got[32];
	struct path_step step;
	struct path path;

	path_init(&path, machines[m].uplink, ALL_ACTUATORS, 1000);
	path.held = machines[m].held;
	path.state = state;
	path.rules = incomplete ? PATH_RULES_REFUSED : PATH_RULES_INSTALLED;
	path.ripe = line->event != PATH_EVENT_TIMER; /* the wait is over, or ends with the event */
	path.carrying_ms = 1000;
	step = path_step(&path, line->event, 5000);
	sort_cell(line->cells[state], expected);
	say(&step, incomplete, expected, got);
	if (strcmp(expected, got) != 0)
		fail_msg("%s, event %d in state %c: expected \"%s\", got \"%s\"", machines[m].name,
			 (int)line->event, state_letters[state], expected, got);
	assert_int_equal(step.from, state);
	assert_int_equal(step.to, path.state);
	assert_int_equal(step.lasted_ms, step.from == step.to ? 0 : 4000);
	assert_int_equal(path.since_ms, step.from == step.to ? 1000 : 5000);
}

static void every_event_in_every_state(void **state)
{
	(void)state;
	for (size_t m = 0; m < sizeof(machines) / sizeof(machines[0]); m++) {
		for (int e = 0; e < PATH_EVENTS; e++) {
			assert_int_equal(machines[m].lines[e].event, e);
			for (int s = 0; s < PATH_STATES; s++) {
				check_cell(m, &machines[m].lines[e], (enum path_state)s, false);
				check_cell(m, &machines[m].lines[e], (enum path_state)s, true);
			}
		}
	}
}

static void asks_only_what_the_uplink_can_do(void **state)
{
	struct path path;

	(void)state;
	path_init(&path, UPLINK_NETVSC, 0, 0);
	assert_int_equal(path_step(&path, VF_CARRIES, 1).actions,
			 PATH_ACTION_STOP_TIMER | PATH_ACTION_ATTACH);
	assert_int_equal(path_step(&path, VF_WITHDRAWN, 2).actions,
			 PATH_ACTION_DETACH | PATH_ACTION_START_TIMER);
	assert_int_equal(path_step(&path, PATH_EVENT_HOLD, 3).actions, PATH_ACTION_STOP_TIMER);
	assert_false(path.held);
	path_init(&path, UPLINK_PLAIN, ALL_ACTUATORS, 0);
	assert_int_equal(path.actuators, 0);
	(void)path_step(&path, PATH_EVENT_HOLD, 1);
	assert_false(path.held);
}

/* Runs a bifurcated uplink to its VF and away from it; returns how long it waited to go there. */
static uint32_t there_and_back(struct path *path, uint64_t *now, uint64_t stays)
{
	struct path_step step;
	uint32_t waited;

	(void)path_step(path, VF_PRESENT, *now);
	step = path_step(path, VF_CARRIES, *now);
	assert_true(step.actions & PATH_ACTION_START_TIMER);
	waited = step.timer_ms;
	assert_int_equal(path_step(path, RULES_INSTALLED, *now).actions, 0);
	assert_int_equal(path->state, PATH_ARMING);
	*now += waited;
	step = path_step(path, PATH_EVENT_TIMER, *now);
	assert_int_equal(step.actions, PATH_ACTION_TO_VF);
	*now += stays;
	step = path_step(path, VF_REMOVED, *now);
	assert_int_equal(step.actions, PATH_ACTION_TO_SYNTHETIC | PATH_ACTION_DETACH);
	assert_int_equal(step.lasted_ms, stays);
	return waited;
}

static void fails_over_at_once_and_back_damped(void **state)
{
	uint32_t expected = PATH_FAILBACK_MS;
	uint64_t now = 77;
	struct path path;

	(void)state;
	path_init(&path, UPLINK_BIFURCATED, PATH_CAN_SWITCH, now);
	for (int flap = 0; flap < 10; flap++) {
		assert_int_equal(there_and_back(&path, &now, 10), expected);
		expected = expected < FAILBACK_MAX_MS ? expected * 2 : expected;
	}
	assert_int_equal(expected, FAILBACK_MAX_MS);
	assert_int_equal(there_and_back(&path, &now, PATH_STABLE_MS), FAILBACK_MAX_MS);
	assert_int_equal(there_and_back(&path, &now, 10), PATH_FAILBACK_MS);
}

/* The operator's doing says nothing about the VF. */
static void damps_no_vf_that_was_left_on_request(void **state)
{
	uint64_t now = 77;
	struct path path;

	(void)state;
	path_init(&path, UPLINK_BIFURCATED, PATH_CAN_SWITCH, now);
	(void)there_and_back(&path, &now, 10);
	(void)path_step(&path, VF_CARRIES, now);
	(void)path_step(&path, RULES_INSTALLED, now);
	now += 2 * PATH_FAILBACK_MS;
	assert_int_equal(path_step(&path, PATH_EVENT_TIMER, now).to, PATH_VF);
	assert_int_equal(path_step(&path, PATH_EVENT_HOLD, now + 10).to, PATH_SYNTHETIC);
	(void)path_step(&path, PATH_EVENT_RELEASE, now + 20);
	assert_int_equal(there_and_back(&path, &now, 10), 2 * PATH_FAILBACK_MS);
	assert_int_equal(there_and_back(&path, &now, 10), 4 * PATH_FAILBACK_MS);
}

static void waits_as_long_as_it_is_told(void **state)
{
	uint64_t now = 77;
	struct path path;

	(void)state;
	path_init(&path, UPLINK_BIFURCATED, PATH_CAN_SWITCH, now);
	path_set_failback(&path, 0);
	for (int flap = 0; flap < 5; flap++)
		assert_int_equal(there_and_back(&path, &now, 10), 0);
	path_set_failback(&path, 3);
	assert_int_equal(there_and_back(&path, &now, 10), 3);
	for (int flap = 0; flap < 10; flap++)
		(void)there_and_back(&path, &now, 10);
	assert_int_equal(there_and_back(&path, &now, PATH_STABLE_MS), 3 * PATH_FAILBACK_GROWTH);
	assert_int_equal(there_and_back(&path, &now, 10), 3);
}

/* Once, and damping goes on counting; what ends the return ends the hurry. */
static void does_not_wait_for_an_operator_in_a_hurry(void **state)
{
	static const enum path_event ends[] = { VF_REMOVED, VF_WITHDRAWN, PATH_EVENT_HOLD };
	uint64_t now = 77;
	struct path path;

	(void)state;
	path_init(&path, UPLINK_BIFURCATED, PATH_CAN_SWITCH, now);
	path_hurry(&path);
	assert_int_equal(there_and_back(&path, &now, 10), 0);
	assert_int_equal(there_and_back(&path, &now, 10), 2 * PATH_FAILBACK_MS);
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		path_init(&path, UPLINK_BIFURCATED, PATH_CAN_SWITCH, now);
		path_hurry(&path);
		(void)path_step(&path, VF_CARRIES, now);
		(void)path_step(&path, ends[i], now);
		(void)path_step(&path, PATH_EVENT_RELEASE, now);
		(void)path_step(&path, VF_REMOVED, now);
		assert_int_equal(there_and_back(&path, &now, 10), PATH_FAILBACK_MS);
	}
}

/* A bifurcated NIC whose VF has come. */
static void arm(struct path *path)
{
	path_init(path, UPLINK_BIFURCATED, PATH_CAN_SWITCH, 0);
	(void)path_step(path, VF_CARRIES, 0);
}

/* It is for the VF: no change of rules prolongs it, and rules that come later carry at once. */
static void waits_once_for_each_return(void **state)
{
	static const struct {
		enum path_event event;
		enum path_state to;
	} words[] = { { RULES_INSTALLED, PATH_VF }, { RULES_REFUSED, PATH_DEGRADED } };
	struct path path;

	(void)state;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		arm(&path);
		for (int change = 0; change < 5; change++) {
			assert_int_equal(path_step(&path, words[i].event, 100).actions, 0);
			assert_int_equal(path_step(&path, RULES_CHANGING, 200).actions, 0);
		}
		assert_int_equal(path_step(&path, PATH_EVENT_TIMER, PATH_FAILBACK_MS).to,
				 PATH_ARMING);
		assert_int_equal(path_step(&path, words[i].event, PATH_FAILBACK_MS + 1).actions,
				 PATH_ACTION_TO_VF | PATH_ACTION_STOP_TIMER);
		assert_int_equal(path.state, words[i].to);
	}
}

static const char *cause_of(struct path *path, enum path_event event)
{
	const struct path_step step = path_step(path, event, 1);

	assert_int_not_equal(step.from, step.to);
	return path_cause(path->uplink, &step, event);
}

/* What carries the traffic, and whether anybody waited, differs by uplink. */
static void tells_causes_as_they_are(void **state)
{
	struct path path;

	(void)state;
	path_init(&path, UPLINK_NETVSC, 0, 0);
	assert_string_equal(cause_of(&path, VF_CARRIES), "the VF carries traffic");
	assert_non_null(strstr(cause_of(&path, VF_WITHDRAWN), "the host took"));
	path_init(&path, UPLINK_PLAIN, 0, 0);
	assert_string_equal(cause_of(&path, VF_CARRIES), "the device is there");
	assert_string_equal(cause_of(&path, VF_REMOVED), "the device has gone");

	path_init(&path, UPLINK_BIFURCATED, PATH_CAN_SWITCH, 0);
	assert_string_equal(cause_of(&path, VF_CARRIES), "the VF is open");
	(void)path_step(&path, RULES_INSTALLED, 1);
	assert_string_equal(cause_of(&path, PATH_EVENT_TIMER),
			    "rules are in, and the wait is over");
	assert_string_equal(cause_of(&path, VF_WITHDRAWN), "the VF's interface was set down");
	path_hurry(&path);
	assert_string_equal(cause_of(&path, VF_CARRIES), "the VF is open");
	(void)path_step(&path, RULES_INSTALLED, 1);
	assert_string_equal(cause_of(&path, PATH_EVENT_TIMER), "asked for, and rules are in");
	assert_string_equal(cause_of(&path, VF_REMOVED), "the VF was removed");
}

static struct path_step wait_patiently(struct path *path)
{
	struct path_step step = path_step(path, PATH_EVENT_TIMER, PATH_FAILBACK_MS);

	assert_int_equal(step.to, PATH_ARMING);
	assert_int_equal(step.actions, PATH_ACTION_START_TIMER);
	assert_int_equal(step.timer_ms, PATH_PATIENCE_MS);
	return path_step(path, PATH_EVENT_TIMER, PATH_FAILBACK_MS + PATH_PATIENCE_MS);
}

/* Rules that are on their way are waited for; a device that takes none is used without. */
static void has_patience_with_rules(void **state)
{
	struct path_step step;
	struct path path;

	(void)state;
	arm(&path);
	(void)path_step(&path, RULES_CHANGING, 1);
	step = wait_patiently(&path);
	assert_int_equal(step.to, PATH_ARMING);
	assert_int_equal(step.actions, PATH_ACTION_COMPLAIN | PATH_ACTION_START_TIMER);
	assert_int_equal(path_step(&path, RULES_INSTALLED, 99999).to, PATH_VF);

	arm(&path);
	(void)path_step(&path, RULES_AWAITED, 1);
	step = wait_patiently(&path);
	assert_int_equal(step.to, PATH_DEGRADED);
	assert_int_equal(step.actions, PATH_ACTION_COMPLAIN | PATH_ACTION_TO_VF);
	assert_non_null(strstr(path_cause(path.uplink, &step, PATH_EVENT_TIMER), "no rules"));
	assert_int_equal(path_step(&path, RULES_CHANGING, 99999).to, PATH_DEGRADED);
	assert_int_equal(path_step(&path, RULES_INSTALLED, 99999).to, PATH_VF);
	/* the next VF begins anew */
	(void)path_step(&path, VF_REMOVED, 99999);
	assert_int_equal(path_step(&path, VF_CARRIES, 99999).to, PATH_ARMING);
	assert_int_equal(path_step(&path, RULES_AWAITED, 99999).actions, 0);
	(void)wait_patiently(&path);
}

static void says_why_the_operator_cannot_have_it(void **state)
{
	struct path path;

	(void)state;
	path_init(&path, UPLINK_NETVSC, ALL_ACTUATORS, 0);
	assert_null(path_refusal(&path, PATH_WISH_SYNTHETIC, false));
	assert_non_null(path_refusal(&path, PATH_WISH_SYNTHETIC, true));
	assert_null(path_refusal(&path, PATH_WISH_AUTO, false));
	assert_non_null(strstr(path_refusal(&path, PATH_WISH_VF, false), "no VF"));
	(void)path_step(&path, VF_PRESENT, 1);
	assert_non_null(strstr(path_refusal(&path, PATH_WISH_VF, false), "not taken it up"));
	(void)path_step(&path, VF_CARRIES, 1);
	assert_non_null(
		strstr(path_refusal(&path, PATH_WISH_SYNTHETIC, true), "switches by itself"));
	assert_null(path_refusal(&path, PATH_WISH_VF, true));

	path_init(&path, UPLINK_NETVSC, 0, 0);
	assert_non_null(strstr(path_refusal(&path, PATH_WISH_SYNTHETIC, false), "announces"));
	path_init(&path, UPLINK_PLAIN, ALL_ACTUATORS, 0);
	assert_non_null(path_refusal(&path, PATH_WISH_SYNTHETIC, false));
	assert_non_null(path_refusal(&path, PATH_WISH_VF, false));
	assert_null(path_refusal(&path, PATH_WISH_AUTO, false));
	path_init(&path, UPLINK_BIFURCATED, ALL_ACTUATORS, 0);
	path.state = PATH_VF;
	assert_null(path_refusal(&path, PATH_WISH_SYNTHETIC, true));
}

static void a_held_nic_stays_until_released(void **state)
{
	struct path path;

	(void)state;
	path_init(&path, UPLINK_NETVSC, ALL_ACTUATORS, 0);
	assert_int_equal(path_step(&path, PATH_EVENT_HOLD, 1).actions,
			 PATH_ACTION_STOP_TIMER | PATH_ACTION_HOLD);
	assert_true(path.held);
	assert_int_equal(path_step(&path, VF_PRESENT, 2).to, PATH_SYNTHETIC);
	assert_null(path_refusal(&path, PATH_WISH_VF, false));
	assert_int_equal(path_step(&path, PATH_EVENT_RELEASE, 3).actions, PATH_ACTION_LET_GO);
	assert_false(path.held);
	assert_int_equal(path_step(&path, VF_PRESENT, 4).to, PATH_UNCLAIMED);
}

static void names_are_what_the_manual_says(void **state)
{
	static const char *const names[] = { "synthetic", "vf-unclaimed", "vf-arming", "vf",
					     "vf-degraded" };

	(void)state;
	for (int s = 0; s < PATH_STATES; s++) {
		assert_string_equal(path_name(UPLINK_NETVSC, (enum path_state)s), names[s]);
		assert_string_equal(path_name(UPLINK_BIFURCATED, (enum path_state)s), names[s]);
		assert_string_equal(path_name(UPLINK_PLAIN, (enum path_state)s),
				    s == PATH_SYNTHETIC ? "absent" : "plain");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_event_in_every_state),
		cmocka_unit_test(asks_only_what_the_uplink_can_do),
		cmocka_unit_test(fails_over_at_once_and_back_damped),
		cmocka_unit_test(tells_causes_as_they_are),
		cmocka_unit_test(damps_no_vf_that_was_left_on_request),
		cmocka_unit_test(waits_as_long_as_it_is_told),
		cmocka_unit_test(does_not_wait_for_an_operator_in_a_hurry),
		cmocka_unit_test(waits_once_for_each_return),
		cmocka_unit_test(has_patience_with_rules),
		cmocka_unit_test(says_why_the_operator_cannot_have_it),
		cmocka_unit_test(a_held_nic_stays_until_released),
		cmocka_unit_test(names_are_what_the_manual_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
