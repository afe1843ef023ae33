/*
 * Random policies: whatever a plan decides, in any tier, the reference decides too, and names the
 * same rules; no two of its rules tie and disagree; and it does decide something.
 */
#include "compile/plan.h"
#include "compile/reference.h"
#include "support/border.h"
#include "support/random_policy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define POLICIES 600
#define TUPLES   250

#define SYN 0x02
#define ACK 0x10

struct run {
	const struct policy *policy;
	const struct plan *plan;
	const char *where;
	uint64_t marked, dropped, unmarked;
};

static bool is_martian(const struct policy *policy, const struct ip_addr *source)
{
	ip_number n = source->number;

	if (!policy->source_guard)
		return false;
	for (size_t i = 0; i < policy->address_count; i++) {
		if (ip_addr_equal(&policy->addresses[i], source))
			return true;
	}
	if (source->family == IP_FAMILY_V6)
		return n <= 1 || n >> 120 == 0xff;
	return n >> 24 == 0 || n >> 24 == 127 || n >> 28 == 14;
}

static uint16_t index_of(const struct policy *policy, enum stage stage, const struct rule *rule)
{
	const struct rule *first = policy->stage[stage].list[DIRECTION_INBOUND].rules;

	return rule ? (uint16_t)(rule - first) : UINT16_MAX;
}

static void check_mark(const struct run *run, const struct plan_slot *slot,
		       const struct judgement *judgement, const struct plan_packet *packet,
		       const struct tuple *tuple, const char *text)
{
	const struct plan_entry *entry = &run->plan->entries[slot->entry];

	if (judgement->access == ACCESS_DENY)
		fail_msg("%s: marked what is denied: %s", run->where, text);
	for (int s = 0; s < STAGES; s++) {
		if (entry->rule[s] != index_of(run->policy, (enum stage)s, judgement->matched[s]))
			fail_msg("%s: the mark names another rule of stage %d: %s", run->where, s,
				 text);
	}
	if (!slot->settled)
		return;
	if (packet->protocol != IP_PROTOCOL_TCP || (packet->tcp_flags & 0x17) != ACK)
		fail_msg("%s: settled, and no plain segment: %s", run->where, text);
	if (is_martian(run->policy, &tuple->source))
		fail_msg("%s: settled, and isolation refuses it: %s", run->where, text);
}

static void check_drop(const struct run *run, const struct judgement *judgement,
		       const struct plan_packet *packet, const struct tuple *tuple,
		       const char *text)
{
	bool opener = packet->protocol == IP_PROTOCOL_TCP && (packet->tcp_flags & 0x12) == SYN;

	if (run->policy->mode == POLICY_AUDIT)
		fail_msg("%s: drops in audit mode: %s", run->where, text);
	if (is_martian(run->policy, &tuple->source))
		return;
	if (judgement->access != ACCESS_DENY)
		fail_msg("%s: dropped what is allowed: %s", run->where, text);
	if (judgement->stage != STAGE_ACL && !opener)
		fail_msg("%s: dropped what may be a reply: %s", run->where, text);
}

static void check_packet(struct run *run, const struct tuple *tuple, uint8_t flags, bool fragment)
{
	const struct plan_packet packet = {
		.family = tuple->source.family,
		.source = tuple->source.number,
		.destination = tuple->destination.number,
		.protocol = tuple->protocol,
		.source_port = tuple->source_port,
		.destination_port = tuple->destination_port,
		.tcp_flags = tuple->protocol == IP_PROTOCOL_TCP ? flags : 0,
		.fragment = fragment,
	};
	struct judgement judgement;
	struct plan_answer answer;
	char text[TUPLE_TEXT_MAX];

	plan_judge(run->plan, &packet, &answer);
	reference_judge(run->policy, tuple, &judgement);
	tuple_text(tuple, text);
	if (answer.tie)
		fail_msg("%s: a tie: %s", run->where, text);
	if (fragment && answer.action == PLAN_MARK)
		fail_msg("%s: marked a fragment: %s", run->where, text);
	if (answer.action == PLAN_MARK) {
		run->marked++;
		check_mark(run, &run->plan->slots[answer.slot], &judgement, &packet, tuple, text);
	} else if (answer.action == PLAN_DROP) {
		run->dropped++;
		check_drop(run, &judgement, &packet, tuple, text);
	} else {
		run->unmarked++;
	}
}

static void check_policy(struct run *run, struct random *random)
{
	static const uint8_t flags[] = { SYN, ACK, ACK | SYN, ACK | 1, 4, 0 };

	for (int i = 0; i < TUPLES; i++) {
		struct tuple tuple = border_tuple(run->policy, random);

		tuple.direction = DIRECTION_INBOUND;
		for (size_t f = 0; f < sizeof(flags); f++) {
			check_packet(run, &tuple, flags[f], false);
			if (tuple.protocol != IP_PROTOCOL_TCP)
				break;
		}
		check_packet(run, &tuple, ACK, true);
	}
}

/* Source guard with one or two addresses that the policy's borders have. */
static void guard_sources(struct policy *policy, struct random *random)
{
	size_t count = 1 + random_below(random, 2);

	policy->source_guard = true;
	policy->addresses = calloc(count, sizeof(*policy->addresses));
	for (size_t i = 0; i < count; i++)
		policy->addresses[i] = border_tuple(policy, random).source;
	policy->address_count = count;
}

static struct policy *guarded_policy(struct random *random)
{
	static const struct random_policy_options options;
	struct policy *policy = random_policy(random, &options);

	free(policy->addresses);
	policy->addresses = NULL;
	policy->address_count = 0;
	policy->source_guard = false;
	if (random_percent(random, 60))
		guard_sources(policy, random);
	return policy;
}

static void check_tier(enum plan_tier tier, bool must_mark)
{
	uint64_t marked = 0, dropped = 0;

	for (uint64_t seed = 1; seed <= POLICIES; seed++) {
		struct random random = { seed };
		struct policy *policy = guarded_policy(&random);
		const struct plan_options plan_options = {
			.tier = tier,
			.drops = true,
			.rule_limit = random_percent(&random, 20) ? random_below(&random, 60) : 0,
		};
		struct program *program;
		struct plan *plan;
		struct run run;
		char where[64];

		assert_int_equal(program_new(policy, &program, NULL), 0);
		assert_int_equal(plan_new(policy, program, &plan_options, &plan, NULL), 0);
		(void)snprintf(where, sizeof(where), "%s, seed %llu", plan_tier_name(tier),
			       (unsigned long long)seed);
		run = (struct run){ .policy = policy, .plan = plan, .where = where };
		if (plan_options.rule_limit)
			assert_true(plan->rule_count <= plan_options.rule_limit);
		check_policy(&run, &random);
		marked += run.marked;
		dropped += run.dropped;
		plan_free(plan);
		program_free(program);
		policy_free(policy);
	}
	print_message("%s: %llu marked, %llu dropped\n", plan_tier_name(tier),
		      (unsigned long long)marked, (unsigned long long)dropped);
	assert_true(!must_mark || marked > 0);
	assert_true(tier == TIER_T0 || dropped > 0);
}

static void t3_is_exact(void **state)
{
	(void)state;
	check_tier(TIER_T3, true);
}

static void t2_is_exact(void **state)
{
	(void)state;
	check_tier(TIER_T2, true);
}

static void t1_is_exact(void **state)
{
	(void)state;
	check_tier(TIER_T1, false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t3_is_exact),
		cmocka_unit_test(t2_is_exact),
		cmocka_unit_test(t1_is_exact),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
