/*
 * The offload thread and what it does for each NIC, for the files of this room.
 *
 * Two locks. `lock` guards everything; it is never held over a call to the device. A NIC's
 * `barrier` is held over one call at a time, and `gone` is looked at inside. Whoever takes both
 * takes `lock` first.
 */
#ifndef OFFLOAD_OFFLOAD_PRIVATE_H
#define OFFLOAD_OFFLOAD_PRIVATE_H

#include "offload/flow_backend.h"
#include "offload/installer.h"
#include "offload/offload.h"
#include "offload/probe.h"

#include <pthread.h>

struct job;

struct offload {
	struct flow_backend backend;
	struct flow_watcher watcher;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t work; /* for the thread: there may be something to do */
	pthread_cond_t done; /* for those who wait for it: something has been done */
	bool stop;
	struct job *jobs;
	struct job **jobs_end;
	struct offload_nic *nics;
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
	bool gone; /* written under both locks */
	struct flow_port port;
	enum port_stage stage;
	struct probe probe; /* of the newest port that was ready */
	bool has_tier;
	uint64_t open_at; /* when PORT_OPENING is tried again */
	unsigned opened;  /* how often in vain */

	bool busy; /* a call or a callback runs, without the lock */
	struct installer installer;
	struct offload_change *change; /* open; NULL */
	bool waited_for;               /* somebody waits for the installer's task */

	bool is_news; /* the state is to be looked at */
	enum offload_state told;
	uint64_t told_epoch;
	enum plan_tier told_tier;
	size_t told_refused;
};

struct offload_change {
	struct offload_nic *nic;
	struct change change;
	struct offload_delta delta;
};

uint64_t offload_clock(void); /* ms, monotonic */

/* With the lock held, which it may give up for a while. True where something was done. */
bool nic_step(struct offload_nic *nic);
/* When nic_step() may have something to do; UINT64_MAX: not before it is asked. */
uint64_t nic_wakeup(const struct offload_nic *nic);
/* The port is about to disappear: with the lock held. Waits for a call that runs on it. */
void nic_bar(struct offload_nic *nic);
/* It has no port any more, or has it from the beginning, at `at`; with the lock held. */
void nic_go_absent(struct offload_nic *nic);
void nic_open_again(struct offload_nic *nic, uint64_t at);
/* Until no call runs; with the lock held. */
void nic_quiet(struct offload_nic *nic);
/* Makes the thread do the installer's task and waits for its end; with the lock held. */
void nic_run_task(struct offload_nic *nic);
bool nic_plan_fits(const struct offload_nic *nic);
enum offload_state nic_state(const struct offload_nic *nic, const struct installer_counts *counts);

#endif
