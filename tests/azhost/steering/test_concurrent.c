/*
 * Walkers and control threads at the same time: rules, matchers and tables come and go under
 * packets. Every packet must end at a rule that existed during its walk, and nothing that a walker
 * reaches may have been freed; run under ASan and TSan this is the proof of the gate.
 */
#include "azhost/steering/device.h"

#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define WALKERS     2
#define CHURNS      4000
#define CHURN_RULES 64
#define BURST       32

static const uint8_t any[PARAM_BYTES];

struct scene {
	struct device device;
	struct steer_table *table;
	struct steer_action *jump;
	atomic_bool stop;
	atomic_ulong walked;
	atomic_ulong wrong;
};

/* TIRs that are freed after their rule: a walker that still delivered to one would touch freed
 * memory here, as the device would. */
struct owned_tir {
	struct steer_tir tir;
	uint32_t number;
};

#define NUMBER_OF_ADDRESS(address) ((address)*2654435761u)

/* Delivers at the end of the burst, as late as a walker may: what it was given at the beginning
 * must still be there. */
static void walk_burst(struct scene *scene, struct packet *packet, uint32_t *next)
{
	struct steering *s = scene->device.steering;
	const struct owned_tir *tirs[BURST] = { NULL };
	uint32_t first = *next;
	unsigned int walk = steer_enter(s);

	for (uint32_t i = 0; i < BURST; i++) {
		struct frame_spec spec = frame_plain(4, IPPROTO_TCP);

		put32(spec.dst, (*next)++ % CHURN_RULES);
		packet_of(packet, &spec);
		if (steer_packet(s, STEER_RX, &packet->steer) == STEER_TIR)
			tirs[i] = (struct owned_tir *)packet->steer.tirs[0];
	}
	sched_yield();
	for (uint32_t i = 0; i < BURST; i++) {
		uint32_t address = (first + i) % CHURN_RULES;

		if (tirs[i] && tirs[i]->number != NUMBER_OF_ADDRESS(address))
			atomic_fetch_add(&scene->wrong, 1);
	}
	steer_leave(s, walk);
	atomic_fetch_add(&scene->walked, BURST);
}

static void *walker(void *arg)
{
	struct scene *scene = arg;
	struct packet *packet = malloc(sizeof(*packet));
	uint32_t next = 0;

	while (!atomic_load(&scene->stop))
		walk_burst(scene, packet, &next);
	free(packet);
	return NULL;
}

struct churned {
	struct owned_tir *tir;
	struct steer_action *action;
	struct steer_rule *rule;
};

static void churn_in(struct steer_matcher *matcher, uint32_t address, struct churned *c)
{
	uint8_t value[PARAM_BYTES] = { 0 };

	c->tir = calloc(1, sizeof(*c->tir));
	c->tir->number = NUMBER_OF_ADDRESS(address);
	c->action = action_tir(&c->tir->tir);
	put16(value + P_L3_BITS, 4 << 9);
	put32(value + P_DST4, address);
	c->rule = rule_one(matcher, value, c->action);
}

static void churn_out(struct churned *c)
{
	if (!c->rule)
		return;
	steer_rule_destroy(c->rule);
	assert_int_equal(steer_action_destroy(c->action), 0);
	memset(c->tir, 0xdd, sizeof(*c->tir));
	free(c->tir);
	memset(c, 0, sizeof(*c));
}

static struct steer_matcher *destination_matcher(struct steer_table *table, uint16_t priority)
{
	uint8_t mask[PARAM_BYTES] = { 0 };

	put16(mask + P_L3_BITS, 0x1e00);
	put32(mask + P_DST4, 0xffffffff);
	return matcher_of(table, priority, mask);
}

