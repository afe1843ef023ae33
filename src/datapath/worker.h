/*
 * The workers: one thread per lcore, each with lanes of its own, run to completion.
 *
 * A worker receives, judges, counts and transmits; it takes no lock, makes no system call of its
 * own, writes no log line and allocates nothing. (What a PMD does inside its bursts is the PMD's.)
 * Thread of these functions: control.
 */
#ifndef DATAPATH_WORKER_H
#define DATAPATH_WORKER_H

#include "base/error.h"
#include "nic/nic.h"

#include <stdint.h>

struct rte_rcu_qsbr;
struct worker_set;

/*
 * Spreads the NICs' lanes over all lcores but the main one and starts the workers. Where a NIC is
 * configured for housekeeping, the first of them has lane 0 of such NICs and no other. The NICs and
 * the QSBR variable must outlive the set.
 */
int worker_set_new(struct nic_set *nics, struct rte_rcu_qsbr *qsbr, struct worker_set **ret,
		   struct accelnet_error *err);
/* Stops the workers and waits for them. NULL is fine. */
void worker_set_free(struct worker_set *set);

unsigned worker_set_count(const struct worker_set *set);
/*
 * Whether every worker has turned its loop in the last so many calls. Fewer are not enough: a timer
 * that is late asks twice in a moment, and a machine may stand still.
 */
#define WORKER_SILENCE 4
enum worker_health {
	WORKERS_TURN,
	WORKER_STARVED, /* others had its CPU */
	WORKER_STUCK,   /* it runs, in a driver or in the kernel, and does not come round */
	WORKER_ASLEEP,  /* in a system call, of a driver's */
	WORKER_SILENT,  /* and nobody knows why */
};

/* The first worker that did not; untouched where all did. */
struct worker_silence {
	unsigned lcore;
	uint64_t silent_ms;
	uint64_t ran_ms, waited_ms; /* since then; waited: what is over of it */
	int syscall;                /* in which it is; -1: not known */
};
enum worker_health worker_set_check(struct worker_set *set, struct worker_silence *ret);

#endif
