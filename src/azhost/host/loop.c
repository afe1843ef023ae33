/* The event loop of loop.h. */
#include "azhost/host/loop.h"

#include <errno.h>
#include <sched.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

/* Rounds without work that are spent polling before the loop blocks. */
#define SPIN_ROUNDS 32

/* Descriptors are looked at every so many busy rounds. */
#define BUSY_ROUNDS_PER_EPOLL 8

uint64_t loop_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

int loop_init(struct loop *loop)
{
	*loop = (struct loop){ .epoll = epoll_create1(EPOLL_CLOEXEC) };
	return loop->epoll < 0 ? -errno : 0;
}

void loop_fini(struct loop *loop)
{
	if (loop->epoll >= 0)
		close(loop->epoll);
	loop->epoll = -1;
}

int loop_fd_add(struct loop *loop, struct loop_fd *fd, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = fd };

	return epoll_ctl(loop->epoll, EPOLL_CTL_ADD, fd->fd, &event) < 0 ? -errno : 0;
}

void loop_fd_remove(struct loop *loop, struct loop_fd *fd)
{
	if (fd->fd < 0)
		return;
	/* ENOENT: it was never added. */
	(void)epoll_ctl(loop->epoll, EPOLL_CTL_DEL, fd->fd, NULL);
	for (unsigned i = 0; i < loop->batch_count; i++)
		if (loop->batch[i] == fd)
			loop->batch[i] = NULL;
}

void loop_timer_cancel(struct loop *loop, struct loop_timer *timer)
{
	if (!timer->armed)
		return;
	for (struct loop_timer **at = &loop->timers; *at != NULL; at = &(*at)->next) {
		if (*at != timer)
			continue;
		*at = timer->next;
		break;
	}
	timer->armed = false;
}

void loop_timer_set(struct loop *loop, struct loop_timer *timer, uint64_t after_ns)
{
	loop_timer_cancel(loop, timer);
	timer->due_ns = loop_now_ns() + after_ns;
	timer->armed = true;

	struct loop_timer **at = &loop->timers;

	while (*at != NULL && (*at)->due_ns <= timer->due_ns)
		at = &(*at)->next;
	timer->next = *at;
	*at = timer;
}

void loop_poller_add(struct loop *loop, struct loop_poller *poller)
{
	poller->next = loop->pollers;
	loop->pollers = poller;
}

void loop_poller_remove(struct loop *loop, struct loop_poller *poller)
{
	if (loop->next_poller == poller)
		loop->next_poller = poller->next;
	for (struct loop_poller **at = &loop->pollers; *at != NULL; at = &(*at)->next) {
		if (*at != poller)
			continue;
		*at = poller->next;
		return;
	}
}

static unsigned run_pollers(struct loop *loop)
{
	unsigned work = 0;

	for (struct loop_poller *p = loop->pollers; p != NULL; p = loop->next_poller) {
		loop->next_poller = p->next;
		work += p->poll(p->opaque);
	}
	return work;
}

static unsigned run_timers(struct loop *loop)
{
	unsigned work = 0;

	if (loop->timers == NULL)
		return 0;

	const uint64_t now = loop_now_ns();

	while (loop->timers != NULL && loop->timers->due_ns <= now) {
		struct loop_timer *timer = loop->timers;

		loop->timers = timer->next;
		timer->armed = false;
		timer->fire(timer->opaque);
		work++;
	}
	return work;
}

/* How long the loop may block; -1: until a descriptor is ready. */
static int64_t sleep_ns(struct loop *loop)
{
	int64_t ns = -1;

	for (struct loop_poller *p = loop->pollers; p != NULL; p = p->next) {
		if (p->may_sleep != NULL && !p->may_sleep(p->opaque))
			return 0;
		if (p->sleep_us != LOOP_WOKEN && (ns < 0 || ns > (int64_t)p->sleep_us * 1000))
			ns = (int64_t)p->sleep_us * 1000;
	}
	if (loop->timers != NULL) {
		int64_t due = (int64_t)(loop->timers->due_ns - loop_now_ns());

		if (due < 0)
			due = 0;
		if (ns < 0 || due < ns)
			ns = due;
	}
	return ns;
}

static int run_descriptors(struct loop *loop, int64_t ns)
{
	struct epoll_event events[LOOP_EVENTS];
	struct timespec timeout = { .tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000 };
	int n = epoll_pwait2(loop->epoll, events, LOOP_EVENTS, ns < 0 ? NULL : &timeout, NULL);

	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	for (int i = 0; i < n; i++)
		loop->batch[i] = events[i].data.ptr;
	loop->batch_count = (unsigned)n;
	for (int i = 0; i < n; i++) {
		struct loop_fd *fd = loop->batch[i];

		if (fd != NULL)
			fd->ready(fd->opaque, events[i].events);
	}
	loop->batch_count = 0;
	return n;
}

int loop_run(struct loop *loop)
{
	unsigned busy_rounds = 0;

	loop->stop = false;
	while (!loop->stop) {
		unsigned work = run_pollers(loop) + run_timers(loop);

		loop->idle_rounds = work == 0 ? loop->idle_rounds + 1 : 0;
		if (work != 0 && ++busy_rounds % BUSY_ROUNDS_PER_EPOLL != 0)
			continue;

		int n = run_descriptors(loop, loop->idle_rounds > SPIN_ROUNDS ? sleep_ns(loop) : 0);

		if (n < 0)
			return n;
		if (n > 0)
			loop->idle_rounds = 0;
	}
	return 0;
}

void loop_stop(struct loop *loop)
{
	loop->stop = true;
}
