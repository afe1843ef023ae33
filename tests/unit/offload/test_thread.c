/*
 * The offload thread on a device in memory: what offload.h promises its callers, whatever the
 * device does meanwhile.
 */
#include "offload/offload.h"
#include "support/fake_flow.h"
#include "support/random_policy.h"

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

#define PORT 0

struct bench {
	struct fake_flow fake;
	struct offload *offload;
	struct offload_nic *nic;
	_Atomic unsigned news;
	struct policy *policy;
};

static void on_change(void *context)
{
	struct bench *bench = context;

	atomic_fetch_add(&bench->news, 1);
}

static uint64_t take_ticket(void *context)
{
	(void)context;
	return 0;
}

static bool is_drained(void *context, uint64_t ticket)
{
	(void)context;
	(void)ticket;
	return true;
}

static void sleep_ms(unsigned ms)
{
	const struct timespec pause = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L };

	(void)nanosleep(&pause, NULL);
}

static void set_up(struct bench *bench, enum plan_tier tier)
{
	const struct offload_nic_options options = {
		.name = "nic0",
		.queues = 2,
		.changed = on_change,
		.drain_ticket = take_ticket,
		.drained = is_drained,
		.context = bench,
	};
	static const struct random_policy_options policy_options = { .rules_max = 5 };
	struct random random = { 11 };

	memset(bench, 0, sizeof(*bench));
	fake_flow_init(&bench->fake, tier);
	bench->policy = random_policy(&random, &policy_options);
	assert_int_equal(offload_new(&bench->fake.backend, &bench->offload, NULL), 0);
	assert_int_equal(offload_nic_new(bench->offload, &options, &bench->nic, NULL), 0);
}

static void tear_down(struct bench *bench)
{
	offload_nic_free(bench->nic);
	assert_int_equal(fake_flow_count(&bench->fake), 0);
	offload_free(bench->offload);
	assert_int_equal(bench->fake.misuses, 0);
	assert_int_equal(bench->fake.conflicts, 0);
	fake_flow_fini(&bench->fake);
	policy_free(bench->policy);
}

static struct offload_status status_of(struct bench *bench)
{
	struct offload_status status;

	offload_status(bench->nic, &status);
	return status;
}

static void expect_state(struct bench *bench, enum offload_state state)
{
	for (int ms = 0; ms < 5000; ms++) {
		if (status_of(bench).state == state)
			return;
		sleep_ms(1);
	}
	fail_msg("it is %s, not %s", offload_state_name(status_of(bench).state),
		 offload_state_name(state));
}

static struct plan *make_plan(const struct policy *policy, enum plan_tier tier)
{
	const struct plan_options options = { .tier = tier, .drops = true };
	struct program *program;
	struct plan *plan;

	assert_int_equal(program_new(policy, &program, NULL), 0);
	assert_int_equal(plan_new(policy, program, &options, &plan, NULL), 0);
	program_free(program);
	return plan;
}

static void change_to(struct bench *bench, struct plan *plan)
{
	struct offload_change *change;

	assert_int_equal(offload_prepare(bench->nic, plan, &change, NULL), 0);
	free(offload_marks_before(change));
	offload_withdraw(change);
	free(offload_marks_after(change));
	offload_commit(change);
}

/* --- tests --- */

static void the_tier_is_found_out(void **state)
{
	static const enum plan_tier tiers[] = { TIER_T0, TIER_T1, TIER_T2, TIER_T3 };

	(void)state;
	for (int i = 0; i < PLAN_TIERS; i++) {
		struct bench bench;
		struct offload_status status;

		set_up(&bench, tiers[i]);
		bench.fake.priorities = 4;
		bench.fake.counter_limit = i % 2 ? 0 : SIZE_MAX;
		assert_int_equal(status_of(&bench).state, OFFLOAD_STATE_ABSENT);
		offload_attach(bench.nic, PORT);
		expect_state(&bench, OFFLOAD_STATE_IDLE);
		status = status_of(&bench);
		assert_true(status.has_tier);
		assert_int_equal(status.device.tier, tiers[i]);
		assert_int_equal(status.device.priorities, tiers[i] >= TIER_T2 ? 4 : 0);
		assert_int_equal(status.counts, tiers[i] >= TIER_T1 && i % 2 == 0);
		assert_int_equal(status.why_tier[0] == '\0', tiers[i] == TIER_T3);
		assert_int_equal(fake_flow_count(&bench.fake), 0);
		tear_down(&bench);
	}
}

static void a_port_that_is_not_started_is_waited_for(void **state)
{
	struct bench bench;

	(void)state;
	set_up(&bench, TIER_T2);
	fake_flow_stop(&bench.fake);
	change_to(&bench, make_plan(bench.policy, TIER_T2));
	offload_attach(bench.nic, PORT);
	expect_state(&bench, OFFLOAD_STATE_WAITING);
	sleep_ms(250);
	assert_int_equal(status_of(&bench).state, OFFLOAD_STATE_WAITING);
	fake_flow_start(&bench.fake);
	expect_state(&bench, OFFLOAD_STATE_COMPLETE);
	assert_int_equal(fake_flow_count(&bench.fake), status_of(&bench).planned);
	assert_true(atomic_load(&bench.news) > 0);
	tear_down(&bench);
}

