/*
 * The uplink of a NIC behind one interface, whatever device it is: the port that traffic goes
 * through, what is known of the VF behind it, and what can be done about that.
 *
 * Control calls into the port can block in a PMD (netvsc asks the host for the link, and may start
 * a VF on the way), so uplink_look() runs on a thread of its own and everybody else reads what it
 * found. Opening and closing happen on the control thread, before the workers start and after they
 * have stopped.
 */
#ifndef NIC_UPLINK_H
#define NIC_UPLINK_H

#include "base/error.h"
#include "base/json.h"
#include "classify/key.h"
#include "nic/config.h"
#include "nic/lane.h"
#include "nic/port.h"
#include "nic/port_totals.h"
#include "nic/vf_watch.h"

struct rte_mempool;
struct rte_rcu_qsbr;
struct link_watch;
struct offload;
struct uplink;

struct uplink_options {
	const struct nic_config *config; /* borrowed */
	struct rte_mempool *pool;
	struct rte_rcu_qsbr *qsbr;
	struct offload *offload;  /* NULL: there are no rules */
	struct link_watch *links; /* bifurcated only */
	/* Where the workers find the VF's port; bifurcated only. Written by the uplink alone. */
	_Atomic(const struct vf_lanes *) *vf_lanes;
	void (*wake)(void *context);      /* the VF changed: any thread; must not block */
	void (*wake_soon)(void *context); /* likewise: see nic_services */
	void *context;
};

/* What the newest look found. On a plain uplink the device itself stands for the VF. */
struct uplink_reading {
	uint64_t looks; /* 0: nobody has looked yet */
	bool link_up;
	uint32_t megabits; /* 0: not known */
	struct port_totals totals;
	/*
	 * Packets of the synthetic path alone, by direction; netvsc only. At least so many, and
	 * where it is said to be exact, no more.
	 */
	uint64_t synthetic[DIRECTIONS];
	bool synthetic_is_exact;
	struct vf_sight vf;
};

/* DEVICE where the port cannot be had or set up; nothing is left behind. */
int uplink_open(const struct uplink_options *options, struct uplink **ret,
		struct accelnet_error *err);
/* Nobody looks any more. NULL is fine. */
void uplink_close(struct uplink *uplink);

const struct port *uplink_port(const struct uplink *uplink);
/* enum path_actuator: what this uplink, with this DPDK, lets us do. */
unsigned uplink_actuators(const struct uplink *uplink);

/* The looker (looker.h). Asks for link and counters only now and then. */
void uplink_look(struct uplink *uplink);
/* Any thread; never waits for a look. A VF that has gone since is told as absent. */
void uplink_read(struct uplink *uplink, struct uplink_reading *ret);

/*
 * Moves traffic to the VF or away from it, where the uplink has that actuator: sending away at
 * once, the rest with the next look. Control thread.
 */
void uplink_use_vf(struct uplink *uplink, bool on);

/* Hold-down: see vf_watch_hold(). Any thread but a worker. */
void uplink_hold(struct uplink *uplink, bool on);

/* {"device","driver","port","mac","link":{},"counters":{},"vf":{}} */
struct json *uplink_describe(struct uplink *uplink);

#endif
