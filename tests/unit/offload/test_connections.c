/*
 * Rules for connections on a device in memory: where they stand, when they go, and that a plan
 * comes before them.
 */
#include "bench.h"

#include "classify/mark.h"
#include "offload/connections.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define FLOWS 5

static struct plan *make_plan(struct bench *bench, enum plan_tier tier, uint32_t priorities)
{
	const struct plan_options options = { .tier = tier,
					      .priorities = priorities,
					      .drops = true };
	struct program *program;
	struct plan *plan;

	assert_int_equal(program_new(bench->policy, &program, NULL), 0);
	assert_int_equal(plan_new(bench->policy, program, &options, &plan, NULL), 0);
	program_free(program);
	return plan;
}

/* A device of three priorities with a plan in it. */
static void open_bench(struct bench *bench, enum plan_tier tier)
{
	bench_init(bench, tier);
	bench->fake.priorities = 3;
	bench_attach(bench);
	bench_change(bench, make_plan(bench, tier, 3));
	bench_expect_state(bench, OFFLOAD_STATE_COMPLETE);
}

static struct offload_connection flow(unsigned n)
{
	return (struct offload_connection){
		.protocol = n % 2 ? IP_PROTOCOL_TCP : IP_PROTOCOL_UDP,
		.source = { IP_FAMILY_V4, 0xcb007100 + n },
		.destination = { IP_FAMILY_V4, 0x0a010004 },
		.source_port = (uint16_t)(40000 + n),
		.destination_port = 443,
	};
}

static struct plan_packet packet_of(const struct offload_connection *connection)
{
	return (struct plan_packet){
		.family = connection->source.family,
		.source = connection->source.number,
		.destination = connection->destination.number,
		.protocol = connection->protocol,
		.source_port = connection->source_port,
		.destination_port = connection->destination_port,
		.tcp_flags = connection->protocol == IP_PROTOCOL_TCP ? 0x10 : 0,
	};
}

static struct offload_connections_status status_of(struct bench *bench)
{
	struct offload_connections_status status;

	offload_connections_status(bench->nic, &status);
	return status;
}

static void expect_installed(struct bench *bench, size_t count)
{
	for (int ms = 0; ms < 5000; ms++) {
		if (status_of(bench).installed == count && status_of(bench).asked == count)
			return;
		sleep_ms(1);
	}
	fail_msg("%zu rules are in, not %zu", status_of(bench).installed, count);
}

static void expect_in_device(struct bench *bench, size_t count)
{
	for (int ms = 0; ms < 5000 && fake_flow_count(&bench->fake) != count; ms++)
		sleep_ms(1);
	assert_int_equal(fake_flow_count(&bench->fake), count);
}

static void add_flows(struct bench *bench, uint32_t slots[FLOWS])
{
	for (unsigned n = 0; n < FLOWS; n++) {
		const struct offload_connection connection = flow(n);

		assert_int_equal(offload_connection_add(bench->nic, &connection, &slots[n]), 0);
	}
}

static const enum plan_tier tiers[] = { TIER_T2, TIER_T3 };

static void their_packets_carry_their_marks(void **state)
{
	(void)state;
	for (size_t t = 0; t < sizeof(tiers) / sizeof(tiers[0]); t++) {
		uint32_t slots[FLOWS];
		struct bench bench;

		open_bench(&bench, tiers[t]);
		assert_true(status_of(&bench).takes);
		add_flows(&bench, slots);
		expect_installed(&bench, FLOWS);
		for (unsigned n = 0; n < FLOWS; n++) {
			const struct offload_connection connection = flow(n);
			struct plan_packet packet = packet_of(&connection);
			struct plan_answer answer;

			fake_flow_receive(&bench.fake, &packet, &answer);
			assert_int_equal(answer.action, PLAN_MARK);
			assert_false(answer.tie);
			assert_int_equal(mark_connection_slot(answer.slot), slots[n]);
			assert_int_equal(answer.slot & 1, 0);
			packet.tcp_flags |= 1; /* FIN */
			if (connection.protocol != IP_PROTOCOL_TCP)
				packet.source_port++;
			fake_flow_receive(&bench.fake, &packet, &answer);
			assert_true(answer.action != PLAN_MARK ||
				    mark_connection_slot(answer.slot) == UINT32_MAX);
		}
		bench_fini(&bench);
	}
}

