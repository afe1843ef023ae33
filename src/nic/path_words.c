/*
 * The path machine in words: states, causes, and why a wish cannot be met. See path.h.
 */
#include "nic/path.h"

#include <stddef.h>

static const char *const names[][PATH_STATES] = {
	[UPLINK_PLAIN] = { "absent", "plain", "plain", "plain", "plain" },
	[UPLINK_NETVSC] = { "synthetic", "vf-unclaimed", "vf-arming", "vf", "vf-degraded" },
	[UPLINK_BIFURCATED] = { "synthetic", "vf-unclaimed", "vf-arming", "vf", "vf-degraded" },
};

static const char *const causes[PATH_EVENTS] = {
	[PATH_EVENT_VF_PRESENT] = "a VF is there and carries nothing",
	[PATH_EVENT_VF_CARRIES] = "the VF carries traffic",
	[PATH_EVENT_VF_WITHDRAWN] = "the host took the data path back, the VF stays",
	[PATH_EVENT_VF_REMOVED] = "the VF was removed",
	[PATH_EVENT_RULES_CHANGING] = "rules change",
	[PATH_EVENT_RULES_AWAITED] = "the device takes no rules yet",
	[PATH_EVENT_RULES_INSTALLED] = "all rules are in",
	[PATH_EVENT_RULES_REFUSED] = "some rules are not in",
	[PATH_EVENT_HOLD] = "asked for",
	[PATH_EVENT_RELEASE] = "asked for",
	[PATH_EVENT_TIMER] = "the VF lies idle",
};

/* Those that mean something else there; the rest is as above. */
static const char *const own_causes[][PATH_EVENTS] = {
	[UPLINK_PLAIN] = {
		[PATH_EVENT_VF_CARRIES] = "the device is there",
		[PATH_EVENT_VF_REMOVED] = "the device has gone",
	},
	[UPLINK_NETVSC] = { NULL },
	[UPLINK_BIFURCATED] = {
		[PATH_EVENT_VF_CARRIES] = "the VF is open",
		[PATH_EVENT_VF_WITHDRAWN] = "the VF's interface was set down",
	},
};

const char *path_name(enum uplink_type uplink, enum path_state state)
{
	return names[uplink][state];
}

const char *path_cause(enum uplink_type uplink, const struct path_step *step, enum path_event event)
{
	if (event != PATH_EVENT_TIMER || step->from != PATH_ARMING)
		return own_causes[uplink][event] ? own_causes[uplink][event] : causes[event];
	if (step->actions & PATH_ACTION_COMPLAIN)
		return "the device still takes no rules";
	return step->hurried ? "asked for, and rules are in" : "rules are in, and the wait is over";
}

static bool has_driver(enum path_state state)
{
	return state == PATH_ARMING || state == PATH_VF || state == PATH_DEGRADED;
}

static const char *refuse_synthetic(const struct path *path, bool vf_is_claimed)
{
	if (path->uplink == UPLINK_PLAIN)
		return "a plain uplink has one path and nowhere to go";
	if (path->uplink == UPLINK_BIFURCATED)
		return NULL;
	if (!(path->actuators & PATH_CAN_HOLD))
		return "this DPDK's netvsc switches by itself and looks for a VF only when the host "
		       "announces it: a VF that was held would not be taken up again";
	if (vf_is_claimed || (path->state != PATH_SYNTHETIC && path->state != PATH_UNCLAIMED))
		return "the netvsc driver has the VF and switches by itself; the NIC can be held on "
		       "the synthetic path while the VF is away, and stays there when it returns";
	return NULL;
}

const char *path_refusal(const struct path *path, enum path_wish wish, bool vf_is_claimed)
{
	if (wish == PATH_WISH_SYNTHETIC)
		return path->held ? NULL : refuse_synthetic(path, vf_is_claimed);
	if (wish == PATH_WISH_AUTO || path->held || has_driver(path->state))
		return NULL;
	if (path->uplink == UPLINK_PLAIN)
		return "a plain uplink has one path and nowhere to go";
	return path->state == PATH_UNCLAIMED
		       ? "the VF is there, and its driver has not taken it up: there is nothing "
			 "to switch to"
		       : "there is no VF; traffic moves to it by itself when it returns";
}
