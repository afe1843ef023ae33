/*
 * What rules in hardware are hit, from plan to plan: the device's drops, which are their policy's
 * and the NIC's, and what is made of hits where a policy does not fit.
 */
#include "hardware_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static uint64_t drops_of(const struct fixture *f)
{
	uint64_t drops = UINT64_MAX;

	assert_true(hardware_drops(f->nic, &drops));
	return drops;
}

static uint64_t hits_of_denies(struct fixture *f)
{
	const struct program_chain *chain =
		&nic_snapshot(f->nic)->ruleset->program->chain[DIRECTION_INBOUND][STAGE_NIC];
	struct hardware_rules *rules;
	uint64_t dropped;

	assert_int_equal(hardware_rules_new(f->nic, &rules), 0);
	dropped = rules ? rules->of[STAGE_NIC][chain->count - 1].dropped : 0;
	hardware_rules_free(rules);
	return dropped; /* DenyAllInBound's */
}

static void wait_denied(struct fixture *f, uint64_t count)
{
	uint64_t end = clock_ms() + WAIT_MS;

	while (hits_of_denies(f) < count && clock_ms() < end)
		turn(f);
	assert_int_equal(hits_of_denies(f), count);
}

static void drops_in_hardware_are_hits(void **state)
{
	struct fixture *f = *state;

	(void)apply(f, "80", "auto");
	wait_state(f, OFFLOAD_STATE_COMPLETE);
	for (int i = 0; i < 5; i++)
		(void)receive(f, TCP_SYN, 22);
	wait_denied(f, 5);
	assert_int_equal(drops_of(f), 5);

	/* a rule's hits are of its policy, the sum is of the NIC */
	(void)apply(f, "443", "auto");
	assert_int_equal(drops_of(f), 5);
	(void)apply(f, "443", "off");
	wait_state(f, OFFLOAD_STATE_IDLE);
	assert_int_equal(drops_of(f), 5);
	hardware_clear_drops(f->nic);
	assert_int_equal(drops_of(f), 0);
}

static void hit_denies(struct fixture *f, uint64_t sum)
{
	for (int i = 0; i < 5; i++)
		assert_int_equal(receive(f, TCP_SYN, 22).action, PLAN_DROP);
	wait_denied(f, sum);
}

/* Whether its rules stay in the device or none of them does: hits are the policy's. */
static void hits_outlive_a_plan(void **state)
{
	struct fixture *f = *state;
	struct accelnet_error err;
	struct plan *plan;

	(void)apply(f, "80", "auto");
	wait_state(f, OFFLOAD_STATE_COMPLETE);
	hit_denies(f, 5);
	assert_int_equal(hardware_make_plan(f->nic, nic_snapshot(f->nic)->ruleset,
					    &f->nic->hardware.hits, &plan, &err),
			 0);
	assert_int_equal(hardware_exchange_plan(f->nic, plan, &err), 0);
	assert_int_equal(hits_of_denies(f), 5);
	wait_state(f, OFFLOAD_STATE_COMPLETE);
	hit_denies(f, 10);

	fake_flow_remove(&f->fake); /* and another device comes */
	f->fake.tier = TIER_T3;
	fake_flow_start(&f->fake);
	offload_attach(f->nic->hardware.offload, uplink_port(f->nic->uplink)->id);
	wait_state(f, OFFLOAD_STATE_COMPLETE);
	assert_int_equal(offload_plan(f->nic->hardware.offload)->tier, TIER_T3);
	assert_int_equal(hits_of_denies(f), 10);
	hit_denies(f, 15);

	(void)apply(f, "443", "auto");
	assert_int_equal(hits_of_denies(f), 0);
}

/* --- a policy that does not fit --- */

#define MANY 400

/* Each with ports that take many masks; one more of no consequence where `more`. */
static void apply_many(struct fixture *f, bool more)
{
	struct nic_apply_result result;
	char *text = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	fprintf(file, "{\"apiVersion\":\"accelnet/v1\",\"nicNsg\":{\"name\":\"n\",\"properties\":{"
		      "\"securityRules\":[");
	for (int i = 0; i < MANY + more; i++)
		fprintf(file,
			"%s{\"name\":\"r%d\",\"properties\":{\"priority\":%d,\"direction\":"
			"\"Inbound\",\"access\":\"Allow\",\"protocol\":\"Tcp\","
			"\"sourceAddressPrefix\":\"10.%d.%d.0/24\",\"sourcePortRange\":\"*\","
			"\"destinationAddressPrefix\":\"*\",\"destinationPortRange\":\"%d-%d\"}}",
			i ? "," : "", i, i < MANY ? 110 + i : 100, i / 200, i % 200, 1001 + i,
			61001 - i);
	fprintf(file, "]}}}");
	assert_int_equal(fclose(file), 0);
	apply_document(f, text, false, &result);
	free(text);
	wait_state(f, OFFLOAD_STATE_COMPLETE);
}

