/*
 * The one lock of the emulated devices, with a head start for control calls over the device thread.
 */
#include "azhost/connectx/lock.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <time.h>

/* A control call that waits may get no processor for a long time: the device does not wait for it
 * longer than this between two rounds, and a round is much shorter. */
#define HEAD_START_NS 1000000u

static pthread_mutex_t device_lock = PTHREAD_MUTEX_INITIALIZER;
static atomic_int waiting;

void cx_lock(void)
{
	atomic_fetch_add(&waiting, 1);
	(void)pthread_mutex_lock(&device_lock); /* fails only on misuse of the mutex */
	atomic_fetch_sub(&waiting, 1);
}

void cx_unlock(void)
{
	(void)pthread_mutex_unlock(&device_lock);
}

static uint64_t clock_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail for this clock */
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void cx_lock_politely(void)
{
	if (atomic_load(&waiting) > 0) {
		uint64_t end = clock_ns() + HEAD_START_NS;

		do
			sched_yield();
		while (atomic_load(&waiting) > 0 && clock_ns() < end);
	}
	(void)pthread_mutex_lock(&device_lock);
}
