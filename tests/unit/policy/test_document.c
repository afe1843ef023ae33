/*
 * Whole documents: levels, default rules, order, acl, context, options, and rules against each
 * other.
 */
#include "build.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define VERSION "'apiVersion':'accelnet/v1'"
#define NETWORK "'context':{'virtualNetwork':['10.1.0.0/16']}"
#define RULE(name, priority, direction, access)                                            \
	"{'name':'" name "','properties':{'priority':" priority ",'direction':'" direction \
	"','access':'" access "','protocol':'*','sourceAddressPrefix':'*',"                \
	"'destinationAddressPrefix':'*','sourcePortRange':'*','destinationPortRange':'*'}}"
#define ANY_RULE(source)                                                                    \
	"{'name':'r','properties':{'priority':100,'direction':'Inbound','access':'Deny',"   \
	"'protocol':'*','sourceAddressPrefix':'" source "','destinationAddressPrefix':'*'," \
	"'sourcePortRange':'*','destinationPortRange':'*'}}"

static struct built must_build(const char *document)
{
	struct built built = build(document, NULL);

	if (!built.policy) {
		print_report(&built.report);
		fail_msg("refused: %s", document);
	}
	return built;
}

static void check_names(const struct rule_list *list, const char *const *names)
{
	size_t i = 0;

	for (; names[i]; i++) {
		assert_true(i < list->count);
		assert_string_equal(list->rules[i].name, names[i]);
	}
	assert_int_equal(list->count, i);
}

static void no_nsg_is_no_stage(void **state)
{
	struct built built = must_build("{" VERSION ",'nicNsg':null,'acl':null}");

	(void)state;
	for (size_t i = 0; i < STAGES; i++)
		assert_false(built.policy->stage[i].present);
	assert_int_equal(built.report.count, 0);
	built_fini(&built);
}

/* Each NSG has its own six, whatever it is given; an empty object has them too. */
static void every_nsg_has_its_six(void **state)
{
	static const char *const in[] = { "AllowVnetInBound", "AllowAzureLoadBalancerInBound",
					  "DenyAllInBound", NULL };
	static const char *const out[] = { "AllowVnetOutBound", "AllowInternetOutBound",
					   "DenyAllOutBound", NULL };
	struct built built =
		must_build("{" VERSION "," NETWORK ",'subnetNsg':{},'nicNsg':{'properties':{}}}");

	(void)state;
	for (size_t i = STAGE_SUBNET; i <= STAGE_NIC; i++) {
		const struct rule_table *table = &built.policy->stage[i];

		assert_true(table->present);
		assert_int_equal(table->user_rules, 0);
		check_names(&table->list[DIRECTION_INBOUND], in);
		check_names(&table->list[DIRECTION_OUTBOUND], out);
	}
	assert_false(built.policy->stage[STAGE_ACL].present);
	assert_int_equal(built.report.count, 0);
	built_fini(&built);
}

static void default_rules_are_azures(void **state)
{
	struct built built = must_build("{" VERSION "," NETWORK ",'nicNsg':{}}");
	const struct rule_table *table = &built.policy->stage[STAGE_NIC];
	const struct rule *vnet = &table->list[DIRECTION_INBOUND].rules[0];
	const struct rule *internet = &table->list[DIRECTION_OUTBOUND].rules[1];
	const struct rule *deny = &table->list[DIRECTION_OUTBOUND].rules[2];

	(void)state;
	assert_int_equal(vnet->priority, 65000);
	assert_int_equal(vnet->access, ACCESS_ALLOW);
	assert_true(vnet->is_default);
	assert_string_equal(vnet->source.sets[0]->name, "VirtualNetwork");
	assert_ptr_equal(vnet->source.sets[0], vnet->destination.sets[0]);
	assert_int_equal(vnet->source.sets[0]->prefix_count, 2);
	assert_int_equal(internet->priority, 65001);
	assert_int_equal(internet->destination.sets[0]->kind, ADDRESS_INTERNET);
	assert_int_equal(internet->destination.sets[0]->prefix_count, 2);
	assert_int_equal(internet->source.sets[0]->kind, ADDRESS_ANY);
	assert_int_equal(deny->priority, 65500);
	assert_int_equal(deny->access, ACCESS_DENY);
	built_fini(&built);
}

