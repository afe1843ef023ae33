/*
 * What the machine is told of an uplink and when: a fake uplink behind the seam of the real ones,
 * a clock that the test turns, and each deed as a letter.
 */
#include "nic/events.h"
#include "nic/failover_private.h"
#include "nic/lane.h"
#include "nic/uplink_kind.h"

#include <rte_eal.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define FAILBACK_MS 1000

static uint64_t now;

static uint64_t clock_of_test(void)
{
	return now;
}

struct world {
	struct nic_config config;
	struct nic_view view;
	struct event_log *events;
	struct uplink uplink;
	struct failover *failover;

	struct vf_sight sight; /* what the next look finds */
	unsigned looks;
	enum failover_rules rules;
	char deeds[64]; /* A(ttach), D(etach), V(F), S(ynthetic) */
};

static struct world *world_of(const struct uplink *uplink)
{
	return (struct world *)((char *)uplink - offsetof(struct world, uplink));
}

static void note(struct world *world, char deed)
{
	size_t length = strlen(world->deeds);

	assert_true(length + 1 < sizeof(world->deeds));
	world->deeds[length] = deed;
}

static void fake_look(struct uplink *uplink, const struct rte_eth_stats *stats,
		      struct uplink_reading *reading)
{
	struct world *world = world_of(uplink);

	(void)stats;
	world->looks++;
	reading->vf = world->sight;
}

static void fake_use_vf(struct uplink *uplink, bool on)
{
	note(world_of(uplink), on ? 'V' : 'S');
}

static unsigned fake_actuators(void)
{
	return PATH_CAN_SWITCH;
}

static const struct uplink_kind fake_kind = {
	.actuators = fake_actuators,
	.look = fake_look,
	.use_vf = fake_use_vf,
};

static enum failover_rules fake_rules(void *context)
{
	return ((struct world *)context)->rules;
}

static void fake_attach(void *context, uint16_t port)
{
	struct world *world = context;

	assert_int_equal(port, world->sight.port);
	note(world, 'A');
	world->rules = FAILOVER_RULES_CHANGING;
}

static void fake_detach(void *context)
{
	struct world *world = context;

	note(world, 'D');
	world->rules = FAILOVER_RULES_UNKNOWN;
}

static struct world *begin(enum uplink_type type)
{
	struct world *world = calloc(1, sizeof(*world));
	struct nic_services services = { 0 };
	struct failover_options options = {
		.config = &world->config,
		.services = &services,
		.uplink = &world->uplink,
		.view = &world->view,
		.seam = { fake_rules, fake_attach, fake_detach, world },
		.clock = clock_of_test,
	};

	assert_non_null(world);
	now = 5000;
	strcpy(world->config.name, "nic0");
	world->config.uplink = type;
	world->config.failback_ms = FAILBACK_MS;
	world->events = services.events = event_log_new();
	world->uplink.kind = &fake_kind;
	world->uplink.config = &world->config;
	world->uplink.port.id = RTE_MAX_ETHPORTS;
	world->uplink.next_link_ms = UINT64_MAX; /* it has no port to ask */
	pthread_mutex_init(&world->uplink.lock, NULL);
	world->failover = failover_new(&options);
	assert_non_null(world->failover);
	return world;
}

static void end(struct world *world)
{
	failover_free(world->failover);
	event_log_free(world->events);
	pthread_mutex_destroy(&world->uplink.lock);
	free(world);
}

/* Looks, and tells the machine; then what was done, and where that led. */
static void expect(struct world *world, const char *deeds, enum path_state state)
{
	failover_tick(world->failover);
	assert_string_equal(world->deeds, deeds);
	assert_int_equal(world->failover->path.state, state);
	memset(world->deeds, 0, sizeof(world->deeds));
}

static void see(struct world *world, bool present, bool carries, uint64_t incarnation)
{
	world->sight = (struct vf_sight){
		.present = present,
		.claimed = carries,
		.carries = carries,
		.port = 7,
		.incarnation = incarnation,
	};
}

