/*
 * The watch on devices in memory, with ethdev's own events: which ports it touches, which it takes
 * for the VF, and what it owns.
 */
#include "nic/vf_poll.h"
#include "nic/vf_port.h"
#include "nic/vf_watch.h"
#include "offload/interrupts.h"

#include <pthread.h>
#include <rte_alarm.h>
#include <rte_dev.h>
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_malloc.h>
#include <rte_mbuf.h>
#include <rte_rcu_qsbr.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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
	struct rte_mempool *pool;
	uint16_t netvsc;
	struct vf_watch *watch;

	struct vf_poll poll; /* one beside the watch's, asked about the port `asked` */
	uint16_t asked;

	/* the worker: */
	pthread_t thread;
	atomic_bool stop;
	uint16_t vf; /* what it polls besides netvsc, as that would; RTE_MAX_ETHPORTS: nothing */
};

static atomic_bool on_bus = true;

static bool is_on_bus(const char *name)
{
	(void)name;
	return atomic_load(&on_bus);
}

static void ignore(void *context)
{
	(void)context;
}

static void has_passed(void *argument)
{
	atomic_store((atomic_bool *)argument, true);
}

static void let_interrupts_pass(void)
{
	atomic_bool passed = false;

	assert_int_equal(rte_eal_alarm_set(1, has_passed, &passed), 0);
	while (!atomic_load(&passed))
		usleep(100);
}

static void set_mac(uint16_t port, const struct mac_addr *mac)
{
	struct rte_ether_addr address;

	memcpy(address.addr_bytes, mac->bytes, sizeof(mac->bytes));
	assert_int_equal(rte_eth_dev_default_mac_addr_set(port, &address), 0);
}

static uint16_t add_with(const char *name, const struct mac_addr *mac, const char *arguments)
{
	uint16_t port;

	assert_int_equal(rte_eal_hotplug_add("vdev", name, arguments), 0);
	assert_int_equal(rte_eth_dev_get_port_by_name(name, &port), 0);
	set_mac(port, mac);
	let_interrupts_pass(); /* it counts as probed */
	return port;
}