/* A plan for another device stays out. */
static void a_plan_of_another_tier_stays_out(void **state)
{
	struct bench bench;

	(void)state;
	set_up(&bench, TIER_T2);
	offload_attach(bench.nic, PORT);
	change_to(&bench, make_plan(bench.policy, TIER_T3));
	expect_state(&bench, OFFLOAD_STATE_IDLE);
	assert_false(status_of(&bench).plan_fits);
	assert_int_equal(fake_flow_count(&bench.fake), 0);
	change_to(&bench, make_plan(bench.policy, TIER_T2));
	expect_state(&bench, OFFLOAD_STATE_COMPLETE);
	assert_true(status_of(&bench).plan_fits);
	change_to(&bench, NULL);
	for (int ms = 0; ms < 2000 && fake_flow_count(&bench.fake) > 0; ms++)
		sleep_ms(1);
	assert_int_equal(fake_flow_count(&bench.fake), 0);
	tear_down(&bench);
}

static size_t count_drops(struct bench *bench)
{
	struct plan *plan = fake_flow_plan(&bench->fake, true);
	size_t drops = 0;

	for (size_t i = 0; i < plan->rule_count; i++)
		drops += plan->rules[i].action == PLAN_DROP;
	plan_free(plan);
	return drops;
}

static void a_withdrawal_is_over_when_it_returns(void **state)
{
	struct bench bench;
	struct offload_change *change;
	struct offload_delta delta;
	struct plan *plan;

	(void)state;
	set_up(&bench, TIER_T2);
	offload_attach(bench.nic, PORT);
	expect_state(&bench, OFFLOAD_STATE_IDLE);
	change_to(&bench, make_plan(bench.policy, TIER_T2));
	expect_state(&bench, OFFLOAD_STATE_COMPLETE);
	assert_true(count_drops(&bench) > 0);
	bench.fake.call_ns = 2000000;
	bench.policy->mode = POLICY_AUDIT;
	plan = make_plan(bench.policy, TIER_T2);
	assert_int_equal(offload_prepare(bench.nic, plan, &change, NULL), 0);
	offload_delta(change, &delta);
	assert_int_equal(delta.withdrawn, count_drops(&bench));
	offload_withdraw(change);
	assert_int_equal(count_drops(&bench), 0);
	bench.fake.call_ns = 0;
	offload_abort(change);
	expect_state(&bench, OFFLOAD_STATE_COMPLETE);
	assert_true(count_drops(&bench) > 0);
	tear_down(&bench);
}

static void refused_rules_come_when_there_is_room(void **state)
{
	struct bench bench;
	struct offload_status status;
	struct offload_rule *rules;
	size_t count, refused = 0;

	(void)state;
	set_up(&bench, TIER_T2);
	offload_attach(bench.nic, PORT);
	expect_state(&bench, OFFLOAD_STATE_IDLE);
	bench.fake.rule_limit = 5;
	change_to(&bench, make_plan(bench.policy, TIER_T2));
	expect_state(&bench, OFFLOAD_STATE_DEGRADED);
	status = status_of(&bench);
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
	expect_state(&bench, OFFLOAD_STATE_COMPLETE);
	assert_int_equal(status_of(&bench).pmd_error, 0);
	tear_down(&bench);
}

static void counters_are_read(void **state)
{
	const struct plan_packet packet = { .source = 1, .protocol = 17 };
	struct plan_answer answer;
	struct bench bench;
	struct offload_rule rule = { 0 };
	struct plan *plan = calloc(1, sizeof(*plan));

	(void)state;
	set_up(&bench, TIER_T2);
	offload_attach(bench.nic, PORT);
	expect_state(&bench, OFFLOAD_STATE_IDLE);
	plan->tier = TIER_T2;
	plan->rule_count = 1;
	plan->rules = calloc(1, sizeof(*plan->rules));
	plan->rules[0] = (struct plan_rule){
		.match = { .has_kind = true, .kind = PLAN_UDP },
		.action = PLAN_DROP,
	};
	change_to(&bench, plan);
	expect_state(&bench, OFFLOAD_STATE_COMPLETE);
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
	tear_down(&bench);
}

/* The port goes in the middle of everything: INTR_RMV waits for the call, and none comes after. */
static void a_port_that_goes_takes_its_handles_along(void **state)
{
	(void)state;
	for (unsigned delay = 0; delay < 12; delay++) {
		struct bench bench;

		set_up(&bench, delay % 2 ? TIER_T2 : TIER_T3);
		offload_attach(bench.nic, PORT);
		expect_state(&bench, OFFLOAD_STATE_IDLE);
		bench.fake.call_ns = 300000;
		change_to(&bench, make_plan(bench.policy, bench.fake.tier));
		sleep_ms(delay);
		fake_flow_remove(&bench.fake);
		bench.fake.call_ns = 0;
		expect_state(&bench, OFFLOAD_STATE_ABSENT);
		assert_int_equal(status_of(&bench).installed, 0);
		assert_int_equal(status_of(&bench).port, UINT16_MAX);
		fake_flow_start(&bench.fake);
		offload_attach(bench.nic, PORT);
		expect_state(&bench, OFFLOAD_STATE_COMPLETE);
		assert_int_equal(fake_flow_count(&bench.fake), status_of(&bench).planned);
		tear_down(&bench);
	}
}

