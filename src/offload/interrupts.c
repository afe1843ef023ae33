/*
 * See interrupts.h.
 */
#define LOG_ROOM LOG_ROOM_OFFLOAD
#include "offload/interrupts.h"

#include "base/log.h"

#include <errno.h>
#include <rte_alarm.h>
#include <semaphore.h>
#include <time.h>
#include <unistd.h>

#define RETRY_US 1000
/* After that the operator is told what is waited for. */
#define PATIENCE_SECONDS 2

struct errand {
	void (*call)(void *argument);
	void *argument;
	sem_t done;
};

static void run(void *context)
{
	struct errand *errand = context;

	errand->call(errand->argument);
	(void)sem_post(&errand->done); /* fails for what is no semaphore, only */
}

static void wait_for(sem_t *done)
{
	struct timespec end;
	int r;

	(void)clock_gettime(CLOCK_MONOTONIC, &end); /* cannot fail for this clock */
	end.tv_sec += PATIENCE_SECONDS;
	while ((r = sem_clockwait(done, CLOCK_MONOTONIC, &end)) < 0 && errno == EINTR)
		;
	if (r == 0)
		return;
	log_notice("waiting for a driver that brings a device in or takes one away");
	while (sem_wait(done) < 0 && errno == EINTR)
		;
}

void interrupts_run(void (*call)(void *argument), void *argument)
{
	struct errand errand = { .call = call, .argument = argument };
	int r;

	(void)sem_init(&errand.done, 0, 0); /* does not fail with these arguments */
	while ((r = rte_eal_alarm_set(1, run, &errand)) == -ENOMEM)
		usleep(RETRY_US);
	if (r == 0)
		wait_for(&errand.done);
	else
		call(argument);
	(void)sem_destroy(&errand.done);
}