static uint16_t add(const char *name, const struct mac_addr *mac)
{
	return add_with(name, mac, "no-rx=1");
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

static void start(const struct fixture *f, uint16_t port)
{
	const struct rte_eth_conf conf = { 0 };

	assert_int_equal(rte_eth_dev_configure(port, 1, 1, &conf), 0);
	assert_int_equal(rte_eth_rx_queue_setup(port, 0, 64, SOCKET_ID_ANY, NULL, f->pool), 0);
	assert_int_equal(rte_eth_tx_queue_setup(port, 0, 64, SOCKET_ID_ANY, NULL), 0);
	assert_int_equal(rte_eth_dev_start(port), 0);
}

static void poll_port(uint16_t port)
{
	struct rte_mbuf *mbufs[8];
	uint16_t n = rte_eth_rx_burst(port, 0, mbufs, 8);

	rte_pktmbuf_free_bulk(mbufs, n);
}

static void *work(void *argument)
{
	struct fixture *f = argument;

	rte_rcu_qsbr_thread_online(f->qsbr, 0);
	while (!atomic_load(&f->stop)) {
		if (f->vf != RTE_MAX_ETHPORTS)
			poll_port(f->vf);
		poll_port(f->netvsc);
		rte_rcu_qsbr_quiescent(f->qsbr, 0);
		sched_yield();
	}
	rte_rcu_qsbr_thread_offline(f->qsbr, 0);
	return NULL;
}

static void start_worker(struct fixture *f, uint16_t vf)
{
	f->vf = vf;
	atomic_store(&f->stop, false);
	assert_int_equal(pthread_create(&f->thread, NULL, work, f), 0);
}

static void stop_worker(struct fixture *f)
{
	atomic_store(&f->stop, true);
	assert_int_equal(pthread_join(f->thread, NULL), 0);
}

static uint16_t add_claimed_with(const struct fixture *f, const char *arguments)
{
	struct rte_eth_dev_owner owner = { .name = DEVICE };
	uint16_t vf = add_with("net_null_vf", &ours, arguments);

	assert_int_equal(rte_eth_dev_owner_new(&owner.id), 0);
	assert_int_equal(rte_eth_dev_owner_set(vf, &owner), 0);
	start(f, vf);
	return vf;
}

static uint16_t add_claimed(const struct fixture *f)
{
	return add_claimed_with(f, "no-rx=1");
}

static void look_until(const struct fixture *f, bool carries, struct vf_sight *ret)
{
	do /* a worker that has no CPU says nothing */
		vf_watch_look(f->watch, ret);
	while (!ret->present || ret->carries != carries);
}

static int set_up_with(void **state, const char *netvsc)
{
	static struct fixture f;
	struct vf_watch_options options = {
		.mac = ours,
		.device = DEVICE,
		.looks_again = true,
		.device_is_there = is_on_bus,
		.wake = ignore,
	};

	f.qsbr = rte_zmalloc(NULL, rte_rcu_qsbr_get_memsize(1), 64);
	assert_int_equal(rte_rcu_qsbr_init(f.qsbr, 1), 0);
	assert_int_equal(rte_rcu_qsbr_thread_register(f.qsbr, 0), 0);
	f.pool = rte_pktmbuf_pool_create("packets", 255, 0, 0, 256, SOCKET_ID_ANY);
	assert_non_null(f.pool);
	f.netvsc = add_with("net_null_netvsc", &ours, netvsc);
	start(&f, f.netvsc);
	options.netvsc = f.netvsc;
	options.qsbr = f.qsbr;
	assert_int_equal(vf_watch_new(&options, &f.watch), 0);
	*state = &f;
	return 0;
}

static int set_up(void **state)
{
	return set_up_with(state, "no-rx=1");
}

/* Every burst of netvsc is full. */
static int set_up_flood(void **state)
{
	return set_up_with(state, "");
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	vf_watch_free(f->watch);
	drop("net_null_netvsc");
	rte_mempool_free(f->pool);
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

struct probe {
	struct fixture *fixture;
	struct rte_eth_dev_owner owner;
	struct vf_sight sight;
};

/* In the interrupt thread, as netvsc brings a VF in. */
static void probe_and_look(void *argument)
{
	struct probe *probe = argument;
	uint16_t port;

	assert_int_equal(rte_eal_hotplug_add("vdev", "net_null_vf", "no-rx=1"), 0);
	assert_int_equal(rte_eth_dev_get_port_by_name("net_null_vf", &port), 0);
	set_mac(port, &ours);
	assert_int_equal(rte_eth_dev_owner_get(port, &probe->owner), 0);
	vf_watch_look(probe->fixture->watch, &probe->sight);
}

/* Nobody asks a device that has no driver yet: neither a look nor a worker that gets its note. */
static void waits_until_a_probe_has_returned(void **state)
{
	struct probe probe = { .fixture = *state };
	struct rte_eth_dev_owner owner;
	struct vf_sight sight;

	interrupts_run(probe_and_look, &probe);
	assert_false(probe.sight.present);
	assert_int_not_equal(probe.owner.id, RTE_ETH_DEV_NO_OWNER);
	let_interrupts_pass();
	vf_watch_look(probe.fixture->watch, &sight);
	assert_true(sight.present && !sight.held);
	assert_int_equal(rte_eth_dev_owner_get(sight.port, &owner), 0);
	assert_int_equal(owner.id, RTE_ETH_DEV_NO_OWNER);
	drop("net_null_vf");
}

/* It comes as far as its MAC, which is another's: nobody was in the way of owning it. */
static void leaves_alone_what_another_uplink_opens(void **state)
{
	struct vf_port_setup setup = { .device = "net_null_vf", .mac = others, .queues = 1 };
	struct fixture *f = *state;
	struct accelnet_error err;
	struct vf_port port;
	uint16_t id;

	setup.pool = f->pool;
	for (int hold = 0; hold < 2; hold++) {
		vf_watch_hold(f->watch, hold);
		assert_true(vf_port_open(&port, &setup, &err) < 0);
		assert_non_null(strstr(err.detail, "has another MAC"));
		assert_int_not_equal(rte_eth_dev_get_port_by_name("net_null_vf", &id), 0);
	}
	assert_false(vf_port_is_opening());
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
		.device_is_there = is_on_bus,
		.wake = ignore,
	};
	struct vf_watch *later;
	struct vf_sight sight;

	assert_int_equal(vf_watch_new(&options, &later), 0);
	vf_watch_hold(f->watch, true);
	vf_watch_hold(later, true);
	(void)add("net_null_vf", &others);
	vf_watch_look(later, &sight);
	assert_false(sight.present); /* the other's, for all that is known */
	vf_watch_look(f->watch, &sight);
	assert_false(sight.present);
	vf_watch_look(later, &sight);
	assert_true(sight.present && sight.held);
	drop("net_null_vf");
	vf_watch_free(later);
}

static void knows_whether_the_vf_is_polled(void **state)
{
	struct fixture *f = *state;
	uint16_t vf = add_claimed(f);
	struct vf_sight sight;

	start_worker(f, vf);
	look_until(f, true, &sight);
	assert_true(sight.claimed);
	stop_worker(f);
	start_worker(f, RTE_MAX_ETHPORTS);
	look_until(f, false, &sight);
	assert_true(sight.claimed);
	stop_worker(f);
	drop("net_null_vf");
}

/* netvsc polls its VF only where its own packets leave room. */
static void concludes_nothing_from_full_bursts(void **state)
{
	struct fixture *f = *state;
	uint16_t vf = add_claimed(f);
	struct vf_sight sight;

	start_worker(f, vf);
	look_until(f, true, &sight);
	stop_worker(f);
	start_worker(f, RTE_MAX_ETHPORTS);
	for (int i = 0; i < 20; i++) {
		vf_watch_look(f->watch, &sight);
		assert_true(sight.carries);
	}
	stop_worker(f);
	drop("net_null_vf");
}

/* Without workers nobody knows, and an idle VF would be made of that. */
static void tells_of_a_vf_when_it_knows_whether_it_is_polled(void **state)
{
	struct fixture *f = *state;
	uint16_t vf = add_claimed(f);
	struct vf_sight sight;

	vf_watch_look(f->watch, &sight);
	assert_false(sight.present);
	start_worker(f, vf);
	do
		vf_watch_look(f->watch, &sight);
	while (!sight.present);
	assert_true(sight.carries);
	stop_worker(f);
	vf_watch_look(f->watch, &sight); /* nobody knows, and it was told of */
	assert_true(sight.present && sight.carries);
	drop("net_null_vf");
}

static void counts_what_the_vf_took_to_its_end(void **state)
{
	struct fixture *f = *state;
	uint16_t vf = add_claimed_with(f, "");
	struct rte_eth_stats stats;
	struct vf_sight sight;

	start_worker(f, vf);
	look_until(f, true, &sight);
	usleep(1000); /* it takes more */
	stop_worker(f);
	start_worker(f, RTE_MAX_ETHPORTS);
	look_until(f, false, &sight);
	assert_int_equal(rte_eth_stats_get(vf, &stats), 0);
	assert_true(stats.ipackets > 0);
	assert_int_equal(sight.packets[0], stats.ipackets);
	stop_worker(f);
	drop("net_null_vf");
}

/* Another netvsc port reads the MACs of ports that nobody owns, and a driver takes its own away. */
static void keeps_a_vf_that_goes_from_other_nics(void **state)
{
	struct fixture *f = *state;
	uint16_t other = add("net_null_other", &others), vf = add_claimed(f);
	struct rte_eth_dev_owner owner;
	uint16_t port;

	assert_int_equal(rte_eth_dev_owner_get(vf, &owner), 0);
	is_going("net_null_vf");
	is_going("net_null_other");
	assert_true(rte_eth_dev_owner_unset(vf, owner.id) < 0); /* as netvsc does next */
	RTE_ETH_FOREACH_DEV(port)
		assert_true(port != vf);
	/* what another watch's NIC has is that one's to keep */
	assert_int_equal(rte_eth_dev_owner_get(other, &owner), 0);
	assert_int_equal(owner.id, RTE_ETH_DEV_NO_OWNER);
	drop("net_null_vf");
	drop("net_null_other");
}

/* A probe that failed half-way leaves a port with the MAC, under a lower number. */
static void prefers_the_vf_that_netvsc_has(void **state)
{
	struct fixture *f = *state;
	struct vf_sight sight;
	uint16_t other, vf;

	vf_watch_hold(f->watch, true);
	other = add("net_null_other", &ours);
	vf_watch_look(f->watch, &sight);
	assert_true(sight.held);
	vf_watch_hold(f->watch, false);
	vf = add_claimed(f);
	assert_true(vf > other);
	start_worker(f, vf);
	look_until(f, true, &sight);
	assert_int_equal(sight.port, vf);
	stop_worker(f);
	drop("net_null_vf");
	vf_watch_look(f->watch, &sight);
	assert_int_equal(sight.port, other);
	drop("net_null_other");
}

/* A driver that resets its device by itself: no calls meanwhile, and another VF after it. */
static void takes_a_vf_that_has_recovered_for_another(void **state)
{
	struct fixture *f = *state;
	uint16_t vf = add("net_null_vf", &ours);
	struct rte_eth_dev *device = rte_eth_dev_allocated("net_null_vf");
	struct vf_sight before, sight;

	vf_watch_look(f->watch, &before);
	assert_int_equal(before.port, vf);
	(void)rte_eth_dev_callback_process(device, RTE_ETH_EVENT_ERR_RECOVERING, NULL);
	assert_false(vf_watch_is_there(f->watch, before.incarnation));
	vf_watch_look(f->watch, &sight);
	assert_false(sight.present);
	(void)rte_eth_dev_callback_process(device, RTE_ETH_EVENT_RECOVERY_SUCCESS, NULL);
	vf_watch_look(f->watch, &sight);
	assert_true(sight.present);
	assert_int_equal(sight.port, vf);
	assert_int_not_equal(sight.incarnation, before.incarnation);
	(void)rte_eth_dev_callback_process(device, RTE_ETH_EVENT_RECOVERY_FAILED, NULL);
	vf_watch_look(f->watch, &sight);
	assert_false(sight.present);
	drop("net_null_vf");
}

static void *ask(void *argument)
{
	static atomic_uint nobody;
	struct fixture *f = argument;

	(void)vf_poll_ask(&f->poll, f->asked, 300, &nobody);
	return NULL;
}

/* A port that is configured anew, and in vain, has no queues and keeps its callbacks. */
static void takes_off_what_it_could_not(void **state)
{
	const struct rte_eth_conf conf = { 0 };
	struct fixture *f = *state;
	atomic_uint nobody = 0;
	pthread_t asker;

	f->asked = add_claimed(f);
	assert_int_equal(vf_poll_init(&f->poll, f->qsbr, f->netvsc), 0);
	assert_int_equal(pthread_create(&asker, NULL, ask, f), 0);
	usleep(50000); /* no worker runs: it waits for one */
	assert_int_equal(rte_eth_dev_stop(f->asked), 0);
	assert_int_equal(rte_eth_dev_configure(f->asked, 0, 1, &conf), 0);
	assert_int_equal(pthread_join(asker, NULL), 0);
	assert_non_null(f->poll.stuck[f->asked]);
	assert_int_equal(vf_poll_ask(&f->poll, f->asked, 10, &nobody), VF_POLL_NOBODY_KNOWS);
	start(f, f->asked);
	start_worker(f, f->asked);
	while (vf_poll_ask(&f->poll, f->asked, VF_LOOK_MS, &nobody) != VF_POLL_YES)
		;
	assert_null(f->poll.stuck[f->asked]);
	stop_worker(f);
	vf_poll_fini(&f->poll);
	assert_null(f->poll.marks);
	drop("net_null_vf");
}

static void closes_a_held_vf_whose_device_is_gone(void **state)
{
	struct fixture *f = *state;
	struct vf_sight sight;
	uint16_t port;

	vf_watch_hold(f->watch, true);
	for (int turn = 0; turn < 3; turn++) {
		(void)add("net_null_vf", &ours);
		vf_watch_look(f->watch, &sight);
		assert_true(sight.held);
		atomic_store(&on_bus, false);
		vf_watch_look(f->watch, &sight);
		assert_false(sight.present);
		let_interrupts_pass();
		assert_int_not_equal(rte_eth_dev_get_port_by_name("net_null_vf", &port), 0);
		/* one whose device was never seen stays: its name may mean nothing to the bus */
		(void)add("net_null_vf", &ours);
		vf_watch_look(f->watch, &sight);
		vf_watch_look(f->watch, &sight);
		assert_true(sight.held);
		drop("net_null_vf");
		atomic_store(&on_bus, true);
	}
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
		cmocka_unit_test_setup_teardown(holds_what_comes_while_it_holds, set_up, tear_down),
		cmocka_unit_test_setup_teardown(waits_until_a_probe_has_returned, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(holds_what_another_watch_gives_back, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(knows_whether_the_vf_is_polled, set_up, tear_down),
		cmocka_unit_test_setup_teardown(concludes_nothing_from_full_bursts, set_up_flood,
						tear_down),
		cmocka_unit_test_setup_teardown(tells_of_a_vf_when_it_knows_whether_it_is_polled,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(counts_what_the_vf_took_to_its_end, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(keeps_a_vf_that_goes_from_other_nics, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(leaves_alone_what_another_uplink_opens, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(prefers_the_vf_that_netvsc_has, set_up, tear_down),
		cmocka_unit_test_setup_teardown(takes_a_vf_that_has_recovered_for_another, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(takes_off_what_it_could_not, set_up, tear_down),
		cmocka_unit_test_setup_teardown(closes_a_held_vf_whose_device_is_gone, set_up,
						tear_down),
	};
	int failed;

	if (rte_eal_init(sizeof(args) / sizeof(args[0]), args) < 0)
		return 77;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	(void)rte_eal_cleanup(); /* the process ends */
	return failed;
}
