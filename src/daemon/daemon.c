/*
 * The owner of everything that runs: EAL, NICs, workers, event loop, control socket. See daemon.h.
 */
#define LOG_ROOM LOG_ROOM_DAEMON
#include "daemon/daemon.h"

#include "base/log.h"
#include "control/control.h"
#include "daemon/eal.h"
#include "daemon/notify.h"
#include "daemon/reload.h"
#include "datapath/worker.h"
#include "nic/events.h"
#include "nic/failover.h"
#include "nic/link_watch.h"
#include "nic/nic.h"
#include "offload/offload.h"

#include <errno.h>
#include <event2/event.h>
#include <rte_eal.h>
#include <rte_lcore.h>
#include <rte_malloc.h>
#include <rte_rcu_qsbr.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define TICK_SECONDS 1
#define SOON_MS      2

struct daemon {
	const char *config_path;
	const struct daemon_config *config;
	bool eal_is_up;
	struct rte_rcu_qsbr *qsbr;
	struct event_log *events;
	struct nic_set nics;
	struct worker_set *workers;
	struct offload *offload;
	int wake; /* an eventfd: some NIC wants to be attended to */
	int soon; /* a timerfd: the same, and the offload thread */
	atomic_bool soon_is_set;
	struct link_watch *links; /* NULL: no NIC asks about the kernel's interfaces */
	struct event_base *base;
	struct event *terminate, *interrupt, *hangup, *tick, *look, *woken, *soon_is_due, *linked;
	struct control *control;
};

static int make_qsbr(struct daemon *daemon, struct accelnet_error *err)
{
	size_t size = rte_rcu_qsbr_get_memsize(RTE_MAX_LCORE);

	daemon->qsbr = rte_zmalloc("qsbr", size, RTE_CACHE_LINE_SIZE);
	if (!daemon->qsbr || rte_rcu_qsbr_init(daemon->qsbr, RTE_MAX_LCORE) != 0)
		return fail(err, ACCELNET_E_MEMORY, NULL, "no memory for the workers' QSBR");
	return 0;
}

static void wake(void *context)
{
	struct daemon *daemon = context;

	/* fails only where the counter is full, and then the loop is awake */
	(void)eventfd_write(daemon->wake, 1);
}

/* Of two microseconds or ten, where a wake-up may cost the caller its processor. */
static void wake_soon(void *context)
{
	static const struct itimerspec once = { .it_value.tv_nsec = SOON_MS * 1000000L };
	struct daemon *daemon = context;

	if (!atomic_exchange(&daemon->soon_is_set, true))
		(void)timerfd_settime(daemon->soon, 0, &once, NULL); /* fails for wrong times */
}

static int make_offload(struct daemon *daemon, struct accelnet_error *err)
{
	int r;

	daemon->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	daemon->soon = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (daemon->wake < 0 || daemon->soon < 0)
		return fail(err, ACCELNET_E_INTERNAL, NULL, "no eventfd or timerfd: %s",
			    strerror(errno));
	r = offload_new(NULL, &daemon->offload, err);
	if (r == 0)
		offload_wake_by(daemon->offload, wake_soon, daemon);
	return r;
}

static int make_links(struct daemon *daemon, struct accelnet_error *err)
{
	const struct daemon_config *config = daemon->config;
	bool wanted = false;
	int r;

	for (size_t i = 0; i < config->nic_count; i++)
		wanted |= config->nics[i].uplink == UPLINK_BIFURCATED;
	if (!wanted)
		return 0;
	r = link_watch_new(&daemon->links);
	return r < 0 ? fail(err, ACCELNET_E_DEVICE, NULL,
			    "the kernel does not tell of its interfaces: %s", strerror(-r))
		     : 0;
}

static int make_nics(struct daemon *daemon, struct accelnet_error *err)
{
	const struct daemon_config *config = daemon->config;
	const struct nic_services services = {
		.state_directory = config->state_directory,
		.events = daemon->events,
		.qsbr = daemon->qsbr,
		.offload = daemon->offload,
		.links = daemon->links,
		.wake = wake,
		.wake_soon = wake_soon,
		.context = daemon,
	};

	daemon->nics.events = daemon->events;
	daemon->nics.nics = calloc(config->nic_count, sizeof(struct nic *));
	if (!daemon->nics.nics)
		return fail(err, ACCELNET_E_MEMORY, NULL, "out of memory");
	for (size_t i = 0; i < config->nic_count; i++) {
		int r = nic_new(&config->nics[i], &services, &daemon->nics.nics[i], err);

		if (r < 0)
			return r;
		daemon->nics.count++;
	}
	return 0;
}