static void rules_stand_by_priority(void **state)
{
	static const char *const in[] = { "c",
					  "a",
					  "b",
					  "AllowVnetInBound",
					  "AllowAzureLoadBalancerInBound",
					  "DenyAllInBound",
					  NULL };
	struct built built = must_build(
		"{" VERSION "," NETWORK
		",'nicNsg':{'name':'n','properties':{'securityRules':[" RULE(
			"a", "200", "Inbound",
			"Allow") "," RULE("b", "300", "inbound",
					  "Deny") "," RULE("c", "100", "Inbound",
							   "Allow") "," RULE("d", "100", "Outbound",
									     "Deny") "]}}}");
	const struct rule_table *table = &built.policy->stage[STAGE_NIC];

	(void)state;
	assert_string_equal(table->name, "n");
	assert_int_equal(table->user_rules, 4);
	check_names(&table->list[DIRECTION_INBOUND], in);
	assert_string_equal(table->list[DIRECTION_OUTBOUND].rules[0].name, "d");
	assert_int_equal(built.report.count, 0);
	built_fini(&built);
}

/* Rules that name the same tag or group point to the same set, at both levels. */
static void sets_are_shared(void **state)
{
	struct built built = must_build(
		"{" VERSION
		",'context':{'virtualNetwork':[],'serviceTags':{'Sql':['192.0.2.0/24']}},"
		"'subnetNsg':{'securityRules':[" ANY_RULE(
			"Sql") "]},"
			       "'nicNsg':{'securityRules':[" ANY_RULE("SQL") "]}}");
	const struct rule_table *stage = built.policy->stage;

	(void)state;
	assert_ptr_equal(stage[STAGE_SUBNET].list[DIRECTION_INBOUND].rules[0].source.sets[0],
			 stage[STAGE_NIC].list[DIRECTION_INBOUND].rules[0].source.sets[0]);
	built_fini(&built);
}

