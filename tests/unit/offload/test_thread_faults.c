/*
 * The offload thread where a device refuses, forgets, or does not let go.
 */
#include "bench.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

/* A rule for UDP to this port of any address. */
static struct plan_rule udp_rule(uint16_t port, enum plan_action action, uint32_t slot)
{
	return (struct plan_rule){
		.priority = 1,
		.match = { .has_kind = true,
			   .kind = PLAN_UDP,
			   .destination_port = port,
			   .destination_port_mask = 0xffff },
		.action = action,
		.slot = slot,
	};
}

/* Ports from `first` on, each with a rule of its own. */
static struct plan *plan_of_ports(uint16_t first, size_t count, enum plan_action action)
{
	struct plan *plan = calloc(1, sizeof(*plan));

	plan->tier = TIER_T2;
	plan->rules = calloc(count, sizeof(*plan->rules));
	plan->entries = calloc(count, sizeof(*plan->entries));
	plan->slots = calloc(count, sizeof(*plan->slots));
	plan->rule_count = plan->entry_count = plan->slot_count = count;
	for (uint32_t i = 0; i < count; i++) {
		plan->rules[i] = udp_rule((uint16_t)(first + i), action, i);
		plan->rules[i].entry = i;
		plan->entries[i] =
			(struct plan_entry){ .rule = { (uint16_t)i }, .access = ACCESS_ALLOW };
		plan->slots[i].entry = i;
	}
	return plan;
}

/* A device that holds such a plan, from port 1 on. */
static void start_with_ports(struct bench *bench, size_t count, enum plan_action action)
{
	bench_init(bench, TIER_T2);
	bench_attach(bench);
	bench_change(bench, plan_of_ports(1, count, action));
	bench_expect_state(bench, OFFLOAD_STATE_COMPLETE);
}

static uint64_t now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void wait_for_count(struct bench *bench, size_t count)
{
	for (int ms = 0; ms < 5000 && fake_flow_count(&bench->fake) != count; ms++)
		sleep_ms(1);
	assert_int_equal(fake_flow_count(&bench->fake), count);
}

static void wait_for_drops(struct bench *bench, uint64_t count)
{
	for (int ms = 0; ms < 5000 && bench_status(bench).dropped < count; ms++)
		sleep_ms(1);
	assert_int_equal(bench_status(bench).dropped, count);
}

/* The mark of a rule that stayed behind means what it meant, or nothing, to any later policy. */
static void what_does_not_go_on_detach_is_not_forgotten(void **state)
{
	struct offload_rule rule = { 0 };
	struct bench bench;
	uint32_t mark;

	(void)state;
	start_with_ports(&bench, 1, PLAN_MARK);
	assert_int_equal(offload_rules(bench.nic, &rule, 1), 1);
	mark = rule.mark;
	fake_flow_bind(&bench.fake, 0);
	bench_detach(&bench);
	assert_int_equal(fake_flow_count(&bench.fake), 1);
	assert_int_equal(bench_status(&bench).state, OFFLOAD_STATE_ABSENT);
	for (uint16_t i = 0; i < 2000; i++) { /* many more than the window of free slots */
		bench_change(&bench, plan_of_ports((uint16_t)(100 + i), 1, PLAN_MARK));
		bench_drain(&bench);
		assert_int_equal(offload_rules(bench.nic, &rule, 1), 1);
		assert_int_not_equal(rule.mark, mark);
	}
	bench_change(&bench, plan_of_ports(1, 1, PLAN_MARK)); /* would conflict with what is left */
	offload_attach(bench.nic, PORT);
	bench_expect_state(&bench, OFFLOAD_STATE_DEGRADED);
	assert_int_equal(bench_status(&bench).pmd_error, EBUSY);
	fake_flow_unbind(&bench.fake);
	bench_expect_state(&bench, OFFLOAD_STATE_COMPLETE);
	bench_fini(&bench);
}

/* It need not wait for the probe: what is left is known. */
static void what_was_left_is_withdrawn_at_once(void **state)
{
	const struct plan_packet packet = { .protocol = 17, .destination_port = 1 };
	struct offload_change *change;
	struct plan_answer answer;
	struct bench bench;

	(void)state;
	start_with_ports(&bench, 1, PLAN_DROP);
	fake_flow_bind_drops(&bench.fake);
	bench_detach(&bench);
	fake_flow_unbind(&bench.fake);
	bench.fake.fail_errno = ENOMEM; /* the probe is doubted, and made again later */
	bench.fake.fail_create_at = 1;
	offload_attach(bench.nic, PORT);
	sleep_ms(20);
	assert_int_equal(bench_status(&bench).state, OFFLOAD_STATE_WAITING);
	assert_int_equal(offload_prepare(bench.nic, NULL, &change, NULL), 0);
	offload_withdraw(change);
	fake_flow_receive(&bench.fake, &packet, &answer);
	assert_int_equal(answer.action, PLAN_UNMARKED);
	free(offload_marks_after(change));
	offload_commit(change);
	bench_fini(&bench);
}

