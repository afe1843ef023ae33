/*
 * Generated rule sets are what they say: so many rules, no two alike, the same every time, and
 * traces that meet them.
 */
#include "compile/reference.h"
#include "testpmd/generate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define RULES 200
#define TRACE 3000

static const struct rule_list *inbound(const struct policy *policy)
{
	return &policy->stage[STAGE_NIC].list[DIRECTION_INBOUND];
}

static bool same_prefix(const struct rule_side *a, const struct rule_side *b)
{
	const struct ip_prefix *x = a->sets[0]->prefixes, *y = b->sets[0]->prefixes;

	return x->number == y->number && x->length == y->length;
}

static bool same_user_rule(const struct rule *a, const struct rule *b)
{
	const struct port_set *x = &a->destination_ports, *y = &b->destination_ports;

	return same_prefix(&a->source, &b->source) &&
	       same_prefix(&a->destination, &b->destination) && a->protocol == b->protocol &&
	       x->any == y->any && a->source_ports.any == b->source_ports.any &&
	       (x->any || (x->ranges[0].first == y->ranges[0].first &&
			   x->ranges[0].last == y->ranges[0].last));
}

static void the_same_every_time(void **state)
{
	(void)state;
	for (int kind = 0; kind < GENERATE_KINDS; kind++) {
		struct policy *a = generate_policy((enum generate_kind)kind, RULES, 1);
		struct policy *b = generate_policy((enum generate_kind)kind, RULES, 1);
		struct policy *c = generate_policy((enum generate_kind)kind, RULES, 2);
		size_t differ = 0;

		assert_int_equal(inbound(a)->count, RULES);
		assert_int_equal(a->stage[STAGE_NIC].user_rules, RULES - 3);
		for (size_t i = 0; i < RULES - 3; i++) {
			assert_true(same_user_rule(&inbound(a)->rules[i], &inbound(b)->rules[i]));
			differ += !same_user_rule(&inbound(a)->rules[i], &inbound(c)->rules[i]);
		}
		assert_true(differ > RULES / 2);
		policy_free(a);
		policy_free(b);
		policy_free(c);
	}
}

static void no_two_rules_alike(void **state)
{
	struct policy *policy = generate_policy(GENERATE_NSG, RULES, 3);
	const struct rule *rules = inbound(policy)->rules;

	(void)state;
	for (size_t i = 0; i < RULES - 3; i++) {
		for (size_t k = 0; k < i; k++)
			assert_false(same_user_rule(&rules[i], &rules[k]));
	}
	policy_free(policy);
}

/* Most packets must be decided by user rules, and many different ones, or benches measure nothing.
 */
static void traces_meet_the_rules(void **state)
{
	(void)state;
	for (int kind = 0; kind < GENERATE_KINDS; kind++) {
		struct policy *policy = generate_policy((enum generate_kind)kind, RULES, 1);
		struct tuple *trace = generate_trace(policy, TRACE);
		bool hit[RULES] = { false };
		size_t by_user = 0, rules = 0;

		for (size_t i = 0; i < TRACE; i++) {
			struct judgement judgement;

			reference_judge(policy, &trace[i], &judgement);
			assert_true(judgement.decided);
			by_user += !judgement.rule->is_default;
			hit[judgement.rule - inbound(policy)->rules] = true;
		}
		for (size_t i = 0; i < RULES; i++)
			rules += hit[i];
		assert_true(by_user > TRACE * 8 / 10);
		assert_true(rules > RULES * 8 / 10);
		free(trace);
		policy_free(policy);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_same_every_time),
		cmocka_unit_test(no_two_rules_alike),
		cmocka_unit_test(traces_meet_the_rules),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
