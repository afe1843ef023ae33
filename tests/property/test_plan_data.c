/*
 * Real, generated and adversarial policies: what a device of any tier decides is what the reference
 * decides, by the same rules, on tuples aimed at the borders of the policy's ranges.
 *
 * The real ones are read from the folder of shared data; without it that test is skipped. Policies
 * that say the same of what arrives are tried once.
 *
 *     --full         a million tuples for each policy and tier, else few
 *     --tuples N     so many
 *     --shard I/N    every Nth policy only, from the Ith on: several processes share the work
 */
#include "compile/plan.h"
#include "compile/reference.h"
#include "support/border.h"
#include "support/data_policies.h"
#include "support/inbound_text.h"
#include "support/plan_check.h"
#include "support/random_policy.h"
#include "testpmd/generate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define FULL 1000000

static bool full;
static unsigned tuples_wanted; /* 0: the tests' own choice */
static unsigned shard, shards = 1;
static struct inbound_texts seen;

/* What a visitor of policies needs. */
struct run {
	unsigned tuples;
	unsigned tried;
	uint64_t decided[PLAN_TIERS];
};

/* Not if one like it was, nor if it is another process's. */
static bool is_to_be_tried(const struct policy *policy)
{
	return !inbound_texts_have(&seen, policy) && (seen.count - 1) % shards == shard;
}

static void check_plans(struct run *run, const struct policy *policy,
			struct plan_check checks[PLAN_TIERS])
{
	struct random random = { 1 };
	unsigned count = tuples_wanted ? tuples_wanted : run->tuples;

	for (unsigned i = 0; i < count; i++) {
		struct tuple tuple = border_tuple(policy, &random);
		struct judgement judgement;

		tuple.direction = DIRECTION_INBOUND;
		reference_judge(policy, &tuple, &judgement);
		/* a plan without a rule decides nothing, whatever the packet */
		for (int tier = TIER_T1; tier < PLAN_TIERS; tier++) {
			if (checks[tier].plan->rule_count > 0)
				plan_check_tuple(&checks[tier], &tuple, &judgement, &random);
		}
	}
}

/* T2: 16 device rules for ten inbound rules of the user, and no fewer than 1,024. */
static void check_budget(const struct policy *policy, const struct plan *plan)
{
	size_t rules = 0;

	for (int s = 0; s < STAGES; s++) {
		const struct rule_list *list = &policy->stage[s].list[DIRECTION_INBOUND];

		for (size_t i = 0; i < list->count; i++)
			rules += !list->rules[i].is_default;
	}
	assert_true(plan->rule_count <= 1024 || plan->rule_count * 10 <= rules * 16);
	for (size_t i = 0; i < plan->rule_count; i++) {
		for (size_t k = plan->rule_count > 2000 ? i : 0; k < i; k++)
			assert_false(plan_rules_have_one_match(&plan->rules[i], &plan->rules[k]));
	}
}

static void check_policy(void *context, const char *name, const struct policy *policy)
{
	struct plan_check checks[PLAN_TIERS];
	struct run *run = context;
	struct program *program;

	if (!is_to_be_tried(policy))
		return;
	run->tried++;
	assert_int_equal(program_new(policy, &program, NULL), 0);
	for (int tier = 0; tier < PLAN_TIERS; tier++) {
		const struct plan_options options = { .tier = (enum plan_tier)tier, .drops = true };
		struct plan *plan;

		assert_int_equal(plan_new(policy, program, &options, &plan, NULL), 0);
		checks[tier] = (struct plan_check){
			.policy = policy,
			.plan = plan,
			.where = name,
		};
	}
	assert_int_equal(checks[TIER_T0].plan->rule_count, 0);
	check_budget(policy, checks[TIER_T2].plan);
	check_plans(run, policy, checks);
	for (int tier = 0; tier < PLAN_TIERS; tier++) {
		run->decided[tier] += checks[tier].marked + checks[tier].dropped;
		plan_free((struct plan *)checks[tier].plan);
	}
	program_free(program);
}

static void report(const struct run *run, unsigned policies)
{
	print_message("%u of %u policies tried, decided in hardware: T1 %llu, T2 %llu, T3 %llu\n",
		      run->tried, policies, (unsigned long long)run->decided[TIER_T1],
		      (unsigned long long)run->decided[TIER_T2],
		      (unsigned long long)run->decided[TIER_T3]);
	if (run->tried == 0 && shards > 1)
		return;
	assert_true(run->decided[TIER_T2] > 0);
	assert_true(run->decided[TIER_T3] >= run->decided[TIER_T2]);
}

static void real_policies(void **state)
{
	struct run run = { .tuples = 1000 };
	unsigned count = data_policies_of_azure(check_policy, &run);

	(void)state;
	if (count == 0) {
		print_message("the shared data is absent\n");
		skip();
	}
	report(&run, count);
}

static void adversarial_policies(void **state)
{
	struct run run = { .tuples = 20000 };
	unsigned count = data_policies_of_tests(check_policy, &run);

	(void)state;
	assert_true(count > 0);
	report(&run, count);
}

static void generated_policies(void **state)
{
	static const unsigned sizes[] = { 10, 100, 1000 };
	struct run run = { 0 };
	unsigned count = 0;

	(void)state;
	for (int kind = 0; kind < GENERATE_KINDS; kind++) {
		for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++, count++) {
			struct policy *policy =
				generate_policy((enum generate_kind)kind, sizes[i], 0);
			char name[40];

			(void)snprintf(name, sizeof(name), "%s of %u",
				       generate_kind_name((enum generate_kind)kind), sizes[i]);
			run.tuples = 400000 / sizes[i];
			check_policy(&run, name, policy);
			policy_free(policy);
		}
	}
	report(&run, count);
}

/* Two levels, acl, IPv6, tags and groups, and hundreds of rules in each list. */
static void large_random_policies(void **state)
{
	static const struct random_policy_options options = { .rules_max = 150, .spread = true };
	struct run run = { .tuples = 1000 };
	unsigned count = full ? 4 : 2;

	(void)state;
	for (unsigned seed = 1; seed <= count; seed++) {
		struct random random = { seed };
		struct policy *policy = random_policy(&random, &options);
		char name[40];

		(void)snprintf(name, sizeof(name), "random, seed %u", seed);
		check_policy(&run, name, policy);
		policy_free(policy);
	}
	report(&run, count);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(real_policies),
		cmocka_unit_test(adversarial_policies),
		cmocka_unit_test(generated_policies),
		cmocka_unit_test(large_random_policies),
	};

	int status;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--full") == 0)
			full = true;
		else if (strcmp(argv[i], "--tuples") == 0 && i + 1 < argc)
			tuples_wanted = (unsigned)strtoul(argv[++i], NULL, 10);
		else if (strcmp(argv[i], "--shard") == 0 && i + 1 < argc &&
			 sscanf(argv[++i], "%u/%u", &shard, &shards) == 2 && shard < shards)
			continue;
		else
			return 2;
	}
	if (full && tuples_wanted == 0)
		tuples_wanted = FULL;
	status = cmocka_run_group_tests_name("property_plan_data", tests, NULL, NULL);
	inbound_texts_fini(&seen);
	return status;
}