/* With the port's life its rules end, whether somebody was attached or not. */
static void what_did_not_go_ends_with_the_port(void **state)
{
	struct bench bench;

	(void)state;
	start_with_ports(&bench, 3, PLAN_DROP);
	fake_flow_bind_drops(&bench.fake);
	bench_detach(&bench);
	assert_int_equal(fake_flow_count(&bench.fake), 3);
	fake_flow_remove(&bench.fake);
	fake_flow_start(&bench.fake);
	offload_attach(bench.nic, PORT);
	bench_expect_state(&bench, OFFLOAD_STATE_COMPLETE);
	assert_int_equal(fake_flow_count(&bench.fake), 3);
	bench_fini(&bench);
}

static void hit(struct bench *bench, uint16_t port, int times)
{
	const struct plan_packet packet = { .protocol = 17, .destination_port = port };
	struct plan_answer answer;

	for (int i = 0; i < times; i++) {
		fake_flow_receive(&bench->fake, &packet, &answer);
		assert_int_equal(answer.action, PLAN_DROP);
	}
}

/* Nobody else counts them: not one is lost with its rule, nor with its policy. */
static void every_drop_is_counted(void **state)
{
	struct bench bench;

	(void)state;
	start_with_ports(&bench, 3, PLAN_DROP);
	hit(&bench, 1, 5);
	hit(&bench, 2, 7);
	bench_change(&bench, plan_of_ports(2, 3, PLAN_DROP)); /* 1 goes, 2 and 3 stay, 4 comes */
	assert_true(bench_status(&bench).dropped >= 5);
	bench_expect_state(&bench, OFFLOAD_STATE_COMPLETE);
	hit(&bench, 2, 1);
	hit(&bench, 4, 2);
	bench_change(&bench, NULL);
	wait_for_count(&bench, 0);
	assert_int_equal(bench_status(&bench).dropped, 15);
	assert_false(bench_status(&bench).drops_uncounted);
	bench.fake.counter_limit = 1;
	bench_change(&bench, plan_of_ports(1, 2, PLAN_DROP));
	bench_expect_state(&bench, OFFLOAD_STATE_COMPLETE);
	assert_true(bench_status(&bench).drops_uncounted);
	assert_int_equal(bench_status(&bench).dropped, 15);
	bench_fini(&bench);
}

/* A second's drops, or more, come between a sweep's reading and the end of a rule. */
static void what_comes_after_a_sweep_is_counted(void **state)
{
	struct bench bench;

	(void)state;
	start_with_ports(&bench, 1, PLAN_DROP);
	hit(&bench, 1, 1);
	wait_for_drops(&bench, 1);
	hit(&bench, 1, 5);
	bench_change(&bench, NULL);
	wait_for_count(&bench, 0);
	assert_int_equal(bench_status(&bench).dropped, 6);
	bench_fini(&bench);
}

/* Counters of many rules are read by and by, none is left out. */
static void many_counters_are_read(void **state)
{
	struct bench bench;

	(void)state;
	start_with_ports(&bench, 700, PLAN_DROP);
	hit(&bench, 1, 1);
	hit(&bench, 300, 2);
	hit(&bench, 700, 3);
	wait_for_drops(&bench, 6);
	bench_fini(&bench);
}

/* For want of memory, say: that is no property of the device. */
static void a_probe_that_was_refused_in_passing_is_made_again(void **state)
{
	static const struct {
		uint64_t call;
		int error;
		enum plan_tier before, tier;
	} cases[] = {
		{ 1, ENOMEM, TIER_T0, TIER_T2 },
		{ 2, EAGAIN, TIER_T0, TIER_T2 },
		{ 4, EIO, TIER_T0, TIER_T3 },
		{ 4, EREMOTEIO, TIER_T3, TIER_T3 }, /* it could more, the last time */
		{ 4, EREMOTEIO, TIER_T0, TIER_T2 }, /* and of this one nothing is known */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct bench bench;

		bench_init(&bench, cases[i].tier == TIER_T2 && cases[i].error != EREMOTEIO
					   ? TIER_T2
					   : TIER_T3);
		if (cases[i].before != TIER_T0) {
			bench_attach(&bench);
			bench_detach(&bench);
		}
		bench.fake.fail_errno = cases[i].error;
		bench.fake.fail_create_at = cases[i].call;
		bench_attach(&bench);
		assert_int_equal(bench_status(&bench).device.tier, cases[i].tier);
		bench_fini(&bench);
	}
}

