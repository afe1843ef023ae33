/*
 * The offload thread on a device in memory: what offload.h promises its callers, whatever the
 * device does meanwhile.
 */
#include "bench.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

/* A port of that tier, with the bench's own policy in it. */
static void start(struct bench *bench, enum plan_tier tier)
{
	bench_init(bench, tier);
	bench_attach(bench);
	bench_change(bench, bench_plan(bench->policy, tier));
	bench_expect_state(bench, OFFLOAD_STATE_COMPLETE);
}

static void the_tier_is_found_out(void **state)
{
	static const enum plan_tier tiers[] = { TIER_T0, TIER_T1, TIER_T2, TIER_T3 };

	(void)state;
	for (int i = 0; i < PLAN_TIERS; i++) {
		struct bench bench;
		struct offload_status status;

		bench_init(&bench, tiers[i]);
		bench.fake.priorities = 4;
		bench.fake.counter_limit = i % 2 ? 0 : SIZE_MAX;
		assert_int_equal(bench_status(&bench).state, OFFLOAD_STATE_ABSENT);
		bench_attach(&bench);
		status = bench_status(&bench);
		assert_true(status.has_tier);
		assert_int_equal(status.device.tier, tiers[i]);
		assert_int_equal(status.device.priorities, tiers[i] >= TIER_T2 ? 4 : 0);
		assert_int_equal(status.counts, tiers[i] >= TIER_T1 && i % 2 == 0);
		assert_int_equal(status.why_tier[0] == '\0', tiers[i] == TIER_T3);
		assert_int_equal(fake_flow_count(&bench.fake), 0);
		bench_fini(&bench);
	}
}

static void a_port_that_is_not_started_is_waited_for(void **state)
{
	struct bench bench;

	(void)state;
	bench_init(&bench, TIER_T2);
	fake_flow_stop(&bench.fake);
	bench_change(&bench, bench_plan(bench.policy, TIER_T2));
	offload_attach(bench.nic, PORT);
	bench_expect_state(&bench, OFFLOAD_STATE_WAITING);
	sleep_ms(250);
	assert_int_equal(bench_status(&bench).state, OFFLOAD_STATE_WAITING);
	fake_flow_start(&bench.fake);
	bench_expect_state(&bench, OFFLOAD_STATE_COMPLETE);
	assert_int_equal(fake_flow_count(&bench.fake), bench_status(&bench).planned);
	assert_true(atomic_load(&bench.news) > 0);
	bench_fini(&bench);
}

/* A plan for another device stays out. */
static void a_plan_of_another_tier_stays_out(void **state)
{
	struct bench bench;

	(void)state;
	bench_init(&bench, TIER_T2);
	offload_attach(bench.nic, PORT);
	bench_change(&bench, bench_plan(bench.policy, TIER_T3));
	bench_expect_state(&bench, OFFLOAD_STATE_IDLE);
	assert_false(bench_status(&bench).plan_fits);
	assert_int_equal(fake_flow_count(&bench.fake), 0);
	bench_change(&bench, bench_plan(bench.policy, TIER_T2));
	bench_expect_state(&bench, OFFLOAD_STATE_COMPLETE);
	assert_true(bench_status(&bench).plan_fits);
	bench_change(&bench, NULL);
	for (int ms = 0; ms < 2000 && fake_flow_count(&bench.fake) > 0; ms++)
		sleep_ms(1);
	assert_int_equal(fake_flow_count(&bench.fake), 0);
	bench_fini(&bench);
}

static void a_withdrawal_is_over_when_it_returns(void **state)
{
	struct bench bench;
	struct offload_change *change;
	struct offload_delta delta;
	struct plan *plan;

	(void)state;
	start(&bench, TIER_T2);
	assert_true(bench_count_drops(&bench) > 0);
	bench.fake.call_ns = 2000000;
	bench.policy->mode = POLICY_AUDIT;
	plan = bench_plan(bench.policy, TIER_T2);
	assert_int_equal(offload_prepare(bench.nic, plan, &change, NULL), 0);
	offload_delta(change, &delta);
	assert_int_equal(delta.withdrawn, bench_count_drops(&bench));
	offload_withdraw(change);
	assert_int_equal(bench_count_drops(&bench), 0);
	bench.fake.call_ns = 0;
	offload_abort(change);
	bench_expect_state(&bench, OFFLOAD_STATE_COMPLETE);
	assert_true(bench_count_drops(&bench) > 0);
	bench_fini(&bench);
}