static void churn(struct scene *scene)
{
	struct churned slots[CHURN_RULES] = { 0 };
	struct steer_matcher *matcher = destination_matcher(scene->table, 1);
	uint64_t state = 88172645463325252ull;

	for (int i = 0; i < CHURNS; i++) {
		uint32_t at;

		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		at = (uint32_t)(state >> 33) % CHURN_RULES;
		if (slots[at].rule)
			churn_out(&slots[at]);
		else
			churn_in(matcher, at, &slots[at]);
		if (i % 500 == 499) { /* a new matcher in front, the old one goes */
			for (uint32_t j = 0; j < CHURN_RULES; j++)
				churn_out(&slots[j]);
			assert_int_equal(steer_matcher_destroy(matcher), 0);
			matcher = destination_matcher(scene->table, (uint16_t)(i % 3));
		}
	}
	for (uint32_t j = 0; j < CHURN_RULES; j++)
		churn_out(&slots[j]);
	assert_int_equal(steer_matcher_destroy(matcher), 0);
}

/* The table itself, with the jump that leads there. */
static void churn_tables(struct scene *scene, struct steer_matcher *entry)
{
	for (int i = 0; i < 200; i++) {
		struct steer_table *table = table_at(scene->device.rx, 2);
		struct steer_action *jump = action_table(table), *drop = action_drop();
		struct steer_matcher *matcher = matcher_of(table, 0, any);
		struct steer_rule *inside = rule_one(matcher, any, drop);
		struct steer_rule *way;
		uint8_t value[PARAM_BYTES] = { 0 };

		put16(value + P_L3_BITS, 4 << 9);
		put32(value + P_DST4, (uint32_t)i % CHURN_RULES);
		way = rule_one(entry, value, jump);
		steer_rule_destroy(way);
		assert_int_equal(steer_action_destroy(jump), 0);
		steer_rule_destroy(inside);
		assert_int_equal(steer_matcher_destroy(matcher), 0);
		assert_int_equal(steer_table_destroy(table), 0);
		assert_int_equal(steer_action_destroy(drop), 0);
	}
}

static void test_churn_under_packets(void **state)
{
	struct steer_matcher *fallback, *entry;
	pthread_t threads[WALKERS];
	struct steer_rule *rule;
	struct scene scene;

	(void)state;
	memset(&scene, 0, sizeof(scene));
	device_init(&scene.device, NULL);
	scene.table = table_at(scene.device.rx, 1);
	scene.jump = action_table(scene.table);
	fallback = matcher_of(scene.device.root, 5, any);
	entry = destination_matcher(scene.device.root, 1);
	rule = rule_one(fallback, any, scene.jump);
	for (int i = 0; i < WALKERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, walker, &scene), 0);
	while (!atomic_load(&scene.walked))
		;
	churn(&scene);
	churn_tables(&scene, entry);
	atomic_store(&scene.stop, true);
	for (int i = 0; i < WALKERS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(scene.wrong, 0);
	steer_rule_destroy(rule);
	assert_int_equal(steer_matcher_destroy(fallback), 0);
	assert_int_equal(steer_matcher_destroy(entry), 0);
	assert_int_equal(steer_action_destroy(scene.jump), 0);
	assert_int_equal(steer_table_destroy(scene.table), 0);
	device_fini(&scene.device);
}

struct waiter {
	struct steering *steering;
	atomic_bool done;
};

static void *wait_for_walkers(void *arg)
{
	struct waiter *waiter = arg;

	steer_synchronize(waiter->steering);
	atomic_store(&waiter->done, true);
	return NULL;
}

/* It waits for who was inside, and not for who came later. */
static void test_synchronize(void **state)
{
	unsigned int early, late;
	struct waiter waiter = { 0 };
	struct device device;
	pthread_t thread;

	(void)state;
	device_init(&device, NULL);
	steer_synchronize(device.steering); /* nobody inside: at once */
	waiter.steering = device.steering;
	early = steer_enter(device.steering);
	assert_int_equal(pthread_create(&thread, NULL, wait_for_walkers, &waiter), 0);
	/* Once the waiter has closed the early walker's counter, new ones go to the other. */
	do {
		late = steer_enter(device.steering);
		if (late == early)
			steer_leave(device.steering, late);
		assert_false(atomic_load(&waiter.done));
	} while (late == early);
	steer_leave(device.steering, early);
	pthread_join(thread, NULL);
	assert_true(atomic_load(&waiter.done));
	steer_leave(device.steering, late);
	device_fini(&device);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_synchronize),
		cmocka_unit_test(test_churn_under_packets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
