/*
 * The device thread's life and its loop.
 */
#include "azhost/connectx/thread.h"

#include "azhost/connectx/device.h"
#include "azhost/connectx/host.h"
#include "azhost/connectx/lock.h"
#include "azhost/connectx/queue.h"
#include "azhost/connectx/vf.h"
#include "azhost/wire/nimble.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MAX_WAKEUPS     16
#define IDLE_BEFORE_NAP 200 /* rounds */

/*
 * Nobody wakes the device for a doorbell: it has to look. A nap is a fraction of the time since
 * there last was work, so that what is added to a wait is small beside the wait, and an idle device
 * costs next to nothing: on a busy machine the processor time that it wastes is what it has to wait
 * for when there is work.
 */
#define NAP_FRACTION 8
#define NAP_MIN_NS   20000u
#define NAP_MAX_NS   500000u

static pthread_mutex_t thread_lock = PTHREAD_MUTEX_INITIALIZER; /* holders, thread */
static unsigned int holders;
static pthread_t thread;
static atomic_bool stop;
static cpu_set_t started_on; /* written once, before main() */

/* The CPU of AZHOST_DEVICE_CPU, or -1: any. */
static long pinned_cpu(void)
{
	const char *text = getenv("AZHOST_DEVICE_CPU");
	char *end;
	long cpu;

	if (!text || !*text)
		return -1;
	cpu = strtol(text, &end, 10);
	return *end || cpu < 0 || cpu >= CPU_SETSIZE ? -1 : cpu;
}

/* Where the program was started: before EAL pins its threads, of which one creates ours. */
__attribute__((constructor)) static void remember_cpus(void)
{
	if (sched_getaffinity(0, sizeof(started_on), &started_on) < 0)
		CPU_ZERO(&started_on);
}

static void allowed_cpus(cpu_set_t *set)
{
	long pinned = pinned_cpu();

	*set = started_on;
	if (pinned < 0)
		return;
	CPU_ZERO(set);
	CPU_SET((unsigned int)pinned, set);
}

int cx_thread_create(pthread_t *ret_thread, const char *name, void *(*run)(void *), void *argument)
{
	sigset_t all, old;
	cpu_set_t cpus;
	int r;

	sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &old);
	r = pthread_create(ret_thread, NULL, run, argument);
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (r)
		return -r;
	allowed_cpus(&cpus);
	(void)pthread_setaffinity_np(*ret_thread, sizeof(cpus), &cpus); /* slower, but it works */
	(void)pthread_setname_np(*ret_thread, name);
	return 0;
}

static unsigned int one_round(void)
{
	unsigned int work = 0;

	for (struct cx_vf *vf = cx_vf_all(); vf; vf = vf->next) {
		if (vf->device)
			vf->device->walk = steer_enter(vf->device->steering);
	}
	for (struct cx_vf *vf = cx_vf_all(); vf; vf = vf->next) {
		if (vf->device)
			work += cx_device_poll(vf->device);
	}
	for (struct cx_vf *vf = cx_vf_all(); vf; vf = vf->next) {
		if (vf->device)
			cx_device_end_round(vf->device);
	}
	for (struct cx_vf *vf = cx_vf_all(); vf; vf = vf->next) {
		if (vf->device)
			steer_leave(vf->device->steering, vf->device->walk);
	}
	return work;
}

/* Descriptors to wait on. False if a frame has come meanwhile. */
static bool collect_wakeups(struct pollfd *wakeups, nfds_t *ret_n)
{
	nfds_t n = 0;

	for (struct cx_vf *vf = cx_vf_all(); vf && n < MAX_WAKEUPS; vf = vf->next) {
		int fd;

		if (!vf->device || !vf->device->host)
			continue;
		/* Frames are there, but none can be taken before the program gives buffers. */
		if (vf->device->waiting->rq)
			continue;
		if (!cx_host_may_sleep(vf->device->host))
			return false;
		fd = cx_host_wakeup_fd(vf->device->host);
		if (fd >= 0)
			wakeups[n++] = (struct pollfd){ .fd = fd, .events = POLLIN };
	}
	*ret_n = n;
	return true;
}

static void drain_wakeups(void)
{
	for (struct cx_vf *vf = cx_vf_all(); vf; vf = vf->next) {
		if (vf->device && vf->device->host)
			cx_host_drain_wakeups(vf->device->host);
	}
}

static struct timespec nap_length(uint64_t idle_ns)
{
	uint64_t ns = idle_ns / NAP_FRACTION;

	if (ns < NAP_MIN_NS)
		ns = NAP_MIN_NS;
	if (ns > NAP_MAX_NS)
		ns = NAP_MAX_NS;
	return (struct timespec){ .tv_nsec = (long)ns };
}

static void rest(uint64_t idle_ns)
{
	struct timespec nap = nap_length(idle_ns);
	struct pollfd wakeups[MAX_WAKEUPS];
	bool quiet;
	nfds_t n = 0;

	cx_lock_politely();
	quiet = collect_wakeups(wakeups, &n);
	cx_unlock();
	if (!quiet)
		return;
	if (ppoll(wakeups, n, &nap, NULL) <= 0)
		return;
	cx_lock_politely();
	drain_wakeups();
	cx_unlock();
}

static void *device_thread(void *argument)
{
	unsigned int idle = 0;
	uint64_t idle_since = 0;

	(void)argument;
	nimble_thread();
	while (!atomic_load(&stop)) {
		unsigned int work;

		cx_lock_politely();
		work = one_round();
		cx_unlock();
		idle = work ? 0 : idle + 1;
		if (idle == 1)
			idle_since = cx_device_clock();
		if (idle > IDLE_BEFORE_NAP)
			rest(cx_device_clock() - idle_since);
	}
	return NULL;
}

int cx_device_thread_hold(void)
{
	int r = 0;

	(void)pthread_mutex_lock(&thread_lock);
	if (holders == 0) {
		atomic_store(&stop, false);
		r = cx_thread_create(&thread, "azhost-device", device_thread, NULL);
	}
	if (r == 0)
		holders++;
	(void)pthread_mutex_unlock(&thread_lock);
	return r;
}

void cx_device_thread_release(void)
{
	(void)pthread_mutex_lock(&thread_lock);
	if (--holders == 0) {
		atomic_store(&stop, true);
		(void)pthread_join(thread, NULL);
	}
	(void)pthread_mutex_unlock(&thread_lock);
}
