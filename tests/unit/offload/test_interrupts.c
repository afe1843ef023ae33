/*
 * Errands in EAL's interrupt thread: run there, after what was under way, and waited for.
 */
#include "offload/interrupts.h"

#include <pthread.h>
#include <rte_alarm.h>
#include <rte_eal.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

static atomic_bool begun, ended;

static void dawdle(void *argument)
{
	(void)argument;
	atomic_store(&begun, true);
	usleep(50000);
	atomic_store(&ended, true);
}

struct seen {
	pthread_t thread;
	bool other_had_ended;
	int alarms_cancelled;
};

static void look_round(void *argument)
{
	struct seen *seen = argument;

	usleep(1000); /* whoever does not wait for the end reads nothing */
	seen->thread = pthread_self();
	seen->other_had_ended = atomic_load(&ended);
	/* does not wait for its own thread's */
	seen->alarms_cancelled = rte_eal_alarm_cancel(dawdle, (void *)-1);
}

static void runs_when_nothing_else_is_half_way(void **state)
{
	struct seen seen = { 0 };

	(void)state;
	assert_int_equal(rte_eal_alarm_set(1, dawdle, NULL), 0);
	while (!atomic_load(&begun))
		usleep(100);
	assert_int_equal(rte_eal_alarm_set(60 * 1000000, dawdle, NULL), 0);
	interrupts_run(look_round, &seen);
	assert_true(seen.other_had_ended);
	assert_int_equal(seen.alarms_cancelled, 1);
	assert_false(pthread_equal(seen.thread, pthread_self()));
}

int main(void)
{
	char *args[] = { (char *)"test", (char *)"--no-huge", (char *)"--no-shconf", (char *)"-m",
			 (char *)"64",   (char *)"--no-pci",  (char *)"--lcores",    (char *)"0" };
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(runs_when_nothing_else_is_half_way),
	};
	int failed;

	if (rte_eal_init(sizeof(args) / sizeof(args[0]), args) < 0)
		return 77;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	(void)rte_eal_cleanup(); /* the process ends */
	return failed;
}
