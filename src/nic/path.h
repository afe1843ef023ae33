/*
 * Which of its two paths a NIC's traffic takes: a pure state machine, one table per uplink type.
 *
 * Events say what was seen or asked; a step answers with the new state and the actions to carry
 * out, in the order of their bits. It calls nothing, reads no clock and knows no DPDK; failover.c
 * turns what is seen into events and carries the actions out.
 *
 * Failover is never damped. Fail-back is, where the switch is ours (bifurcated): traffic goes back
 * to the VF when its rules are in, and not before a wait from the VF's return on, doubled each time
 * that the VF did not last; a change of rules meanwhile does not begin it anew. Rules that do not
 * come are told of, and where the device takes none at all the VF is used without. On netvsc the
 * PMD switches by itself in the function that starts the VF (DPDK 22.11,
 * drivers/net/netvsc/hn_vf.c:222, hn_vf_add()): the machine observes. All it can do there is to
 * keep a VF that has not been attached yet from being attached (hold-down).
 *
 * Thread: whoever owns the struct; in the daemon the control thread.
 */
#ifndef NIC_PATH_H
#define NIC_PATH_H

#include "nic/config.h"

#include <stdbool.h>
#include <stdint.h>

enum path_state {
	PATH_SYNTHETIC, /* no VF carries traffic; on a plain uplink: there is no device */
	PATH_UNCLAIMED, /* a VF with the NIC's MAC is there, and nobody took it up */
	PATH_ARMING, /* rules go in. netvsc: the VF carries traffic already; bifurcated: not yet */
	PATH_VF,     /* the VF carries traffic and everything that the plan holds is in */
	PATH_DEGRADED, /* the VF carries traffic, some of the plan is not in */
	PATH_STATES
};

enum path_event {
	PATH_EVENT_VF_PRESENT,      /* a VF with the NIC's MAC is there and carries nothing */
	PATH_EVENT_VF_CARRIES,      /* netvsc: polled; bifurcated: open, and its interface is up;
				     * plain: the device is there */
	PATH_EVENT_VF_WITHDRAWN,    /* that has ended, and it is still there. netvsc: a note alone;
				     * bifurcated: its interface was set down */
	PATH_EVENT_VF_REMOVED,      /* its port is going or gone: INTR_RMV, or the port vanished */
	PATH_EVENT_RULES_CHANGING,  /* a plan is under way: a new policy, or a re-install */
	PATH_EVENT_RULES_AWAITED,   /* the device takes none yet: as CHANGING, but for patience */
	PATH_EVENT_RULES_INSTALLED, /* the plan is in; nothing to install counts as that */
	PATH_EVENT_RULES_REFUSED,   /* some of it is not */
	PATH_EVENT_HOLD,            /* the operator: stay on the synthetic path */
	PATH_EVENT_RELEASE,         /* the operator: the NIC's own choice again */
	PATH_EVENT_TIMER,           /* what PATH_ACTION_START_TIMER started */
	PATH_EVENTS
};

/* Carried out in this order. */
enum path_action {
	PATH_ACTION_TO_SYNTHETIC = 1U << 0, /* move traffic to the synthetic path (bifurcated) */
	PATH_ACTION_DETACH = 1U << 1,       /* take the rules off the VF's port */
	PATH_ACTION_HOLD = 1U << 2,         /* own the VF's port before netvsc does */
	PATH_ACTION_LET_GO = 1U << 3,       /* give that up */
	PATH_ACTION_ATTACH = 1U << 4,       /* put the rules in on the VF's port */
	PATH_ACTION_TO_VF = 1U << 5,        /* move traffic to the VF (bifurcated) */
	PATH_ACTION_STOP_TIMER = 1U << 6,
	PATH_ACTION_START_TIMER = 1U << 7, /* path_step's timer_ms */
	PATH_ACTION_COMPLAIN = 1U << 8,    /* tell that the VF lies idle, or waits for its rules */
};

/* What an uplink gives us to pull; the table never asks for another. */
enum path_actuator {
	PATH_CAN_SWITCH = 1U << 0, /* TO_SYNTHETIC, TO_VF */
	PATH_CAN_HOLD = 1U << 1,   /* HOLD, LET_GO */
};

#define PATH_PATIENCE_MS     10000U /* a VF is of no use for that long before anybody is told */
#define PATH_FAILBACK_MS     1000U
#define PATH_FAILBACK_GROWTH 64U    /* at most so many times the first wait */
#define PATH_STABLE_MS       60000U /* a VF that lasted that long starts from the first wait */

struct path {
	enum uplink_type uplink;
	unsigned actuators; /* enum path_actuator */
	enum path_state state;
	bool held;
	/* The newest word on the rules of this VF. */
	enum path_rules {
		PATH_RULES_CHANGING, /* and as long as there was none */
		PATH_RULES_AWAITED,
		PATH_RULES_INSTALLED,
		PATH_RULES_REFUSED,
	} rules;
	bool ripe;            /* the wait of this fail-back is over */
	bool overdue;         /* and patience since then */
	uint64_t since_ms;    /* of the state */
	bool hurry;           /* the next fail-back does not wait */
	uint64_t carrying_ms; /* when the VF last began to carry traffic */
	uint32_t failback_ms; /* the next fail-back waits that long */
	uint32_t failback_first_ms;
};

struct path_step {
	enum path_state from;
	enum path_state to;
	unsigned actions;   /* enum path_action */
	uint32_t timer_ms;  /* where actions has START_TIMER */
	uint64_t lasted_ms; /* how long `from` lasted; 0 where the state stays */
	bool hurried;       /* path_hurry() was in force */
};

/* Any clock that does not jump; `actuators` is cut down to what the type can have. */
void path_init(struct path *path, enum uplink_type uplink, unsigned actuators, uint64_t now_ms);
/* The first wait before a fail-back, instead of PATH_FAILBACK_MS; 0: there is never one. */
void path_set_failback(struct path *path, uint32_t failback_ms);
/* The operator will not wait: the next fail-back is made as soon as the rules are in. */
void path_hurry(struct path *path);
struct path_step path_step(struct path *path, enum path_event event, uint64_t now_ms);

/*
 * Why the operator's wish cannot be met now, as a sentence; NULL where PATH_EVENT_HOLD or
 * PATH_EVENT_RELEASE does it. `vf_is_claimed`: netvsc owns the VF's port.
 */
enum path_wish { PATH_WISH_AUTO, PATH_WISH_SYNTHETIC, PATH_WISH_VF };
const char *path_refusal(const struct path *path, enum path_wish wish, bool vf_is_claimed);

/* "vf-arming"; of a plain uplink "plain", whatever its rules do, and "absent". */
const char *path_name(enum uplink_type uplink, enum path_state state);
/* Why a step changed the state, as `path.changed` has it. */
const char *path_cause(enum uplink_type uplink, const struct path_step *step,
		       enum path_event event);

#endif
