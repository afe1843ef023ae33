/*
 * How device rules stand to each other, held against the interpreter: two rules of random plans
 * overlap where some packet matches both, and the rank says which of them the interpreter takes.
 */
#include "offload/match.h"
#include "support/random_policy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define POLICIES 60
#define PAIRS    400

/* A packet that matches the rule, and as much of the other as can be. */
static struct plan_packet packet_of(const struct plan_match *a, const struct plan_match *b)
{
	const struct plan_match *source = b->source.length > a->source.length ? b : a;
	const struct plan_match *destination =
		b->destination.length > a->destination.length ? b : a;
	enum plan_kind kind = a->has_kind ? a->kind : b->kind;
	static const uint8_t protocols[IP_FAMILIES][PLAN_KINDS] = { { 6, 6, 17, 1 },
								    { 6, 6, 17, 58 } };

	return (struct plan_packet){
		.family = a->family,
		.source = source->source.length ? source->source.number : 0,
		.destination =
			destination->destination.length ? destination->destination.number : 0,
		.protocol = protocols[a->family][kind],
		.source_port = (uint16_t)((a->source_port & a->source_port_mask) |
					  (b->source_port & b->source_port_mask)),
		.destination_port = (uint16_t)((a->destination_port & a->destination_port_mask) |
					       (b->destination_port & b->destination_port_mask)),
		.tcp_flags = kind == PLAN_TCP_OPENER    ? 0x02
			     : kind == PLAN_TCP_SETTLED ? 0x10
							: 0,
	};
}

/* UINT32_MAX: none. Of rules without tags, in any group. */
static uint32_t decided_by(const struct plan_rule *rules, size_t count,
			   const struct plan_packet *packet)
{
	struct plan_rule copies[2];
	struct plan plan = { .rules = copies, .rule_count = count };
	struct plan_answer answer;

	memcpy(copies, rules, count * sizeof(*rules));
	for (size_t i = 0; i < count; i++) {
		copies[i].group = 0;
		copies[i].action = PLAN_MARK;
		copies[i].slot = (uint32_t)i;
	}
	plan_judge(&plan, packet, &answer);
	return answer.rule;
}

static bool has_tags(const struct plan_rule *rule)
{
	return rule->match.tags[0] || rule->match.tags[1];
}

static void check_pair(const struct plan_rule *a, const struct plan_rule *b, uint64_t *met)
{
	const struct plan_rule pair[2] = { *a, *b };
	struct plan_packet packet = packet_of(&a->match, &b->match);
	bool both = a->match.family == b->match.family && decided_by(&pair[0], 1, &packet) == 0 &&
		    decided_by(&pair[1], 1, &packet) == 0;

	assert_int_equal(match_overlaps(&a->match, &b->match),
			 match_overlaps(&b->match, &a->match));
	assert_int_equal(match_overlaps(&a->match, &b->match), both);
	if (!both || a->group != b->group || match_rank(a) == match_rank(b))
		return;
	(*met)++;
	assert_int_equal(decided_by(pair, 2, &packet), match_rank(a) < match_rank(b) ? 0 : 1);
}

static void check_plan(const struct plan *plan, struct random *random, uint64_t *met)
{
	for (int i = 0; plan->rule_count > 0 && i < PAIRS; i++) {
		const struct plan_rule *a =
			&plan->rules[random_below(random, (uint32_t)plan->rule_count)];
		const struct plan_rule *b =
			&plan->rules[random_below(random, (uint32_t)plan->rule_count)];

		assert_true(match_same(a, a));
		assert_int_equal(match_same(a, b), match_same(b, a));
		if (match_same(a, b))
			assert_int_equal(match_hash(a), match_hash(b));
		if (!has_tags(a) && !has_tags(b))
			check_pair(a, b, met);
	}
}

static void rules_stand_as_the_interpreter_takes_them(void **state)
{
	static const struct random_policy_options options = { .rules_max = 8 };
	uint64_t met = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= POLICIES; seed++) {
		struct random random = { seed };
		struct policy *policy = random_policy(&random, &options);
		const struct plan_options plan_options = {
			.tier = seed % 2 ? TIER_T2 : TIER_T3,
			.drops = true,
		};
		struct program *program;
		struct plan *plan;

		assert_int_equal(program_new(policy, &program, NULL), 0);
		assert_int_equal(plan_new(policy, program, &plan_options, &plan, NULL), 0);
		check_plan(plan, &random, &met);
		plan_free(plan);
		program_free(program);
		policy_free(policy);
	}
	assert_true(met > 500);
}

static void standing_in(void **state)
{
	const struct plan_rule unmarked = { .action = PLAN_UNMARKED };
	const struct plan_rule drop = { .action = PLAN_DROP };
	const struct plan_rule mark = { .action = PLAN_MARK, .slot = 1 };
	const struct plan_rule other = { .action = PLAN_MARK, .slot = 2 };

	(void)state;
	assert_true(match_may_stand_in(&unmarked, &drop));
	assert_true(match_may_stand_in(&unmarked, &mark));
	assert_true(match_may_stand_in(&drop, &drop));
	assert_true(match_may_stand_in(&mark, &mark));
	assert_false(match_may_stand_in(&mark, &other));
	assert_false(match_may_stand_in(&mark, &unmarked));
	assert_false(match_may_stand_in(&mark, &drop));
	assert_false(match_may_stand_in(&drop, &mark));
	assert_false(match_may_stand_in(&drop, &unmarked));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rules_stand_as_the_interpreter_takes_them),
		cmocka_unit_test(standing_in),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
