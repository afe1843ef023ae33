/*
 * The poll loop and the threads that turn it: see worker.h.
 */
#define LOG_ROOM LOG_ROOM_DATAPATH
#include "datapath/worker.h"

#include "base/log.h"
#include "classify/conn.h"
#include "datapath/forward.h"
#include "datapath/thread_time.h"
#include "nic/clock.h"
#include "nic/lane.h"

#include <errno.h>
#include <pthread.h>
#include <rte_errno.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <rte_malloc.h>
#include <rte_rcu_qsbr.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#define LANES_MAX 256

struct worker {
	struct rte_rcu_qsbr *qsbr;
	unsigned lcore;
	unsigned lane_count;
	struct lane *lanes[LANES_MAX];
	bool stop;    /* written by control, read by the worker */
	pid_t thread; /* written by the worker, read by control, as is the next: */
	uint64_t rounds;
	uint64_t rounds_seen; /* control's, as is what follows: */
	unsigned silent;      /* how often in a row it saw no new ones */
	bool has_heard;       /* when it last did: */
	uint64_t heard_ms;
	struct thread_time heard;
	struct forward_scratch scratch;
} __rte_cache_aligned;

struct worker_set {
	unsigned count;
	struct worker *workers[RTE_MAX_LCORE];
};

static void poll_round(struct worker *worker, uint64_t now)
{
	for (unsigned i = 0; i < worker->lane_count; i++) {
		struct lane *lane = worker->lanes[i];
		const struct snapshot *snapshot =
			atomic_load_explicit(&lane->view->snapshot, memory_order_acquire);

		forward_poll_vf(lane, snapshot, now, &worker->scratch);
		forward_poll(lane, DIRECTION_INBOUND, snapshot, now, &worker->scratch);
		forward_poll(lane, DIRECTION_OUTBOUND, snapshot, now, &worker->scratch);
		forward_housekeeping(lane, now);
		conn_expire_slice(lane->view->connections, now);
	}
}

/*
 * net_tap reads a queue only after a real-time signal has announced a packet (DPDK 22.11,
 * drivers/net/tap/rte_eth_tap.c: tun_alloc(), tap_trigger_cb()). The kernel would rather give it to
 * the process's first thread, the control thread, and that one may be waiting for a disk: packets
 * would wait as well. eal_start() blocks these signals in every thread; workers take them.
 */
static void take_driver_signals(void)
{
	sigset_t signals;

	sigemptyset(&signals);
	for (int number = SIGRTMIN; number <= SIGRTMAX; number++)
		sigaddset(&signals, number);
	(void)pthread_sigmask(SIG_UNBLOCK, &signals, NULL); /* fails for a wrong `how` only */
}

static int worker_main(void *argument)
{
	struct worker *worker = argument;

	take_driver_signals();
	__atomic_store_n(&worker->thread, gettid(), __ATOMIC_RELAXED);
	rte_rcu_qsbr_thread_online(worker->qsbr, worker->lcore);
	while (!__atomic_load_n(&worker->stop, __ATOMIC_RELAXED)) {
		poll_round(worker, clock_ms());
		rte_rcu_qsbr_quiescent(worker->qsbr, worker->lcore);
		__atomic_store_n(&worker->rounds, worker->rounds + 1, __ATOMIC_RELAXED);
	}
	rte_rcu_qsbr_thread_offline(worker->qsbr, worker->lcore);
	return 0;
}

static int add_worker(struct worker_set *set, unsigned lcore, struct rte_rcu_qsbr *qsbr)
{
	struct worker *worker = rte_zmalloc_socket("worker", sizeof(*worker), RTE_CACHE_LINE_SIZE,
						   (int)rte_lcore_to_socket_id(lcore));

	if (!worker)
		return -ENOMEM;
	worker->lcore = lcore;
	worker->qsbr = qsbr;
	set->workers[set->count++] = worker;
	return rte_rcu_qsbr_thread_register(qsbr, lcore) == 0 ? 0 : -EINVAL;
}

static int give_lane(struct worker *worker, struct lane *lane)
{
	if (worker->lane_count == LANES_MAX)
		return -ENOSPC;
	worker->lanes[worker->lane_count++] = lane;
	return 0;
}

static bool keeps_house(const struct nic *nic)
{
	return nic_get_config(nic)->housekeeping;
}

static bool any_keeps_house(const struct nic_set *nics)
{
	for (size_t n = 0; n < nics->count; n++) {
		if (keeps_house(nics->nics[n]))
			return true;
	}
	return false;
}

/*
 * Round robin over all NICs: queue q of each NIC goes to the worker after that of queue q - 1. The
 * first worker stands aside for the queues 0 of the NICs that want that, where there are any.
 */
