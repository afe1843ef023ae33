/*
 * What the daemon says about policies: differences, templates, rules behind rules, checks.
 */
#include "../policy/build.h"
#include "control/arm_form.h"
#include "control/check.h"
#include "control/diff.h"
#include "control/rule_json.h"
#include "control/shadow.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define RULE(name, priority, access, protocol, source, destination, ports)              \
	"{'name':'" name "','properties':{'priority':" #priority                        \
	",'direction':'Inbound','access':'" access "','protocol':'" protocol            \
	"','sourceAddressPrefix':'" source "','destinationAddressPrefix':'" destination \
	"','sourcePortRange':'*','destinationPortRange':'" ports "'}}"
#define POLICY(network, rules)                                               \
	"{'apiVersion':'accelnet/v1','context':{'virtualNetwork':['" network \
	"']},'nicNsg':{'properties':{'securityRules':[" rules "]}}}"

#define WEB   RULE("web", 100, "Allow", "Tcp", "*", "*", "443")
#define WEB80 RULE("web", 100, "Allow", "Tcp", "*", "*", "80")
#define SSH   RULE("ssh", 200, "Deny", "Tcp", "10.0.0.0/8", "*", "22")

static struct json *diff(const char *before, const char *after)
{
	struct built old = build(before, NULL), new = build(after, NULL);
	struct json *json;

	assert_non_null(old.policy);
	assert_non_null(new.policy);
	json = policy_diff_json(old.policy, new.policy);
	built_fini(&old);
	built_fini(&new);
	return json;
}

static size_t length_of(const struct json *json, const char *key)
{
	const struct json_at root = json_root(json);
	struct json_at member;

	assert_true(json_get(&root, key, &member));
	return json_count(&member);
}

static bool is_identical(const struct json *json)
{
	const struct json_at root = json_root(json);
	struct json_at member;
	bool flag;

	assert_true(json_get(&root, "identical", &member));
	assert_true(json_bool(&member, &flag));
	return flag;
}

struct expectation {
	const char *before, *after;
	size_t added, removed, changed, settings;
};

