/*
 * The tables of the path machine, and the step. See path.h; path_words.c has the words.
 */
#include "nic/path.h"

#include <stddef.h>

/*
 * Next state of rows that let a VF carry which has lasted: VF or DEGRADED, by what is known of the
 * rules. Where it is too early for that the NIC stays, and none of the row's actions is carried
 * out.
 */
#define CARRYING ((int)PATH_STATES)

struct row {
	enum path_state from;
	enum path_event event;
	int to; /* enum path_state, or CARRYING */
	unsigned actions;
};

struct table {
	const struct row *rows;
	size_t count;
};

#define DETACH    PATH_ACTION_DETACH
#define HOLD_DOWN PATH_ACTION_HOLD
#define LET_GO    PATH_ACTION_LET_GO
#define ATTACH    PATH_ACTION_ATTACH
#define TO_SYNTH  PATH_ACTION_TO_SYNTHETIC
#define TO_VF     PATH_ACTION_TO_VF
#define STOP      PATH_ACTION_STOP_TIMER
#define START     PATH_ACTION_START_TIMER
#define COMPLAIN  PATH_ACTION_COMPLAIN

#define ROW(from, event, to, actions)                        \
	{                                                    \
		PATH_##from, PATH_EVENT_##event, to, actions \
	}

/* What is not listed changes nothing. */
static const struct row netvsc_rows[] = {
	ROW(SYNTHETIC, VF_PRESENT, PATH_UNCLAIMED, STOP | START),
	ROW(SYNTHETIC, VF_CARRIES, PATH_ARMING, STOP | ATTACH),
	ROW(SYNTHETIC, VF_REMOVED, PATH_SYNTHETIC, STOP),
	ROW(SYNTHETIC, HOLD, PATH_SYNTHETIC, STOP | HOLD_DOWN),
	ROW(SYNTHETIC, TIMER, PATH_UNCLAIMED, COMPLAIN),

	ROW(UNCLAIMED, VF_CARRIES, PATH_ARMING, STOP | ATTACH),
	ROW(UNCLAIMED, VF_REMOVED, PATH_SYNTHETIC, STOP),
	ROW(UNCLAIMED, HOLD, PATH_SYNTHETIC, STOP | HOLD_DOWN),
	ROW(UNCLAIMED, TIMER, PATH_UNCLAIMED, COMPLAIN),

	ROW(ARMING, VF_WITHDRAWN, PATH_SYNTHETIC, DETACH | START),
	ROW(ARMING, VF_REMOVED, PATH_SYNTHETIC, DETACH),
	ROW(ARMING, RULES_INSTALLED, PATH_VF, 0),
	ROW(ARMING, RULES_REFUSED, PATH_DEGRADED, 0),

	ROW(VF, VF_WITHDRAWN, PATH_SYNTHETIC, DETACH | START),
	ROW(VF, VF_REMOVED, PATH_SYNTHETIC, DETACH),
	ROW(VF, RULES_CHANGING, PATH_ARMING, 0),
	ROW(VF, RULES_REFUSED, PATH_DEGRADED, 0),

	ROW(DEGRADED, VF_WITHDRAWN, PATH_SYNTHETIC, DETACH | START),
	ROW(DEGRADED, VF_REMOVED, PATH_SYNTHETIC, DETACH),
	ROW(DEGRADED, RULES_CHANGING, PATH_ARMING, 0),
	ROW(DEGRADED, RULES_INSTALLED, PATH_VF, 0),
};

/*
 * Held: the VF is ours before netvsc can have it, so it is neither idle nor unclaimed. Where the
 * PMD was faster, the rows above go on and holding waits for the VF's next return.
 */