/* On the VF, with rules. */
static struct world *begin_on_vf(void)
{
	struct world *world = begin(UPLINK_BIFURCATED);

	see(world, true, true, 1);
	expect(world, "A", PATH_ARMING);
	world->rules = FAILOVER_RULES_INSTALLED;
	expect(world, "", PATH_ARMING);
	now += FAILBACK_MS;
	expect(world, "V", PATH_VF);
	return world;
}

static size_t count_events(const struct world *world, const char *name)
{
	JSON_CLEANUP struct json *all = event_log_since(world->events, 0);
	struct json_at list = json_root(all), event, member;
	size_t count = 0;

	json_foreach(event, &list)
		count += json_get(&event, "event", &member) &&
			 strcmp(json_string(&member), name) == 0;
	return count;
}

/* The wait is for the VF, and a level that stays does not begin it anew. */
static void goes_to_the_vf_when_it_has_lasted(void **state)
{
	struct world *world = begin(UPLINK_BIFURCATED);

	(void)state;
	expect(world, "", PATH_SYNTHETIC);
	see(world, true, true, 1);
	expect(world, "A", PATH_ARMING);
	world->rules = FAILOVER_RULES_INSTALLED;
	for (uint64_t waited = 0; waited < FAILBACK_MS; waited += FAILOVER_LOOK_MS) {
		expect(world, "", PATH_ARMING);
		now += FAILOVER_LOOK_MS;
	}
	expect(world, "V", PATH_VF);
	assert_int_equal(count_events(world, "path.changed"), 2);
	end(world);
}

static void goes_to_the_vf_when_its_rules_are_in(void **state)
{
	struct world *world = begin(UPLINK_BIFURCATED);

	(void)state;
	see(world, true, true, 1);
	expect(world, "A", PATH_ARMING);
	now += 5 * FAILBACK_MS;
	expect(world, "", PATH_ARMING);
	world->rules = FAILOVER_RULES_REFUSED;
	expect(world, "V", PATH_DEGRADED);
	assert_int_equal(count_events(world, "path.unready"), 0);
	end(world);
}

/* An operator who applies more often than the wait is long gets the VF all the same. */
static void a_change_of_rules_does_not_prolong_the_wait(void **state)
{
	struct world *world = begin(UPLINK_BIFURCATED);

	(void)state;
	see(world, true, true, 1);
	expect(world, "A", PATH_ARMING);
	world->rules = FAILOVER_RULES_INSTALLED;
	expect(world, "", PATH_ARMING);
	now += FAILBACK_MS * 9 / 10;
	world->rules = FAILOVER_RULES_CHANGING;
	expect(world, "", PATH_ARMING);
	world->rules = FAILOVER_RULES_INSTALLED;
	expect(world, "", PATH_ARMING);
	now += FAILBACK_MS * 2 / 10;
	expect(world, "V", PATH_VF);
	end(world);
}

/* Told once where they go in for long; where the device takes none, the VF is used without. */
static void rules_that_do_not_come_are_told_of(void **state)
{
	struct world *world = begin(UPLINK_BIFURCATED);

	(void)state;
	see(world, true, true, 1);
	expect(world, "A", PATH_ARMING);
	now += FAILBACK_MS;
	expect(world, "", PATH_ARMING);
	for (int i = 0; i < 3; i++) {
		now += PATH_PATIENCE_MS;
		expect(world, "", PATH_ARMING);
	}
	assert_int_equal(count_events(world, "path.unready"), 1);
	world->rules = FAILOVER_RULES_AWAITED;
	expect(world, "", PATH_ARMING);
	now += PATH_PATIENCE_MS;
	expect(world, "V", PATH_DEGRADED);
	assert_int_equal(count_events(world, "path.unready"), 2);
	assert_non_null(world->failover->complaint);
	now += 10 * PATH_PATIENCE_MS;
	expect(world, "", PATH_DEGRADED);
	world->rules = FAILOVER_RULES_INSTALLED;
	expect(world, "", PATH_VF);
	assert_null(world->failover->complaint);
	assert_int_equal(count_events(world, "path.unready"), 2);
	end(world);
}