static void a_device_without_a_priority_to_spare_has_none(void **state)
{
	const struct offload_connection connection = flow(0);
	struct bench bench;
	uint32_t slot;

	(void)state;
	bench_init(&bench, TIER_T2);
	bench_attach(&bench);
	bench_change(&bench, make_plan(&bench, TIER_T2, 2));
	bench_expect_state(&bench, OFFLOAD_STATE_COMPLETE);
	assert_false(status_of(&bench).takes);
	assert_string_equal(status_of(&bench).why_not,
			    "the device has no priority above those of the plan");
	assert_int_equal(offload_connection_add(bench.nic, &connection, &slot), -ENOSPC);
	bench_fini(&bench);
}

static void another_plan_sends_them_away(void **state)
{
	uint32_t slots[FLOWS];
	struct bench bench;
	size_t planned;

	(void)state;
	open_bench(&bench, TIER_T3);
	add_flows(&bench, slots);
	expect_installed(&bench, FLOWS);
	bench.policy->mode = POLICY_AUDIT;
	bench_change(&bench, make_plan(&bench, TIER_T3, 3));
	assert_int_equal(offload_connections(bench.nic, NULL, 0), 0);
	bench_expect_state(&bench, OFFLOAD_STATE_COMPLETE);
	planned = bench_status(&bench).planned;
	expect_in_device(&bench, planned);
	bench_fini(&bench);
}

static void slots_wait_for_the_queues(void **state)
{
	const struct offload_connection connection = flow(7);
	uint32_t slots[FLOWS], slot;
	struct bench bench;

	(void)state;
	open_bench(&bench, TIER_T2);
	add_flows(&bench, slots);
	expect_installed(&bench, FLOWS);
	offload_connections_clear(bench.nic);
	expect_in_device(&bench, bench_status(&bench).planned);
	/* 256 slots are looked through before one is taken again */
	for (int i = 0; i < 600; i++) {
		assert_int_equal(offload_connection_add(bench.nic, &connection, &slot), 0);
		for (unsigned n = 0; n < FLOWS; n++)
			assert_int_not_equal(slot, slots[n]);
		offload_connection_remove(bench.nic, slot);
	}
	bench_fini(&bench);
}

static void failing_calls_harm_nothing(void **state)
{
	uint32_t slots[FLOWS];
	struct bench bench;
	size_t planned;

	(void)state;
	open_bench(&bench, TIER_T2);
	planned = bench_status(&bench).planned;
	for (uint64_t nth = 1; nth <= FLOWS; nth++) {
		bench.fake.fail_create_at = nth;
		add_flows(&bench, slots);
		expect_installed(&bench, FLOWS); /* without a counter */
		assert_int_equal(bench_status(&bench).state, OFFLOAD_STATE_COMPLETE);
		offload_connections_clear(bench.nic);
		expect_in_device(&bench, planned);
		bench_drain(&bench);
	}
	bench.fake.refuse_kinds = 1 << PLAN_UDP;
	add_flows(&bench, slots);
	expect_installed(&bench, FLOWS / 2);
	assert_int_equal(status_of(&bench).pmd_error, ENOTSUP);
	fake_flow_bind(&bench.fake, 0); /* the newest of them */
	offload_connections_clear(bench.nic);
	expect_in_device(&bench, planned + 1);
	fake_flow_unbind(&bench.fake);
	expect_in_device(&bench, planned);
	bench_fini(&bench);
}

