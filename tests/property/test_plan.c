/*
 * Random policies: whatever a plan decides, in any tier, the reference decides too, and names the
 * same rules; no two of its rules tie and disagree; and it does decide something.
 */
#include "compile/plan.h"
#include "compile/reference.h"
#include "support/border.h"
#include "support/plan_check.h"
#include "support/random_policy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define POLICIES 600
#define TUPLES   500

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

static void check_policy(struct plan_check *check, struct random *random)
{
	for (int i = 0; i < TUPLES; i++) {
		struct tuple tuple = border_tuple(check->policy, random);
		struct judgement judgement;

		tuple.direction = DIRECTION_INBOUND;
		reference_judge(check->policy, &tuple, &judgement);
		plan_check_tuple(check, &tuple, &judgement, random);
	}
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

/* What was hit may be anything: it only says what to choose. */
static uint64_t *random_hits(const struct program *program, enum stage stage, struct random *random)
{
	size_t count = program->chain[DIRECTION_INBOUND][stage].count;
	uint64_t *hits = calloc(count + 1, sizeof(*hits));

	for (size_t i = 0; i < count; i++)
		hits[i] = random_percent(random, 50)
				  ? random_next(random) >> random_below(random, 64)
				  : 0;
	return hits;
}

static void check_tier(enum plan_tier tier, bool must_mark)
{
	uint64_t marked = 0, dropped = 0;

	for (uint64_t seed = 1; seed <= POLICIES; seed++) {
		struct random random = { seed };
		struct policy *policy = guarded_policy(&random);
		struct plan_options plan_options = {
			.tier = tier,
			.drops = true,
			.rule_limit = random_percent(&random, 20) ? random_below(&random, 60) : 0,
			.priorities = 2 + random_below(&random, 3),
		};
		uint64_t *hits[STAGES] = { NULL };
		struct program *program;
		struct plan *plan;
		struct plan_check check;
		char where[64];

		assert_int_equal(program_new(policy, &program, NULL), 0);
		for (int s = 0; s < STAGES && random_percent(&random, 60); s++)
			plan_options.hits[s] = hits[s] =
				random_hits(program, (enum stage)s, &random);
		assert_int_equal(plan_new(policy, program, &plan_options, &plan, NULL), 0);
		(void)snprintf(where, sizeof(where), "seed %llu", (unsigned long long)seed);
		check = (struct plan_check){ .policy = policy, .plan = plan, .where = where };
		if (plan_options.rule_limit)
			assert_true(plan->rule_count <= plan_options.rule_limit);
		check_policy(&check, &random);
		marked += check.marked;
		dropped += check.dropped;
		for (int s = 0; s < STAGES; s++)
			free(hits[s]);
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