static void platform_tags_are_noted(void **state)
{
	static const struct {
		const char *tag;
		enum address_platform platform;
		size_t prefixes;
	} tags[] = {
		{ "AzurePlatformDNS", PLATFORM_DNS, 1 },
		{ "azureplatformimds", PLATFORM_IMDS, 1 },
		{ "AzurePlatformLKM", PLATFORM_LKM, 3 },
		{ "AzureLoadBalancer", PLATFORM_NONE, 1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++) {
		char document[600];
		struct built built;
		const struct address_set *set;

		(void)snprintf(document, sizeof(document),
			       "{" VERSION "," NETWORK
			       ",'nicNsg':{'securityRules':[" ANY_RULE("%s") "]}}",
			       tags[i].tag);
		built = must_build(document);
		set = built.policy->stage[STAGE_NIC].list[0].rules[0].source.sets[0];
		assert_int_equal(set->platform, tags[i].platform);
		assert_int_equal(set->prefix_count, tags[i].prefixes);
		for (int p = PLATFORM_DNS; p <= PLATFORM_LKM; p++)
			assert_int_equal(built.policy->names_platform[p],
					 p == (int)tags[i].platform);
		built_fini(&built);
	}
}

static void options_are_read(void **state)
{
	struct built built = must_build(
		"{" VERSION ",'isolation':{'sourceGuard':false},'options':{'mode':'audit',"
		"'strict':true,'icmpErrors':'rules','offload':'off'},"
		"'context':{'addresses':['10.1.0.4','fd00::4']},"
		"'nicNsg':{'properties':{'flushConnection':true,'securityRules':[]}}}");
	const struct policy *policy = built.policy;

	(void)state;
	assert_false(policy->source_guard);
	assert_int_equal(policy->mode, POLICY_AUDIT);
	assert_true(policy->strict);
	assert_int_equal(policy->icmp_errors, ICMP_ERRORS_RULES);
	assert_int_equal(policy->offload, OFFLOAD_OFF);
	assert_int_equal(policy->address_count, 2);
	assert_true(policy->stage[STAGE_NIC].flush_connection);
	assert_non_null(find_problem(&built.report, true, "", "virtualNetwork"));
	built_fini(&built);
	built = must_build("{" VERSION "}");
	assert_true(built.policy->source_guard);
	assert_int_equal(built.policy->mode, POLICY_ENFORCE);
	assert_int_equal(built.policy->icmp_errors, ICMP_ERRORS_RELATED);
	assert_int_equal(built.policy->offload, OFFLOAD_AUTO);
	built_fini(&built);
}

/* The document's own context comes first; the given one fills what it leaves out. */
static void a_given_context_fills_gaps(void **state)
{
	struct json *context = json_of("{'virtualNetwork':['10.9.0.0/16'],'addresses':['10.9.0.4'],"
				       "'serviceTags':{'Sql':['192.0.2.0/24'],'Own':['192.0.2.1']},"
				       "'applicationSecurityGroups':{'web':['10.9.0.4']}}");
	const struct policy_read_options options = { .context = context };
	struct built built = build(
		"{" VERSION
		",'context':{'virtualNetwork':['10.1.0.0/16'],'serviceTags':{'own':[]}},"
		"'acl':{'rules':[{'name':'a','priority':1,'direction':'Inbound','action':'deny',"
		"'protocol':'*','source':['Sql','Own'],'destination':'VirtualNetwork'}]}}",
		&options);
	const struct rule *rule;
	char text[IP_TEXT_MAX];

	(void)state;
	if (!built.policy)
		print_report(&built.report);
	assert_non_null(built.policy);
	rule = &built.policy->stage[STAGE_ACL].list[DIRECTION_INBOUND].rules[0];
	assert_int_equal(rule->source.set_count, 2);
	assert_int_equal(rule->source.sets[0]->prefix_count, 1);
	assert_string_equal(rule->source.sets[1]->name, "own");
	assert_int_equal(rule->source.sets[1]->prefix_count, 0);
	assert_string_equal(ip_prefix_format(&rule->destination.sets[0]->prefixes[0], text),
			    "10.1.0.0/16");
	assert_int_equal(built.policy->address_count, 1);
	built_fini(&built);
	json_free(context);
}

static void acl_is_read(void **state)
{
	static const char *const names[] = { "first", "second", NULL };
	struct built built = must_build(
		"{" VERSION "," NETWORK ",'acl':{'rules':["
		"{'name':'second','priority':20,'direction':'Inbound','action':'always-allow',"
		"'protocol':'udp','source':['10.0.0.0/8','fd00::/8'],'destination':'*',"
		"'sourcePorts':['1-5',7],'destinationPorts':53},"
		"{'name':'first','priority':10,'direction':'inbound','action':'Deny',"
		"'protocol':47,'source':'Internet','destination':'VirtualNetwork'}]}}");
	const struct rule_table *table = &built.policy->stage[STAGE_ACL];
	const struct rule *rules = table->list[DIRECTION_INBOUND].rules;

	(void)state;
	check_names(&table->list[DIRECTION_INBOUND], names);
	assert_int_equal(table->list[DIRECTION_OUTBOUND].count, 0);
	assert_int_equal(rules[0].protocol, 47);
	assert_int_equal(rules[0].access, ACCESS_DENY);
	assert_true(rules[0].source_ports.any && rules[0].destination_ports.any);
	assert_int_equal(rules[1].access, ACCESS_ALWAYS_ALLOW);
	assert_int_equal(rules[1].protocol, 17);
	assert_int_equal(rules[1].source_ports.range_count, 2);
	assert_int_equal(rules[1].destination_ports.ranges[0].first, 53);
	assert_int_equal(rules[1].source.sets[0]->prefix_count, 2);
	built_fini(&built);
}

/* --- refused, or warned of --- */

struct told {
	const char *document;
	bool warning;
	enum accelnet_code code;
	const char *pointer;
	const char *detail;
	bool strict;
};

#define ACL(text) "{" VERSION "," NETWORK ",'acl':{'rules':[{" text "}]}}"
#define ACL_HEAD  "'name':'a','priority':1,'direction':'Inbound','action':'deny','protocol':'*'"
#define NSG(text) "{" VERSION "," NETWORK ",'nicNsg':{" text "}}"
#define DEFAULT(name, source)                                                          \
	NSG("'properties':{'securityRules':[],'defaultSecurityRules':[{'name':'" name  \
	    "','properties':{'priority':65000,'direction':'Inbound','access':'Allow'," \
	    "'sourceAddressPrefix':'" source "','destinationAddressPrefix':'VirtualNetwork'}}]}")

static const struct told told[] = {
	{ "[]", false, ACCELNET_E_TYPE, "", "expected an object" },
	{ "{" VERSION ",'nicNSG':{}}", false, ACCELNET_E_UNKNOWN_KEY, "/nicNSG", "\"nicNsg\"" },
	{ "{'apiVersion':'accelnet/v2'}", false, ACCELNET_E_VALUE, "/apiVersion", "accelnet/v1" },
	{ "{'apiVersion':1}", false, ACCELNET_E_TYPE, "/apiVersion", "expected a string" },
	{ "{'options':{}}", true, ACCELNET_E_MISSING, "", "apiVersion" },
	{ "{" VERSION ",'nicNsg':[]}", false, ACCELNET_E_TYPE, "/nicNsg", "expected an object" },
	{ "{" VERSION ",'options':{'mode':'learn'}}", false, ACCELNET_E_VALUE, "/options/mode",
	  "enforce or audit" },
	{ "{" VERSION ",'options':{'strict':'yes'}}", false, ACCELNET_E_TYPE, "/options/strict",
	  "expected a boolean" },
	{ "{" VERSION ",'options':{'fast':true}}", false, ACCELNET_E_UNKNOWN_KEY, "/options/fast",
	  "\"mode\"" },
	{ "{" VERSION ",'isolation':{'sourceguard':true}}", false, ACCELNET_E_UNKNOWN_KEY,
	  "/isolation/sourceguard", "\"sourceGuard\"" },
	{ "{" VERSION ",'context':{'vnet':[]}}", false, ACCELNET_E_UNKNOWN_KEY, "/context/vnet",
	  "\"virtualNetwork\"" },
	{ "{" VERSION ",'context':{'addresses':['10.1.0.0/24']}}", false, ACCELNET_E_ADDRESS,
	  "/context/addresses/0", "without a prefix length" },
	{ "{" VERSION ",'context':{'virtualNetwork':['10.1.0.0/16','ten']}}", false,
	  ACCELNET_E_ADDRESS, "/context/virtualNetwork/1", "10.1.0.0/16" },
	{ "{" VERSION ",'context':{'virtualNetwork':['10.1.0.1/16']}}", true, ACCELNET_E_ADDRESS,
	  "/context/virtualNetwork/0", "read as 10.1.0.0/16" },
	{ "{" VERSION ",'context':{'serviceTags':{'Sql':'192.0.2.0/24'}}}", false, ACCELNET_E_TYPE,
	  "/context/serviceTags/Sql", "expected a list" },
	{ "{" VERSION ",'context':{'serviceTags':{'Sql':[],'sql':[]}}}", false,
	  ACCELNET_E_DUPLICATE_KEY, "/context/serviceTags/sql", "same name" },
	{ "{" VERSION ",'context':{'serviceTags':{'internet':[]}}}", false, ACCELNET_E_RESERVED_TAG,
	  "/context/serviceTags/internet", "built in" },
	{ "{" VERSION ",'context':{'serviceTags':{'VirtualNetwork':[]}}}", false,
	  ACCELNET_E_RESERVED_TAG, "/context/serviceTags/VirtualNetwork",
	  "context.virtualNetwork" },
	{ "{" VERSION ",'context':{'serviceTagsFile':'t.json'}}", false, ACCELNET_E_NO_CONTEXT,
	  "/context/serviceTagsFile", "accelnetctl" },
	{ "{" VERSION ",'nicNsg':{'securityRules':[" ANY_RULE("VirtualNetwork") "]}}", false,
	  ACCELNET_E_NO_CONTEXT, "/nicNsg/securityRules/0/properties/sourceAddressPrefix",
	  "virtualNetwork" },
	{ "{" VERSION ",'nicNsg':{'securityRules':[" ANY_RULE("10.0.0.0/8") "]}}", true,
	  ACCELNET_E_NO_CONTEXT, "", "virtualNetwork" },
	{ NSG("'securityRules':[" RULE("a", "100", "Inbound",
				       "Allow") "," RULE("b", "100", "Inbound", "Deny") "]"),
	  false, ACCELNET_E_RULE_CONFLICT, "/nicNsg/securityRules/1/properties/priority",
	  "\"a\" and \"b\"" },
	{ NSG("'securityRules':[" RULE("a", "100", "Inbound",
				       "Allow") "," RULE("A", "101", "Inbound", "Deny") "]"),
	  true, ACCELNET_E_STRICT, "/nicNsg/securityRules/1/name", "DuplicateResourceName" },
	{ NSG("'securityRules':[" RULE("a", "100", "Inbound",
				       "Allow") "," RULE("A", "101", "Inbound", "Deny") "]"),
	  false, ACCELNET_E_STRICT, "/nicNsg/securityRules/1/name", "DuplicateResourceName", true },
	{ NSG("'securityRules':[" RULE("denyallinbound", "100", "Inbound", "Allow") "]"), true,
	  ACCELNET_E_STRICT, "/nicNsg/securityRules/0/name", "SecurityRuleConflict" },
	{ NSG("'securityRules':[" RULE("-x", "100", "Inbound", "Allow") "]"), true,
	  ACCELNET_E_STRICT, "/nicNsg/securityRules/0/name", "InvalidResourceName" },
	{ NSG("'SecurityRules':[],'securityrules':[]"), false, ACCELNET_E_DUPLICATE_KEY,
	  "/nicNsg/securityrules", "no case" },
	{ NSG("'name':'n'"), true, ACCELNET_E_MISSING, "/nicNsg", "default rules alone" },
	{ NSG("'properties':{'flushConnection':'true'}"), false, ACCELNET_E_TYPE,
	  "/nicNsg/properties/flushConnection", "expected a boolean" },
	{ DEFAULT("AllowVnetInBound", "*"), true, ACCELNET_E_STRICT,
	  "/nicNsg/properties/defaultSecurityRules/0/properties/sourceAddressPrefix", "no effect" },
	{ DEFAULT("AllowEverything", "*"), true, ACCELNET_E_STRICT,
	  "/nicNsg/properties/defaultSecurityRules/0", "not one of the six" },
	{ ACL(ACL_HEAD ",'source':'*'"), false, ACCELNET_E_MISSING, "/acl/rules/0",
	  "\"destination\"" },
	{ ACL(ACL_HEAD ",'source':'*','destination':'*','sourcePort':1"), false,
	  ACCELNET_E_UNKNOWN_KEY, "/acl/rules/0/sourcePort", "sourcePorts" },
	{ ACL(ACL_HEAD ",'source':[],'destination':'*'"), false, ACCELNET_E_SIDE,
	  "/acl/rules/0/source", "empty list" },
	{ ACL(ACL_HEAD ",'source':'*','destination':'*','destinationPorts':[]"), false,
	  ACCELNET_E_SIDE, "/acl/rules/0/destinationPorts", "empty list" },
	{ ACL(ACL_HEAD ",'source':'*','destination':'Nowhere'"), false, ACCELNET_E_UNKNOWN_TAG,
	  "/acl/rules/0/destination", "rule \"a\"" },
	{ ACL("'name':'a','priority':-1,'direction':'Inbound','action':'deny','protocol':'*',"
	      "'source':'*','destination':'*'"),
	  false, ACCELNET_E_RANGE, "/acl/rules/0/priority", "0 to 65535" },
	{ ACL("'name':'a','priority':1,'direction':'Inbound','action':'drop','protocol':'*',"
	      "'source':'*','destination':'*'"),
	  false, ACCELNET_E_VALUE, "/acl/rules/0/action", "always-allow" },
	{ ACL("'name':'a','priority':1,'direction':'Inbound','action':'deny','protocol':256,"
	      "'source':'*','destination':'*'"),
	  false, ACCELNET_E_RANGE, "/acl/rules/0/protocol", "255" },
	{ "{" VERSION ",'acl':{}}", false, ACCELNET_E_MISSING, "/acl", "\"rules\"" },
	{ "{" VERSION ",'acl':{'rules':[],'default':'deny'}}", false, ACCELNET_E_UNKNOWN_KEY,
	  "/acl/default", "\"rules\"" },
};

static void tells(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(told) / sizeof(told[0]); i++) {
		const struct told *t = &told[i];
		const struct policy_read_options options = { .strict = t->strict };
		struct built built = build(t->document, &options);
		const struct problem *problem =
			find_problem(&built.report, t->warning, t->pointer, t->detail);

		if (!problem || problem->code != t->code || t->warning != (built.policy != NULL)) {
			print_report(&built.report);
			fail_msg("expected %s at \"%s\" (%s) in %s", error_symbol(t->code),
				 t->pointer, t->detail, t->document);
		}
		assert_int_equal(built.report.errors, t->warning ? 0 : 1);
		built_fini(&built);
	}
}

