/*
 * A policy that is written as a document and read back gives the same verdicts and names the same
 * rules; so does its canonical form.
 */
#include "compile/reference.h"
#include "policy/read.h"
#include "support/border.h"
#include "support/random_policy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define POLICIES 1000
#define TUPLES   200

static struct policy *read_back(const struct json *document)
{
	struct policy *policy = NULL;
	struct report report;

	report_init(&report);
	if (policy_build(document, NULL, &report, &policy) < 0)
		fail_msg("refused at %s: %s", report.problems[0].pointer,
			 report.problems[0].detail);
	report_fini(&report);
	return policy;
}

static const char *name_of(const struct judgement *judgement)
{
	return judgement->rule ? judgement->rule->name : "";
}

static void check_tuple(const struct policy *made, const struct policy *read,
			const struct tuple *tuple)
{
	struct judgement expected, found;
	char text[TUPLE_TEXT_MAX];

	reference_judge(made, tuple, &expected);
	reference_judge(read, tuple, &found);
	if (expected.access != found.access || expected.stage != found.stage ||
	    strcmp(name_of(&expected), name_of(&found)) != 0)
		fail_msg("%s: %s by %s, was %s by %s", tuple_text(tuple, text),
			 access_name(found.access), name_of(&found), access_name(expected.access),
			 name_of(&expected));
}

static void check_policy(uint64_t seed)
{
	const struct random_policy_options options = { .readable = true };
	struct json *document = NULL, *canonical;
	struct policy *made, *read, *again;
	struct random random = { .state = seed };
	char *text;

	made = random_policy(&random, &options);
	text = random_policy_text(made);
	assert_int_equal(json_parse(text, strlen(text), NULL, &document, NULL), 0);
	canonical = policy_document_canonical(document);
	read = read_back(document);
	again = read_back(canonical);
	for (size_t i = 0; i < TUPLES; i++) {
		struct tuple tuple = border_tuple(made, &random);

		check_tuple(made, read, &tuple);
		check_tuple(made, again, &tuple);
	}
	policy_free(made);
	policy_free(read);
	policy_free(again);
	json_free(canonical);
	json_free(document);
	free(text);
}

static void written_and_read_is_the_same(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= POLICIES; seed++)
		check_policy(seed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(written_and_read_is_the_same),
	};

	return cmocka_run_group_tests_name("property_reader", tests, NULL, NULL);
}