/* An apply that is refused in the end: nothing has changed, and nobody hears of anything. */
static void a_change_that_comes_to_nothing_is_no_news(void **state)
{
	struct bench bench;
	struct offload_change *change;
	uint64_t epoch;
	unsigned news;

	(void)state;
	start(&bench, TIER_T2);
	sleep_ms(50);
	epoch = bench_status(&bench).epoch;
	news = atomic_load(&bench.news);
	assert_int_equal(
		offload_prepare(bench.nic, bench_plan(bench.policy, TIER_T2), &change, NULL), 0);
	offload_abort(change);
	sleep_ms(50);
	assert_int_equal(bench_status(&bench).state, OFFLOAD_STATE_COMPLETE);
	assert_int_equal(bench_status(&bench).epoch, epoch);
	assert_int_equal(atomic_load(&bench.news), news);
	bench_fini(&bench);
}

/* Attached again while rules go out: the device takes rules, it only has not come to that. */
static void a_retreat_is_no_wait_for_the_device(void **state)
{
	struct bench bench;

	(void)state;
	start(&bench, TIER_T2);
	bench.fake.call_ns = 5000000;
	offload_detach(bench.nic);
	offload_attach(bench.nic, PORT);
	assert_true(bench_status(&bench).detaching);
	while (bench_status(&bench).detaching) {
		const struct offload_status status = bench_status(&bench);

		assert_true(!status.detaching || status.state == OFFLOAD_STATE_INSTALLING);
		sleep_ms(1);
	}
	bench.fake.call_ns = 0;
	bench_expect_state(&bench, OFFLOAD_STATE_COMPLETE);
	bench_fini(&bench);
}

static void refused_rules_come_when_there_is_room(void **state)
{
	struct bench bench;
	struct offload_status status;
	struct offload_rule *rules;
	size_t count, refused = 0;

	(void)state;
	bench_init(&bench, TIER_T2);
	bench_attach(&bench);
	bench.fake.rule_limit = 5;
	bench_change(&bench, bench_plan(bench.policy, TIER_T2));
	bench_expect_state(&bench, OFFLOAD_STATE_DEGRADED);
	status = bench_status(&bench);
	assert_int_equal(status.installed, 5);
	assert_int_equal(status.refused, status.planned - 5);
	assert_int_equal(status.pmd_error, ENOSPC);
	assert_string_equal(status.pmd_message, "hardware refuses to create flow");
	rules = calloc(status.planned, sizeof(*rules));
	count = offload_rules(bench.nic, rules, status.planned);
	assert_int_equal(count, status.planned);
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(!rules[i].installed, rules[i].blocked || rules[i].pmd_error != 0);
		refused += !rules[i].installed;
	}
	assert_int_equal(refused, status.refused);
	free(rules);
	bench.fake.rule_limit = 0;
	bench_expect_state(&bench, OFFLOAD_STATE_COMPLETE);
	assert_int_equal(bench_status(&bench).pmd_error, 0);
	bench_fini(&bench);
}

static void counters_are_read(void **state)
{
	const struct plan_packet packet = { .source = 1, .protocol = 17 };
	struct plan_answer answer;
	struct bench bench;
	struct offload_rule rule = { 0 };
	struct plan *plan = calloc(1, sizeof(*plan));

	(void)state;
	bench_init(&bench, TIER_T2);
	bench_attach(&bench);
	plan->tier = TIER_T2;
	plan->rule_count = 1;
	plan->rules = calloc(1, sizeof(*plan->rules));
	plan->rules[0] = (struct plan_rule){
		.match = { .has_kind = true, .kind = PLAN_UDP },
		.action = PLAN_DROP,
	};
	bench_change(&bench, plan);
	bench_expect_state(&bench, OFFLOAD_STATE_COMPLETE);
	for (int i = 0; i < 3; i++)
		fake_flow_receive(&bench.fake, &packet, &answer);
	assert_int_equal(answer.action, PLAN_DROP);
	for (int ms = 0; ms < 3000 && rule.hits < 3; ms++) {
		sleep_ms(1);
		assert_int_equal(offload_rules(bench.nic, &rule, 1), 1);
	}
	assert_true(rule.counted);
	assert_int_equal(rule.hits, 3);
	assert_true(rule.last_hit + 5 > (uint64_t)time(NULL));
	bench_fini(&bench);
}