/* Others may wait for an answer; and one day the device may recover. */
static void a_probe_is_believed_for_the_time_being(void **state)
{
	struct bench bench;

	(void)state;
	bench_init(&bench, TIER_T2);
	bench.fake.refuse_all = ENOMEM;
	bench_attach(&bench);
	assert_int_equal(bench_status(&bench).device.tier, TIER_T0);
	assert_string_equal(bench_status(&bench).why_tier, "no T1: injected: all");
	bench.fake.refuse_all = 0;
	for (int ms = 0; ms < 8000 && bench_status(&bench).device.tier != TIER_T2; ms += 10)
		sleep_ms(10);
	assert_int_equal(bench_status(&bench).device.tier, TIER_T2);
	bench_change(&bench, bench_plan(bench.policy, TIER_T2));
	bench_expect_state(&bench, OFFLOAD_STATE_COMPLETE);
	bench_fini(&bench);
}

/* Whatever the thread has to do: of its calls the one that runs is waited for. */
static void nobody_waits_for_a_round(void **state)
{
	struct offload_change *change;
	struct bench bench;
	uint64_t before;

	(void)state;
	bench_init(&bench, TIER_T2);
	bench_attach(&bench);
	bench.fake.call_ns = 4000000;
	bench_change(&bench, plan_of_ports(1, 400, PLAN_MARK));
	sleep_ms(20);
	for (int i = 0; i < 5; i++) {
		before = bench.fake.creates;
		assert_int_equal(
			offload_prepare(bench.nic, plan_of_ports(1, 400, PLAN_MARK), &change, NULL),
			0);
		assert_in_range(bench.fake.creates, before, before + 2);
		offload_abort(change);
		sleep_ms(10);
	}
	assert_int_equal(bench_status(&bench).state, OFFLOAD_STATE_INSTALLING);
	before = bench.fake.creates;
	bench.fake.call_ns = 0;
	bench_detach(&bench);
	assert_in_range(bench.fake.creates, before, before + 2);
	bench_fini(&bench);
}

/* Whoever frees it closes the port: a large plan is not taken out rule by rule. */
static void the_end_makes_no_call(void **state)
{
	struct bench bench;
	uint64_t began, calls, destroys;

	(void)state;
	for (int in_the_middle = 0; in_the_middle < 2; in_the_middle++) {
		bench_init(&bench, TIER_T2);
		bench_attach(&bench);
		bench.fake.call_ns = in_the_middle ? 5000000 : 0;
		bench_change(&bench, plan_of_ports(1, 400, PLAN_DROP));
		if (in_the_middle)
			sleep_ms(20);
		else
			bench_expect_state(&bench, OFFLOAD_STATE_COMPLETE);
		bench.fake.call_ns = 5000000;
		calls = bench.fake.creates;
		destroys = bench.fake.destroys; /* the probe's */
		began = now_ms();
		offload_nic_free(bench.nic);
		bench.nic = NULL;
		assert_in_range(now_ms() - began, 0, 500); /* 400 calls take 2 s */
		assert_in_range(bench.fake.creates, calls, calls + 2);
		assert_int_equal(bench.fake.destroys, destroys);
		calls = bench.fake.creates;
		sleep_ms(30);
		assert_int_equal(bench.fake.creates, calls);
		fake_flow_stop(&bench.fake);
		bench_fini(&bench);
	}
}