/* One thing is missing, however many rules want it; unknown names are told for each rule. */
static void missing_context_is_told_once(void **state)
{
	struct built built = build(
		"{" VERSION ",'acl':{'rules':["
		"{'name':'a','priority':1,'direction':'Inbound','action':'deny','protocol':'*',"
		"'source':'VirtualNetwork','destination':'VIRTUAL_NETWORK'},"
		"{'name':'b','priority':2,'direction':'Inbound','action':'deny','protocol':'*',"
		"'source':'Nowhere','destination':'Nowhere'}]}}",
		NULL);

	(void)state;
	assert_null(built.policy);
	assert_int_equal(built.report.errors, 3);
	assert_non_null(find_problem(&built.report, false, "/acl/rules/0/source", "rule \"a\""));
	assert_non_null(find_problem(&built.report, false, "/acl/rules/1/source", "rule \"b\""));
	assert_non_null(
		find_problem(&built.report, false, "/acl/rules/1/destination", "rule \"b\""));
	built_fini(&built);
}

/* An API answer as it comes, with default rules and empty lists: nothing to say about it. */
static void default_rules_of_an_answer_are_not_loaded_twice(void **state)
{
	struct built built = must_build(DEFAULT("allowVNetInBound", "virtualnetwork"));

	(void)state;
	assert_int_equal(built.report.count, 0);
	assert_int_equal(built.policy->stage[STAGE_NIC].list[DIRECTION_INBOUND].count, 3);
	built_fini(&built);
}

