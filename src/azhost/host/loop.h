/*
 * The event loop of the host process: descriptors (epoll), timers, and pollers for shared memory
 * that nobody signals (VMBus rings: a user-space guest can only set bits in a page).
 *
 * One thread. Objects are embedded in their owners and must be removed before they are freed;
 * every callback may add and remove objects, itself included.
 */
#ifndef AZHOST_HOST_LOOP_H
#define AZHOST_HOST_LOOP_H

#include <stdbool.h>
#include <stdint.h>

struct loop_fd {
	int fd;
	void (*ready)(void *opaque, uint32_t events); /* EPOLLIN and so on */
	void *opaque;
};

struct loop_timer {
	void (*fire)(void *opaque);
	void *opaque;
	uint64_t due_ns;
	struct loop_timer *next;
	bool armed;
};

/* LOOP_WOKEN: a descriptor wakes the loop when the poller has work. */
#define LOOP_WOKEN UINT32_MAX

struct loop_poller {
	unsigned (*poll)(void *opaque);  /* how much was done; 0: idle */
	bool (*may_sleep)(void *opaque); /* optional: last question before the loop blocks */
	void *opaque;
	uint32_t sleep_us; /* longest time this poller may be left alone */
	struct loop_poller *next;
};

#define LOOP_EVENTS 64

struct loop {
	int epoll;
	bool stop;
	struct loop_timer *timers; /* by due time */
	struct loop_poller *pollers;
	struct loop_poller *next_poller; /* while pollers run: the one to run next */
	void *batch[LOOP_EVENTS];        /* objects of the epoll events in hand */
	unsigned batch_count;
	unsigned idle_rounds;
};

int loop_init(struct loop *loop);
void loop_fini(struct loop *loop);

/* Level-triggered. -errno of epoll_ctl(). */
int loop_fd_add(struct loop *loop, struct loop_fd *fd, uint32_t events);
/* Does nothing for an fd of -1; does not close it. */
void loop_fd_remove(struct loop *loop, struct loop_fd *fd);

void loop_timer_set(struct loop *loop, struct loop_timer *timer, uint64_t after_ns);
void loop_timer_cancel(struct loop *loop, struct loop_timer *timer);

void loop_poller_add(struct loop *loop, struct loop_poller *poller);
void loop_poller_remove(struct loop *loop, struct loop_poller *poller);

/* Until loop_stop(). 0, or -errno of epoll. */
int loop_run(struct loop *loop);
void loop_stop(struct loop *loop);

/* CLOCK_MONOTONIC. */
uint64_t loop_now_ns(void);

#endif
