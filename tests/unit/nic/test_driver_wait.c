/*
 * Who sleeps while a driver waits: told by the thread's voluntary context switches.
 */
#include "nic/driver_wait.h"

#include <pthread.h>
#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>

#include <cmocka.h>

#define WAIT_US 10000

static long sleeps(void)
{
	struct rusage usage;

	return getrusage(RUSAGE_THREAD, &usage) == 0 ? usage.ru_nvcsw : -1;
}

/* How often this thread slept in one wait, which took as long as it should; -1: it did not. */
static int wait_once(unsigned microseconds)
{
	const uint64_t since = rte_get_tsc_cycles();
	const long before = sleeps();

	rte_delay_us(microseconds);
	if (rte_get_tsc_cycles() - since < rte_get_tsc_hz() / 1000000 * microseconds)
		return -1;
	return (int)(sleeps() - before);
}

static int in_worker(void *argument)
{
	(void)argument;
	return wait_once(WAIT_US);
}

static void *in_thread(void *argument)
{
	*(int *)argument = wait_once(WAIT_US);
	return NULL;
}

static void a_worker_stays_awake(void **state)
{
	const unsigned worker = rte_get_next_lcore(-1, 1, 0);

	(void)state;
	assert_int_equal(rte_eal_remote_launch(in_worker, NULL, worker), 0);
	assert_int_equal(rte_eal_wait_lcore(worker), 0);
}

static void the_first_thread_sleeps(void **state)
{
	(void)state;
	assert_true(wait_once(WAIT_US) > 0);
}

static void a_thread_without_an_lcore_sleeps(void **state)
{
	pthread_t thread;
	int slept = 0;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, in_thread, &slept), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_true(slept > 0);
}

static void what_is_shorter_than_a_sleep_is_waited_out(void **state)
{
	(void)state;
	assert_int_equal(wait_once(5), 0);
}

int main(void)
{
	char *args[] = { (char *)"test",     (char *)"--no-huge", (char *)"--no-shconf",
			 (char *)"-m",       (char *)"64",        (char *)"--no-pci",
			 (char *)"--lcores", (char *)"0@0,1@0" };
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_worker_stays_awake),
		cmocka_unit_test(the_first_thread_sleeps),
		cmocka_unit_test(a_thread_without_an_lcore_sleeps),
		cmocka_unit_test(what_is_shorter_than_a_sleep_is_waited_out),
	};
	int failed;

	driver_wait_init();
	if (rte_eal_init(sizeof(args) / sizeof(args[0]), args) < 0)
		return 77;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	(void)rte_eal_cleanup(); /* the process ends */
	return failed;
}
