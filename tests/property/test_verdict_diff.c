/*
 * Random policies: every change of verdict that a search by chance finds is in the diff, if that is
 * complete; every example in the diff is one; rules that are said to make no difference make none.
 */
#include "compile/reach.h"
#include "compile/reference.h"
#include "compile/verdict_diff.h"
#include "support/border.h"
#include "support/random_policy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define PAIRS  60
#define TUPLES 2000

struct compiled {
	struct policy *policy;
	struct program *program;
};

static struct compiled random_program(struct random *random)
{
	const struct random_policy_options options = { .rules_max = 6 };
	struct compiled compiled = { .policy = random_policy(random, &options) };
	struct accelnet_error err;

	if (program_new(compiled.policy, &compiled.program, &err) < 0)
		fail_msg("%s", err.detail);
	return compiled;
}

static void compiled_fini(struct compiled *compiled)
{
	program_free(compiled->program);
	policy_free(compiled->policy);
}

static bool same_rules(const struct verdict_change *change, const struct judgement *before,
		       const struct judgement *after)
{
	return change->before.rule == before->rule && change->after.rule == after->rule &&
	       change->before.stage == before->stage && change->after.stage == after->stage;
}

/* The judgements of a tuple agree with the diff, whether it changes or not. */
static void check_tuple(const struct compiled *a, const struct compiled *b,
			const struct verdict_diff *diff, const struct tuple *tuple)
{
	struct judgement before, after;
	char text[TUPLE_TEXT_MAX];

	reference_judge(a->policy, tuple, &before);
	reference_judge(b->policy, tuple, &after);
	if (before.access == after.access)
		return;
	for (size_t i = 0; i < diff->count; i++) {
		if (same_rules(&diff->changes[i], &before, &after))
			return;
	}
	fail_msg("a change that the diff does not have: %s", tuple_text(tuple, text));
}

static void check_example(const struct compiled *a, const struct compiled *b,
			  const struct verdict_change *change)
{
	struct judgement before, after;
	char text[TUPLE_TEXT_MAX];

	reference_judge(a->policy, &change->tuple, &before);
	reference_judge(b->policy, &change->tuple, &after);
	if (before.access == after.access || !same_rules(change, &before, &after))
		fail_msg("not a change: %s", tuple_text(&change->tuple, text));
}

static size_t completed, changed;

static void check_pair(struct random *random)
{
	struct compiled a = random_program(random), b = random_program(random);
	struct verdict_diff *diff = NULL;
	struct accelnet_error err;

	assert_int_equal(verdict_diff_new(a.program, b.program, VERDICT_DIFF_BUDGET, &diff, &err),
			 0);
	for (size_t i = 0; i < diff->count; i++)
		check_example(&a, &b, &diff->changes[i]);
	for (size_t i = 0; i < TUPLES && diff->complete; i++) {
		struct tuple tuple = border_tuple(i % 2 ? a.policy : b.policy, random);

		check_tuple(&a, &b, diff, &tuple);
	}
	completed += diff->complete;
	changed += diff->count > 0;
	verdict_diff_free(diff);
	compiled_fini(&a);
	compiled_fini(&b);
}

static void changes_are_found(void **state)
{
	struct random random = { .state = 1 };

	(void)state;
	for (size_t i = 0; i < PAIRS; i++)
		check_pair(&random);
	assert_true(completed >= PAIRS / 2); /* else this would test little */
	assert_true(changed >= PAIRS / 2);
}

/* The first rule of the list that matches, left out `without`; NULL where none does. */
static const struct rule *first_match(const struct rule_list *list, const struct tuple *tuple,
				      const struct rule *without)
{
	for (size_t i = 0; i < list->count; i++) {
		if (&list->rules[i] != without && reference_rule_matches(&list->rules[i], tuple))
			return &list->rules[i];
	}
	return NULL;
}

static enum access access_of(const struct rule *rule, enum stage stage)
{
	if (rule)
		return rule->access;
	return stage == STAGE_ACL ? ACCESS_ALLOW : ACCESS_DENY;
}

static void check_reach(const struct compiled *compiled, enum stage stage, struct random *random)
{
	struct tuple tuple = border_tuple(compiled->policy, random);
	const struct rule_list *list = &compiled->policy->stage[stage].list[tuple.direction];
	const struct rule *match = first_match(list, &tuple, NULL);
	enum rule_reach *reach = NULL;
	struct accelnet_error err;

	if (!compiled->policy->stage[stage].present || !match)
		return;
	assert_int_equal(reach_of_chain(compiled->program, tuple.direction, stage, REACH_BUDGET,
					&reach, &err),
			 0);
	assert_int_not_equal(reach[match - list->rules], REACH_NEVER);
	if (access_of(match, stage) != access_of(first_match(list, &tuple, match), stage))
		assert_true(reach[match - list->rules] == REACH_NEEDED ||
			    reach[match - list->rules] == REACH_UNKNOWN);
	free(reach);
}

static void rules_without_effect_have_none(void **state)
{
	struct random random = { .state = 2 };

	(void)state;
	for (size_t i = 0; i < PAIRS; i++) {
		struct compiled compiled = random_program(&random);

		for (size_t k = 0; k < 30; k++)
			check_reach(&compiled, (enum stage)(k % STAGES), &random);
		compiled_fini(&compiled);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(changes_are_found),
		cmocka_unit_test(rules_without_effect_have_none),
	};

	return cmocka_run_group_tests_name("property_verdict_diff", tests, NULL, NULL);
}
