/*
 * The one lock of the emulated devices, with a head start for control calls over the device thread.
 */
#include "azhost/connectx/lock.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

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

void cx_lock_politely(void)
{
	while (atomic_load(&waiting) > 0)
		sched_yield();
	(void)pthread_mutex_lock(&device_lock);
}