/* What is under way then is patience, which the operator does not cut short. */
static void a_wish_for_the_vf_waits_for_rules(void **state)
{
	struct world *world = begin(UPLINK_BIFURCATED);
	struct accelnet_error err;

	(void)state;
	see(world, true, true, 1);
	expect(world, "A", PATH_ARMING);
	now += FAILBACK_MS;
	expect(world, "", PATH_ARMING);
	world->rules = FAILOVER_RULES_AWAITED;
	assert_int_equal(failover_ask(world->failover, PATH_WISH_VF, &err), 0);
	expect(world, "", PATH_ARMING);
	assert_int_equal(count_events(world, "path.unready"), 0);
	end(world);
}

static void rules_do_not_move_traffic_that_is_there(void **state)
{
	struct world *world = begin_on_vf();

	(void)state;
	world->rules = FAILOVER_RULES_CHANGING;
	expect(world, "", PATH_VF);
	expect(world, "", PATH_VF);
	world->rules = FAILOVER_RULES_REFUSED;
	expect(world, "", PATH_DEGRADED);
	expect(world, "", PATH_DEGRADED);
	world->rules = FAILOVER_RULES_INSTALLED;
	expect(world, "", PATH_VF);
	end(world);
}

/* Sending first, and a look that closes the VF's port. */
static void a_removal_is_acted_upon_at_once(void **state)
{
	struct world *world = begin_on_vf();
	unsigned looks = world->looks;

	(void)state;
	see(world, false, false, 0);
	expect(world, "SD", PATH_SYNTHETIC);
	assert_true(world->looks > looks + 1);
	now += 100 * FAILBACK_MS;
	expect(world, "", PATH_SYNTHETIC);
	end(world);
}

static void a_vf_that_another_has_replaced_is_another(void **state)
{
	struct world *world = begin_on_vf();

	(void)state;
	see(world, true, true, 2);
	expect(world, "SDA", PATH_ARMING);
	world->rules = FAILOVER_RULES_INSTALLED;
	expect(world, "", PATH_ARMING);
	now += FAILBACK_MS;
	expect(world, "", PATH_ARMING); /* twice the wait: the first one did not last */
	now += FAILBACK_MS;
	expect(world, "V", PATH_VF);
	end(world);
}

static void an_idle_vf_is_told_of(void **state)
{
	struct world *world = begin_on_vf();

	(void)state;
	see(world, true, false, 1);
	expect(world, "SD", PATH_UNCLAIMED);
	now += PATH_PATIENCE_MS - 1;
	expect(world, "", PATH_UNCLAIMED);
	assert_int_equal(count_events(world, "path.unclaimed"), 0);
	now += 1;
	expect(world, "", PATH_UNCLAIMED);
	assert_int_equal(count_events(world, "path.unclaimed"), 1);
	see(world, true, true, 1);
	expect(world, "A", PATH_ARMING);
	assert_null(world->failover->complaint);
	see(world, false, false, 0);
	expect(world, "D", PATH_SYNTHETIC);
	see(world, true, false, 2);
	expect(world, "", PATH_UNCLAIMED);
	now += PATH_PATIENCE_MS;
	expect(world, "", PATH_UNCLAIMED);
	assert_int_equal(count_events(world, "path.unclaimed"), 2);
	end(world);
}

static void a_held_nic_is_left_alone(void **state)
{
	struct world *world = begin_on_vf();
	struct accelnet_error err;

	(void)state;
	assert_int_equal(failover_ask(world->failover, PATH_WISH_SYNTHETIC, &err), 0);
	expect(world, "SD", PATH_SYNTHETIC);
	expect(world, "", PATH_SYNTHETIC);
	see(world, false, false, 0);
	expect(world, "", PATH_SYNTHETIC);
	see(world, true, true, 2);
	expect(world, "", PATH_SYNTHETIC);
	now += 100 * FAILBACK_MS;
	expect(world, "", PATH_SYNTHETIC);
	assert_int_equal(failover_ask(world->failover, PATH_WISH_AUTO, &err), 0);
	expect(world, "A", PATH_ARMING);
	end(world);
}