static void on_stop_signal(evutil_socket_t number, short what, void *context)
{
	struct daemon *daemon = context;

	(void)what;
	log_notice("stopping", "signal=%s", strsignal((int)number));
	event_base_loopexit(daemon->base, NULL);
}

/* Only the contexts are read anew: ports, queues and sockets stand until the next start. */
static void on_hangup(evutil_socket_t number, short what, void *context)
{
	struct daemon *daemon = context;

	(void)number;
	(void)what;
	reload_contexts(daemon->config_path, daemon->config, &daemon->nics);
}

static void tell_silence(enum worker_health health, const struct worker_silence *silence)
{
	static const char *const words[] = {
		[WORKER_STARVED] = "a worker gets no CPU: others have it",
		[WORKER_STUCK] = "a worker runs in a driver and does not come back",
		[WORKER_ASLEEP] = "a worker sleeps in a system call of a driver",
		[WORKER_SILENT] = "a worker does not turn its loop any more",
	};

	log_error(words[health], "lcore=%u silent_ms=%lu ran_ms=%lu waited_ms=%lu syscall=%d",
		  silence->lcore, silence->silent_ms, silence->ran_ms, silence->waited_ms,
		  silence->syscall);
}

/* Once a second. The watchdog is fed only while every worker still turns its loop. */
static void on_tick(evutil_socket_t number, short what, void *context)
{
	struct daemon *daemon = context;
	struct worker_silence silence;
	enum worker_health health;

	(void)number;
	(void)what;
	for (size_t i = 0; i < daemon->nics.count; i++)
		nic_tick(daemon->nics.nics[i]);
	health = worker_set_check(daemon->workers, &silence);
	if (health == WORKERS_TURN)
		notify_send("WATCHDOG=1");
	else
		tell_silence(health, &silence);
}

static void on_look(evutil_socket_t number, short what, void *context)
{
	struct daemon *daemon = context;

	(void)number;
	(void)what;
	for (size_t i = 0; i < daemon->nics.count; i++)
		nic_look(daemon->nics.nics[i]);
}

static void attend(struct daemon *daemon)
{
	for (size_t i = 0; i < daemon->nics.count; i++)
		nic_attend(daemon->nics.nics[i]);
}

static void on_wake(evutil_socket_t fd, short what, void *context)
{
	eventfd_t count;

	(void)what;
	(void)eventfd_read(fd, &count); /* how often does not matter */
	attend(context);
}

static void on_soon(evutil_socket_t fd, short what, void *context)
{
	struct daemon *daemon = context;
	uint64_t count;

	(void)what;
	(void)!read(fd, &count, sizeof(count));
	atomic_store(&daemon->soon_is_set, false); /* what happens from here on sets it anew */
	offload_wake(daemon->offload);
	attend(daemon);
}

static void on_links(evutil_socket_t fd, short what, void *context)
{
	struct daemon *daemon = context;

	(void)fd;
	(void)what;
	link_watch_hear(daemon->links); /* the looks that follow read */
	for (size_t i = 0; i < daemon->nics.count; i++)
		nic_links_changed(daemon->nics.nics[i]);
}

static struct event *add_signal(struct daemon *daemon, int number, event_callback_fn callback)
{
	struct event *event = evsignal_new(daemon->base, number, callback, daemon);

	if (event && event_add(event, NULL) < 0) {
		event_free(event);
		return NULL;
	}
	return event;
}

static int make_loop(struct daemon *daemon, struct accelnet_error *err)
{
	const struct timeval second = { .tv_sec = TICK_SECONDS };
	const struct timeval look = { .tv_usec = FAILOVER_LOOK_MS * 1000 };

	daemon->base = event_base_new();
	if (!daemon->base)
		return fail(err, ACCELNET_E_INTERNAL, NULL, "cannot make the event loop");
	daemon->terminate = add_signal(daemon, SIGTERM, on_stop_signal);
	daemon->interrupt = add_signal(daemon, SIGINT, on_stop_signal);
	daemon->hangup = add_signal(daemon, SIGHUP, on_hangup);
	daemon->tick = event_new(daemon->base, -1, EV_PERSIST, on_tick, daemon);
	daemon->look = event_new(daemon->base, -1, EV_PERSIST, on_look, daemon);
	daemon->woken =
		event_new(daemon->base, daemon->wake, EV_PERSIST | EV_READ, on_wake, daemon);
	daemon->soon_is_due =
		event_new(daemon->base, daemon->soon, EV_PERSIST | EV_READ, on_soon, daemon);
	if (!daemon->soon_is_due || event_add(daemon->soon_is_due, NULL) < 0)
		return fail(err, ACCELNET_E_INTERNAL, NULL, "cannot set up the event loop");
	if (!daemon->terminate || !daemon->interrupt || !daemon->hangup || !daemon->tick ||
	    !daemon->look || !daemon->woken || event_add(daemon->tick, &second) < 0 ||
	    event_add(daemon->look, &look) < 0 || event_add(daemon->woken, NULL) < 0)
		return fail(err, ACCELNET_E_INTERNAL, NULL, "cannot set up the event loop");
	if (!daemon->links)
		return 0;
	daemon->linked = event_new(daemon->base, link_watch_fd(daemon->links), EV_PERSIST | EV_READ,
				   on_links, daemon);
	if (!daemon->linked || event_add(daemon->linked, NULL) < 0)
		return fail(err, ACCELNET_E_INTERNAL, NULL, "cannot set up the event loop");
	return 0;
}