/* The port goes in the middle of everything: INTR_RMV waits for the call, and none comes after. */
static void a_port_that_goes_takes_its_handles_along(void **state)
{
	(void)state;
	for (unsigned delay = 0; delay < 12; delay++) {
		struct bench bench;

		bench_init(&bench, delay % 2 ? TIER_T2 : TIER_T3);
		bench_attach(&bench);
		bench.fake.call_ns = 300000;
		bench_change(&bench, bench_plan(bench.policy, bench.fake.tier));
		sleep_ms(delay);
		fake_flow_remove(&bench.fake);
		bench.fake.call_ns = 0;
		bench_expect_state(&bench, OFFLOAD_STATE_ABSENT);
		assert_int_equal(bench_status(&bench).installed, 0);
		assert_int_equal(bench_status(&bench).port, UINT16_MAX);
		fake_flow_start(&bench.fake);
		offload_attach(bench.nic, PORT);
		bench_expect_state(&bench, OFFLOAD_STATE_COMPLETE);
		assert_int_equal(fake_flow_count(&bench.fake), bench_status(&bench).planned);
		bench_fini(&bench);
	}
}

/* Whoever attaches it may not know yet that its removal has begun. */
static void a_port_that_goes_is_not_attached(void **state)
{
	struct bench bench;

	(void)state;
	bench_init(&bench, TIER_T2);
	fake_flow_remove(&bench.fake);
	offload_attach(bench.nic, PORT);
	sleep_ms(20);
	assert_int_equal(bench_status(&bench).state, OFFLOAD_STATE_ABSENT);
	assert_int_equal(bench.fake.misuses, 0);
	fake_flow_start(&bench.fake);
	bench_attach(&bench);
	bench_fini(&bench);
}

static void a_port_that_goes_ends_a_withdrawal(void **state)
{
	struct offload_change *change;
	struct bench bench;

	(void)state;
	start(&bench, TIER_T2);
	bench.policy->mode = POLICY_AUDIT;
	assert_int_equal(
		offload_prepare(bench.nic, bench_plan(bench.policy, TIER_T2), &change, NULL), 0);
	fake_flow_remove(&bench.fake);
	offload_withdraw(change);
	offload_commit(change);
	bench_expect_state(&bench, OFFLOAD_STATE_ABSENT);
	fake_flow_start(&bench.fake);
	offload_attach(bench.nic, PORT);
	bench_expect_state(&bench, OFFLOAD_STATE_COMPLETE);
	assert_int_equal(bench_count_drops(&bench), 0);
	bench_fini(&bench);
}

static void a_stop_by_others_is_seen(void **state)
{
	struct bench bench;
	uint64_t epoch;

	(void)state;
	start(&bench, TIER_T3);
	epoch = bench_status(&bench).epoch;
	fake_flow_stop(&bench.fake);
	bench_expect_state(&bench, OFFLOAD_STATE_WAITING);
	assert_int_equal(bench_status(&bench).installed, 0);
	fake_flow_start(&bench.fake);
	bench_expect_state(&bench, OFFLOAD_STATE_COMPLETE);
	for (int ms = 0; ms < 2000 && bench_status(&bench).epoch == epoch; ms++)
		sleep_ms(1);
	assert_int_equal(bench_status(&bench).epoch, epoch + 1);
	assert_int_equal(fake_flow_count(&bench.fake), bench_status(&bench).planned);
	bench_detach(&bench);
	assert_int_equal(fake_flow_count(&bench.fake), 0);
	assert_int_equal(bench_status(&bench).state, OFFLOAD_STATE_ABSENT);
	bench_fini(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_tier_is_found_out),
		cmocka_unit_test(a_port_that_is_not_started_is_waited_for),
		cmocka_unit_test(a_plan_of_another_tier_stays_out),
		cmocka_unit_test(a_withdrawal_is_over_when_it_returns),
		cmocka_unit_test(a_change_that_comes_to_nothing_is_no_news),
		cmocka_unit_test(a_retreat_is_no_wait_for_the_device),
		cmocka_unit_test(refused_rules_come_when_there_is_room),
		cmocka_unit_test(counters_are_read),
		cmocka_unit_test(a_port_that_goes_takes_its_handles_along),
		cmocka_unit_test(a_port_that_goes_is_not_attached),
		cmocka_unit_test(a_port_that_goes_ends_a_withdrawal),
		cmocka_unit_test(a_stop_by_others_is_seen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
