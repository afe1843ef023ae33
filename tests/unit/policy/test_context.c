/*
 * A context over another one, and beside a document.
 */
#include "build.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct merge_case {
	const char *first, *second, *merged;
};

static const struct merge_case merges[] = {
	{ "{}", "{}", "{}" },
	{ "{}", "{'addresses':['10.0.0.4']}", "{'addresses':['10.0.0.4']}" },
	/* lists are one thing: they do not grow together */
	{ "{'virtualNetwork':['10.1.0.0/16']}",
	  "{'addresses':['10.0.0.4'],'virtualNetwork':['10.0.0.0/16']}",
	  "{'virtualNetwork':['10.1.0.0/16'],'addresses':['10.0.0.4']}" },
	/* an empty list says something, null does not */
	{ "{'addresses':[]}", "{'addresses':['10.0.0.4']}", "{'addresses':[]}" },
	{ "{'addresses':null}", "{'addresses':['10.0.0.4']}", "{'addresses':['10.0.0.4']}" },
	{ "{'addresses':['10.0.0.4']}", "{'addresses':null}", "{'addresses':['10.0.0.4']}" },
	/* names are filled in one by one, and have no case */
	{ "{'serviceTags':{'Storage':['192.0.2.0/24'],'Sql':[]}}",
	  "{'serviceTags':{'storage':['0.0.0.0/0'],'sql':['0.0.0.0/0'],'Web':['198.51.100.1']}}",
	  "{'serviceTags':{'Storage':['192.0.2.0/24'],'Sql':[],'Web':['198.51.100.1']}}" },
	{ "{'applicationSecurityGroups':{}}", "{'applicationSecurityGroups':{'web':['10.0.0.4']}}",
	  "{'applicationSecurityGroups':{'web':['10.0.0.4']}}" },
	/* what is wrong stays, to be told */
	{ "{'serviceTags':[]}", "{'serviceTags':{'Web':['198.51.100.1']}}", "{'serviceTags':[]}" },
	{ "{'tags':1}", "{'addresses':3}", "{'tags':1,'addresses':3}" },
};

static void contexts_merge_member_by_member(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(merges) / sizeof(merges[0]); i++) {
		struct json *first = json_of(merges[i].first), *second = json_of(merges[i].second);
		struct json *expected = json_of(merges[i].merged);
		struct json *merged = policy_context_merge(first, second);
		char *text = json_print(merged), *wanted = json_print(expected);

		if (strcmp(text, wanted) != 0)
			fail_msg("%s over %s: %s", merges[i].first, merges[i].second, text);
		free(text);
		free(wanted);
		json_free(merged);
		json_free(expected);
		json_free(second);
		json_free(first);
	}
}

static void errors_say_which_context_is_wrong(void **state)
{
	static const char *const names[][2] = {
		{ NULL, "in the context given beside the document, at \"/foo\"" },
		{ "context.json", "in context.json, at \"/foo\"" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct json *context = json_of("{'foo':1}");
		const struct policy_read_options options = {
			.context = context,
			.context_name = names[i][0],
		};
		struct built built = build("{'apiVersion':'accelnet/v1'}", &options);

		assert_null(built.policy);
		assert_non_null(find_problem(&built.report, false, "", names[i][1]));
		built_fini(&built);
		json_free(context);
	}
}

static void a_context_alone_is_read_as_a_document_s_is(void **state)
{
	struct json *json = json_of("{'context':{'foo':1,'addresses':['1.2.3','10.0.0.4'],"
				    "'virtualNetwork':['10.0.0.1/16']}}");
	const struct json_at root = json_root(json);
	struct json_at context;
	struct report report;

	(void)state;
	assert_true(json_get(&root, "context", &context));
	report_init(&report);
	assert_int_equal(policy_context_check(&context, &report), 2);
	assert_non_null(find_problem(&report, false, "/context/foo", "unknown"));
	assert_non_null(find_problem(&report, false, "/context/addresses/0", "1.2.3"));
	assert_non_null(find_problem(&report, true, "/context/virtualNetwork/0", "10.0.0.0/16"));
	report_fini(&report);
	json_free(json);
}

#define RULE                                                                               \
	"{'name':'a','properties':{'priority':100,'direction':'Inbound','access':'Allow'," \
	"'protocol':'*','sourceAddressPrefix':'Tag','destinationAddressPrefix':'*',"       \
	"'sourcePortRange':'*','destinationPortRange':'*'}}"

/* The same answer whether the two are merged first or read one behind the other. */
static void a_merged_context_reads_as_one_beside_the_document(void **state)
{
	const char *own = "{'serviceTags':{'tag':['192.0.2.0/24']},'addresses':null}";
	const char *beside = "{'serviceTags':{'TAG':['0.0.0.0/0']},'addresses':['10.0.0.4'],"
			     "'virtualNetwork':['10.0.0.0/16']}";
	struct json *first = json_of(own), *second = json_of(beside), *document;
	struct json *merged = policy_context_merge(first, second);
	const struct policy_read_options options = { .context = second };
	struct policy *policies[2] = { 0 };
	struct report report;

	(void)state;
	report_init(&report);
	document = json_of("{'apiVersion':'accelnet/v1','nicNsg':{'securityRules':[" RULE "]}}");
	json_add(document, "context", json_copy(merged));
	assert_int_equal(policy_build(document, NULL, &report, &policies[0]), 0);
	json_remove(document, "context");
	json_add(document, "context", json_copy(first));
	assert_int_equal(policy_build(document, &options, &report, &policies[1]), 0);
	for (size_t i = 0; i < 2; i++) {
		const struct rule *rule = policies[i]->stage[STAGE_NIC].list[0].rules;

		assert_int_equal(policies[i]->address_count, 1);
		assert_string_equal(rule->name, "a");
		assert_int_equal(rule->source.sets[0]->prefix_count, 1);
		assert_int_equal(rule->source.sets[0]->prefixes[0].length, 24);
		policy_free(policies[i]);
	}
	report_fini(&report);
	json_free(document);
	json_free(merged);
	json_free(second);
	json_free(first);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(contexts_merge_member_by_member),
		cmocka_unit_test(errors_say_which_context_is_wrong),
		cmocka_unit_test(a_context_alone_is_read_as_a_document_s_is),
		cmocka_unit_test(a_merged_context_reads_as_one_beside_the_document),
	};

	return cmocka_run_group_tests_name("policy_context", tests, NULL, NULL);
}