/* Whoever attaches it may not know yet that its removal has begun. */
static void a_port_that_goes_is_not_attached(void **state)
{
	struct bench bench;

	(void)state;
	set_up(&bench, TIER_T2);
	fake_flow_remove(&bench.fake);
	offload_attach(bench.nic, PORT);
	sleep_ms(20);
	assert_int_equal(status_of(&bench).state, OFFLOAD_STATE_ABSENT);
	assert_int_equal(bench.fake.misuses, 0);
	fake_flow_start(&bench.fake);
	offload_attach(bench.nic, PORT);
	expect_state(&bench, OFFLOAD_STATE_IDLE);
	tear_down(&bench);
}

static void a_port_that_goes_ends_a_withdrawal(void **state)
{
	struct offload_change *change;
	struct bench bench;

	(void)state;
	set_up(&bench, TIER_T2);
	offload_attach(bench.nic, PORT);
	expect_state(&bench, OFFLOAD_STATE_IDLE);
	change_to(&bench, make_plan(bench.policy, TIER_T2));
	expect_state(&bench, OFFLOAD_STATE_COMPLETE);
	bench.policy->mode = POLICY_AUDIT;
	assert_int_equal(
		offload_prepare(bench.nic, make_plan(bench.policy, TIER_T2), &change, NULL), 0);
	fake_flow_remove(&bench.fake);
	offload_withdraw(change);
	offload_commit(change);
	expect_state(&bench, OFFLOAD_STATE_ABSENT);
	fake_flow_start(&bench.fake);
	offload_attach(bench.nic, PORT);
	expect_state(&bench, OFFLOAD_STATE_COMPLETE);
	assert_int_equal(count_drops(&bench), 0);
	tear_down(&bench);
}

static void a_stop_by_others_is_seen(void **state)
{
	struct bench bench;
	uint64_t epoch;

	(void)state;
	set_up(&bench, TIER_T3);
	offload_attach(bench.nic, PORT);
	expect_state(&bench, OFFLOAD_STATE_IDLE);
	change_to(&bench, make_plan(bench.policy, TIER_T3));
	expect_state(&bench, OFFLOAD_STATE_COMPLETE);
	epoch = status_of(&bench).epoch;
	fake_flow_stop(&bench.fake);
	expect_state(&bench, OFFLOAD_STATE_WAITING);
	assert_int_equal(status_of(&bench).installed, 0);
	fake_flow_start(&bench.fake);
	expect_state(&bench, OFFLOAD_STATE_COMPLETE);
	for (int ms = 0; ms < 2000 && status_of(&bench).epoch == epoch; ms++)
		sleep_ms(1);
	assert_int_equal(status_of(&bench).epoch, epoch + 1);
	assert_int_equal(fake_flow_count(&bench.fake), status_of(&bench).planned);
	offload_detach(bench.nic);
	assert_int_equal(fake_flow_count(&bench.fake), 0);
	assert_int_equal(status_of(&bench).state, OFFLOAD_STATE_ABSENT);
	tear_down(&bench);
}

struct jobs {
	unsigned order[3];
	_Atomic unsigned count;
};

static void run_job(void *context)
{
	struct jobs *jobs = context;
	unsigned n = atomic_load(&jobs->count);

	jobs->order[n] = n;
	sleep_ms(5);
	atomic_store(&jobs->count, n + 1);
}

static void jobs_run_in_order(void **state)
{
	struct jobs jobs = { .count = 0 };
	struct bench bench;

	(void)state;
	set_up(&bench, TIER_T2);
	for (int i = 0; i < 3; i++)
		assert_int_equal(offload_post(bench.offload, run_job, &jobs), 0);
	tear_down(&bench); /* runs what waits */
	assert_int_equal(atomic_load(&jobs.count), 3);
	assert_int_equal(jobs.order[2], 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_tier_is_found_out),
		cmocka_unit_test(a_port_that_is_not_started_is_waited_for),
		cmocka_unit_test(a_plan_of_another_tier_stays_out),
		cmocka_unit_test(a_withdrawal_is_over_when_it_returns),
		cmocka_unit_test(refused_rules_come_when_there_is_room),
		cmocka_unit_test(counters_are_read),
		cmocka_unit_test(a_port_that_goes_takes_its_handles_along),
		cmocka_unit_test(a_port_that_goes_is_not_attached),
		cmocka_unit_test(a_port_that_goes_ends_a_withdrawal),
		cmocka_unit_test(a_stop_by_others_is_seen),
		cmocka_unit_test(jobs_run_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
