/*
 * meter: a library to be preloaded into accelnetd, or another DPDK program with one queue on an
 * uplink and one on an app port, and perhaps one on a VF beside the uplink, which is the one port
 * of a PCI device that the program starts itself. It puts itself before the drivers' burst
 * functions and before some of ethdev's calls, so that what the program does and what drivers do
 * can be told apart, and writes what it sees to a file: see meter.h. The program is not changed and
 * does not know.
 *
 *     LD_PRELOAD=meter.so ACCELNET_METER=FILE ACCELNET_METER_UPLINK=NAME [ACCELNET_METER_GAPS=1]
 * ...
 *
 * With ACCELNET_METER_GAPS every burst costs two system calls more; without, 50 cycles.
 * Threads: bursts in the worker; all else in whichever calls.
 */
#include "bench/meter.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_flow.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define GAP_NS        20000u
#define LONG_NS       10000u /* whoever loses the processor loses it for longer */
#define ROUND_MAX_NS  200000u
#define CALLBACKS_MAX 64
#define LONG_ROUNDS   256 /* the newest are kept */

/* Of rules of one thread. */
#define RULES_A_READING 64

/* The clock of a thread by its kernel id, as the kernel encodes it (posix-timers_types.h). */
#define CLOCK_OF_THREAD(id) ((clockid_t)((~(clockid_t)(id)) << 3 | 6))

static struct meter *meter;
static pthread_spinlock_t lock;
static bool wants_gaps;
static bool wants_mark; /* a VF was started */
static uint64_t mark_since;
static unsigned rules_kept;
static uint64_t long_tsc; /* LONG_NS */

/* --- clocks --- */

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	return clock_gettime(clock, &now) == 0
		       ? (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec
		       : 0;
}

static uint64_t ns_of(uint64_t tsc)
{
	return (uint64_t)((double)tsc * 1e9 / (double)meter->tsc_hz);
}

static uint64_t tsc_of(uint64_t ns)
{
	return (uint64_t)((double)ns * (double)meter->tsc_hz / 1e9);
}

/* --- intervals --- */

static void read_switches(uint64_t *preempted, uint64_t *waited)
{
	struct rusage usage;

	if (getrusage(RUSAGE_THREAD, &usage) < 0)
		return;
	*preempted = (uint64_t)usage.ru_nivcsw;
	*waited = (uint64_t)usage.ru_nvcsw;
}

static struct meter_interval begin(enum meter_kind kind, uint64_t what)
{
	struct meter_interval interval = { .kind = kind, .what = what };

	if (kind != METER_RULE) /* of which there are many */
		read_switches(&interval.preempted, &interval.waited);
	interval.cpu = clock_ns(CLOCK_THREAD_CPUTIME_ID);
	interval.begin = clock_ns(CLOCK_MONOTONIC);
	return interval;
}

static void keep(struct meter_interval *interval)
{
	static __thread pid_t thread;

	if (!thread)
		thread = gettid();
	interval->thread = (uint64_t)thread;
	/* a rule is one of many; the first thread's time is read seldom */
	if (interval->kind != METER_RULE || ++rules_kept % RULES_A_READING == 0)
		interval->main_cpu_end = clock_ns(CLOCK_OF_THREAD(getpid()));
	(void)pthread_spin_lock(&lock);
	meter->intervals[meter->interval_count % METER_INTERVALS] = *interval;
	__atomic_store_n(&meter->interval_count, meter->interval_count + 1, __ATOMIC_RELEASE);
	(void)pthread_spin_unlock(&lock);
}

static void end(struct meter_interval *interval)
{
	interval->end = clock_ns(CLOCK_MONOTONIC);
	interval->cpu_end = clock_ns(CLOCK_THREAD_CPUTIME_ID);
	interval->cpu = interval->cpu_end - interval->cpu;
	if (interval->kind != METER_RULE) {
		uint64_t preempted = 0, waited = 0;

		read_switches(&preempted, &waited);
		interval->preempted = preempted - interval->preempted;
		interval->waited = waited - interval->waited;
	}
	keep(interval);
}

