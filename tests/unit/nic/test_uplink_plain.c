/*
 * The plain uplink on a device in memory, with ethdev's own events: whether the device is there,
 * and whether it is the same one.
 */
#include "nic/uplink.h"

#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* Drivers raise events with these; ethdev exports them and keeps the header to itself. */
struct rte_eth_dev;
struct rte_eth_dev *rte_eth_dev_allocated(const char *name);
int rte_eth_dev_callback_process(struct rte_eth_dev *device, enum rte_eth_event_type event,
				 void *ret);

#define DEVICE "net_null_plain"

static struct rte_mempool *pool;
static unsigned wakes;

static void wake(void *context)
{
	(void)context;
	wakes++;
}

static struct uplink *open_plain(void)
{
	static const struct nic_config config = {
		.name = "eth1",
		.uplink = UPLINK_PLAIN,
		.uplink_device = (char *)DEVICE,
		.queues = 1,
	};
	const struct uplink_options options = {
		.config = &config,
		.pool = pool,
		.wake = wake,
		.wake_soon = wake,
	};
	struct accelnet_error err;
	struct uplink *uplink;

	if (uplink_open(&options, &uplink, &err) < 0)
		fail_msg("%s", err.detail);
	wakes = 0;
	return uplink;
}

static void befalls(enum rte_eth_event_type event)
{
	(void)rte_eth_dev_callback_process(rte_eth_dev_allocated(DEVICE), event, NULL);
}

static struct vf_sight look(struct uplink *uplink)
{
	struct uplink_reading reading;

	uplink_look(uplink);
	uplink_read(uplink, &reading);
	return reading.vf;
}

static bool is_there(struct uplink *uplink)
{
	struct uplink_reading reading;

	uplink_read(uplink, &reading);
	return reading.vf.present;
}

static void tells_of_a_device_that_goes(void **state)
{
	struct uplink *uplink = open_plain();
	struct vf_sight sight = look(uplink);

	(void)state;
	assert_true(sight.present && sight.carries);
	assert_int_equal(sight.port, uplink_port(uplink)->id);
	befalls(RTE_ETH_EVENT_INTR_RMV);
	assert_int_equal(wakes, 1);
	assert_false(is_there(uplink)); /* before anybody has looked */
	assert_false(look(uplink).present);
	befalls(RTE_ETH_EVENT_INTR_RMV);
	assert_false(look(uplink).present);
	uplink_close(uplink);
}

static void takes_one_that_has_recovered_for_another(void **state)
{
	struct uplink *uplink = open_plain();
	const struct vf_sight before = look(uplink);
	struct vf_sight sight;

	(void)state;
	befalls(RTE_ETH_EVENT_ERR_RECOVERING);
	assert_false(look(uplink).present);
	befalls(RTE_ETH_EVENT_RECOVERY_SUCCESS);
	assert_int_equal(wakes, 2);
	sight = look(uplink);
	assert_true(sight.present);
	assert_int_not_equal(sight.incarnation, before.incarnation);
	befalls(RTE_ETH_EVENT_ERR_RECOVERING);
	befalls(RTE_ETH_EVENT_RECOVERY_FAILED);
	assert_false(look(uplink).present);
	uplink_close(uplink);
	befalls(RTE_ETH_EVENT_INTR_RMV);
	assert_int_equal(wakes, 3);
}

int main(int argc, char **argv)
{
	char *arguments[] = {
		argv[0],      (char *)"--no-huge", (char *)"--no-pci",       (char *)"--no-shconf",
		(char *)"-m", (char *)"64",        (char *)"--vdev=" DEVICE, NULL
	};
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tells_of_a_device_that_goes),
		cmocka_unit_test(takes_one_that_has_recovered_for_another),
	};

	(void)argc;
	if (rte_eal_init(7, arguments) < 0)
		return 1;
	pool = rte_pktmbuf_pool_create("test", 4095, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