static char *many_rules(size_t count)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	fprintf(out, "{" VERSION "," NETWORK ",'nicNsg':{'securityRules':[");
	for (size_t i = 0; i < count; i++)
		fprintf(out, "%s" RULE("r%zu", "%zu", "Inbound", "Allow"), i ? "," : "", i, i + 1);
	fprintf(out, "]}}");
	fclose(out);
	return text;
}

static void rule_counts_are_limited(void **state)
{
	char *text = many_rules(POLICY_RULES_MAX);
	struct built built;

	(void)state;
	built = must_build(text);
	assert_int_equal(built.policy->stage[STAGE_NIC].user_rules, POLICY_RULES_MAX);
	assert_non_null(
		find_problem(&built.report, true, "/nicNsg/securityRules", "Azure takes 1000"));
	built_fini(&built);
	free(text);
	text = many_rules(POLICY_RULES_MAX + 1);
	built = build(text, NULL);
	assert_null(built.policy);
	assert_non_null(find_problem(&built.report, false, "/nicNsg/securityRules", "at most"));
	built_fini(&built);
	free(text);
}

/* `count` copies of `item` joined by `glue`; %zu in it is the number of the copy. */
static char *repeated(const char *item, const char *glue, size_t count)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	for (size_t i = 0; i < count; i++) {
		const char *number = strstr(item, "#");

		fputs(i ? glue : "", out);
		if (number)
			fprintf(out, "%.*s%zu%s", (int)(number - item), item, i, number + 1);
		else
			fputs(item, out);
	}
	fclose(out);
	return text;
}

