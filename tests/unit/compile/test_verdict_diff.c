/*
 * Changes of verdicts and rules that make no difference, on policies that can be checked by hand.
 */
#include "compile/reach.h"
#include "compile/reference.h"
#include "compile/verdict_diff.h"
#include "policy/read.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define DOCUMENT(rules)                                                            \
	"{'apiVersion':'accelnet/v1','context':{'virtualNetwork':['10.1.0.0/16']," \
	"'serviceTags':{'Sql':['192.0.2.0/24','198.51.100.0/24']}},"               \
	"'nicNsg':{'securityRules':[" rules "]}}"
#define RULE(name, priority, access, protocol, from, port)                                            \
	"{'name':'" name "','priority':" priority ",'direction':'Inbound','access':'" access          \
	"','protocol':'" protocol "','sourceAddressPrefix':'" from                                    \
	"','destinationAddressPrefix':'10.1.0.4','sourcePortRange':'*','destinationPortRange':'" port \
	"'}"

struct compiled {
	struct policy *policy;
	struct program *program;
};

static struct compiled compile(const char *quoted)
{
	struct compiled compiled = { 0 };
	struct json *document = NULL;
	struct accelnet_error err;
	struct report report;
	char *text = strdup(quoted);

	assert_non_null(text);
	for (char *p = text; *p; p++) {
		if (*p == '\'')
			*p = '"';
	}
	report_init(&report);
	assert_int_equal(json_parse(text, strlen(text), NULL, &document, &err), 0);
	if (policy_build(document, NULL, &report, &compiled.policy) < 0)
		fail_msg("%s", report.problems[0].detail);
	assert_int_equal(program_new(compiled.policy, &compiled.program, &err), 0);
	json_free(document);
	report_fini(&report);
	free(text);
	return compiled;
}

static void compiled_fini(struct compiled *compiled)
{
	program_free(compiled->program);
	policy_free(compiled->policy);
}

/* --- changes --- */

struct change_case {
	const char *why;
	const char *before;
	const char *after;
	const char *changes; /* "rule > rule protocol/port; " each, sorted */
};

#define HTTPS   RULE("https", "200", "Allow", "Tcp", "*", "443")
#define SSH     RULE("ssh", "210", "Allow", "Tcp", "10.1.0.0/24", "22")
#define DENY_10 RULE("deny-10", "100", "Deny", "*", "10.1.0.0/16", "*")

static const struct change_case changes[] = {
	{ "the same", DOCUMENT(HTTPS), DOCUMENT(HTTPS), "" },
	{ "the same under another name", DOCUMENT(HTTPS),
	  DOCUMENT(RULE("web", "200", "Allow", "Tcp", "*", "443")), "" },
	{ "what a default rule allows anyway", DOCUMENT(HTTPS), DOCUMENT(HTTPS "," SSH), "" },
	{ "a rule more", DOCUMENT(""), DOCUMENT(HTTPS), "DenyAllInBound > https 6/443; " },
	{ "a rule less: what comes behind it decides", DOCUMENT(DENY_10 "," HTTPS "," SSH),
	  DOCUMENT(HTTPS "," SSH),
	  "deny-10 > AllowVnetInBound 6/80; deny-10 > https 6/443; deny-10 > ssh 6/22; " },
	{ "order alone", DOCUMENT(RULE("a", "100", "Deny", "Tcp", "192.0.2.0/24", "443") "," HTTPS),
	  DOCUMENT(RULE("a", "300", "Deny", "Tcp", "192.0.2.0/24", "443") "," HTTPS),
	  "a > https 6/443; " },
	{ "what is hidden behind another rule",
	  DOCUMENT(HTTPS "," RULE("x", "300", "Allow", "Tcp", "192.0.2.0/24", "443")),
	  DOCUMENT(HTTPS "," RULE("x", "300", "Deny", "Tcp", "192.0.2.0/24", "443")), "" },
	{ "fewer prefixes", DOCUMENT(RULE("sql", "100", "Allow", "Tcp", "Sql", "1433")),
	  DOCUMENT(RULE("sql", "100", "Allow", "Tcp", "192.0.2.0/24", "1433")),
	  "sql > DenyAllInBound 6/1433; " },
	{ "an NSG less", DOCUMENT(""), "{'apiVersion':'accelnet/v1'}",
	  "DenyAllInBound > - 6/443; DenyAllInBound > - 6/443; "
	  "DenyAllOutBound > - 6/443; DenyAllOutBound > - 6/443; " },
};

