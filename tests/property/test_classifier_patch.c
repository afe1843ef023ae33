/*
 * Random policies that change rule by rule: a patched program and classifier name, for every border
 * tuple, the same rule at each stage as the reference does of the policy as it is now; and the
 * edits that they are patched by say exactly what differs.
 */
#include "classify/classifier_tuple.h"
#include "compile/reference.h"
#include "support/border.h"
#include "support/change_rule.h"
#include "support/random_policy.h"
#include "testpmd/synthetic_change.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define TUPLES 256

/* What is in force: replaced as an apply does. */
struct world {
	struct policy *policy;
	struct program *program;
	struct classifier *classifier;
	unsigned patched; /* how often, and how often built anew meanwhile */
	unsigned built;
};

static const char *name_of(const struct rule *rule)
{
	return rule ? rule->name : "(none)";
}

static bool same_judgement(const struct judgement *a, const struct judgement *b)
{
	bool same = a->access == b->access && a->decided == b->decided && a->stage == b->stage &&
		    a->rule == b->rule;

	for (int stage = 0; stage < STAGES; stage++)
		same = same && a->matched[stage] == b->matched[stage];
	return same;
}

static void check_verdicts(const struct world *world, struct random *random, uint64_t seed)
{
	struct tuple tuples[TUPLES];
	struct judgement got[TUPLES];

	for (int i = 0; i < TUPLES; i++)
		tuples[i] = border_tuple(world->policy, random);
	classifier_judge_tuples(world->classifier, world->program, tuples, TUPLES, got);
	for (int i = 0; i < TUPLES; i++) {
		struct judgement wanted;
		char text[TUPLE_TEXT_MAX];

		reference_judge(world->policy, &tuples[i], &wanted);
		if (same_judgement(&wanted, &got[i]))
			continue;
		fail_msg("seed %llu, %u patched, %u built: %s: reference %s %s at %s, "
			 "classifier %s %s at %s",
			 (unsigned long long)seed, world->patched, world->built,
			 tuple_text(&tuples[i], text), access_name(wanted.access),
			 name_of(wanted.rule), stage_name(wanted.stage), access_name(got[i].access),
			 name_of(got[i].rule), stage_name(got[i].stage));
	}
}

static bool same_groups(const struct address_group *a, const struct address_group *b)
{
	for (int family = 0; family < IP_FAMILIES; family++) {
		if (a->range_count[family] != b->range_count[family])
			return false;
		for (size_t i = 0; i < a->range_count[family]; i++) {
			if (a->ranges[family][i].first != b->ranges[family][i].first ||
			    a->ranges[family][i].last != b->ranges[family][i].last)
				return false;
		}
	}
	return true;
}

/* But for the numbers of groups, the program is the one that is compiled anew. */
static void check_program(const struct world *world)
{
	struct program *wanted;

	assert_int_equal(program_new(world->policy, &wanted, NULL), 0);
	for (int i = 0; i < DIRECTIONS * STAGES; i++) {
		const struct program_chain *a = &wanted->chain[i % DIRECTIONS][i / DIRECTIONS];
		const struct program_chain *b =
			&world->program->chain[i % DIRECTIONS][i / DIRECTIONS];

		assert_int_equal(a->present, b->present);
		assert_int_equal(a->count, b->count);
		for (size_t k = 0; k < a->count; k++) {
			const struct program_rule *x = &a->rules[k], *y = &b->rules[k];

			assert_ptr_equal(x->rule, y->rule);
			assert_ptr_equal(x->source_ports, y->source_ports);
			assert_ptr_equal(x->destination_ports, y->destination_ports);
			assert_int_equal(x->access, y->access);
			assert_memory_equal(x->protocols, y->protocols, sizeof(x->protocols));
			assert_true(same_groups(&wanted->groups[x->source],
						&world->program->groups[y->source]));
			assert_true(same_groups(&wanted->groups[x->destination],
						&world->program->groups[y->destination]));
		}
	}
	program_free(wanted);
	for (size_t i = 0; i < world->program->group_count; i++) {
		for (size_t k = 0; k < i && world->program->group_count < 100; k++)
			assert_false(same_groups(&world->program->groups[i],
						 &world->program->groups[k]));
	}
}