static const struct row netvsc_held_rows[] = {
	ROW(SYNTHETIC, VF_PRESENT, PATH_SYNTHETIC, 0),
	ROW(SYNTHETIC, HOLD, PATH_SYNTHETIC, 0),
	ROW(SYNTHETIC, RELEASE, PATH_SYNTHETIC, LET_GO),
	ROW(UNCLAIMED, RELEASE, PATH_UNCLAIMED, LET_GO),
	ROW(ARMING, RELEASE, PATH_ARMING, LET_GO),
	ROW(VF, RELEASE, PATH_VF, LET_GO),
	ROW(DEGRADED, RELEASE, PATH_DEGRADED, LET_GO),
};

/*
 * Rules go in while traffic is on the synthetic path; the timer damps the way back, and is then for
 * patience. A change of rules leaves traffic where it is: what has no mark is decided in software.
 */
static const struct row bifurcated_rows[] = {
	ROW(SYNTHETIC, VF_PRESENT, PATH_UNCLAIMED, STOP | START),
	ROW(SYNTHETIC, VF_CARRIES, PATH_ARMING, STOP | ATTACH | START),
	ROW(SYNTHETIC, VF_REMOVED, PATH_SYNTHETIC, STOP),
	ROW(SYNTHETIC, HOLD, PATH_SYNTHETIC, STOP),

	ROW(UNCLAIMED, VF_CARRIES, PATH_ARMING, STOP | ATTACH | START),
	ROW(UNCLAIMED, VF_REMOVED, PATH_SYNTHETIC, STOP),
	ROW(UNCLAIMED, HOLD, PATH_SYNTHETIC, STOP),
	ROW(UNCLAIMED, TIMER, PATH_UNCLAIMED, COMPLAIN),

	ROW(ARMING, VF_WITHDRAWN, PATH_UNCLAIMED, DETACH | STOP | START),
	ROW(ARMING, VF_REMOVED, PATH_SYNTHETIC, DETACH | STOP),
	ROW(ARMING, RULES_INSTALLED, CARRYING, STOP | TO_VF),
	ROW(ARMING, RULES_REFUSED, CARRYING, STOP | TO_VF),
	ROW(ARMING, HOLD, PATH_SYNTHETIC, DETACH | STOP),
	ROW(ARMING, TIMER, CARRYING, TO_VF),

	ROW(VF, VF_WITHDRAWN, PATH_UNCLAIMED, TO_SYNTH | DETACH | START),
	ROW(VF, VF_REMOVED, PATH_SYNTHETIC, TO_SYNTH | DETACH),
	ROW(VF, RULES_REFUSED, PATH_DEGRADED, 0),
	ROW(VF, HOLD, PATH_SYNTHETIC, TO_SYNTH | DETACH),

	ROW(DEGRADED, VF_WITHDRAWN, PATH_UNCLAIMED, TO_SYNTH | DETACH | START),
	ROW(DEGRADED, VF_REMOVED, PATH_SYNTHETIC, TO_SYNTH | DETACH),
	ROW(DEGRADED, RULES_INSTALLED, PATH_VF, 0),
	ROW(DEGRADED, HOLD, PATH_SYNTHETIC, TO_SYNTH | DETACH),
};

static const struct row bifurcated_held_rows[] = {
	ROW(SYNTHETIC, VF_PRESENT, PATH_SYNTHETIC, 0),
	ROW(SYNTHETIC, VF_CARRIES, PATH_SYNTHETIC, 0),
	ROW(SYNTHETIC, HOLD, PATH_SYNTHETIC, 0),
};

/* One device and no second path: what changes is whether it is there, and its rules. */
static const struct row plain_rows[] = {
	ROW(SYNTHETIC, VF_CARRIES, PATH_ARMING, ATTACH),

	ROW(ARMING, VF_REMOVED, PATH_SYNTHETIC, DETACH),
	ROW(ARMING, RULES_INSTALLED, PATH_VF, 0),
	ROW(ARMING, RULES_REFUSED, PATH_DEGRADED, 0),

	ROW(VF, VF_REMOVED, PATH_SYNTHETIC, DETACH),
	ROW(VF, RULES_CHANGING, PATH_ARMING, 0),
	ROW(VF, RULES_REFUSED, PATH_DEGRADED, 0),

	ROW(DEGRADED, VF_REMOVED, PATH_SYNTHETIC, DETACH),
	ROW(DEGRADED, RULES_CHANGING, PATH_ARMING, 0),
	ROW(DEGRADED, RULES_INSTALLED, PATH_VF, 0),
};

