/*
 * Callbacks on ethdev's events, taken off while one of them runs in EAL's interrupt thread.
 */
#include "offload/port_callback.h"

#include <rte_alarm.h>
#include <rte_dev.h>
#include <rte_eal.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define RUNS_US 200000

/* Drivers raise events with these; ethdev exports them and keeps the header to itself. */
struct rte_eth_dev;
struct rte_eth_dev *rte_eth_dev_allocated(const char *name);
int rte_eth_dev_callback_process(struct rte_eth_dev *device, enum rte_eth_event_type event,
				 void *ret);

static atomic_int begun, ended;

static int slow(uint16_t port, enum rte_eth_event_type event, void *argument, void *ret)
{
	(void)port;
	(void)event;
	(void)argument;
	(void)ret;
	atomic_fetch_add(&begun, 1);
	usleep(RUNS_US);
	atomic_fetch_add(&ended, 1);
	return 0;
}

static void raise_event(void *argument)
{
	(void)rte_eth_dev_callback_process(rte_eth_dev_allocated(argument), RTE_ETH_EVENT_INTR_RMV,
					   NULL);
}

static void none_runs_and_none_follows(void **state)
{
	char *name = (char *)"net_null_one";

	(void)state;
	assert_int_equal(rte_eal_hotplug_add("vdev", name, ""), 0);
	assert_int_equal(
		rte_eth_dev_callback_register(RTE_ETH_ALL, RTE_ETH_EVENT_INTR_RMV, slow, &begun),
		0);
	assert_int_equal(rte_eal_alarm_set(1, raise_event, name), 0);
	while (atomic_load(&begun) == 0)
		usleep(100);
	port_callback_remove(RTE_ETH_EVENT_INTR_RMV, slow, &begun);
	assert_int_equal(atomic_load(&ended), 1);
	raise_event(name);
	assert_int_equal(atomic_load(&begun), 1);
	assert_int_equal(rte_eal_hotplug_remove("vdev", name), 0);
}

int main(void)
{
	char *args[] = { (char *)"test",     (char *)"--no-huge", (char *)"--no-shconf",
			 (char *)"-m",       (char *)"64",        (char *)"--no-pci",
			 (char *)"--lcores", (char *)"0",         (char *)"--log-level",
			 (char *)"error" };
	const struct CMUnitTest tests[] = { cmocka_unit_test(none_runs_and_none_follows) };
	int failed;

	if (rte_eal_init(sizeof(args) / sizeof(args[0]), args) < 0)
		return 77;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	(void)rte_eal_cleanup(); /* the process ends */
	return failed;
}