struct limit {
	const char *name; /* $ stands for the copies */
	const char *properties;
	const char *item; /* # is its number */
	const char *glue;
	size_t most; /* so many pass unnoticed, one more does not */
	bool is_error;
	const char *detail;
};

#define SIDES  "'sourceAddressPrefix':'*','destinationAddressPrefix':'*'"
#define TO_ANY ",'destinationAddressPrefix':'*'"

static const struct limit limits[] = {
	{ "$", SIDES, "n", "", 80, false, "longer than Azure's 80" },
	{ "$", SIDES, "n", "", 256, true, "at most 256" },
	{ "r", "'description':'$'," SIDES, "d", "", 140, false, "longer than Azure's 140" },
	{ "r", "'sourceAddressPrefixes':[$]" TO_ANY, "'2001:db8::#'", ",", 4000, false,
	  "Azure takes 4000" },
	{ "r", "'sourceApplicationSecurityGroups':[$]" TO_ANY, "{'id':'web'}", ",", 10, false,
	  "Azure takes 10" },
	{ "r", "'sourceAddressPrefixes':[$]" TO_ANY, "'tag#'", ",", POLICY_SIDE_SETS_MAX, true,
	  "more than 1000 tags" },
};

static char *with_copies(const char *text, const char *copies)
{
	const char *mark = strchr(text, '$');
	char *result;

	if (!mark)
		return strdup(text);
	assert_true(asprintf(&result, "%.*s%s%s", (int)(mark - text), text, copies, mark + 1) > 0);
	return result;
}