#define TABLE(array)                                      \
	{                                                 \
		array, sizeof(array) / sizeof((array)[0]) \
	}

/* `held` comes first where the NIC is held; what it does not list is looked up in `rows`. */
static const struct type {
	struct table rows, held;
	unsigned actuators;
} types[] = {
	[UPLINK_PLAIN] = {
		.rows = TABLE(plain_rows),
	},
	[UPLINK_NETVSC] = {
		.rows = TABLE(netvsc_rows),
		.held = TABLE(netvsc_held_rows),
		.actuators = PATH_CAN_HOLD,
	},
	[UPLINK_BIFURCATED] = {
		.rows = TABLE(bifurcated_rows),
		.held = TABLE(bifurcated_held_rows),
		.actuators = PATH_CAN_SWITCH,
	},
};

static const struct {
	unsigned actuator, actions;
} needs[] = {
	{ PATH_CAN_SWITCH, PATH_ACTION_TO_SYNTHETIC | PATH_ACTION_TO_VF },
	{ PATH_CAN_HOLD, PATH_ACTION_HOLD | PATH_ACTION_LET_GO },
};

static const struct row *find(const struct table *table, enum path_state from,
			      enum path_event event)
{
	for (size_t i = 0; i < table->count; i++) {
		if (table->rows[i].from == from && table->rows[i].event == event)
			return &table->rows[i];
	}
	return NULL;
}

static const struct row *row_of(const struct path *path, enum path_event event)
{
	const struct type *type = &types[path->uplink];
	const struct row *row;

	if (event == PATH_EVENT_RULES_AWAITED)
		event = PATH_EVENT_RULES_CHANGING;
	row = path->held ? find(&type->held, path->state, event) : NULL;
	return row ? row : find(&type->rows, path->state, event);
}

/* What this uplink has no actuator for is not asked. */
static unsigned possible(const struct path *path, unsigned actions)
{
	for (size_t i = 0; i < sizeof(needs) / sizeof(needs[0]); i++) {
		if (!(path->actuators & needs[i].actuator))
			actions &= ~needs[i].actions;
	}
	return actions;
}

static bool can_be_held(const struct path *path)
{
	return path->actuators & (PATH_CAN_HOLD | PATH_CAN_SWITCH);
}

static void note_rules(struct path *path, enum path_event event)
{
	static const enum path_rules words[PATH_EVENTS] = {
		[PATH_EVENT_RULES_CHANGING] = PATH_RULES_CHANGING,
		[PATH_EVENT_RULES_AWAITED] = PATH_RULES_AWAITED,
		[PATH_EVENT_RULES_INSTALLED] = PATH_RULES_INSTALLED,
		[PATH_EVENT_RULES_REFUSED] = PATH_RULES_REFUSED,
	};

	path->rules = words[event];
}

/* What is remembered besides the state, whether or not a row is listed. */
static void note(struct path *path, enum path_event event)
{
	switch (event) {
	case PATH_EVENT_RULES_CHANGING:
	case PATH_EVENT_RULES_AWAITED:
	case PATH_EVENT_RULES_INSTALLED:
	case PATH_EVENT_RULES_REFUSED:
		note_rules(path, event);
		return;
	case PATH_EVENT_HOLD:
		path->held = can_be_held(path);
		return;
	case PATH_EVENT_RELEASE:
		path->held = false;
		return;
	case PATH_EVENT_TIMER:
		path->overdue = path->ripe;
		path->ripe = path->state == PATH_ARMING;
		return;
	default:
		return;
	}
}