static void build(const struct policy *policy, enum classifier_simd simd, struct program **program,
		  struct classifier **classifier)
{
	assert_int_equal(program_new(policy, program, NULL), 0);
	if (classifier_new(*program, simd, classifier, NULL) < 0)
		assert_int_equal(classifier_new(*program, CLASSIFIER_BEST, classifier, NULL), 0);
}

/* Takes the policy over. */
static void replace(struct world *world, struct policy *policy, enum classifier_simd simd)
{
	struct classifier *classifier;
	struct policy_edit edit;
	struct program *program;

	assert_int_equal(policy_edit_find(world->policy, policy, &edit), POLICY_EDIT_FEW);
	assert_true(edit.removed_count <= 1 && edit.added_count <= 1);
	if (program_new_edited(world->program, policy, &edit, &program, NULL) == PROGRAM_EDITED &&
	    classifier_new_patched(world->classifier, program, &edit, &classifier, NULL) ==
		    CLASSIFIER_PATCHED) {
		world->patched++;
	} else {
		if (world->program->edits < PROGRAM_EDITS_MAX)
			program_free(program);
		build(policy, simd, &program, &classifier);
		world->built++;
	}
	classifier_free(world->classifier);
	program_free(world->program);
	policy_free(world->policy);
	*world = (struct world){ policy, program, classifier, world->patched, world->built };
}

/* Returns how often it was patched. */
static unsigned run_one(uint64_t seed, unsigned changes,
			const struct random_policy_options *options)
{
	enum classifier_simd simd = (enum classifier_simd)(seed % (CLASSIFIER_BEST + 1));
	struct random random = { seed };
	struct world world = { .policy = random_policy(&random, options) };

	build(world.policy, simd, &world.program, &world.classifier);
	for (unsigned i = 0; i < changes; i++) {
		struct policy *policy = synthetic_copy(world.policy);

		change_rule(policy, &random);
		replace(&world, policy, simd);
		check_verdicts(&world, &random, seed);
		check_program(&world);
	}
	classifier_free(world.classifier);
	program_free(world.program);
	policy_free(world.policy);
	return world.patched;
}

static void run(uint64_t first_seed, uint64_t policies, unsigned changes,
		const struct random_policy_options *options)
{
	unsigned patched = 0;

	for (uint64_t seed = first_seed; seed < first_seed + policies; seed++)
		patched += run_one(seed, changes, options);
	/* most of the changes, and not all: rules are compared one by one only up to some */
	assert_true(patched > policies * changes / 2);
	assert_true(patched < policies * changes);
}

static void small_policies(void **state)
{
	static const struct random_policy_options options = { .rules_max = 12 };

	(void)state;
	run(1, 150, 24, &options);
}

static void middling_policies(void **state)
{
	static const struct random_policy_options options = { .rules_max = 700 };

	(void)state;
	run(10000, 6, 24, &options);
}

/* Rows of more lines, and most rules in lists. */
static void large_policies(void **state)
{
	static const struct random_policy_options rows = { .rules_max = 4000 };
	static const struct random_policy_options lists = { .rules_max = 4000, .spread = true };

	(void)state;
	run(20000, 1, 30, &rows);
	run(30000, 3, 30, &lists);
}

/* Removed again and again: more rules of the tables go than a patch holds. */
static void many_changes(void **state)
{
	static const struct random_policy_options options = { .rules_max = 100 };

	(void)state;
	run(40000, 3, 200, &options);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(small_policies),
		cmocka_unit_test(middling_policies),
		cmocka_unit_test(large_policies),
		cmocka_unit_test(many_changes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