/* Whether `count` of them are told of. */
static bool is_told(const struct limit *t, size_t count)
{
	char *copies = repeated(t->item, t->glue, count);
	char *name = with_copies(t->name, copies), *rest = with_copies(t->properties, copies);
	char *tags = repeated("'tag#':[]", ",", POLICY_SIDE_SETS_MAX + 1), *document;
	struct built built;
	bool told_of = false;

	assert_true(asprintf(&document,
			     "{" VERSION ",'context':{'virtualNetwork':[],'serviceTags':{%s},"
			     "'applicationSecurityGroups':{'web':['192.0.2.1']}},'nicNsg':"
			     "{'securityRules':[{'name':'%s','priority':100,'direction':'Inbound',"
			     "'access':'Deny','protocol':'*','sourcePortRange':'*',"
			     "'destinationPortRange':'*',%s}]}}",
			     tags, name, rest) > 0);
	built = build(document, NULL);
	for (size_t i = 0; i < built.report.count; i++) {
		if (strstr(built.report.problems[i].detail, t->detail)) {
			assert_int_equal(!built.report.problems[i].is_warning, t->is_error);
			told_of = true;
		}
	}
	built_fini(&built);
	free(document);
	free(tags);
	free(name);
	free(rest);
	free(copies);
	return told_of;
}

static void limits_are_told(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		if (is_told(&limits[i], limits[i].most))
			fail_msg("%s: told too early", limits[i].detail);
		if (!is_told(&limits[i], limits[i].most + 1))
			fail_msg("%s: not told", limits[i].detail);
	}
}

/* What stands beside "properties" would be lost: it is refused, not passed over. */
static void nothing_stands_beside_properties(void **state)
{
	static const struct {
		const char *document;
		const char *pointer;
	} refused[] = {
		{ "{" VERSION "," NETWORK
		  ",'nicNsg':{'name':'x','properties':{},'SecurityRules':[" ANY_RULE("*") "]}}",
		  "/nicNsg/SecurityRules" },
		{ "{" VERSION "," NETWORK ",'nicNsg':{'securityRules':[{'sourceAddressPrefix':"
		  "'10.0.0.0/8',"
		  "'name':'r','properties':{'priority':100,'direction':'Inbound',"
		  "'access':'Deny','protocol':'*','sourceAddressPrefix':'*',"
		  "'destinationAddressPrefix':'*','sourcePortRange':'*',"
		  "'destinationPortRange':'*'}}]}}",
		  "/nicNsg/securityRules/0/sourceAddressPrefix" },
	};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct built built = build(refused[i].document, NULL);

		if (built.policy || built.report.errors != 1 ||
		    !find_problem(&built.report, false, refused[i].pointer, "beside")) {
			print_report(&built.report);
			fail_msg("not refused: %s", refused[i].document);
		}
		built_fini(&built);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_nsg_is_no_stage),
		cmocka_unit_test(every_nsg_has_its_six),
		cmocka_unit_test(default_rules_are_azures),
		cmocka_unit_test(rules_stand_by_priority),
		cmocka_unit_test(sets_are_shared),
		cmocka_unit_test(platform_tags_are_noted),
		cmocka_unit_test(options_are_read),
		cmocka_unit_test(a_given_context_fills_gaps),
		cmocka_unit_test(acl_is_read),
		cmocka_unit_test(tells),
		cmocka_unit_test(missing_context_is_told_once),
		cmocka_unit_test(default_rules_of_an_answer_are_not_loaded_twice),
		cmocka_unit_test(rule_counts_are_limited),
		cmocka_unit_test(limits_are_told),
		cmocka_unit_test(nothing_stands_beside_properties),
	};

	return cmocka_run_group_tests_name("policy_document", tests, NULL, NULL);
}
