/*
 * The VF behind a netvsc port, seen from outside: which port it is, who owns it, whether the PMD
 * polls it; and the one thing that may be done to it, owning it before netvsc does.
 *
 * The VF is known by the NIC's MAC, never by an address or a name; that netvsc has it, by the owner
 * that netvsc sets, the VMBus device's name (DPDK 22.11, drivers/net/netvsc/hn_vf.c:85). Whether
 * traffic goes over it: see vf_poll.h.
 *
 * The port can go at any time, in EAL's interrupt thread. INTR_RMV is the barrier: its callback
 * waits for the one call that may be under way and lets none begin after it. A driver that recovers
 * its device by itself bars the port in the same way (RTE_ETH_EVENT_ERR_RECOVERING), and when it
 * has done so the VF is another one: what was set on the port beside its configuration, rules first
 * of all, may be lost.
 */
#ifndef NIC_VF_WATCH_H
#define NIC_VF_WATCH_H

#include "base/net.h"

#include <stdbool.h>
#include <stdint.h>

struct rte_rcu_qsbr;
struct vf_watch;

struct vf_watch_options {
	uint16_t netvsc; /* port */
	struct mac_addr mac;
	const char *device;        /* netvsc's name, with which it owns; copied */
	struct rte_rcu_qsbr *qsbr; /* the workers */
	/* netvsc comes again for a VF that it was told of and could not have. */
	bool looks_again;
	/* Whether a device of that name is on its bus, as far as is known. The looker. */
	bool (*device_is_there)(const char *name);
	/* Something happened. Any thread; the driver waits, so it must not block, nor wake others.
	 */
	void (*wake)(void *context);
	void *context;
};

/* Bifurcated uplinks tell of theirs by the same, in their own sense. */
struct vf_sight {
	bool present;         /* a port with the MAC is there and not going; bifurcated: a device */
	bool claimed;         /* netvsc owns it; bifurcated: its port is open */
	bool carries;         /* claimed, and netvsc polls it: the data path is switched;
			       * bifurcated: its interface is up */
	bool held;            /* netvsc: we own it */
	uint16_t port;        /* where present; bifurcated: where claimed */
	uint64_t incarnation; /* another number: another VF, even under the same id */
	uint64_t packets[2];  /* its port's own count where claimed: received, sent */
	char device[64];      /* "0000:3b:00.2" */
	char driver[32];
	char why[160]; /* bifurcated: what keeps it from carrying, or from carrying all; "" */
};

/* -ENOMEM, or the errno of ethdev. */
int vf_watch_new(const struct vf_watch_options *options, struct vf_watch **ret);
/* The netvsc port is closed, and nobody looks. NULL is fine. */
void vf_watch_free(struct vf_watch *watch);

/*
 * Looks. Waits for the workers' next round, at most VF_LOOK_MS. A VF that netvsc owns is told of
 * once somebody knows whether it is polled, which takes workers that run. One thread at a time.
 */
#define VF_LOOK_MS 100
void vf_watch_look(struct vf_watch *watch, struct vf_sight *ret);

/* False where the VF that had this incarnation is gone or going. Any thread, never waits. */
bool vf_watch_is_there(const struct vf_watch *watch, uint64_t incarnation);

/*
 * From now on a VF is owned as soon as it appears, and the one that is there if nobody owns it;
 * `on` false gives it back. Any thread but a worker.
 *
 * Of a port that was never started mlx5 does not say that its device goes (DPDK 22.11,
 * drivers/net/mlx5/mlx5_trigger.c:1459). A look does where we own it, and the port is closed in
 * EAL's interrupt thread, as netvsc closes its own: the next VF could not be probed otherwise.
 */
void vf_watch_hold(struct vf_watch *watch, bool on);

#endif