/* What an interval costs its thread outside of itself: that is nobody's work. The least of some. */
static uint64_t cost_of_interval(void)
{
	enum { TRIES = 20, TIMES = 100 };
	uint64_t least = UINT64_MAX;

	for (unsigned try = 0; try < TRIES; try++) {
		const uint64_t since = clock_ns(CLOCK_THREAD_CPUTIME_ID);
		uint64_t inside = 0, cost;

		for (unsigned i = 0; i < TIMES; i++) {
			struct meter_interval nothing = begin(METER_RULE, 0);

			end(&nothing);
			inside += nothing.cpu;
		}
		cost = (clock_ns(CLOCK_THREAD_CPUTIME_ID) - since - inside) / TIMES;
		least = RTE_MIN(least, cost);
	}
	return least;
}

/* --- the worker --- */

static eth_rx_burst_t uplink_rx, vf_rx, app_rx;
static eth_tx_burst_t uplink_tx, vf_tx, app_tx;

/* Of the worker alone; TSC cycles where nothing else is said. */
static struct {
	uint64_t uplink, app; /* in drivers since the last poll of the uplink began */
	uint64_t poll_begin, poll_end;
	uint16_t received; /* by that poll */

	/* Since the last burst that had packets: */
	uint64_t since, since_ns, cpu_ns;
	uint64_t driver, longest, held_up, polls, stalled, stalled_end;
	uint64_t preempted, waited;

	uint64_t round; /* the one that the last poll ended; 0: the thread lost the processor */
	bool lost;      /* the processor, since the last poll of the uplink began */
} now;

/* A ring. */
static struct {
	unsigned count;
	struct {
		uint64_t at, cycles;
	} rounds[LONG_ROUNDS];
} long_rounds;

/*
 * After a part of a round that took so long: whether the thread has lost the processor. Whatever
 * part it loses it in is a long one, so it was in this one, or in what is ours before a call: that
 * is in parts, and told when the round has ended. So it is kept for the round, too.
 */
static bool was_preempted(uint64_t cycles)
{
	static uint64_t seen;
	uint64_t preempted = seen, waited;

	if (!wants_gaps || cycles < long_tsc)
		return false;
	read_switches(&preempted, &waited);
	if (preempted == seen)
		return false;
	seen = preempted;
	now.lost = true;
	return true;
}

static void keep_long_round(uint64_t tsc)
{
	const unsigned i = long_rounds.count++ % LONG_ROUNDS;

	long_rounds.rounds[i].at = tsc;
	long_rounds.rounds[i].cycles = now.round;
}

/* Of those that ended between the two. */
static uint64_t longest_round(uint64_t from, uint64_t to)
{
	uint64_t longest = 0;

	for (unsigned i = 0; i < RTE_MIN(long_rounds.count, LONG_ROUNDS); i++) {
		if (long_rounds.rounds[i].at >= from && long_rounds.rounds[i].at < to)
			longest = RTE_MAX(longest, long_rounds.rounds[i].cycles);
	}
	return longest;
}

/* A round is from one poll of the uplink to the next. */
static void end_round(uint64_t tsc)
{
	uint64_t ours;

	if (now.poll_end == 0) {
		meter->worker = (uint64_t)gettid();
		return;
	}
	ours = tsc - now.poll_begin - now.uplink - now.app;
	(void)was_preempted(ours);
	now.round = now.lost ? 0 : ours;
	now.lost = false;
	now.longest = RTE_MAX(now.longest, now.round);
	if (now.round > long_tsc)
		keep_long_round(tsc);
	now.driver += now.uplink + now.app;
	if (now.received == 0)
		return;
	if (tsc - now.poll_begin > tsc_of(ROUND_MAX_NS)) {
		meter->left_out += now.received;
		return;
	}
	meter->packets += now.received;
	meter->rounds++;
	meter->cycles += tsc - now.poll_begin;
	meter->in_uplink += now.uplink;
	meter->in_app += now.app;
}