/* 400 calls of 5 ms are for the thread to wait for. */
static void nobody_waits_for_a_retreat(void **state)
{
	static const struct plan_packet packet = { .protocol = 17, .destination_port = 1 };
	struct plan_answer answer;
	struct bench bench;
	uint64_t began;

	(void)state;
	start_with_ports(&bench, 400, PLAN_DROP);
	bench.fake.call_ns = 5000000;
	began = now_ms();
	offload_detach(bench.nic);
	assert_in_range(now_ms() - began, 0, 500);
	assert_int_equal(bench_status(&bench).state, OFFLOAD_STATE_ABSENT);
	assert_true(bench_status(&bench).detaching);
	bench.fake.call_ns = 100000;
	bench_change(&bench, plan_of_ports(2, 300, PLAN_DROP)); /* waits for what it withdraws */
	fake_flow_receive(&bench.fake, &packet, &answer);
	assert_int_equal(answer.action, PLAN_UNMARKED);
	offload_attach(bench.nic, PORT); /* comes after what still goes */
	bench_expect_state(&bench, OFFLOAD_STATE_COMPLETE);
	assert_int_equal(fake_flow_count(&bench.fake), 300);
	bench_fini(&bench);
}

static void wait_detached(struct bench *bench)
{
	for (int ms = 0; ms < 2000 && bench_status(bench).detaching; ms++)
		sleep_ms(1);
	assert_false(bench_status(bench).detaching);
}

/* The port is removed, stopped, or left for another, while its rules still go. */
static void a_retreat_ends_with_its_port(void **state)
{
	(void)state;
	for (int way = 0; way < 3; way++) {
		struct bench bench;

		start_with_ports(&bench, 200, PLAN_MARK);
		bench.fake.call_ns = 1000000;
		offload_detach(bench.nic);
		if (way == 0)
			fake_flow_remove(&bench.fake);
		else if (way == 1)
			fake_flow_stop(&bench.fake);
		else
			offload_attach(bench.nic, PORT + 1);
		bench.fake.call_ns = 0;
		wait_detached(&bench);
		assert_int_equal(bench_status(&bench).port, way == 2 ? PORT + 1 : UINT16_MAX);
		if (way < 2) {
			assert_int_equal(bench_status(&bench).installed, 0);
			fake_flow_start(&bench.fake);
			offload_attach(bench.nic, PORT);
		}
		bench_expect_state(&bench, OFFLOAD_STATE_COMPLETE);
		assert_int_equal(fake_flow_count(&bench.fake), 200);
		bench_fini(&bench);
	}
}

/* A rule of an earlier probe that did not go is in the way of the next one. */
static void a_probe_may_leave_something(void **state)
{
	struct bench bench;

	(void)state;
	bench_init(&bench, TIER_T2);
	bench_attach(&bench);
	bench.fake.keeps_all = true;
	bench_detach(&bench);
	bench_attach(&bench);
	assert_true(fake_flow_count(&bench.fake) > 0);
	bench_detach(&bench);
	bench_attach(&bench);
	assert_int_equal(bench_status(&bench).device.tier, TIER_T2);
	bench.fake.conflicts = 0;
	bench.fake.keeps_all = false;
	fake_flow_stop(&bench.fake);
	fake_flow_start(&bench.fake);
	bench_fini(&bench);
}

static void a_device_without_rules_is_idle(void **state)
{
	struct bench bench;

	(void)state;
	bench_init(&bench, TIER_T0);
	bench_attach(&bench);
	bench_change(&bench, bench_plan(bench.policy, TIER_T0));
	assert_true(bench_status(&bench).plan_fits);
	sleep_ms(20);
	assert_int_equal(bench_status(&bench).state, OFFLOAD_STATE_IDLE);
	bench_fini(&bench);
}

/* No plan, and yet the device drops: that is not nothing. */
static void a_drop_that_does_not_go_is_told(void **state)
{
	struct bench bench;

	(void)state;
	start_with_ports(&bench, 1, PLAN_DROP);
	fake_flow_bind_drops(&bench.fake);
	bench_change(&bench, NULL);
	bench_expect_state(&bench, OFFLOAD_STATE_DEGRADED);
	assert_int_equal(bench_status(&bench).pmd_error, EREMOTEIO);
	assert_string_equal(bench_status(&bench).pmd_message, "injected: destruction");
	fake_flow_unbind(&bench.fake);
	bench_expect_state(&bench, OFFLOAD_STATE_IDLE);
	bench_fini(&bench);
}

/* --- a removal in the middle of a computation --- */

struct computation {
	struct bench *bench;
	struct offload_change *change;
	_Atomic bool began, ended;
};

/* Every one shields every other, so that much is compared. */
static struct plan *plan_to_compare(uint32_t seed)
{
	struct plan *plan = plan_of_ports(0, 12000, PLAN_MARK);

