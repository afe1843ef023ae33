/*
 * The offload thread on a device in memory: see bench.h.
 */
#include "bench.h"

#include "support/random_policy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static void on_change(void *context)
{
	struct bench *bench = context;

	atomic_fetch_add(&bench->news, 1);
}

/* Control thread, as is whoever drains. */
static uint64_t take_ticket(void *context)
{
	struct bench *bench = context;

	return ++bench->ticket;
}

static bool is_drained(void *context, uint64_t ticket)
{
	const struct bench *bench = context;

	return ticket <= bench->drained;
}

void bench_drain(struct bench *bench)
{
	bench->drained = bench->ticket;
}

void sleep_ms(unsigned ms)
{
	const struct timespec pause = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L };

	(void)nanosleep(&pause, NULL);
}

void bench_init(struct bench *bench, enum plan_tier tier)
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

void bench_detach(struct bench *bench)
{
	offload_detach(bench->nic);
	for (int ms = 0; ms < 5000 && bench_status(bench).detaching; ms++)
		sleep_ms(1);
	assert_false(bench_status(bench).detaching);
}

void bench_fini(struct bench *bench)
{
	if (bench->nic)
		bench_detach(bench);
	offload_nic_free(bench->nic);
	assert_int_equal(fake_flow_count(&bench->fake), 0);
	offload_free(bench->offload);
	assert_int_equal(bench->fake.misuses, 0);
	assert_int_equal(bench->fake.conflicts, 0);
	fake_flow_fini(&bench->fake);
	policy_free(bench->policy);
}

struct offload_status bench_status(struct bench *bench)
{
	struct offload_status status;

	offload_status(bench->nic, &status);
	return status;
}

void bench_expect_state(struct bench *bench, enum offload_state state)
{
	for (int ms = 0; ms < 5000; ms++) {
		if (bench_status(bench).state == state)
			return;
		sleep_ms(1);
	}
	fail_msg("it is %s, not %s", offload_state_name(bench_status(bench).state),
		 offload_state_name(state));
}

void bench_attach(struct bench *bench)
{
	offload_attach(bench->nic, PORT);
	bench_expect_state(bench, OFFLOAD_STATE_IDLE);
}

struct plan *bench_plan(const struct policy *policy, enum plan_tier tier)
{
	const struct plan_options options = { .tier = tier, .drops = true };
	struct program *program;
	struct plan *plan;

	assert_int_equal(program_new(policy, &program, NULL), 0);
	assert_int_equal(plan_new(policy, program, &options, &plan, NULL), 0);
	program_free(program);
	return plan;
}

void bench_change(struct bench *bench, struct plan *plan)
{
	struct offload_change *change;

	assert_int_equal(offload_prepare(bench->nic, plan, &change, NULL), 0);
	free(offload_marks_before(change));
	offload_withdraw(change);
	free(offload_marks_after(change));
	offload_commit(change);
}

size_t bench_count_drops(struct bench *bench)
{
	struct plan *plan = fake_flow_plan(&bench->fake, true);
	size_t drops = 0;

	for (size_t i = 0; i < plan->rule_count; i++)
		drops += plan->rules[i].action == PLAN_DROP;
	plan_free(plan);
	return drops;
}
