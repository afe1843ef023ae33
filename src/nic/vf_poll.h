/*
 * Whether a netvsc port polls its VF. There is no call that tells; but hn_recv_pkts() polls the VF
 * with rte_eth_rx_burst() wherever the data path is switched and the burst has room left (DPDK
 * 22.11, drivers/net/netvsc/hn_rxtx.c:1593, :1635), so a receive callback, put on the VF's queue 0
 * for a moment, is called there, packets or none. That it is not polled can be said only where a
 * burst of the netvsc port came back not full meanwhile: a second callback, on that port.
 *
 * Thread: one at a time; the caller keeps both ports from going.
 */
#ifndef NIC_VF_POLL_H
#define NIC_VF_POLL_H

#include <rte_ethdev.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct rte_rcu_qsbr;

#define VF_POLL_CALLBACKS 2

/* What the workers say in the callbacks. */
struct vf_poll_marks {
	atomic_bool polled;
	atomic_bool had_room; /* a burst of netvsc was not full */
	atomic_uint full;     /* bursts of netvsc that were */
};

struct vf_poll {
	struct rte_rcu_qsbr *qsbr; /* the workers */
	uint16_t netvsc;           /* port */
	struct vf_poll_marks *marks;

	/* Callbacks that were taken off are freed when no worker can be in them any more. */
	const struct rte_eth_rxtx_callback *retired[VF_POLL_CALLBACKS];
	unsigned retired_count;
	uint64_t retired_token;
	/*
	 * [port] one that could not be taken off: a port whose configuration has failed has no
	 * queues, and its callbacks stay (DPDK 22.11, lib/ethdev/rte_ethdev.c,
	 * rte_eth_remove_rx_callback()), even with the next port of that id. Tried again.
	 */
	const struct rte_eth_rxtx_callback *stuck[RTE_MAX_ETHPORTS];
};

/* -ENOMEM. */
int vf_poll_init(struct vf_poll *poll, struct rte_rcu_qsbr *qsbr, uint16_t netvsc);
/* Waits for the workers. */
void vf_poll_fini(struct vf_poll *poll);

enum vf_poll_answer {
	/* the workers were too slow, or every burst was full, or an old callback is on the port */
	VF_POLL_NOBODY_KNOWS,
	VF_POLL_NO, /* also where the VF has no queues yet */
	VF_POLL_YES,
};

/* Waits for the workers' next rounds, at most so long, and no longer once `leaving` is not 0. */
enum vf_poll_answer vf_poll_ask(struct vf_poll *poll, uint16_t vf, unsigned milliseconds,
				const atomic_uint *leaving);

#endif
