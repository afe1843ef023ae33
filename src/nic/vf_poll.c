/*
 * Receive callbacks for a moment: see vf_poll.h.
 */
#include "nic/vf_poll.h"

#include "nic/clock.h"

#include <errno.h>
#include <rte_malloc.h>
#include <rte_rcu_qsbr.h>
#include <stdlib.h>
#include <unistd.h>

#define PAUSE_US 50
/* In a flood of the synthetic path that long, the next look may find better. */
#define FULL_BURSTS_MAX 64

static void reclaim(struct vf_poll *poll, bool wait)
{
	if (poll->retired_count == 0 ||
	    rte_rcu_qsbr_check(poll->qsbr, poll->retired_token, wait) != 1)
		return;
	while (poll->retired_count > 0) /* ethdev made them with rte_zmalloc() */
		rte_free((void *)(uintptr_t)poll->retired[--poll->retired_count]);
}

int vf_poll_init(struct vf_poll *poll, struct rte_rcu_qsbr *qsbr, uint16_t netvsc)
{
	*poll = (struct vf_poll){ .qsbr = qsbr, .netvsc = netvsc };
	poll->marks = calloc(1, sizeof(*poll->marks));
	return poll->marks ? 0 : -ENOMEM;
}

static void retire(struct vf_poll *poll, const struct rte_eth_rxtx_callback *callback)
{
	poll->retired[poll->retired_count++] = callback;
	poll->retired_token = rte_rcu_qsbr_start(poll->qsbr);
}

static void take_off(struct vf_poll *poll, uint16_t port,
		     const struct rte_eth_rxtx_callback *callback)
{
	if (!callback)
		return;
	if (rte_eth_remove_rx_callback(port, 0, callback) < 0)
		poll->stuck[port] = callback;
	else
		retire(poll, callback);
}

/* False where one stays. */
static bool free_port(struct vf_poll *poll, uint16_t port)
{
	const struct rte_eth_rxtx_callback *callback = poll->stuck[port];

	poll->stuck[port] = NULL;
	take_off(poll, port, callback);
	return !poll->stuck[port];
}

void vf_poll_fini(struct vf_poll *poll)
{
	bool any = false;

	reclaim(poll, true);
	for (uint16_t port = 0; port < RTE_MAX_ETHPORTS; port++) {
		any |= !free_port(poll, port);
		reclaim(poll, true);
	}
	if (any)
		return; /* what a callback still points at is left to it */
	free(poll->marks);
	poll->marks = NULL;
}

static uint16_t on_poll(uint16_t port, uint16_t queue, struct rte_mbuf **packets, uint16_t count,
			uint16_t max, void *argument)
{
	struct vf_poll_marks *marks = argument;

	(void)port;
	(void)queue;
	(void)packets;
	(void)max;
	atomic_store_explicit(&marks->polled, true, memory_order_relaxed);
	return count;
}

/* The VF's callback was called before this one, in the same burst, if it was. */
static uint16_t on_burst(uint16_t port, uint16_t queue, struct rte_mbuf **packets, uint16_t count,
			 uint16_t max, void *argument)
{
	struct vf_poll_marks *marks = argument;

	(void)port;
	(void)queue;
	(void)packets;
	if (count < max)
		atomic_store_explicit(&marks->had_room, true, memory_order_release);
	else
		atomic_fetch_add_explicit(&marks->full, 1, memory_order_relaxed);
	return count;
}

struct patience {
	uint64_t end_ms;
	const atomic_uint *leaving;
};

static bool is_over(const struct patience *patience)
{
	return atomic_load(patience->leaving) || clock_ms() > patience->end_ms;
}

/* Until every worker has begun a new round: all their bursts see the VF's callback. */
static bool wait_for_round(struct vf_poll *poll, const struct patience *patience)
{
	const uint64_t token = rte_rcu_qsbr_start(poll->qsbr);

	while (!atomic_load(&poll->marks->polled) &&
	       rte_rcu_qsbr_check(poll->qsbr, token, false) != 1) {
		if (is_over(patience))
			return false;
		usleep(PAUSE_US);
	}
	return true;
}

static void wait_for_room(struct vf_poll *poll, const struct patience *patience)
{
	while (!atomic_load(&poll->marks->polled) && !atomic_load(&poll->marks->had_room) &&
	       atomic_load(&poll->marks->full) < FULL_BURSTS_MAX && !is_over(patience))
		usleep(PAUSE_US);
}

/* No callback of before is on a port, or may still be run. */
static bool is_ready(struct vf_poll *poll, uint16_t vf)
{
	bool ready;

	reclaim(poll, false);
	if (poll->retired_count > 0)
		return false;
	ready = free_port(poll, vf);
	ready &= free_port(poll, poll->netvsc);
	return ready && poll->retired_count == 0;
}

enum vf_poll_answer vf_poll_ask(struct vf_poll *poll, uint16_t vf, unsigned milliseconds,
				const atomic_uint *leaving)
{
	const struct patience patience = { clock_ms() + milliseconds, leaving };
	const struct rte_eth_rxtx_callback *on_vf, *on_netvsc = NULL;
	bool had_room;

	if (!is_ready(poll, vf))
		return VF_POLL_NOBODY_KNOWS;
	atomic_store(&poll->marks->polled, false);
	atomic_store(&poll->marks->had_room, false);
	atomic_store(&poll->marks->full, 0);
	on_vf = rte_eth_add_rx_callback(vf, 0, on_poll, poll->marks);
	if (!on_vf)
		return VF_POLL_NO;
	if (wait_for_round(poll, &patience) && !atomic_load(&poll->marks->polled)) {
		on_netvsc = rte_eth_add_rx_callback(poll->netvsc, 0, on_burst, poll->marks);
		if (on_netvsc)
			wait_for_room(poll, &patience);
	}
	had_room = atomic_load(&poll->marks->had_room); /* before `polled`: see on_burst() */
	take_off(poll, poll->netvsc, on_netvsc);
	take_off(poll, vf, on_vf);
	if (atomic_load(&poll->marks->polled))
		return VF_POLL_YES;
	return had_room ? VF_POLL_NO : VF_POLL_NOBODY_KNOWS;
}
