/*
 * Levels to events, actions to deeds: see failover.h. path_report.c tells of it.
 */
#define LOG_ROOM LOG_ROOM_NIC
#include "nic/failover.h"

#include "base/log.h"
#include "nic/clock.h"
#include "nic/events.h"
#include "nic/failover_private.h"
#include "nic/lane.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* More steps than the longest chain from any state; where it does not end, the levels disagree. */
#define STEPS_MAX 8

/* --- the looker's part --- */

static void look(void *context)
{
	struct failover *failover = context;
	const struct nic_services *services = &failover->services;
	uint64_t lanes[DIRECTIONS];

	path_count_lanes(failover, lanes);
	uplink_look(failover->options.uplink);
	path_count(failover, lanes);
	if (services->wake)
		services->wake(services->context);
}

/* --- its life --- */

struct failover *failover_new(const struct failover_options *options)
{
	struct failover *failover = calloc(1, sizeof(*failover));

	if (!failover)
		return NULL;
	failover->options = *options;
	failover->services = *options->services;
	path_init(&failover->path, options->config->uplink, uplink_actuators(options->uplink),
		  clock_ms());
	pthread_mutex_init(&failover->lock, NULL);
	path_report_init(failover);
	/* no workers and no rules: a test that turns everything by hand, looks included */
	if (options->services->offload && looker_new(look, failover, &failover->looker) < 0) {
		failover_free(failover);
		return NULL;
	}
	return failover;
}

void failover_quiesce(struct failover *failover)
{
	if (failover)
		looker_quiesce(failover->looker);
}

void failover_free(struct failover *failover)
{
	if (!failover)
		return;
	looker_free(failover->looker);
	pthread_mutex_destroy(&failover->lock);
	free(failover);
}

/* --- actions --- */

static void do_detach(struct failover *failover)
{
	failover->options.seam.detach(failover->options.seam.context);
}

static void do_hold(struct failover *failover)
{
	uplink_hold(failover->options.uplink, true);
}

static void do_let_go(struct failover *failover)
{
	uplink_hold(failover->options.uplink, false);
}

static void do_attach(struct failover *failover)
{
	failover->options.seam.attach(failover->options.seam.context, failover->reading.vf.port);
}

static void do_stop_timer(struct failover *failover)
{
	failover->timer_at = 0;
}

static const struct {
	enum path_action action;
	void (*carry_out)(struct failover *failover);
} deeds[] = {
	{ PATH_ACTION_DETACH, do_detach },         { PATH_ACTION_HOLD, do_hold },
	{ PATH_ACTION_LET_GO, do_let_go },         { PATH_ACTION_ATTACH, do_attach },
	{ PATH_ACTION_STOP_TIMER, do_stop_timer }, { PATH_ACTION_COMPLAIN, path_report_idle },
};

static void step(struct failover *failover, enum path_event event)
{
	struct path_step step = path_step(&failover->path, event, clock_ms());

	for (size_t i = 0; i < sizeof(deeds) / sizeof(deeds[0]); i++) {
		if (step.actions & deeds[i].action)
			deeds[i].carry_out(failover);
	}
	if (step.actions & PATH_ACTION_START_TIMER)
		failover->timer_at = clock_ms() + step.timer_ms;
	if (step.from != step.to)
		path_report_change(failover, &step, event);
}

/* --- levels --- */

static bool uses_vf(enum path_state state)
{
	return state == PATH_ARMING || state == PATH_VF || state == PATH_DEGRADED;
}

/* The VF under the rules has become another one, or none. */
static bool is_gone(const struct failover *failover, const struct vf_sight *vf)
{
	if (failover->path.state == PATH_SYNTHETIC && !failover->present)
		return false;
	return !vf->present || vf->incarnation != failover->incarnation;
}

static bool rules_event(const struct failover *failover, enum path_event *ret)
{
	static const enum path_event events[] = {
		[FAILOVER_RULES_NONE] = PATH_EVENT_RULES_INSTALLED,
		[FAILOVER_RULES_CHANGING] = PATH_EVENT_RULES_CHANGING,
		[FAILOVER_RULES_INSTALLED] = PATH_EVENT_RULES_INSTALLED,
		[FAILOVER_RULES_REFUSED] = PATH_EVENT_RULES_REFUSED,
	};
	static const enum path_state settled[PATH_EVENTS] = {
		[PATH_EVENT_RULES_CHANGING] = PATH_ARMING,
		[PATH_EVENT_RULES_INSTALLED] = PATH_VF,
		[PATH_EVENT_RULES_REFUSED] = PATH_DEGRADED,
	};

	const struct failover_seam *seam = &failover->options.seam;
	const enum failover_rules rules = seam->rules(seam->context);

	*ret = events[rules];
	return rules != FAILOVER_RULES_UNKNOWN && settled[*ret] != failover->path.state;
}

/* What has to be told to the machine next; false: state and levels agree. */
static bool next_event(const struct failover *failover, enum path_event *ret)
{
	const struct vf_sight *vf = &failover->reading.vf;
	const enum path_state state = failover->path.state;

	*ret = PATH_EVENT_VF_REMOVED;
	if (is_gone(failover, vf))
		return true;
	if (!vf->present)
		return false;
	if (uses_vf(state)) {
		*ret = PATH_EVENT_VF_WITHDRAWN;
		return !vf->carries || rules_event(failover, ret);
	}
	*ret = PATH_EVENT_VF_CARRIES;
	if (vf->carries)
		return true;
	*ret = PATH_EVENT_VF_PRESENT;
	return state == PATH_SYNTHETIC && !failover->withdrawn && !failover->path.held;
}

void failover_attend(struct failover *failover)
{
	enum path_event event;

	uplink_read(failover->options.uplink, &failover->reading);
	if (failover->reading.looks == 0)
		return;
	for (int steps = 0; steps < STEPS_MAX && next_event(failover, &event); steps++) {
		failover->incarnation = failover->reading.vf.incarnation;
		failover->present = failover->reading.vf.present;
		if (event == PATH_EVENT_VF_WITHDRAWN)
			failover->withdrawn = true;
		else if (event == PATH_EVENT_VF_REMOVED || event == PATH_EVENT_VF_CARRIES)
			failover->withdrawn = false;
		if (event == PATH_EVENT_VF_REMOVED)
			failover->complaint = NULL;
		step(failover, event);
	}
	failover->incarnation = failover->reading.vf.incarnation;
	failover->present = failover->reading.vf.present;
}

void failover_tick(struct failover *failover)
{
	if (failover->looker)
		looker_ask(failover->looker);
	else
		look(failover);
	if (failover->timer_at && clock_ms() >= failover->timer_at) {
		failover->timer_at = 0;
		step(failover, PATH_EVENT_TIMER);
	}
}

int failover_ask(struct failover *failover, enum path_wish wish, struct accelnet_error *err)
{
	const char *why;

	failover_attend(failover); /* the answer is about what is there now */
	why = path_refusal(&failover->path, wish, failover->reading.vf.claimed);
	if (why)
		return fail(err, ACCELNET_E_STATE, NULL, "NIC %s: %s",
			    failover->options.config->name, why);
	step(failover, wish == PATH_WISH_SYNTHETIC ? PATH_EVENT_HOLD : PATH_EVENT_RELEASE);
	failover_attend(failover);
	return 0;
}