	for (uint32_t i = 0; i < plan->rule_count; i++) {
		struct plan_match *match = &plan->rules[i].match;

		plan->rules[i].priority = i + (i % 3 ? 0 : seed);
		match->source_port = (uint16_t)i;
		match->source_port_mask = 0xffff;
		match->destination_port_mask = 0;
	}
	return plan;
}

static void *compute(void *context)
{
	struct computation *computation = context;
	struct plan *plan = plan_to_compare(1);

	atomic_store(&computation->began, true);
	assert_int_equal(offload_prepare(computation->bench->nic, plan, &computation->change, NULL),
			 0);
	atomic_store(&computation->ended, true);
	return NULL;
}

/* Whether the end of another port was reported before the computation was over. */
static bool is_reported_at_once(struct bench *bench)
{
	struct computation computation = { .bench = bench };
	pthread_t thread;
	bool at_once;

	assert_int_equal(pthread_create(&thread, NULL, compute, &computation), 0);
	while (!atomic_load(&computation.began))
		sleep_ms(0);
	sleep_ms(3);
	bench->fake.watcher->gone(bench->fake.watcher->argument, PORT + 1);
	at_once = !atomic_load(&computation.ended);
	(void)pthread_join(thread, NULL);
	offload_abort(computation.change);
	return at_once;
}

static void a_removal_waits_for_no_computation(void **state)
{
	struct bench bench;
	bool at_once = false;

	(void)state;
	bench_init(&bench, TIER_T2);
	bench.fake.priorities = UINT32_MAX;
	bench_attach(&bench);
	bench_change(&bench, plan_to_compare(0));
	bench_expect_state(&bench, OFFLOAD_STATE_COMPLETE); /* what is not in is not compared */
	for (int i = 0; i < 10 && !at_once; i++) /* the other thread may not have run meanwhile */
		at_once = is_reported_at_once(&bench);
	assert_true(at_once);
	fake_flow_remove(&bench.fake); /* quicker than rule by rule */
	bench_expect_state(&bench, OFFLOAD_STATE_ABSENT);
	bench_fini(&bench);
}

static void count_call(void *context)
{
	atomic_fetch_add((atomic_int *)context, 1);
}

/* The thread looks at its ports once a second of its own accord. */
static bool is_within_a_second(const struct timespec *since)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (now.tv_sec - since->tv_sec) * 1000 + (now.tv_nsec - since->tv_nsec) / 1000000 < 900;
}

static void a_removal_wakes_nobody(void **state)
{
	struct timespec since;
	struct bench bench;
	atomic_int asked = 0;
	unsigned news;

	(void)state;
	bench_init(&bench, TIER_T2);
	offload_wake_by(bench.offload, count_call, &asked);
	(void)clock_gettime(CLOCK_MONOTONIC, &since);
	bench_attach(&bench);
	sleep_ms(20); /* what there is to tell of that has been told */
	news = atomic_load(&bench.news);
	fake_flow_remove(&bench.fake);
	assert_int_equal(atomic_load(&asked), 1);
	sleep_ms(20);
	if (is_within_a_second(&since))
		assert_int_equal(atomic_load(&bench.news), news);
	offload_wake(bench.offload);
	for (int ms = 0; ms < 5000 && atomic_load(&bench.news) == news; ms++)
		sleep_ms(1);
	assert_int_not_equal(atomic_load(&bench.news), news);
	bench_expect_state(&bench, OFFLOAD_STATE_ABSENT);
	bench_fini(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_does_not_go_on_detach_is_not_forgotten),
		cmocka_unit_test(what_was_left_is_withdrawn_at_once),
		cmocka_unit_test(what_did_not_go_ends_with_the_port),
		cmocka_unit_test(every_drop_is_counted),
		cmocka_unit_test(what_comes_after_a_sweep_is_counted),
		cmocka_unit_test(many_counters_are_read),
		cmocka_unit_test(a_probe_that_was_refused_in_passing_is_made_again),
		cmocka_unit_test(a_probe_is_believed_for_the_time_being),
		cmocka_unit_test(nobody_waits_for_a_round),
		cmocka_unit_test(nobody_waits_for_a_retreat),
		cmocka_unit_test(a_retreat_ends_with_its_port),
		cmocka_unit_test(the_end_makes_no_call),
		cmocka_unit_test(a_probe_may_leave_something),
		cmocka_unit_test(a_device_without_rules_is_idle),
		cmocka_unit_test(a_drop_that_does_not_go_is_told),
		cmocka_unit_test(a_removal_waits_for_no_computation),
		cmocka_unit_test(a_removal_wakes_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