static void a_full_device_is_believed(void **state)
{
	struct bench bench;
	uint32_t slot;
	int r = 0;

	(void)state;
	open_bench(&bench, TIER_T2);
	bench.fake.rule_limit = bench_status(&bench).planned + 3;
	for (unsigned n = 0; r == 0 && n < 1000; n++) {
		const struct offload_connection connection = flow(n);

		r = offload_connection_add(bench.nic, &connection, &slot);
		sleep_ms(1);
	}
	assert_int_equal(r, -ENOSPC);
	expect_installed(&bench, 3);
	assert_int_equal(status_of(&bench).pmd_error, ENOSPC);
	assert_int_equal(bench_status(&bench).state, OFFLOAD_STATE_COMPLETE);
	bench_fini(&bench);
}

/* A rule of a plan that finds no room gets it at once, not when it is tried again by itself. */
static void they_give_way_to_the_plan(void **state)
{
	uint32_t slots[FLOWS];
	struct bench bench;
	struct plan *plan;

	(void)state;
	open_bench(&bench, TIER_T2);
	add_flows(&bench, slots);
	expect_installed(&bench, FLOWS);
	plan = make_plan(&bench, TIER_T2, 3);
	plan->rules[0].match.source_port ^= 1; /* one goes, one comes */
	plan->rules[0].match.source_port_mask |= 1;
	bench.fake.rule_limit = bench_status(&bench).planned;
	bench_change(&bench, plan);
	for (int ms = 0; ms < 600 && bench_status(&bench).state != OFFLOAD_STATE_COMPLETE; ms++)
		sleep_ms(1);
	assert_int_equal(bench_status(&bench).state, OFFLOAD_STATE_COMPLETE);
	expect_in_device(&bench, bench_status(&bench).planned);
	bench_fini(&bench);
}

static void counters_tell_which_are_idle(void **state)
{
	struct offload_connection_rule rules[FLOWS];
	const struct offload_connection connection = flow(3);
	const struct plan_packet packet = packet_of(&connection);
	uint32_t slots[FLOWS];
	struct plan_answer answer;
	uint64_t packets = 0;
	struct bench bench;

	(void)state;
	open_bench(&bench, TIER_T3);
	add_flows(&bench, slots);
	expect_installed(&bench, FLOWS);
	for (int i = 0; i < 20; i++)
		fake_flow_receive(&bench.fake, &packet, &answer);
	for (int ms = 0; ms < 5000 && packets < 20; ms++) {
		assert_int_equal(offload_connections(bench.nic, rules, FLOWS), FLOWS);
		packets = rules[3].packets;
		sleep_ms(1);
	}
	for (unsigned n = 0; n < FLOWS; n++) {
		assert_true(rules[n].installed && rules[n].counted);
		assert_int_equal(rules[n].slot, slots[n]);
		assert_int_equal(rules[n].packets, n == 3 ? 20 : 0);
	}
	bench_fini(&bench);
}

/* Handles are dropped with the port, wholesale; the thread calls nothing on it any more. */
static void they_end_with_the_port(void **state)
{
	uint32_t slots[FLOWS];
	struct bench bench;

	(void)state;
	open_bench(&bench, TIER_T3);
	add_flows(&bench, slots);
	expect_installed(&bench, FLOWS);
	fake_flow_remove(&bench.fake);
	bench_expect_state(&bench, OFFLOAD_STATE_ABSENT);
	assert_int_equal(offload_connections(bench.nic, NULL, 0), 0);
	assert_false(status_of(&bench).takes);
	fake_flow_start(&bench.fake);
	offload_attach(bench.nic, PORT);
	bench_expect_state(&bench, OFFLOAD_STATE_COMPLETE);
	add_flows(&bench, slots);
	expect_installed(&bench, FLOWS);
	bench_detach(&bench);
	assert_int_equal(fake_flow_count(&bench.fake), 0);
	bench_fini(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(their_packets_carry_their_marks),
		cmocka_unit_test(a_device_without_a_priority_to_spare_has_none),
		cmocka_unit_test(another_plan_sends_them_away),
		cmocka_unit_test(slots_wait_for_the_queues),
		cmocka_unit_test(failing_calls_harm_nothing),
		cmocka_unit_test(a_full_device_is_believed),
		cmocka_unit_test(they_give_way_to_the_plan),
		cmocka_unit_test(counters_tell_which_are_idle),
		cmocka_unit_test(they_end_with_the_port),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