static void tells_what_differs(void **state)
{
	static const struct expectation cases[] = {
		{ POLICY("10.1.0.0/16", WEB), POLICY("10.1.0.0/16", WEB), 0, 0, 0, 0 },
		{ POLICY("10.1.0.0/16", WEB "," SSH), POLICY("10.1.0.0/16", SSH "," WEB), 0, 0, 0,
		  0 },
		{ POLICY("10.1.0.0/16", WEB), POLICY("10.1.0.0/16", WEB "," SSH), 1, 0, 0, 0 },
		{ POLICY("10.1.0.0/16", WEB "," SSH), POLICY("10.1.0.0/16", SSH), 0, 1, 0, 0 },
		{ POLICY("10.1.0.0/16", WEB), POLICY("10.1.0.0/16", WEB80), 0, 0, 1, 0 },
		/* the tag VirtualNetwork is in two default rules of this direction, and two
		   outbound */
		{ POLICY("10.1.0.0/16", WEB), POLICY("10.2.0.0/16", WEB), 0, 0, 3, 0 },
		/* no NSG at all: its own rules go, and the setting tells the rest */
		{ POLICY("10.1.0.0/16", WEB),
		  "{'apiVersion':'accelnet/v1','context':{'virtualNetwork':['10.1.0.0/16']}}", 0, 1,
		  0, 1 },
		{ "{'apiVersion':'accelnet/v1'}",
		  "{'apiVersion':'accelnet/v1','options':{'mode':'audit'},"
		  "'isolation':{'sourceGuard':false},'context':{'addresses':['10.1.0.4']}}",
		  0, 0, 0, 3 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct json *json = diff(cases[i].before, cases[i].after);
		char *text = json_print(json);

		if (length_of(json, "added") != cases[i].added ||
		    length_of(json, "removed") != cases[i].removed ||
		    length_of(json, "changed") != cases[i].changed ||
		    length_of(json, "settings") != cases[i].settings)
			fail_msg("case %zu: %s", i, text);
		assert_int_equal(is_identical(json), !(cases[i].added | cases[i].removed |
						       cases[i].changed | cases[i].settings));
		free(text);
		json_free(json);
	}
}

static void names_the_changed_fields(void **state)
{
	struct json *json = diff(POLICY("10.1.0.0/16", WEB), POLICY("10.1.0.0/16", WEB80));
	char *text = json_print(json);

	(void)state;
	assert_non_null(strstr(text,
			       "\"fields\":[{\"name\":\"destinationPorts\",\"from\":[\"443\"],"
			       "\"to\":[\"80\"]}]"));
	free(text);
	json_free(json);
}

static void template_reads_back_as_the_same_rules(void **state)
{
	const char *document = "{'apiVersion':'accelnet/v1','subnetNsg':{'name':'s','properties':"
			       "{'securityRules':[" SSH "]}},'nicNsg':{'properties':{"
			       "'flushConnection':true,'securityRules':[" WEB "]}}}";
	struct built built = build(document, NULL);
	struct json *template = arm_form(built.document);
	const struct json_at root = json_root(template);
	struct json_at resources, resource, properties;
	struct policy_source *source = NULL;
	struct report report;
	size_t count = 0;

	(void)state;
	assert_true(json_get(&root, "resources", &resources));
	json_foreach(resource, &resources) {
		struct json_at nsg, original;
		char *now, *before;

		assert_true(json_get(&resource, "properties", &properties));
		nsg = json_root(built.document);
		assert_true(json_get(&nsg, count ? "nicNsg" : "subnetNsg", &original));
		nsg = original;
		assert_true(json_get(&nsg, "properties", &original));
		now = json_print(properties.value);
		before = json_print(original.value);
		assert_string_equal(now, before);
		free(now);
		free(before);
		count++;
	}
	assert_int_equal(count, 2);
	report_init(&report);
	if (policy_source_read(json_copy(template), NULL, &report, &source) == 0) {
		assert_int_equal(source->form, POLICY_FORM_ARM);
		assert_int_equal(source->count, 2);
		assert_string_equal(source->nsgs[0].name, "s");
		assert_string_equal(source->nsgs[1].name, "nic-nsg");
	} else { /* where templates are not read yet, they are at least known as such */
		assert_int_equal(report.problems[0].code, ACCELNET_E_UNSUPPORTED);
	}
	policy_source_free(source);
	report_fini(&report);
	json_free(template);
	built_fini(&built);
}

static void template_takes_no_text_for_an_expression(void **state)
{
	struct json *document =
		json_of("{'nicNsg':{'name':'[n]','properties':{'securityRules':"
			"[{'name':'r','properties':{'description':'[concat(1)]'}}]}}}");
	struct json *template = arm_form(document);
	char *text = json_print(template);

	(void)state;
	assert_non_null(strstr(text, "\"[[n]\""));
	assert_non_null(strstr(text, "\"[[concat(1)]\""));
	free(text);
	json_free(template);
	json_free(document);
}

static void finds_rules_behind_rules(void **state)
{
	static const struct {
		const char *rules;
		const char *shadow; /* of the last user rule; NULL: none */
	} cases[] = {
		{ WEB "," SSH, NULL },
		{ RULE("a", 100, "Allow", "Tcp", "10.0.0.0/8", "*", "20-30") "," SSH, "a" },
		{ RULE("a", 100, "Allow", "*", "*", "*", "*") "," SSH, "a" },
		{ RULE("a", 100, "Allow", "Udp", "*", "*", "*") "," SSH, NULL },
		{ RULE("a", 100, "Allow", "Tcp", "10.0.0.0/9", "*", "*") "," SSH, NULL },
		{ RULE("a", 100, "Allow", "Tcp", "*", "*", "23-30") "," SSH, NULL },
		{ RULE("a", 100, "Allow", "Tcp", "10.0.0.0/9", "*",
		       "*") "," RULE("b", 110, "Allow", "Tcp", "10.128.0.0/9", "*", "*") "," SSH,
		  NULL }, /* together they do; one by one they do not */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[2000];
		struct built built;
		struct program *program = NULL;
		const struct program_chain *chain;
		const struct rule *shadow;

		snprintf(text, sizeof(text), POLICY("10.1.0.0/16", "%s"), cases[i].rules);
		built = build(text, NULL);
		assert_non_null(built.policy);
		assert_int_equal(program_new(built.policy, &program, NULL), 0);
		chain = &program->chain[DIRECTION_INBOUND][STAGE_NIC];
		shadow = shadow_find(program, chain, chain->count - 4); /* before three defaults */
		if (cases[i].shadow ? !shadow || strcmp(shadow->name, cases[i].shadow) != 0
				    : shadow != NULL)
			fail_msg("case %zu: shadow is %s", i, shadow ? shadow->name : "none");
		program_free(program);
		built_fini(&built);
	}
}

static void lists_addresses_of_a_side(void **state)
{
	struct built built = build(
		POLICY("10.1.0.0/16",
		       RULE("a", 100, "Allow", "Tcp", "10.0.0.0/30", "*",
			    "1") ","
				 "{'name':'b','properties':{'priority':101,'direction':'Inbound',"
				 "'access':'Allow','protocol':'Tcp','sourceAddressPrefixes':['10.0.0.1',"
				 "'10.0.0.2','10.0.0.3','fd00::/127'],'destinationAddressPrefix':'*',"
				 "'sourcePortRange':'*','destinationPortRange':'1'}}"),
		NULL);
	static const char *const expected[] = {
		"[\"10.0.0.0/30\"]", "[\"10.0.0.1/32\",\"10.0.0.2/31\",\"fd00::/127\"]"
	};
	struct program *program = NULL;

	(void)state;
	assert_non_null(built.policy);
	assert_int_equal(program_new(built.policy, &program, NULL), 0);
	for (size_t i = 0; i < 2; i++) {
		const struct program_rule *rule =
			&program->chain[DIRECTION_INBOUND][STAGE_NIC].rules[i];
		struct json *json = rule_addresses_json(&program->groups[rule->source]);
		char *text = json_print(json);

		assert_string_equal(text, expected[i]);
		free(text);
		json_free(json);
	}
	program_free(program);
	built_fini(&built);
}

static void check_tells_every_problem(void **state)
{
	struct policy_source *source = NULL;
	struct report report;
	struct json *json;
	char *text;

	(void)state;
	report_init(&report);
	assert_int_equal(
		policy_source_read(
			json_of("[{'name':'a','properties':{'securityRules':[" RULE(
				"x", 100, "Allow", "Tcp", "Nope", "*",
				"1") "]}},{'name':'b','properties':{'securityRules':[" RULE("y",
											    100,
											    "Allow",
											    "Tcp",
											    "*",
											    "*",
											    "7-3") "," RULE("z",
													    100,
													    "Allow",
													    "Tcp",
													    "*",
													    "*",
													    "1") "]}}]"),
			NULL, &report, &source),
		0);
	json = policy_check_json(source, &(struct policy_read_options){ 0 }, NULL, false, &report);
	assert_int_equal(length_of(json, "nsgs"), 2);
	assert_int_equal(length_of(json, "errors"), 2); /* reversed range, priority twice */
	text = json_print(json);
	assert_non_null(strstr(text, "\"form\":\"nsg\""));
	assert_non_null(strstr(text, "\"pointer\":\"/1/properties/securityRules/0/"));
	assert_non_null(strstr(text, "{\"name\":\"b\",\"level\":\"nic\",\"rules\":2}"));
	assert_non_null(strstr(text, "Nope")); /* only a warning: a context may define it */
	free(text);
	json_free(json);
	policy_source_free(source);
	report_fini(&report);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tells_what_differs),
		cmocka_unit_test(names_the_changed_fields),
		cmocka_unit_test(template_reads_back_as_the_same_rules),
		cmocka_unit_test(template_takes_no_text_for_an_expression),
		cmocka_unit_test(finds_rules_behind_rules),
		cmocka_unit_test(lists_addresses_of_a_side),
		cmocka_unit_test(check_tells_every_problem),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
