/*
 * Random policies: the compiled program says of every rule and border tuple what the reference
 * says.
 */
#include "compile/program.h"
#include "compile/reference.h"
#include "support/border.h"
#include "support/random_policy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define POLICIES 400
#define TUPLES   300

static bool ports_hold(const struct port_set *ports, uint16_t port)
{
	for (size_t i = 0; i < ports->range_count; i++) {
		if (ports->ranges[i].first <= port && port <= ports->ranges[i].last)
			return true;
	}
	return ports->any;
}

static bool program_rule_matches(const struct program *program, const struct program_rule *rule,
				 const struct tuple *t)
{
	return program_rule_has_protocol(rule, t->source.family, t->protocol) &&
	       address_group_holds(&program->groups[rule->source], &t->source) &&
	       address_group_holds(&program->groups[rule->destination], &t->destination) &&
	       ports_hold(rule->source_ports, t->source_port) &&
	       ports_hold(rule->destination_ports, t->destination_port);
}

static void check_tuple(const struct program *program, const struct tuple *tuple, uint64_t seed)
{
	for (int stage = 0; stage < STAGES; stage++) {
		const struct program_chain *chain = &program->chain[tuple->direction][stage];

		for (size_t i = 0; i < chain->count; i++) {
			char text[TUPLE_TEXT_MAX];

			if (program_rule_matches(program, &chain->rules[i], tuple) !=
			    reference_rule_matches(chain->rules[i].rule, tuple))
				fail_msg("seed %llu: %s: %s", (unsigned long long)seed,
					 chain->rules[i].rule->name, tuple_text(tuple, text));
		}
	}
}

static void program_agrees_with_reference(void **state)
{
	static const struct random_policy_options options;

	(void)state;
	for (uint64_t seed = 1; seed <= POLICIES; seed++) {
		struct random random = { seed };
		struct policy *policy = random_policy(&random, &options);
		struct program *program;

		assert_int_equal(program_new(policy, &program, NULL), 0);
		for (int i = 0; i < TUPLES; i++) {
			struct tuple tuple = border_tuple(policy, &random);

			check_tuple(program, &tuple, seed);
		}
		program_free(program);
		policy_free(policy);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(program_agrees_with_reference),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