static int spread_lanes(struct worker_set *set, struct nic_set *nics)
{
	const unsigned aside = any_keeps_house(nics), count = set->count - aside;
	unsigned next = 0;
	int r = 0;

	if (count == 0)
		return -ECHILD;
	for (size_t n = 0; n < nics->count && r == 0; n++) {
		struct nic_view *view = nic_get_view(nics->nics[n]);
		uint16_t q = 0;

		if (keeps_house(nics->nics[n]))
			r = give_lane(set->workers[0], &view->lanes[q++]);
		for (; q < view->lane_count && r == 0; q++)
			r = give_lane(set->workers[aside + next++ % count], &view->lanes[q]);
	}
	return r;
}

static int launch(struct worker_set *set)
{
	for (unsigned i = 0; i < set->count; i++) {
		int r = rte_eal_remote_launch(worker_main, set->workers[i], set->workers[i]->lcore);

		if (r < 0)
			return r;
	}
	return 0;
}

int worker_set_new(struct nic_set *nics, struct rte_rcu_qsbr *qsbr, struct worker_set **ret,
		   struct accelnet_error *err)
{
	struct worker_set *set = calloc(1, sizeof(*set));
	unsigned lcore;
	int r = 0;

	if (!set)
		return fail(err, ACCELNET_E_MEMORY, NULL, "out of memory");
	RTE_LCORE_FOREACH_WORKER(lcore) {
		r = add_worker(set, lcore, qsbr);
		if (r < 0)
			break;
	}
	if (r == 0)
		r = set->count ? spread_lanes(set, nics) : -ENODEV;
	if (r == 0)
		r = launch(set);
	if (r < 0) {
		worker_set_free(set);
		return fail(err, ACCELNET_E_DEVICE, NULL, "workers do not start: %s",
			    r == -ECHILD ? "housekeeping wants an lcore more" : rte_strerror(-r));
	}
	*ret = set;
	return 0;
}

void worker_set_free(struct worker_set *set)
{
	if (!set)
		return;
	for (unsigned i = 0; i < set->count; i++)
		__atomic_store_n(&set->workers[i]->stop, true, __ATOMIC_RELAXED);
	for (unsigned i = 0; i < set->count; i++) {
		struct worker *worker = set->workers[i];

		(void)rte_eal_wait_lcore(worker->lcore); /* worker_main() returns 0 */
		(void)rte_rcu_qsbr_thread_unregister(worker->qsbr, worker->lcore);
		rte_free(worker);
	}
	free(set);
}

unsigned worker_set_count(const struct worker_set *set)
{
	return set->count;
}

static pid_t thread_of(const struct worker *worker)
{
	return __atomic_load_n(&worker->thread, __ATOMIC_RELAXED);
}

/* Once a second: where its time went can only be told from a reading before the silence. */
static void hear(struct worker *worker, uint64_t rounds)
{
	worker->rounds_seen = rounds;
	worker->silent = 0;
	worker->heard_ms = clock_ms();
	worker->has_heard = thread_time_read(thread_of(worker), &worker->heard) == 0;
}

static enum worker_health explain(const struct worker *worker, struct worker_silence *silence)
{
	static const enum worker_health healths[] = {
		[THREAD_STARVED] = WORKER_STARVED,
		[THREAD_RUNS] = WORKER_STUCK,
		[THREAD_SLEEPS] = WORKER_ASLEEP,
	};
	struct thread_time now;

	*silence = (struct worker_silence){
		.lcore = worker->lcore,
		.silent_ms = clock_ms() - worker->heard_ms,
		.syscall = -1,
	};
	if (!worker->has_heard || thread_time_read(thread_of(worker), &now) < 0)
		return WORKER_SILENT;
	silence->ran_ms = (now.ran_ns - worker->heard.ran_ns) / 1000000;
	silence->waited_ms = (now.waited_ns - worker->heard.waited_ns) / 1000000;
	silence->syscall = now.syscall;
	return healths[thread_time_judge(&worker->heard, &now)];
}

enum worker_health worker_set_check(struct worker_set *set, struct worker_silence *ret)
{
	const struct worker *silent = NULL;

	for (unsigned i = 0; i < set->count; i++) {
		struct worker *worker = set->workers[i];
		uint64_t rounds = __atomic_load_n(&worker->rounds, __ATOMIC_RELAXED);

		if (rounds != worker->rounds_seen)
			hear(worker, rounds);
		else
			worker->silent++;
		if (worker->silent >= WORKER_SILENCE && !silent)
			silent = worker;
	}
	return silent ? explain(silent, ret) : WORKERS_TURN;
}