static void tell_gap(uint64_t tsc)
{
	struct meter_interval gap = { .kind = METER_GAP };

	if (now.since == 0 || tsc - now.since < tsc_of(GAP_NS))
		return;
	gap.begin = now.since_ns;
	gap.end = clock_ns(CLOCK_MONOTONIC);
	gap.cpu = clock_ns(CLOCK_THREAD_CPUTIME_ID) - now.cpu_ns;
	read_switches(&gap.preempted, &gap.waited);
	gap.preempted -= now.preempted;
	gap.waited -= now.waited;
	gap.driver = ns_of(now.driver + now.uplink + now.app);
	gap.longest = ns_of(now.longest);
	gap.longest_before = ns_of(longest_round(2 * now.since - tsc, now.since));
	gap.held_up = ns_of(now.held_up);
	gap.polls = now.polls;
	gap.stalled = ns_of(now.stalled);
	gap.stalled_end = gap.end - ns_of(tsc - now.stalled_end);
	keep(&gap);
}

static void begin_gap(void)
{
	now.driver = now.longest = now.held_up = now.polls = now.stalled = 0;
	now.cpu_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID);
	read_switches(&now.preempted, &now.waited);
	now.since_ns = clock_ns(CLOCK_MONOTONIC);
	now.since = rte_rdtsc();
}

static void look_for_mark(struct rte_mbuf **mbufs, uint16_t count)
{
	for (uint16_t i = 0; i < count; i++) {
		struct meter_interval mark = { .kind = METER_MARK, .begin = mark_since };

		if (!(mbufs[i]->ol_flags & RTE_MBUF_F_RX_FDIR_ID))
			continue;
		__atomic_store_n(&wants_mark, false, __ATOMIC_RELAXED);
		mark.end = clock_ns(CLOCK_MONOTONIC);
		keep(&mark);
		return;
	}
}

/* The uplink's driver or the VF's was called at `since`, and gave so many; `ours`: before that. */
static void end_poll(uint64_t since, uint64_t ours, struct rte_mbuf **mbufs, uint16_t received)
{
	const uint64_t tsc = rte_rdtsc();

	if (received || tsc - since > long_tsc)
		now.held_up += ours;
	if (!was_preempted(tsc - since) && tsc - since > now.stalled) {
		now.stalled = tsc - since;
		now.stalled_end = tsc;
	}
	if (received && unlikely(__atomic_load_n(&wants_mark, __ATOMIC_RELAXED)))
		look_for_mark(mbufs, received);
	if (!wants_gaps)
		return;
	if (received) {
		tell_gap(tsc);
		begin_gap();
		/* what this took is nobody's: the poll's driver is charged, the round not longer */
		now.poll_begin += rte_rdtsc() - tsc;
	} else {
		now.polls++;
	}
}

static uint16_t receive_uplink(void *queue, struct rte_mbuf **mbufs, uint16_t count)
{
	const uint64_t tsc = rte_rdtsc();
	uint16_t received;

	end_round(tsc);
	now.poll_begin = tsc;
	now.app = 0;
	received = uplink_rx(queue, mbufs, count);
	now.uplink = rte_rdtsc() - tsc;
	now.received = received;
	end_poll(tsc, now.round, mbufs, received);
	now.poll_end = rte_rdtsc();
	return received;
}

/* A part of the round that the next poll of the uplink ends. */
static uint16_t receive_vf(void *queue, struct rte_mbuf **mbufs, uint16_t count)
{
	const uint64_t tsc = rte_rdtsc();
	const uint64_t ours = tsc - now.poll_begin - now.uplink - now.app;
	uint64_t began;
	uint16_t received;

	(void)was_preempted(ours);
	began = rte_rdtsc();
	received = vf_rx(queue, mbufs, count);
	now.uplink += rte_rdtsc() - began;
	now.received += received;
	end_poll(began, now.lost ? 0 : ours, mbufs, received);
	return received;
}

