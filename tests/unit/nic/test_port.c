/*
 * Setting a port up and taking it down, on devices in memory: what a VF behind it may refuse, and
 * the thread that closes it.
 */
#include "nic/port.h"

#include <errno.h>
#include <pthread.h>
#include <rte_dev.h>
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define DEVICE "net_null0"

static int multicast_answer;
static struct rte_mempool *pool;

/* The driver's answer, in the place of ethdev's own function: no device in memory refuses. */
int rte_eth_allmulticast_enable(uint16_t port)
{
	(void)port;
	return multicast_answer;
}

static struct port_setup setup_of(bool has_vf)
{
	return (struct port_setup){ .device = DEVICE, .queues = 1, .pool = pool, .has_vf = has_vf };
}

static void lives_with_a_vf_that_refuses_multicast(void **state)
{
	const struct port_setup setup = setup_of(true);
	struct accelnet_error err;
	struct port port;

	(void)state;
	multicast_answer = -EIO;
	assert_int_equal(port_init(&port, &setup, &err), 0);
	assert_true(port.started);
	port_fini(&port);
}

static void fails_where_the_device_refuses_multicast(void **state)
{
	const struct port_setup setup = setup_of(false);
	struct accelnet_error err;
	struct port port;
	uint16_t id;

	(void)state;
	multicast_answer = -ENOTSUP;
	assert_int_equal(port_init(&port, &setup, &err), 0);
	port_fini(&port);
	multicast_answer = -EIO;
	assert_true(port_init(&port, &setup, &err) < 0);
	assert_non_null(strstr(err.detail, strerror(EIO)));
	assert_int_not_equal(rte_eth_dev_get_port_by_name(DEVICE, &id), 0);
}

/* Somebody who takes every port as soon as it is there. */
static int take_it(uint16_t port, enum rte_eth_event_type event, void *argument, void *ret)
{
	struct rte_eth_dev_owner owner = { 0 };

	(void)event;
	(void)ret;
	(void)snprintf(owner.name, sizeof(owner.name), "%s", (const char *)argument);
	assert_int_equal(rte_eth_dev_owner_new(&owner.id), 0);
	assert_int_equal(rte_eth_dev_owner_set(port, &owner), 0);
	return 0;
}

static void claim_what_is_taken_by(const char *name)
{
	void *argument = (void *)name;
	struct accelnet_error err;
	struct port port;

	assert_int_equal(
		rte_eth_dev_callback_register(RTE_ETH_ALL, RTE_ETH_EVENT_NEW, take_it, argument),
		0);
	assert_true(port_claim(&port, DEVICE, &err) < 0);
	assert_non_null(strstr(err.detail, name));
	assert_int_equal(port.id, RTE_MAX_ETHPORTS);
	(void)rte_eth_dev_callback_unregister(RTE_ETH_ALL, RTE_ETH_EVENT_NEW, take_it, argument);
}

/* What a watch of ours holds goes again; what another driver polls by now does not. */
static void leaves_nothing_that_it_has_probed_in_vain(void **state)
{
	uint16_t id;

	(void)state;
	claim_what_is_taken_by(PORT_OWNER ", held");
	assert_int_not_equal(rte_eth_dev_get_port_by_name(DEVICE, &id), 0);
	claim_what_is_taken_by("net_other");
	assert_int_equal(rte_eth_dev_get_port_by_name(DEVICE, &id), 0);
	assert_int_equal(rte_eal_hotplug_remove("vdev", DEVICE), 0);
}

static pthread_t closer;

static int note_the_closer(uint16_t port, enum rte_eth_event_type event, void *argument, void *ret)
{
	(void)port;
	(void)event;
	(void)argument;
	(void)ret;
	closer = pthread_self();
	return 0;
}

static void closes_in_the_interrupt_thread(void **state)
{
	const struct port_setup setup = setup_of(false);
	struct accelnet_error err;
	struct port port;

	(void)state;
	multicast_answer = 0;
	assert_int_equal(rte_eal_hotplug_add("vdev", DEVICE, ""), 0);
	assert_int_equal(port_init(&port, &setup, &err), 0);
	assert_false(port.probed);
	port.closes = true;
	assert_int_equal(rte_eth_dev_callback_register(RTE_ETH_ALL, RTE_ETH_EVENT_DESTROY,
						       note_the_closer, NULL),
			 0);
	closer = pthread_self();
	port_fini(&port);
	assert_false(pthread_equal(closer, pthread_self()));
	(void)rte_eth_dev_callback_unregister(RTE_ETH_ALL, RTE_ETH_EVENT_DESTROY, note_the_closer,
					      NULL);
	(void)rte_eal_hotplug_remove("vdev", DEVICE); /* its port is closed: the device alone */
}

int main(void)
{
	char *args[] = { (char *)"test",     (char *)"--no-huge", (char *)"--no-shconf",
			 (char *)"-m",       (char *)"64",        (char *)"--no-pci",
			 (char *)"--lcores", (char *)"0",         (char *)"--log-level",
			 (char *)"error" };
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lives_with_a_vf_that_refuses_multicast),
		cmocka_unit_test(fails_where_the_device_refuses_multicast),
		cmocka_unit_test(leaves_nothing_that_it_has_probed_in_vain),
		cmocka_unit_test(closes_in_the_interrupt_thread),
	};
	int failed;

	if (rte_eal_init(sizeof(args) / sizeof(args[0]), args) < 0)
		return 77;
	pool = rte_pktmbuf_pool_create("packets", 4095, 0, 0, 256, SOCKET_ID_ANY);
	failed = pool ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
	(void)rte_eal_cleanup(); /* the process ends */
	return failed;
}
