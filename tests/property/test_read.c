/*
 * Random policies as documents: what is read back judges every border tuple as the original does.
 * Holds the reader, and the writer that tests use, to the meaning of a policy.
 */
#include "compile/reference.h"
#include "policy/read.h"
#include "support/border.h"
#include "support/random_policy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define POLICIES 300
#define TUPLES   200

static struct policy *read_back(const char *text, uint64_t seed)
{
	static const struct policy_read_options options;
	struct policy *policy = NULL;
	JSON_CLEANUP struct json *document = NULL;
	struct report report;

	report_init(&report);
	assert_int_equal(json_parse(text, strlen(text), NULL, &document, NULL), 0);
	if (policy_build(document, &options, &report, &policy) < 0)
		fail_msg("seed %llu: %s: %s\n%s", (unsigned long long)seed,
			 report.problems[0].pointer, report.problems[0].detail, text);
	report_fini(&report);
	return policy;
}

static bool same_rule(const struct rule *a, const struct rule *b)
{
	return (!a && !b) || (a && b && strcmp(a->name, b->name) == 0);
}

static void check(const struct policy *original, const struct policy *copy,
		  const struct tuple *tuple, uint64_t seed)
{
	struct judgement wanted, got;
	char text[TUPLE_TEXT_MAX];
	bool same;

	reference_judge(original, tuple, &wanted);
	reference_judge(copy, tuple, &got);
	same = wanted.access == got.access && wanted.decided == got.decided &&
	       wanted.stage == got.stage;
	for (int stage = 0; stage < STAGES; stage++)
		same = same && same_rule(wanted.matched[stage], got.matched[stage]);
	if (!same)
		fail_msg("seed %llu: %s: %s by %s, read back %s by %s", (unsigned long long)seed,
			 tuple_text(tuple, text), access_name(wanted.access),
			 wanted.rule ? wanted.rule->name : "(none)", access_name(got.access),
			 got.rule ? got.rule->name : "(none)");
}

static void documents_keep_their_meaning(void **state)
{
	static const struct random_policy_options options = { .readable = true };

	(void)state;
	for (uint64_t seed = 1; seed <= POLICIES; seed++) {
		struct random random = { seed };
		struct policy *original = random_policy(&random, &options);
		char *text = random_policy_text(original);
		struct policy *copy = read_back(text, seed);

		for (int i = 0; i < TUPLES; i++) {
			struct tuple tuple = border_tuple(original, &random);

			check(original, copy, &tuple, seed);
		}
		free(text);
		policy_free(copy);
		policy_free(original);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(documents_keep_their_meaning),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