static int make_control(struct daemon *daemon, struct accelnet_error *err)
{
	const struct control_config config = {
		.socket_path = daemon->config->socket,
		.group = daemon->config->group,
	};

	return control_new(daemon->base, &config, &daemon->nics, &daemon->control, err);
}

static int bring_up(struct daemon *daemon, char **eal_args, int eal_arg_count,
		    struct accelnet_error *err)
{
	int r = eal_start(daemon->config, eal_args, eal_arg_count, err);

	if (r < 0)
		return r;
	daemon->eal_is_up = true;
	r = make_qsbr(daemon, err);
	if (r < 0)
		return r;
	daemon->events = event_log_new();
	if (!daemon->events)
		return fail(err, ACCELNET_E_MEMORY, NULL, "out of memory");
	r = make_offload(daemon, err);
	if (r < 0)
		return r;
	r = make_links(daemon, err);
	if (r < 0)
		return r;
	r = make_nics(daemon, err);
	if (r < 0)
		return r;
	r = worker_set_new(&daemon->nics, daemon->qsbr, &daemon->workers, err);
	if (r < 0)
		return r;
	r = make_loop(daemon, err);
	return r < 0 ? r : make_control(daemon, err);
}

int daemon_new(const char *config_path, const struct daemon_config *config, char **eal_args,
	       int eal_arg_count, struct daemon **ret, struct accelnet_error *err)
{
	struct daemon *daemon = calloc(1, sizeof(*daemon));
	int r;

	if (!daemon)
		return fail(err, ACCELNET_E_MEMORY, NULL, "out of memory");
	daemon->wake = daemon->soon = -1;
	daemon->config_path = config_path;
	daemon->config = config;
	r = bring_up(daemon, eal_args, eal_arg_count, err);
	if (r < 0) {
		daemon_free(daemon);
		return r;
	}
	*ret = daemon;
	return 0;
}

int daemon_run(struct daemon *daemon, struct accelnet_error *err)
{
	log_notice("ready", "nics=%zu workers=%u socket=%s", daemon->nics.count,
		   worker_set_count(daemon->workers), daemon->config->socket);
	notify_send("READY=1");
	if (event_base_dispatch(daemon->base) < 0)
		return fail(err, ACCELNET_E_INTERNAL, NULL, "the event loop failed");
	notify_send("STOPPING=1");
	return 0;
}

static void free_loop(struct daemon *daemon)
{
	struct event *events[] = { daemon->linked,    daemon->soon_is_due, daemon->woken,
				   daemon->look,      daemon->tick,        daemon->hangup,
				   daemon->interrupt, daemon->terminate };

	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
		if (events[i])
			event_free(events[i]);
	}
	if (daemon->base)
		event_base_free(daemon->base);
}

void daemon_free(struct daemon *daemon)
{
	if (!daemon)
		return;
	control_free(daemon->control);
	free_loop(daemon);
	worker_set_free(daemon->workers);
	for (size_t i = 0; i < daemon->nics.count; i++)
		nic_quiesce(daemon->nics.nics[i]);
	for (size_t i = daemon->nics.count; i > 0; i--)
		nic_free(daemon->nics.nics[i - 1]);
	free(daemon->nics.nics);
	offload_free(daemon->offload);
	link_watch_free(daemon->links);
	if (daemon->soon >= 0)
		close(daemon->soon);
	if (daemon->wake >= 0)
		close(daemon->wake);
	event_log_free(daemon->events);
	rte_free(daemon->qsbr);
	if (daemon->eal_is_up)
		eal_end();
	free(daemon);
}
