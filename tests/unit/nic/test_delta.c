/*
 * Rules added, kept and removed between two policies.
 */
#include "nic/delta.h"
#include "policy/read.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define RULE(name, priority, source, port)                                      \
	"{\"name\":\"" name "\",\"properties\":{\"priority\":" priority         \
	",\"direction\":\"Inbound\",\"access\":\"Allow\",\"protocol\":\"Tcp\"," \
	"\"sourceAddressPrefix\":\"" source "\",\"sourcePortRange\":\"*\","     \
	"\"destinationAddressPrefix\":\"*\",\"destinationPortRange\":\"" port "\"}}"

static struct policy *build(const char *level, const char *rules)
{
	struct policy_read_options options = { 0 };
	struct policy *policy = NULL;
	struct json *json = NULL;
	struct report report;
	char text[4096];

	(void)snprintf(
		text, sizeof(text),
		"{\"apiVersion\":\"accelnet/v1\",\"%s\":{\"name\":\"n\",\"properties\":"
		"{\"securityRules\":[%s]}},\"context\":{\"virtualNetwork\":[\"10.0.0.0/8\"]}}",
		level, rules);
	assert_int_equal(json_parse(text, strlen(text), NULL, &json, NULL), 0);
	report_init(&report);
	if (policy_build(json, &options, &report, &policy) < 0)
		fail_msg("%s: %s", report.problems[0].pointer, report.problems[0].detail);
	report_fini(&report);
	json_free(json);
	return policy;
}

static void check(const char *level_before, const char *before, const char *level_after,
		  const char *after, size_t added, size_t kept, size_t removed)
{
	struct policy *old = before ? build(level_before, before) : NULL;
	struct policy *new = build(level_after, after);
	struct policy_delta delta;

	assert_int_equal(policy_delta(old, new, &delta), 0);
	assert_int_equal(delta.added, added);
	assert_int_equal(delta.kept, kept);
	assert_int_equal(delta.removed, removed);
	policy_free(old);
	policy_free(new);
}

static void counts_changes(void **state)
{
	const char one[] = RULE("a", "100", "1.0.0.0/8", "80");
	const char two[] = RULE("a", "100", "1.0.0.0/8", "80") "," RULE("b", "110", "*", "443");

	(void)state;
	check("nicNsg", NULL, "nicNsg", two, 2, 0, 0);
	check("nicNsg", one, "nicNsg", two, 1, 1, 0);
	check("nicNsg", two, "nicNsg", one, 0, 1, 1);
	check("nicNsg", two, "nicNsg", two, 0, 2, 0);
	check("nicNsg", two, "nicNsg", "", 0, 0, 2);
	check("nicNsg", one, "nicNsg", RULE("a", "100", "1.0.0.0/8", "81"), 1, 0, 1);
	check("nicNsg", one, "nicNsg", RULE("a", "100", "1.0.0.0/9", "80"), 1, 0, 1);
	check("nicNsg", one, "nicNsg", RULE("a", "101", "1.0.0.0/8", "80"), 1, 0, 1);
	check("nicNsg", one, "nicNsg", RULE("c", "100", "1.0.0.0/8", "80"), 1, 0, 1);
}

static void tells_levels_apart(void **state)
{
	const char one[] = RULE("a", "100", "1.0.0.0/8", "80");

	(void)state;
	check("nicNsg", one, "subnetNsg", one, 1, 0, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts_changes),
		cmocka_unit_test(tells_levels_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
