/*
 * Threads that spin, sleep, and get no CPU, and what is said of them.
 */
#include "datapath/thread_time.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#define WATCHED_MS 300
#define TRIES      200 /* for half a second on a CPU, of a machine with much else to do */

struct patient {
	pthread_t thread;
	void (*live)(struct patient *patient);
	atomic_int id;
	atomic_bool stop;
	int pipe[2];
};

static void spin(struct patient *patient)
{
	while (!atomic_load(&patient->stop))
		;
}

static void sleep_in_read(struct patient *patient)
{
	char byte;

	assert_int_equal(read(patient->pipe[0], &byte, 1), 1);
}

/* Of the lowest weight there is. */
static void spin_in_vain(struct patient *patient)
{
	const struct sched_param none = { 0 };

	(void)sched_setscheduler(0, SCHED_IDLE, &none);
	spin(patient);
}

static void *live(void *argument)
{
	struct patient *patient = argument;

	atomic_store(&patient->id, (int)gettid());
	patient->live(patient);
	return NULL;
}

static void begin(struct patient *patient, void (*how)(struct patient *patient))
{
	*patient = (struct patient){ .live = how };
	assert_int_equal(pipe(patient->pipe), 0);
	assert_int_equal(pthread_create(&patient->thread, NULL, live, patient), 0);
	while (atomic_load(&patient->id) == 0)
		sched_yield();
}

static void end(struct patient *patient)
{
	atomic_store(&patient->stop, true);
	assert_int_equal(write(patient->pipe[1], "", 1), 1);
	assert_int_equal(pthread_join(patient->thread, NULL), 0);
	close(patient->pipe[0]);
	close(patient->pipe[1]);
}

static void read_time(const struct patient *patient, struct thread_time *ret)
{
	int r = thread_time_read(atomic_load(&patient->id), ret);

	if (r == -ENOTSUP)
		skip();
	assert_int_equal(r, 0);
}

/* The time to get as far as its loop, and then what is seen of it. */
static enum thread_activity watch(const struct patient *patient, struct thread_time *now)
{
	struct thread_time before;

	usleep(WATCHED_MS * 1000);
	read_time(patient, &before);
	usleep(WATCHED_MS * 1000);
	read_time(patient, now);
	return thread_time_judge(&before, now);
}

static void knows_who_sleeps(void **state)
{
	struct thread_time now;
	struct patient patient;

	(void)state;
	begin(&patient, sleep_in_read);
	assert_int_equal(watch(&patient, &now), THREAD_SLEEPS);
	assert_int_equal(now.state, 'S');
	assert_true(now.syscall == SYS_read || now.syscall == -1);
	end(&patient);
}

static void knows_who_runs(void **state)
{
	struct thread_time before, now;
	struct patient patient;
	int tries = 0;

	(void)state;
	begin(&patient, spin);
	read_time(&patient, &before);
	do {
		assert_true(tries++ < TRIES);
		usleep(WATCHED_MS * 1000);
		read_time(&patient, &now);
	} while (thread_time_judge(&before, &now) != THREAD_RUNS);
	end(&patient);
}

/* Two on one CPU: who spins beneath the other gets next to none of it. */
static void knows_who_is_starved(void **state)
{
	struct patient runs, starved;
	struct thread_time now;
	cpu_set_t all, one;
	int cpu = 0;

	(void)state;
	assert_int_equal(sched_getaffinity(0, sizeof(all), &all), 0);
	while (!CPU_ISSET(cpu, &all))
		cpu++;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	begin(&runs, spin);
	assert_int_equal(pthread_setaffinity_np(runs.thread, sizeof(one), &one), 0);
	begin(&starved, spin_in_vain);
	assert_int_equal(pthread_setaffinity_np(starved.thread, sizeof(one), &one), 0);
	assert_int_equal(watch(&starved, &now), THREAD_STARVED);
	end(&starved);
	end(&runs);
}

static void judges_by_the_difference(void **state)
{
	const uint64_t second = 1000000000;
	const struct thread_time before = { .ran_ns = 70 * second, .waited_ns = 50 * second };
	static const struct {
		unsigned ran_ms, waited_ms;
		char state;
		enum thread_activity activity;
	} cases[] = {
		{ 4000, 0, 'R', THREAD_RUNS },      { 600, 3400, 'R', THREAD_RUNS },
		{ 0, 0, 'R', THREAD_STARVED }, /* a wait that goes on is not counted yet */
		{ 100, 3900, 'R', THREAD_STARVED }, { 100, 3000, 'S', THREAD_STARVED },
		{ 0, 0, 'S', THREAD_SLEEPS },       { 10, 20, 'D', THREAD_SLEEPS },
		{ 3000, 0, 'D', THREAD_RUNS },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct thread_time now = {
			.ran_ns = before.ran_ns + cases[i].ran_ms * (uint64_t)1000000,
			.waited_ns = before.waited_ns + cases[i].waited_ms * (uint64_t)1000000,
			.state = cases[i].state,
		};

		assert_int_equal(thread_time_judge(&before, &now), cases[i].activity);
	}
}

static void knows_no_thread_that_is_not_there(void **state)
{
	struct thread_time now = { .state = 'x' };

	(void)state;
	assert_int_equal(thread_time_read(1 << 30, &now), -ENOENT);
	assert_int_equal(now.state, 'x');
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(knows_who_sleeps),
		cmocka_unit_test(knows_who_runs),
		cmocka_unit_test(knows_who_is_starved),
		cmocka_unit_test(judges_by_the_difference),
		cmocka_unit_test(knows_no_thread_that_is_not_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