static void a_wish_for_the_vf_does_not_wait(void **state)
{
	struct world *world = begin(UPLINK_BIFURCATED);
	struct accelnet_error err;

	(void)state;
	expect(world, "", PATH_SYNTHETIC);
	assert_true(failover_ask(world->failover, PATH_WISH_VF, &err) < 0);
	assert_int_equal(err.code, ACCELNET_E_STATE);
	see(world, true, true, 1);
	expect(world, "A", PATH_ARMING);
	world->rules = FAILOVER_RULES_INSTALLED;
	expect(world, "", PATH_ARMING);
	assert_int_equal(failover_ask(world->failover, PATH_WISH_VF, &err), 0);
	expect(world, "V", PATH_VF); /* the wait was under way */
	assert_int_equal(failover_ask(world->failover, PATH_WISH_SYNTHETIC, &err), 0);
	expect(world, "SD", PATH_SYNTHETIC);
	assert_int_equal(failover_ask(world->failover, PATH_WISH_VF, &err), 0);
	expect(world, "A", PATH_ARMING);
	world->rules = FAILOVER_RULES_INSTALLED;
	expect(world, "V", PATH_VF); /* it had not begun */
	end(world);
}

/* The driver switches by itself; rules show in the state at once. */
static void on_netvsc_it_observes(void **state)
{
	struct world *world = begin(UPLINK_NETVSC);

	(void)state;
	see(world, true, false, 1);
	expect(world, "", PATH_UNCLAIMED);
	see(world, true, true, 1);
	expect(world, "A", PATH_ARMING);
	world->rules = FAILOVER_RULES_INSTALLED;
	expect(world, "", PATH_VF);
	world->rules = FAILOVER_RULES_CHANGING;
	expect(world, "", PATH_ARMING);
	world->rules = FAILOVER_RULES_NONE;
	expect(world, "", PATH_VF);
	see(world, true, false, 1);
	expect(world, "D", PATH_SYNTHETIC);
	expect(world, "", PATH_SYNTHETIC); /* its device stays: nothing new */
	now += PATH_PATIENCE_MS;
	expect(world, "", PATH_UNCLAIMED);
	assert_int_equal(count_events(world, "path.unclaimed"), 1);
	see(world, true, false, 2);
	expect(world, "", PATH_UNCLAIMED); /* removed, and there again within one look */
	assert_false(world->failover->withdrawn);
	end(world);
}

static int start_eal(void **state)
{
	const char *const args[] = { "test",     "--no-huge", "--no-shconf", "--no-telemetry",
				     "--no-pci", "-m",        "64",          "--log-level=1" };

	(void)state;
	return rte_eal_init((int)(sizeof(args) / sizeof(args[0])), (char **)args) < 0 ? -1 : 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(goes_to_the_vf_when_it_has_lasted),
		cmocka_unit_test(goes_to_the_vf_when_its_rules_are_in),
		cmocka_unit_test(a_change_of_rules_does_not_prolong_the_wait),
		cmocka_unit_test(rules_that_do_not_come_are_told_of),
		cmocka_unit_test(a_wish_for_the_vf_waits_for_rules),
		cmocka_unit_test(rules_do_not_move_traffic_that_is_there),
		cmocka_unit_test(a_removal_is_acted_upon_at_once),
		cmocka_unit_test(a_vf_that_another_has_replaced_is_another),
		cmocka_unit_test(an_idle_vf_is_told_of),
		cmocka_unit_test(a_held_nic_is_left_alone),
		cmocka_unit_test(a_wish_for_the_vf_does_not_wait),
		cmocka_unit_test(on_netvsc_it_observes),
	};

	return cmocka_run_group_tests(tests, start_eal, NULL);
}