static bool carries(enum path_state state)
{
	return state == PATH_VF || state == PATH_DEGRADED;
}

/* A VF that did not last makes the next fail-back wait longer, unless it was left on request. */
static void damp(struct path *path, enum path_event event, enum path_state to, uint64_t now_ms)
{
	if (carries(to) && !carries(path->state)) {
		path->carrying_ms = now_ms;
		return;
	}
	if (carries(to) || !carries(path->state))
		return;
	if (now_ms - path->carrying_ms >= PATH_STABLE_MS)
		path->failback_ms = path->failback_first_ms;
	else if (event != PATH_EVENT_HOLD &&
		 path->failback_ms < path->failback_first_ms * PATH_FAILBACK_GROWTH)
		path->failback_ms *= 2;
}

/* It is for one return of the VF, and that one has ended or come to nothing. */
static bool ends_hurry(enum path_event event, enum path_state to)
{
	return carries(to) || event == PATH_EVENT_HOLD || event == PATH_EVENT_VF_REMOVED ||
	       event == PATH_EVENT_VF_WITHDRAWN;
}

static uint32_t timer_of(const struct path *path, const struct path_step *step)
{
	if (step->from == PATH_ARMING || step->to != PATH_ARMING)
		return PATH_PATIENCE_MS;
	return path->hurry ? 0 : path->failback_ms;
}

/* A device that takes no rules at all is used without them when patience has ended. */
static enum path_state carrying(const struct path *path)
{
	if (!path->ripe || path->rules == PATH_RULES_CHANGING)
		return PATH_ARMING;
	if (path->rules == PATH_RULES_AWAITED && !path->overdue)
		return PATH_ARMING;
	return path->rules == PATH_RULES_INSTALLED ? PATH_VF : PATH_DEGRADED;
}

static unsigned actions_of(const struct path *path, const struct row *row,
			   const struct path_step *step)
{
	unsigned actions = row->actions;

	if (row->to != CARRYING)
		return possible(path, actions);
	if (!carries(step->to))
		actions = row->event == PATH_EVENT_TIMER ? START : 0;
	if (row->event == PATH_EVENT_TIMER && path->overdue)
		actions |= COMPLAIN;
	return possible(path, actions);
}

void path_init(struct path *path, enum uplink_type uplink, unsigned actuators, uint64_t now_ms)
{
	*path = (struct path){
		.uplink = uplink,
		.actuators = actuators & types[uplink].actuators,
		.since_ms = now_ms,
	};
	path_set_failback(path, PATH_FAILBACK_MS);
}

void path_set_failback(struct path *path, uint32_t failback_ms)
{
	path->failback_ms = path->failback_first_ms = failback_ms;
}

void path_hurry(struct path *path)
{
	path->hurry = true;
}

struct path_step path_step(struct path *path, enum path_event event, uint64_t now_ms)
{
	const struct row *row = row_of(path, event);
	struct path_step step = {
		.from = path->state,
		.to = path->state,
		.hurried = path->hurry,
	};

	note(path, event);
	if (!row)
		return step;
	step.to = row->to == CARRYING ? carrying(path) : (enum path_state)row->to;
	step.actions = actions_of(path, row, &step);
	if (step.actions & PATH_ACTION_START_TIMER)
		step.timer_ms = timer_of(path, &step);
	if (step.actions & PATH_ACTION_ATTACH) {
		path->rules = PATH_RULES_CHANGING;
		path->ripe = path->overdue = false;
	}
	if (ends_hurry(event, step.to))
		path->hurry = false;
	damp(path, event, step.to, now_ms);
	if (step.to != step.from) {
		step.lasted_ms = now_ms - path->since_ms;
		path->since_ms = now_ms;
		path->state = step.to;
	}
	return step;
}