/* A call that is only timed; bursts of either direction have one type. */
static __rte_always_inline uint16_t timed(eth_tx_burst_t burst, uint64_t *spent, void *queue,
					  struct rte_mbuf **mbufs, uint16_t count)
{
	const uint64_t tsc = rte_rdtsc();
	const uint16_t packets = burst(queue, mbufs, count);
	const uint64_t cycles = rte_rdtsc() - tsc;

	(void)was_preempted(cycles); /* it is told, so that the next long part is not blamed */
	*spent += cycles;
	return packets;
}

static uint16_t transmit_uplink(void *queue, struct rte_mbuf **mbufs, uint16_t count)
{
	return timed(uplink_tx, &now.uplink, queue, mbufs, count);
}

static uint16_t transmit_vf(void *queue, struct rte_mbuf **mbufs, uint16_t count)
{
	return timed(vf_tx, &now.uplink, queue, mbufs, count);
}

static uint16_t receive_app(void *queue, struct rte_mbuf **mbufs, uint16_t count)
{
	return timed(app_rx, &now.app, queue, mbufs, count);
}

static uint16_t transmit_app(void *queue, struct rte_mbuf **mbufs, uint16_t count)
{
	return timed(app_tx, &now.app, queue, mbufs, count);
}

/* --- ethdev's calls --- */

enum port_role { ROLE_APP, ROLE_UPLINK, ROLE_VF };

static enum port_role role_of(const char *name)
{
	const char *uplink = getenv("ACCELNET_METER_UPLINK");
	unsigned bus, device, function;

	if (uplink && strcmp(name, uplink) == 0)
		return ROLE_UPLINK;
	return sscanf(name, "%*x:%x:%x.%x", &bus, &device, &function) == 3 ? ROLE_VF : ROLE_APP;
}

/* True where an address is the program's, not a library's, as drivers are. */
static bool is_program(const void *address)
{
	Dl_info info;

	return dladdr(address, &info) != 0 && !strstr(info.dli_fname, ".so");
}

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define CALLER     is_program(__builtin_return_address(0))

static enum port_role interpose(uint16_t port)
{
	static const struct {
		eth_rx_burst_t rx, *theirs_rx;
		eth_tx_burst_t tx, *theirs_tx;
	} calls[] = {
		[ROLE_APP] = { receive_app, &app_rx, transmit_app, &app_tx },
		[ROLE_UPLINK] = { receive_uplink, &uplink_rx, transmit_uplink, &uplink_tx },
		[ROLE_VF] = { receive_vf, &vf_rx, transmit_vf, &vf_tx },
	};
	struct rte_eth_fp_ops *ops = &rte_eth_fp_ops[port];
	char name[RTE_ETH_NAME_MAX_LEN] = "";
	enum port_role role;

	meter->tsc_hz = rte_get_tsc_hz();
	long_tsc = tsc_of(LONG_NS);
	(void)rte_eth_dev_get_name_by_port(port, name);
	role = role_of(name);
	*calls[role].theirs_rx = ops->rx_pkt_burst;
	*calls[role].theirs_tx = ops->tx_pkt_burst;
	ops->rx_pkt_burst = calls[role].rx;
	ops->tx_pkt_burst = calls[role].tx;
	return role;
}

int rte_eth_dev_start(uint16_t port)
{
	const bool ours = CALLER;
	struct meter_interval start = begin(METER_START, port);
	int r = NEXT(rte_eth_dev_start)(port);

	if (!meter || r < 0)
		return r;
	if (ours && interpose(port) != ROLE_VF)
		return 0;
	end(&start);
	mark_since = start.end;
	__atomic_store_n(&wants_mark, true, __ATOMIC_RELEASE);
	return 0;
}

/* What the program asks of a port while its worker may want the driver's locks. */
#define CALL(name, argument)                                          \
	int name(uint16_t port, argument answer)                      \
	{                                                             \
		const bool ours = meter && CALLER;                    \
		struct meter_interval call = begin(METER_CALL, port); \
		int r = NEXT(name)(port, answer);                     \
                                                                      \
		if (ours)                                             \
			end(&call);                                   \
		return r;                                             \
	}

