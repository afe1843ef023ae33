/*
 * The offload thread and what it does for each NIC, for the files of this room.
 *
 * Three locks, taken in this order. `lock` guards everything; it is never held over a call to the
 * device, nor while a change is computed. `ports` guards what the end of a port needs: which NICs
 * there are, and on which port. A NIC's `barrier` is held over one call at a time, and `gone` is
 * looked at inside.
 */
#ifndef OFFLOAD_OFFLOAD_PRIVATE_H
#define OFFLOAD_OFFLOAD_PRIVATE_H

#include "offload/connection_rules.h"
#include "offload/flow_backend.h"
#include "offload/installer.h"
#include "offload/offload.h"
#include "offload/probe.h"

#include <pthread.h>

struct offload {
	struct flow_backend backend;
	struct flow_watcher watcher;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t work; /* for the thread: there may be something to do */
	pthread_cond_t done; /* for those who wait for it: something has been done */
	bool stop;
	struct offload_nic *nics; /* written under `ports`, too */

	void (*soon)(void *context); /* NULL: nobody calls offload_wake() */
	void *soon_context;

	pthread_mutex_t ports;
	bool leaving[RTE_MAX_ETHPORTS]; /* reported gone, and no new one under its id yet */
};

enum port_stage {
	PORT_ABSENT,
	PORT_OPENING, /* to be probed, once it takes rules */
	PORT_READY,
};

struct offload_nic {
	struct offload *offload;
	struct offload_nic *next;
	struct offload_nic_options options; /* the name is owned */

	pthread_mutex_t barrier;
	_Atomic bool gone; /* set under `ports` */
	/* Written under `ports`, too. Its id stays while rules may be left on it. */
	struct flow_port port;
	enum port_stage stage;
	struct probe probe; /* of the newest port that was ready */
	bool has_tier;
	uint64_t open_at;  /* when PORT_OPENING is tried again */
	unsigned opened;   /* how often in vain */
	bool retreating;   /* detached, and its rules go: it is not opened anew before they have */
	unsigned doubts;   /* how often what the probe found was not believed */
	uint64_t check_at; /* when PORT_READY is looked at: it may have been stopped */
	uint64_t probe_at; /* when one that took nothing, perhaps in passing, is tried again */

	bool busy;             /* a call or a callback runs, without the lock */
	unsigned quiet_wanted; /* so many wait until none does: no other begins */
	struct installer installer;
	struct connection_rules connections;
	struct offload_change *change; /* open; NULL */
	bool is_planning; /* a change is computed, without the lock: nothing else may happen */
	bool waited_for;  /* somebody waits for the installer's task */

	bool is_news; /* the state is to be looked at */
	enum offload_state told;
	uint64_t told_epoch;
	enum plan_tier told_tier;
	size_t told_refused;
};

struct offload_change {
	struct offload_nic *nic;
	struct change change;
	/* Of an edit that has a plan: what `change` was before that. Its list may be in use. */
	struct change edit;
	bool *touched; /* of an edit, by rule of the layout in force; else NULL */
	struct offload_delta delta;
};

uint64_t offload_clock(void); /* ms, monotonic */

/* With the lock held, which it may give up for a while. True where something was done. */
bool nic_step(struct offload_nic *nic);
/* When nic_step() may have something to do; UINT64_MAX: not before it is asked. */
uint64_t nic_wakeup(const struct offload_nic *nic);
/* The port is about to disappear: with `ports` held. Waits for a call that runs on it. */
void nic_bar(struct offload_nic *nic);
/* Its rules are forgotten, and it has no port any more; with the lock held. */
void nic_lose_port(struct offload_nic *nic);
/* Until no call runs: waits for one at most; with the lock held. */
void nic_quiet(struct offload_nic *nic);
/* Makes the thread do the installer's task and waits for its end; with the lock held. */
void nic_run_task(struct offload_nic *nic);
/*
 * Makes a call, giving up the lock meanwhile. -ENODEV: the port is gone, or was stopped; that has
 * been seen to, and the call's rule is forgotten.
 */
int nic_call(struct offload_nic *nic, struct flow_call *call, struct flow_error *error);
/* offload_connections.c: as nic_step(), for rules of connections. */
bool nic_step_connections(struct offload_nic *nic);
/* What a call for the plan came to: rules of connections may be in its way. */
void nic_make_room(struct offload_nic *nic, const struct flow_call *call, int r);
bool nic_plan_fits(const struct offload_nic *nic);
enum offload_state nic_state(const struct offload_nic *nic, const struct installer_counts *counts);

#endif