/* The example's addresses, too, must lead to these verdicts by the reference's word. */
static void check_example(const struct compiled *before, const struct compiled *after,
			  const struct verdict_change *change)
{
	struct judgement judgement;

	reference_judge(before->policy, &change->tuple, &judgement);
	assert_int_equal(judgement.access, change->before.access);
	assert_ptr_equal(judgement.rule, change->before.rule);
	reference_judge(after->policy, &change->tuple, &judgement);
	assert_int_equal(judgement.access, change->after.access);
	assert_ptr_equal(judgement.rule, change->after.rule);
}

static const char *name_of(const struct judgement *judgement)
{
	return judgement->rule ? judgement->rule->name : "-";
}

static int compare_texts(const void *a, const void *b)
{
	return strcmp(a, b);
}

static void check_changes(const struct change_case *t)
{
	struct compiled before = compile(t->before), after = compile(t->after);
	char lines[10][100], found[1000] = "";
	struct verdict_diff *diff = NULL;
	struct accelnet_error err;

	assert_int_equal(
		verdict_diff_new(before.program, after.program, VERDICT_DIFF_BUDGET, &diff, &err),
		0);
	assert_true(diff->complete);
	assert_true(diff->count <= 10);
	for (size_t i = 0; i < diff->count; i++) {
		const struct verdict_change *change = &diff->changes[i];

		check_example(&before, &after, change);
		(void)snprintf(lines[i], sizeof(lines[i]), "%s > %s %u/%u; ",
			       name_of(&change->before), name_of(&change->after),
			       change->tuple.protocol, change->tuple.destination_port);
	}
	qsort(lines, diff->count, sizeof(lines[0]), compare_texts);
	for (size_t i = 0; i < diff->count; i++)
		strcat(found, lines[i]);
	if (strcmp(found, t->changes) != 0)
		fail_msg("%s: \"%s\", expected \"%s\"", t->why, found, t->changes);
	verdict_diff_free(diff);
	compiled_fini(&before);
	compiled_fini(&after);
}

static void verdicts_that_change_are_found(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++)
		check_changes(&changes[i]);
}

/* --- reach --- */

static void rules_without_effect_are_found(void **state)
{
	static const enum rule_reach expected[] = {
		REACH_NEEDED,    /* a */
		REACH_NEEDED,    /* b */
		REACH_NEVER,     /* a and b take all of it together */
		REACH_REDUNDANT, /* DenyAllInBound denies the same */
		REACH_REDUNDANT, /* AllowVnetInBound allows the same */
		REACH_NEVER,     /* an Allow for ICMP with ports */
		REACH_NEEDED,    /* AllowVnetInBound */
		REACH_NEEDED,    /* AllowAzureLoadBalancerInBound */
		REACH_REDUNDANT, /* DenyAllInBound: nothing allowed would be the same */
	};
	struct compiled compiled =
		compile(DOCUMENT(RULE("a", "100", "Allow", "Tcp", "192.0.2.0/25", "443") "," RULE(
			"b", "110", "Allow", "Tcp", "192.0.2.128/25",
			"443") "," RULE("c", "120", "Deny", "Tcp", "192.0.2.0/24",
					"443") "," RULE("d", "130", "Deny", "Udp", "192.0.2.0/24",
							"53") "," RULE("e", "140", "Allow", "Udp",
								       "10.1.2.0/24",
								       "53") "," RULE("f", "150",
										      "Allow",
										      "Icmp", "*",
										      "8")));
	enum rule_reach *reach = NULL;
	struct accelnet_error err;

	(void)state;
	assert_int_equal(reach_of_chain(compiled.program, DIRECTION_INBOUND, STAGE_NIC,
					REACH_BUDGET, &reach, &err),
			 0);
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
		if (reach[i] != expected[i])
			fail_msg("rule %zu is %s, expected %s", i, reach_name(reach[i]),
				 reach_name(expected[i]));
	}
	free(reach);
	compiled_fini(&compiled);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(verdicts_that_change_are_found),
		cmocka_unit_test(rules_without_effect_are_found),
	};

	return cmocka_run_group_tests_name("compile_verdict_diff", tests, NULL, NULL);
}
