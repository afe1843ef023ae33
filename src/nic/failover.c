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

static uint64_t failover_now(const struct failover *failover)
{
	return failover->options.clock ? failover->options.clock() : clock_ms();
}

/* --- the looker's part --- */

static void look(void *context)
{
	struct failover *failover = context;
	const struct nic_services *services = &failover->services;
	struct lane_sums lanes;

	path_count_lanes(failover, &lanes);
	uplink_look(failover->options.uplink);
	path_count(failover, &lanes);
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
		  failover_now(failover));
	path_set_failback(&failover->path, options->config->failback_ms);
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

void failover_look_soon(struct failover *failover)
{
	if (failover->looker)
		looker_ask_anew(failover->looker);
	else
		look(failover);
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

static void do_to_synthetic(struct failover *failover)
{
	uplink_use_vf(failover->options.uplink, false);
	failover_look_soon(failover);
}

static void do_to_vf(struct failover *failover)
{
	uplink_use_vf(failover->options.uplink, true);
	failover_look_soon(failover);
}

static void do_attach(struct failover *failover)
{
	failover->told.rules = false;
	failover->options.seam.attach(failover->options.seam.context, failover->reading.vf.port);
}

static void do_stop_timer(struct failover *failover)
{
	failover->has_timer = false;
}

static const struct {
	enum path_action action;
	void (*carry_out)(struct failover *failover);
} deeds[] = {
	{ PATH_ACTION_TO_SYNTHETIC, do_to_synthetic },
	{ PATH_ACTION_DETACH, do_detach },
	{ PATH_ACTION_HOLD, do_hold },
	{ PATH_ACTION_LET_GO, do_let_go },
	{ PATH_ACTION_ATTACH, do_attach },
	{ PATH_ACTION_TO_VF, do_to_vf },
	{ PATH_ACTION_STOP_TIMER, do_stop_timer },
	{ PATH_ACTION_COMPLAIN, path_report_complaint },
};

static void step(struct failover *failover, enum path_event event)
{
	const uint64_t now = failover_now(failover);
	struct path_step step = path_step(&failover->path, event, now);

	for (size_t i = 0; i < sizeof(deeds) / sizeof(deeds[0]); i++) {
		if (step.actions & deeds[i].action)
			deeds[i].carry_out(failover);
	}
	if (step.actions & PATH_ACTION_START_TIMER) {
		failover->has_timer = true;
		failover->timer_at = now + step.timer_ms;
	}
	if (step.from != step.to)
		path_report_change(failover, &step, event);
}

/* --- levels --- */

static enum vf_level level_of(const struct vf_sight *vf)
{
	if (!vf->present)
		return VF_NONE;
	return vf->carries ? VF_CARRYING : VF_IDLE;
}

/* What is new of the VF; false: nothing. */
static bool vf_event(const struct failover *failover, enum path_event *ret)
{
	const struct vf_sight *vf = &failover->reading.vf;
	const enum vf_level told = failover->told.vf, is = level_of(vf);

	if (told != VF_NONE && (is == VF_NONE || vf->incarnation != failover->told.incarnation))
		*ret = PATH_EVENT_VF_REMOVED;
	else if (told == VF_CARRYING && is == VF_IDLE)
		*ret = PATH_EVENT_VF_WITHDRAWN;
	else if (told == VF_NONE && is == VF_IDLE)
		*ret = PATH_EVENT_VF_PRESENT;
	else if (told != VF_CARRYING && is == VF_CARRYING)
		*ret = PATH_EVENT_VF_CARRIES;
	else
		return false;
	return true;
}

/* What is new of the rules; they are spoken of while a VF carries, and once they are attached. */
static bool rules_event(const struct failover *failover, enum path_event *ret)
{
	static const enum path_event events[] = {
		[FAILOVER_RULES_NONE] = PATH_EVENT_RULES_INSTALLED,
		[FAILOVER_RULES_CHANGING] = PATH_EVENT_RULES_CHANGING,
		[FAILOVER_RULES_AWAITED] = PATH_EVENT_RULES_AWAITED,
		[FAILOVER_RULES_INSTALLED] = PATH_EVENT_RULES_INSTALLED,
		[FAILOVER_RULES_REFUSED] = PATH_EVENT_RULES_REFUSED,
	};
	const struct failover_seam *seam = &failover->options.seam;
	enum failover_rules rules;

	if (failover->told.vf != VF_CARRYING)
		return false;
	rules = seam->rules(seam->context);
	*ret = events[rules];
	return rules != FAILOVER_RULES_UNKNOWN &&
	       (!failover->told.rules || failover->told.rules_event != *ret);
}

static void tell_vf(struct failover *failover, enum path_event event)
{
	const bool removed = event == PATH_EVENT_VF_REMOVED;

	failover->told.vf = removed ? VF_NONE : level_of(&failover->reading.vf);
	failover->told.incarnation = failover->reading.vf.incarnation;
	failover->withdrawn = event == PATH_EVENT_VF_WITHDRAWN;
	if (removed)
		failover->complaint = NULL;
	step(failover, event);
	if (removed && (failover->path.actuators & PATH_CAN_SWITCH))
		failover_look_soon(failover); /* it is ours to close */
}

/* Tells the machine one thing that it does not know yet; false: there is none. */
static bool tell(struct failover *failover)
{
	enum path_event event;

	if (vf_event(failover, &event)) {
		tell_vf(failover, event);
		return true;
	}
	if (rules_event(failover, &event)) {
		failover->told.rules = true;
		failover->told.rules_event = event;
		step(failover, event);
		return true;
	}
	if (failover->has_timer && failover_now(failover) >= failover->timer_at) {
		failover->has_timer = false;
		step(failover, PATH_EVENT_TIMER);
		return true;
	}
	return false;
}

void failover_attend(struct failover *failover)
{
	uplink_read(failover->options.uplink, &failover->reading);
	if (failover->reading.looks == 0)
		return;
	while (tell(failover))
		;
}

void failover_tick(struct failover *failover)
{
	if (failover->looker)
		looker_ask(failover->looker);
	else
		look(failover);
	failover_attend(failover);
}

/* What the operator asks for is held against what is there, from the beginning. */
static void wish(struct failover *failover, enum path_wish wish)
{
	if (wish == PATH_WISH_SYNTHETIC) {
		step(failover, PATH_EVENT_HOLD);
		return;
	}
	if (failover->path.held)
		failover->told.vf = VF_NONE;
	step(failover, PATH_EVENT_RELEASE);
	if (wish != PATH_WISH_VF)
		return;
	path_hurry(&failover->path);
	if (failover->path.state == PATH_ARMING && failover->has_timer && !failover->path.ripe)
		failover->timer_at = failover_now(failover);
}

int failover_ask(struct failover *failover, enum path_wish wanted, struct accelnet_error *err)
{
	const char *why;

	failover_attend(failover); /* the answer is about what is there now */
	why = path_refusal(&failover->path, wanted, failover->reading.vf.claimed);
	if (why)
		return fail(err, ACCELNET_E_STATE, NULL, "NIC %s: %s",
			    failover->options.config->name, why);
	wish(failover, wanted);
	failover_attend(failover);
	return 0;
}