/* Device rules in the device for rules of this name's number. */
static size_t installed_for(struct fixture *f, int from, int to)
{
	const struct program_chain *chain =
		&nic_snapshot(f->nic)->ruleset->program->chain[DIRECTION_INBOUND][STAGE_NIC];
	struct hardware_rules *rules;
	size_t count = 0;

	assert_int_equal(hardware_rules_new(f->nic, &rules), 0);
	for (size_t i = 0; i < chain->count; i++) {
		int number;

		if (sscanf(chain->rules[i].rule->name, "r%d", &number) == 1 && number >= from &&
		    number < to)
			count += rules->of[STAGE_NIC][i].installed;
	}
	hardware_rules_free(rules);
	return count;
}

static void hit_rules(struct fixture *f, uint32_t from, uint32_t to)
{
	const struct snapshot *snapshot = nic_snapshot(f->nic);
	uint32_t base = snapshot->ruleset->hit_base[DIRECTION_INBOUND][STAGE_NIC];

	for (uint32_t i = from; i < to; i++)
		snapshot->counted->hits[0][base + i].packets += 100;
}

static void what_is_hit_goes_to_hardware(void **state)
{
	const uint64_t minute = 60000;
	struct fixture *f = *state;
	uint64_t now = clock_ms();
	unsigned share;
	size_t before;

	wait_state(f, OFFLOAD_STATE_COMPLETE);
	apply_many(f, false);
	assert_false(hardware_share(f->nic, &share));
	before = installed_for(f, 300, 320);
	hit_rules(f, 300, 320);
	assert_true(hardware_share(f->nic, &share));
	assert_true(share < 700);
	hardware_weigh(f->nic, now + 9 * minute);
	wait_state(f, OFFLOAD_STATE_COMPLETE);
	assert_int_equal(installed_for(f, 300, 320), before);
	hardware_weigh(f->nic, now + 11 * minute);
	wait_state(f, OFFLOAD_STATE_COMPLETE);
	assert_true(installed_for(f, 300, 320) > 2 * before);
	assert_true(hardware_share(f->nic, &share));
	assert_int_equal(share, PLAN_SHARE_ALL);

	/* the next policy begins with what the last one knew */
	apply_many(f, true);
	assert_false(hardware_share(f->nic, &share));
	assert_true(installed_for(f, 300, 320) > 2 * before);
}

/* Who asks fifty times a second gets what was found out in the last ten. */
static void a_share_is_found_out_now_and_then(void **state)
{
	struct fixture *f = *state;
	uint64_t now = clock_ms();
	unsigned share = 0, later;

	wait_state(f, OFFLOAD_STATE_COMPLETE);
	apply_many(f, false);
	hit_rules(f, 0, 20);
	assert_true(hardware_share_lately(f->nic, now, &share));
	hit_rules(f, 300, 320);
	assert_true(hardware_share_lately(f->nic, now + 9900, &later));
	assert_int_equal(later, share);
	assert_true(hardware_share_lately(f->nic, now + 10000, &later));
	assert_int_not_equal(later, share);
	assert_true(hardware_share(f->nic, &share));
	assert_int_equal(later, share);
	apply_many(f, true); /* nothing is known of it yet */
	assert_false(hardware_share_lately(f->nic, now + 10000, &later));
}

/* Neither often nor for little: each time hundreds of rules go and come. */
static void plans_are_not_made_anew_for_little(void **state)
{
	const uint64_t minute = 60000;
	struct fixture *f = *state;
	uint64_t now = clock_ms(), creates;

	wait_state(f, OFFLOAD_STATE_COMPLETE);
	apply_many(f, false);
	hit_rules(f, 0, MANY);
	hardware_weigh(f->nic, now + 11 * minute);
	wait_state(f, OFFLOAD_STATE_COMPLETE);
	creates = f->fake.creates;
	for (int i = 0; i < 5; i++)
		hit_rules(f, 300, 320);
	hardware_weigh(f->nic, now + 12 * minute); /* too soon */
	for (int i = 0; i < 200; i++)
		hit_rules(f, 0, MANY);
	hardware_weigh(f->nic, now + 22 * minute); /* too little */
	wait_state(f, OFFLOAD_STATE_COMPLETE);
	assert_int_equal(f->fake.creates, creates);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(drops_in_hardware_are_hits),         CASE(hits_outlive_a_plan),
		CASE(what_is_hit_goes_to_hardware),       CASE(a_share_is_found_out_now_and_then),
		CASE(plans_are_not_made_anew_for_little),
	};

	if (start_eal() < 0)
		return 77;
	return cmocka_run_group_tests(tests, set_up_group, tear_down_group);
}
