/*
 * Random policies: every SIMD path of the classifier names, for every border tuple, the same rule
 * at each stage as the reference.
 */
#include "classify/classifier_tables.h"
#include "classify/classifier_tuple.h"
#include "compile/reference.h"
#include "support/border.h"
#include "support/random_policy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define TUPLES 512

static const char *name_of(const struct rule *rule)
{
	return rule ? rule->name : "(none)";
}

static void check(const struct judgement *wanted, const struct judgement *got,
		  const struct tuple *tuple, const char *simd, uint64_t seed)
{
	bool same = wanted->access == got->access && wanted->decided == got->decided &&
		    wanted->stage == got->stage && wanted->rule == got->rule;
	char text[TUPLE_TEXT_MAX];

	for (int stage = 0; stage < STAGES; stage++)
		same = same && wanted->matched[stage] == got->matched[stage];
	if (same)
		return;
	fail_msg("seed %llu, %s: %s: reference %s %s at %s, classifier %s %s at %s",
		 (unsigned long long)seed, simd, tuple_text(tuple, text),
		 access_name(wanted->access), name_of(wanted->rule), stage_name(wanted->stage),
		 access_name(got->access), name_of(got->rule), stage_name(got->stage));
}

static unsigned count_sparse(const struct classifier *classifier)
{
	unsigned count = 0;

	for (int direction = 0; direction < DIRECTIONS; direction++) {
		for (int family = 0; family < IP_FAMILIES; family++)
			count += classifier->set[direction][family].is_sparse;
	}
	return count;
}

/* Returns how many of the table sets had lists of sparse rules. */
static unsigned check_policy(const struct policy *policy, struct random *random, uint64_t seed)
{
	struct tuple tuples[TUPLES];
	struct judgement wanted[TUPLES], got[TUPLES];
	struct program *program;
	unsigned sparse = 0;

	assert_int_equal(program_new(policy, &program, NULL), 0);
	for (int i = 0; i < TUPLES; i++) {
		tuples[i] = border_tuple(policy, random);
		reference_judge(policy, &tuples[i], &wanted[i]);
	}
	for (int simd = CLASSIFIER_SCALAR; simd <= CLASSIFIER_BEST; simd++) {
		struct classifier *classifier;
		struct accelnet_error err;

		if (classifier_new(program, (enum classifier_simd)simd, &classifier, &err) < 0) {
			assert_int_equal(err.code, ACCELNET_E_UNSUPPORTED);
			continue;
		}
		classifier_judge_tuples(classifier, program, tuples, TUPLES, got);
		for (int i = 0; i < TUPLES; i++)
			check(&wanted[i], &got[i], &tuples[i], classifier_simd_name(classifier),
			      seed);
		sparse += count_sparse(classifier);
		classifier_free(classifier);
	}
	program_free(program);
	return sparse;
}

static unsigned run(uint64_t first_seed, uint64_t policies,
		    const struct random_policy_options *options)
{
	unsigned sparse = 0;

	for (uint64_t seed = first_seed; seed < first_seed + policies; seed++) {
		struct random random = { seed };
		struct policy *policy = random_policy(&random, options);

		sparse += check_policy(policy, &random, seed);
		policy_free(policy);
	}
	return sparse;
}

static void small_policies(void **state)
{
	static const struct random_policy_options options = { .rules_max = 12 };

	(void)state;
	(void)run(1, 400, &options);
}

/* Rows of two to four lines, shared by stages. */
static void middling_policies(void **state)
{
	static const struct random_policy_options options = { .rules_max = 700 };

	(void)state;
	(void)run(10000, 12, &options);
}

/* Rows of more lines, each stage on lines of its own: addresses repeat, so lists do not pay. */
static void large_policies(void **state)
{
	static const struct random_policy_options options = { .rules_max = 4000 };

	(void)state;
	assert_int_equal(run(20000, 3, &options), 0);
}

/* Most rules in lists. */
static void sparse_policies(void **state)
{
	static const struct random_policy_options options = { .rules_max = 4000, .spread = true };

	(void)state;
	assert_true(run(30000, 6, &options) > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(small_policies),
		cmocka_unit_test(middling_policies),
		cmocka_unit_test(large_policies),
		cmocka_unit_test(sparse_policies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
