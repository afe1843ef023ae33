/*
 * Receive callbacks for a moment: see vf_poll.h.
 */
#define LOG_ROOM LOG_ROOM_NIC
#include "nic/vf_poll.h"

#include "base/log.h"
#include "nic/clock.h"

#include <rte_ethdev.h>
#include <rte_malloc.h>
#include <rte_rcu_qsbr.h>
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

void vf_poll_init(struct vf_poll *poll, struct rte_rcu_qsbr *qsbr, uint16_t netvsc)
{
	*poll = (struct vf_poll){ .qsbr = qsbr, .netvsc = netvsc };
}

void vf_poll_fini(struct vf_poll *poll)
{
	reclaim(poll, true);
}

static uint16_t on_poll(uint16_t port, uint16_t queue, struct rte_mbuf **packets, uint16_t count,
			uint16_t max, void *argument)
{
	struct vf_poll *poll = argument;

	(void)port;
	(void)queue;
	(void)packets;
	(void)max;
	atomic_store_explicit(&poll->polled, true, memory_order_relaxed);
	return count;
}

/* The VF's callback was called before this one, in the same burst, if it was. */
static uint16_t on_burst(uint16_t port, uint16_t queue, struct rte_mbuf **packets, uint16_t count,
			 uint16_t max, void *argument)
{
	struct vf_poll *poll = argument;

	(void)port;
	(void)queue;
	(void)packets;
	if (count < max)
		atomic_store_explicit(&poll->had_room, true, memory_order_release);
	else
		atomic_fetch_add_explicit(&poll->full, 1, memory_order_relaxed);
	return count;
}

struct patience {
	uint64_t end_ms;
	const atomic_bool *leaving;
};

static bool is_over(const struct patience *patience)
{
	return atomic_load(patience->leaving) || clock_ms() > patience->end_ms;
}

/* Until every worker has begun a new round: all their bursts see the VF's callback. */
static bool wait_for_round(struct vf_poll *poll, const struct patience *patience)
{
	const uint64_t token = rte_rcu_qsbr_start(poll->qsbr);

	while (!atomic_load(&poll->polled) && rte_rcu_qsbr_check(poll->qsbr, token, false) != 1) {
		if (is_over(patience))
			return false;
		usleep(PAUSE_US);
	}
	return true;
}

static void wait_for_room(struct vf_poll *poll, const struct patience *patience)
{
	while (!atomic_load(&poll->polled) && !atomic_load(&poll->had_room) &&
	       atomic_load(&poll->full) < FULL_BURSTS_MAX && !is_over(patience))
		usleep(PAUSE_US);
}

static void take_off(struct vf_poll *poll, uint16_t port,
		     const struct rte_eth_rxtx_callback *callback)
{
	if (!callback)
		return;
	if (rte_eth_remove_rx_callback(port, 0, callback) < 0) {
		log_error("a callback stays on a port", "port=%u", port);
		return;
	}
	poll->retired[poll->retired_count++] = callback;
	poll->retired_token = rte_rcu_qsbr_start(poll->qsbr);
}

enum vf_poll_answer vf_poll_ask(struct vf_poll *poll, uint16_t vf, unsigned milliseconds,
				const atomic_bool *leaving)
{
	const struct patience patience = { clock_ms() + milliseconds, leaving };
	const struct rte_eth_rxtx_callback *on_vf, *on_netvsc = NULL;
	bool had_room;

	reclaim(poll, false);
	if (poll->retired_count > 0)
		return VF_POLL_NOBODY_KNOWS;
	atomic_store(&poll->polled, false);
	atomic_store(&poll->had_room, false);
	atomic_store(&poll->full, 0);
	on_vf = rte_eth_add_rx_callback(vf, 0, on_poll, poll);
	if (!on_vf)
		return VF_POLL_NO;
	if (wait_for_round(poll, &patience) && !atomic_load(&poll->polled)) {
		on_netvsc = rte_eth_add_rx_callback(poll->netvsc, 0, on_burst, poll);
		if (on_netvsc)
			wait_for_room(poll, &patience);
	}
	had_room = atomic_load(&poll->had_room); /* before `polled`: see on_burst() */
	take_off(poll, poll->netvsc, on_netvsc);
	take_off(poll, vf, on_vf);
	if (atomic_load(&poll->polled))
		return VF_POLL_YES;
	return had_room ? VF_POLL_NO : VF_POLL_NOBODY_KNOWS;
}
