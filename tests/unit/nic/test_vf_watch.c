/*
 * The watch on devices in memory, with ethdev's own events: which ports it touches, which it takes
 * for the VF, and what it owns.
 */
#include "nic/clock.h"
#include "nic/vf_watch.h"

#include <rte_dev.h>
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_malloc.h>
#include <rte_rcu_qsbr.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define DEVICE "00000000-0000-4000-8000-00000000000a"

/* Drivers raise events with these; ethdev exports them and keeps the header to itself. */
struct rte_eth_dev;
struct rte_eth_dev *rte_eth_dev_allocated(const char *name);
int rte_eth_dev_callback_process(struct rte_eth_dev *device, enum rte_eth_event_type event,
				 void *ret);

static struct mac_addr ours = { { 0x00, 0x0d, 0x3a, 0, 0, 1 } };
static struct mac_addr others = { { 0x00, 0x0d, 0x3a, 0, 0, 2 } };

struct fixture {
	struct rte_rcu_qsbr *qsbr;
	uint16_t netvsc;
	struct vf_watch *watch;
};

static void ignore(void *context)
{
	(void)context;
}

static uint16_t add(const char *name, const struct mac_addr *mac)
{
	struct rte_ether_addr address;
	uint16_t port;

	assert_int_equal(rte_eal_hotplug_add("vdev", name, "no-rx=1"), 0);
	assert_int_equal(rte_eth_dev_get_port_by_name(name, &port), 0);
	memcpy(address.addr_bytes, mac->bytes, sizeof(mac->bytes));
	assert_int_equal(rte_eth_dev_default_mac_addr_set(port, &address), 0);
	return port;
}

static void drop(const char *name)
{
	assert_int_equal(rte_eal_hotplug_remove("vdev", name), 0);
}

static void is_going(const char *name)
{
	(void)rte_eth_dev_callback_process(rte_eth_dev_allocated(name), RTE_ETH_EVENT_INTR_RMV,
					   NULL);
}

static void set_mac(uint16_t port, const struct mac_addr *mac)
{
	struct rte_ether_addr address;

	memcpy(address.addr_bytes, mac->bytes, sizeof(mac->bytes));
	assert_int_equal(rte_eth_dev_default_mac_addr_set(port, &address), 0);
}

static int set_up(void **state)
{
	static struct fixture f;
	struct vf_watch_options options = { .mac = ours, .device = DEVICE, .wake = ignore };

	f.qsbr = rte_zmalloc(NULL, rte_rcu_qsbr_get_memsize(1), 64);
	assert_int_equal(rte_rcu_qsbr_init(f.qsbr, 1), 0);
	f.netvsc = add("net_null_netvsc", &ours);
	options.netvsc = f.netvsc;
	options.qsbr = f.qsbr;
	assert_int_equal(vf_watch_new(&options, &f.watch), 0);
	*state = &f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	vf_watch_free(f->watch);
	drop("net_null_netvsc");
	rte_free(f->qsbr);
	return 0;
}

static void knows_the_vf_by_its_mac(void **state)
{
	struct fixture *f = *state;
	struct vf_sight sight;
	uint16_t vf;

	(void)add("net_null_other", &others);
	vf_watch_look(f->watch, &sight);
	assert_false(sight.present);
	vf = add("net_null_vf", &ours);
	vf_watch_look(f->watch, &sight);
	assert_true(sight.present);
	assert_int_equal(sight.port, vf);
	assert_true(vf_watch_is_there(f->watch, sight.incarnation));
	is_going("net_null_vf");
	assert_false(vf_watch_is_there(f->watch, sight.incarnation));
	vf_watch_look(f->watch, &sight);
	assert_false(sight.present);
	drop("net_null_vf");
	drop("net_null_other");
}

/* A driver takes the MAC away while it closes: seen here, as the port would be if it were read. */
static void touches_no_port_that_is_going(void **state)
{
	struct fixture *f = *state;
	uint16_t other = add("net_null_other", &others);
	struct vf_sight sight;

	is_going("net_null_other");
	set_mac(other, &ours);
	vf_watch_look(f->watch, &sight);
	assert_false(sight.present);
	drop("net_null_other");
	/* the next device has the same port id, and is looked at again */
	assert_int_equal(add("net_null_vf", &ours), other);
	vf_watch_look(f->watch, &sight);
	assert_true(sight.present);
	drop("net_null_vf");
}

static void waits_for_its_own_vf_alone(void **state)
{
	struct fixture *f = *state;
	uint64_t before = clock_ms();

	(void)add("net_null_other", &others);
	is_going("net_null_other");
	vf_watch_settle(f->watch, 60000);
	assert_true(clock_ms() - before < 30000);
	(void)add("net_null_vf", &ours);
	is_going("net_null_vf");
	before = clock_ms();
	vf_watch_settle(f->watch, 50);
	assert_true(clock_ms() - before >= 50);
	drop("net_null_vf");
	drop("net_null_other");
}

static void holds_what_comes_while_it_holds(void **state)
{
	struct fixture *f = *state;
	struct vf_sight sight;

	vf_watch_hold(f->watch, true);
	(void)add("net_null_other", &others);
	(void)add("net_null_vf", &ours);
	vf_watch_look(f->watch, &sight);
	assert_true(sight.present && sight.held && !sight.claimed);
	vf_watch_hold(f->watch, false);
	vf_watch_look(f->watch, &sight);
	assert_true(sight.present && !sight.held);
	drop("net_null_vf");
	drop("net_null_other");
}

/* Two held NICs: the watch that hears of a new port first owns it, and gives it back. */
static void holds_what_another_watch_gives_back(void **state)
{
	struct fixture *f = *state;
	struct vf_watch_options options = {
		.netvsc = RTE_MAX_ETHPORTS,
		.mac = others,
		.device = "another",
		.qsbr = f->qsbr,
		.wake = ignore,
	};
	struct vf_watch *later;
	struct vf_sight sight;

	assert_int_equal(vf_watch_new(&options, &later), 0);
	vf_watch_hold(f->watch, true);
	vf_watch_hold(later, true);
	(void)add("net_null_vf", &others);
	vf_watch_look(later, &sight);
	assert_true(sight.present && !sight.held);
	vf_watch_look(f->watch, &sight);
	assert_false(sight.present);
	vf_watch_look(later, &sight);
	assert_true(sight.present && sight.held);
	drop("net_null_vf");
	vf_watch_free(later);
}

int main(void)
{
	char *args[] = { (char *)"test",     (char *)"--no-huge", (char *)"--no-shconf",
			 (char *)"-m",       (char *)"64",        (char *)"--no-pci",
			 (char *)"--lcores", (char *)"0",         (char *)"--log-level",
			 (char *)"error" };
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(knows_the_vf_by_its_mac, set_up, tear_down),
		cmocka_unit_test_setup_teardown(touches_no_port_that_is_going, set_up, tear_down),
		cmocka_unit_test_setup_teardown(waits_for_its_own_vf_alone, set_up, tear_down),
		cmocka_unit_test_setup_teardown(holds_what_comes_while_it_holds, set_up, tear_down),
		cmocka_unit_test_setup_teardown(holds_what_another_watch_gives_back, set_up,
						tear_down),
	};
	int failed;

	if (rte_eal_init(sizeof(args) / sizeof(args[0]), args) < 0)
		return 77;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	(void)rte_eal_cleanup(); /* the process ends */
	return failed;
}