CALL(rte_eth_stats_get, struct rte_eth_stats *)
CALL(rte_eth_link_get_nowait, struct rte_eth_link *)
CALL(rte_eth_dev_info_get, struct rte_eth_dev_info *)

struct rte_flow *rte_flow_create(uint16_t port, const struct rte_flow_attr *attr,
				 const struct rte_flow_item pattern[],
				 const struct rte_flow_action actions[],
				 struct rte_flow_error *error)
{
	struct meter_interval rule = begin(METER_RULE, port);
	struct rte_flow *flow = NEXT(rte_flow_create)(port, attr, pattern, actions, error);

	if (meter)
		end(&rule);
	return flow;
}

int rte_flow_destroy(uint16_t port, struct rte_flow *flow, struct rte_flow_error *error)
{
	struct meter_interval rule = begin(METER_RULE, port);
	int r = NEXT(rte_flow_destroy)(port, flow, error);

	if (meter)
		end(&rule);
	return r;
}

/* --- callbacks of the program --- */

static struct callback {
	rte_eth_dev_cb_fn call;
	void *argument;
	enum rte_eth_event_type event;
} callbacks[CALLBACKS_MAX];
static unsigned callback_count;

static int on_event(uint16_t port, enum rte_eth_event_type event, void *argument, void *ret)
{
	const struct callback *callback = argument;
	struct meter_interval call = begin(METER_CALLBACK, event);
	int r = callback->call(port, event, callback->argument, ret);

	end(&call);
	return r;
}

/* NULL: it is not one of those. They are few, and made by one thread before there is traffic. */
static struct callback *find(rte_eth_dev_cb_fn call, void *argument, enum rte_eth_event_type event)
{
	for (unsigned i = 0; i < callback_count; i++) {
		if (callbacks[i].call == call && callbacks[i].argument == argument &&
		    callbacks[i].event == event)
			return &callbacks[i];
	}
	return NULL;
}

int rte_eth_dev_callback_register(uint16_t port, enum rte_eth_event_type event,
				  rte_eth_dev_cb_fn call, void *argument)
{
	struct callback *callback = find(call, argument, event);

	if (meter && !callback && is_program((const void *)(uintptr_t)call) &&
	    callback_count < CALLBACKS_MAX) {
		callback = &callbacks[callback_count++];
		*callback = (struct callback){ call, argument, event };
	}
	return callback ? NEXT(rte_eth_dev_callback_register)(port, event, on_event, callback)
			: NEXT(rte_eth_dev_callback_register)(port, event, call, argument);
}

int rte_eth_dev_callback_unregister(uint16_t port, enum rte_eth_event_type event,
				    rte_eth_dev_cb_fn call, void *argument)
{
	struct callback *callback = find(call, argument, event);

	return callback ? NEXT(rte_eth_dev_callback_unregister)(port, event, on_event, callback)
			: NEXT(rte_eth_dev_callback_unregister)(port, event, call, argument);
}

/* --- */

__attribute__((constructor)) static void open_meter(void)
{
	const char *path = getenv("ACCELNET_METER");
	int fd = path ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644) : -1;
	void *memory;

	if (fd < 0)
		return;
	(void)pthread_spin_init(&lock, PTHREAD_PROCESS_PRIVATE);
	wants_gaps = getenv("ACCELNET_METER_GAPS") != NULL;
	memory = ftruncate(fd, sizeof(*meter)) == 0
			 ? mmap(NULL, sizeof(*meter), PROT_READ | PROT_WRITE,
				MAP_SHARED | MAP_POPULATE, fd, 0)
			 : MAP_FAILED;
	close(fd);
	if (memory == MAP_FAILED)
		return;
	meter = memory;
	meter->interval_cost = cost_of_interval();
	meter->interval_count = 0;
}
