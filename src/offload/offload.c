/*
 * The offload thread: its life, and the end of ports. See offload.h.
 */
#define LOG_ROOM LOG_ROOM_OFFLOAD
#include "offload/offload.h"

#include "base/log.h"
#include "offload/flow_rte.h"
#include "offload/offload_private.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

uint64_t offload_clock(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail for this clock */
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* One step for each NIC, so that none waits for another's thousands of rules. */
static bool step_nics(struct offload *offload)
{
	bool any = false;

	for (struct offload_nic *nic = offload->nics; nic; nic = nic->next)
		any |= nic_step(nic);
	return any;
}

static void sleep_until_work(struct offload *offload)
{
	uint64_t at = UINT64_MAX;
	struct timespec until;

	for (const struct offload_nic *nic = offload->nics; nic; nic = nic->next) {
		uint64_t wakeup = nic_wakeup(nic);

		at = wakeup < at ? wakeup : at;
	}
	if (at == UINT64_MAX) {
		(void)pthread_cond_wait(&offload->work, &offload->lock);
		return;
	}
	until = (struct timespec){ .tv_sec = (time_t)(at / 1000),
				   .tv_nsec = (long)(at % 1000) * 1000000 };
	(void)pthread_cond_timedwait(&offload->work, &offload->lock, &until);
}

static void *run(void *argument)
{
	struct offload *offload = argument;

	(void)pthread_setname_np(pthread_self(), "offload"); /* for people: ps, gdb */
	(void)pthread_mutex_lock(&offload->lock);
	while (!offload->stop) {
		if (!step_nics(offload) && !offload->stop)
			sleep_until_work(offload);
	}
	(void)pthread_mutex_unlock(&offload->lock);
	return NULL;
}

void offload_wake_by(struct offload *offload, void (*soon)(void *context), void *context)
{
	offload->soon = soon;
	offload->soon_context = context;
}

void offload_wake(struct offload *offload)
{
	(void)pthread_mutex_lock(&offload->lock);
	(void)pthread_cond_signal(&offload->work);
	(void)pthread_mutex_unlock(&offload->lock);
}

/* No call is made on it from now on. */
static void bar(struct offload *offload, uint16_t port)
{
	(void)pthread_mutex_lock(&offload->ports);
	offload->leaving[port] = true;
	for (struct offload_nic *nic = offload->nics; nic; nic = nic->next) {
		if (nic->port.id == port)
			nic_bar(nic);
	}
	(void)pthread_mutex_unlock(&offload->ports);
}

void offload_port_goes(struct offload *offload, uint16_t port)
{
	bar(offload, port);
	offload_wake(offload);
}

/* In EAL's interrupt thread: see flow_backend.h. */
static void port_gone(void *argument, uint16_t port)
{
	struct offload *offload = argument;

	bar(offload, port);
	if (offload->soon)
		offload->soon(offload->soon_context);
	else
		offload_wake(offload);
}

/* In the thread that probes it. */
static void port_came(void *argument, uint16_t port)
{
	struct offload *offload = argument;

	(void)pthread_mutex_lock(&offload->ports);
	offload->leaving[port] = false;
	(void)pthread_mutex_unlock(&offload->ports);
}

static void init_locks(struct offload *offload)
{
	pthread_condattr_t attributes;

	/* none of these fails on Linux with these arguments */
	(void)pthread_condattr_init(&attributes);
	(void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&offload->work, &attributes);
	(void)pthread_cond_init(&offload->done, &attributes);
	(void)pthread_condattr_destroy(&attributes);
	(void)pthread_mutex_init(&offload->lock, NULL);
	(void)pthread_mutex_init(&offload->ports, NULL);
}

static void fini_locks(struct offload *offload)
{
	(void)pthread_mutex_destroy(&offload->ports);
	(void)pthread_mutex_destroy(&offload->lock);
	(void)pthread_cond_destroy(&offload->work);
	(void)pthread_cond_destroy(&offload->done);
}

int offload_new(const struct flow_backend *backend, struct offload **ret,
		struct accelnet_error *err)
{
	struct offload *offload = calloc(1, sizeof(*offload));
	int r;

	if (!offload)
		return fail(err, ACCELNET_E_MEMORY, NULL, "out of memory");
	offload->backend = backend ? *backend : flow_rte_backend;
	offload->watcher = (struct flow_watcher){
		.gone = port_gone,
		.came = port_came,
		.argument = offload,
	};
	init_locks(offload);
	r = offload->backend.watch(offload->backend.context, &offload->watcher);
	if (r < 0)
		goto no_watch;
	r = -pthread_create(&offload->thread, NULL, run, offload);
	if (r < 0)
		goto no_thread;
	*ret = offload;
	return 0;

no_thread:
	offload->backend.unwatch(offload->backend.context, &offload->watcher);
no_watch:
	fini_locks(offload);
	free(offload);
	return fail(err, ACCELNET_E_INTERNAL, NULL, "the offload thread cannot be started: %s",
		    strerror(-r));
}

void offload_free(struct offload *offload)
{
	if (!offload)
		return;
	(void)pthread_mutex_lock(&offload->lock);
	offload->stop = true;
	(void)pthread_cond_signal(&offload->work);
	(void)pthread_mutex_unlock(&offload->lock);
	(void)pthread_join(offload->thread, NULL);
	offload->backend.unwatch(offload->backend.context, &offload->watcher);
	fini_locks(offload);
	free(offload);
}
