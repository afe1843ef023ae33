/*
 * Which form a file has, what is found in it, where its problems point; the canonical form; tags
 * from a download.
 */
#include "build.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define EXAMPLES ACCELNET_SOURCE_DIR "/config/examples/"
#define FIELDS                                                                               \
	"'direction':'Inbound','access':'Allow','protocol':'Tcp','sourceAddressPrefix':'*'," \
	"'destinationAddressPrefix':'*','sourcePortRange':'*','destinationPortRange':"
#define RULE(name, priority, port) \
	"{'name':'" name "','properties':{'priority':" priority "," FIELDS "'" port "'}}"
#define FLAT(name, priority, port) \
	"{'name':'" name "','priority':" priority "," FIELDS "'" port "'}"
#define NSG(name, rules) "{'name':'" name "','properties':{'securityRules':[" rules "]}}"

static char *quoted(const char *text)
{
	char *copy = strdup(text);

	assert_non_null(copy);
	for (char *p = copy; *p; p++) {
		if (*p == '\'')
			*p = '"';
	}
	return copy;
}

/* Reads and checks; problems go to `report`. */
static struct policy_source *read_and_check(const char *text, struct report *report)
{
	struct policy_source *source = NULL;
	char *copy = quoted(text);

	report_init(report);
	if (policy_source_parse(copy, strlen(copy), NULL, report, &source) == 0)
		(void)policy_source_check(source, NULL, report); /* the report has it */
	free(copy);
	return source;
}

/* --- forms --- */

struct form {
	const char *text;
	enum policy_form form;
	const char *names; /* with level and number of rules */
};

static const struct form forms[] = {
	{ "{'apiVersion':'accelnet/v1'}", POLICY_FORM_DOCUMENT, "" },
	{ "{'apiVersion':'accelnet/v1','subnetNsg':{},'nicNsg':" NSG("n",
								     RULE("a", "100", "1")) "}",
	  POLICY_FORM_DOCUMENT, "subnet::0 nic:n:1 " },
	{ NSG("n", RULE("a", "100", "1") "," RULE("b", "101", "1")), POLICY_FORM_NSG, "nic:n:2 " },
	{ "{}", POLICY_FORM_NSG, "nic::0 " },
	{ "{'name':'n','type':'microsoft.network/NETWORKsecuritygroups','properties':{}}",
	  POLICY_FORM_NSG, "nic:n:0 " },
	{ "{'name':'n','properties':{}}", POLICY_FORM_NSG, "nic:n:0 " },
	{ "{'name':'n','properties':{'securityRules':null}}", POLICY_FORM_NSG, "nic:n:0 " },
	{ "[{'name':'n','securityRules':null},{'name':'m','properties':{}}]", POLICY_FORM_NSG,
	  "nic:n:0 nic:m:0 " },
	{ "{'name':'n','SecurityRules':[" FLAT("a", "100", "1") "]}", POLICY_FORM_NSG, "nic:n:1 " },
	{ "[" NSG("n", "") "," NSG("N", "") "," NSG("n", "") "]", POLICY_FORM_NSG,
	  "nic:n:0 nic:N#2:0 nic:n#3:0 " },
	{ "[" NSG("n#2", "") "," NSG("n", "") "," NSG("n", "") "]", POLICY_FORM_NSG,
	  "nic:n#2:0 nic:n:0 nic:n#3:0 " },
	{ "{'value':[" NSG("n", "") "],'nextLink':'x'}", POLICY_FORM_NSG, "nic:n:0 " },
	{ "{'value':[{'type':'Microsoft.Compute/disks'}," NSG("n", "") "]}", POLICY_FORM_NSG,
	  "nic:n:0 " },
	{ RULE("a", "100", "1"), POLICY_FORM_NSG, "nic::1 " },
	{ "[" FLAT("a", "100", "1") "," FLAT("b", "101", "1") "]", POLICY_FORM_NSG, "nic::2 " },
	{ "{'value':[" RULE("a", "100", "1") "]}", POLICY_FORM_NSG, "nic::1 " },
	{ "{'parameters':{},'responses':{'200':{'body':" NSG("n", "") "}}}", POLICY_FORM_NSG,
	  "nic:n:0 " },
	{ "{'value':[{'networkSecurityGroup':{'id':'/x/networkSecurityGroups/web'},"
	  "'association':{'subnet':{'id':'/s'}},'effectiveSecurityRules':["
	  "{'name':'securityRules/a','priority':100," FIELDS "'80-80'},"
	  "{'name':'defaultSecurityRules/DenyAllInBound','priority':65500," FIELDS
	  "'0-65535'}]},{'networkSecurityGroup':{'id':'/x/networkSecurityGroups/vm'},"
	  "'association':{'networkInterface':{'id':'/n'}},'effectiveSecurityRules':[]}]}",
	  POLICY_FORM_NSG, "subnet:web:1 nic:vm:0 " },
	{ "\xef\xbb\xbf{}", POLICY_FORM_NSG, "nic::0 " },
};

static void check_form(const struct form *t)
{
	struct report report;
	struct policy_source *source = read_and_check(t->text, &report);
	char found[200] = "";
	size_t used = 0;

	if (!source || report.errors) {
		print_report(&report);
		fail_msg("refused: %s", t->text);
	}
	for (size_t i = 0; i < source->count; i++)
		used += (size_t)snprintf(found + used, sizeof(found) - used, "%s:%s:%zu ",
					 stage_name(source->nsgs[i].level), source->nsgs[i].name,
					 source->nsgs[i].user_rules);
	if (source->form != t->form || strcmp(found, t->names) != 0)
		fail_msg("%s \"%s\", expected \"%s\", in %s", policy_form_name(source->form), found,
			 t->names, t->text);
	policy_source_free(source);
	report_fini(&report);
}

static void forms_are_found_by_shape(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
		check_form(&forms[i]);
}

/* --- what is wrong, and where in the file --- */

struct place {
	const char *text;
	enum accelnet_code code;
	const char *pointer;
	const char *detail;
};

static const struct place places[] = {
	{ "{'records':[]}", ACCELNET_E_FORM, "", "an object with \"records\"" },
	{ "[]", ACCELNET_E_FORM, "", "empty" },
	{ "{'value':[]}", ACCELNET_E_FORM, "/value", "empty" },
	{ "7", ACCELNET_E_FORM, "", "a number is not a policy" },
	{ "{'type':'Microsoft.Compute/disks','name':'d'}", ACCELNET_E_FORM, "",
	  "Microsoft.Compute/disks" },
	{ "{'value':[{'type':'Microsoft.Network/applicationSecurityGroups','name':'d'}]}",
	  ACCELNET_E_FORM, "/value/0", "applicationSecurityGroups" },
	{ "{'value':[{'type':'Microsoft.Network/networkManagers/adminRules','properties':"
	  "{'priority':1,'direction':'Inbound'}}]}",
	  ACCELNET_E_FORM, "/value/0", "networkManagers" },
	{ "[" NSG("a", "") "," RULE("b", "100", "1") "]", ACCELNET_E_FORM, "/1",
	  "a rule among NSGs" },
	/* files for other purposes */
	{ "{'changeNumber':1,'cloud':'Public','values':[]}", ACCELNET_E_FORM, "", "see tags load" },
	{ "{'addresses':[],'virtualNetwork':[]}", ACCELNET_E_FORM, "", "goes with --context" },
	{ "{'$schema':'x','parameters':{}}", ACCELNET_E_FORM, "", "goes with --parameters" },
	{ "[" NSG("a", "") ",{'name':'b','rules':[]}]", ACCELNET_E_FORM, "/1",
	  "an object with \"name\", \"rules\"" },
	{ "[" NSG("a", "") ",{'type':'Microsoft.Network/networkSecurityGroups/securityRules'}]",
	  ACCELNET_E_FORM, "/1", "securityRules is not" },
	{ "{'name':'n','properties':{'securityRules':{}}}", ACCELNET_E_TYPE,
	  "/properties/securityRules", "expected a list" },
	{ "{'name':'n','properties':{},'securityRules':[" FLAT("a", "100", "1") "]}",
	  ACCELNET_E_VALUE, "/securityRules", "beside" },
	{ "{'properties':{},'nicNsg':" NSG("n", "") "}", ACCELNET_E_UNKNOWN_KEY, "/properties",
	  "" },
	{ "{'securityRules':[],'nicNsg':" NSG("n", "") "}", ACCELNET_E_UNKNOWN_KEY,
	  "/securityRules", "" },
	{ "[" NSG("a", "") ",null]", ACCELNET_E_FORM, "/1", "null is not" },
	{ "{'a':1", ACCELNET_E_SYNTAX, "", "line 1" },
	{ "{'securityRules':[] /* only templates may have comments */}", ACCELNET_E_SYNTAX, "",
	  "line 1, column 21" },
	{ NSG("n", RULE("a", "100", "x")), ACCELNET_E_PORT_RANGE,
	  "/properties/securityRules/0/properties/destinationPortRange", "\"x\"" },
	{ "{'value':[" NSG("n", "") "," NSG("m",
					    RULE("a", "100", "1") "," RULE("b", "101", "x")) "]}",
	  ACCELNET_E_PORT_RANGE,
	  "/value/1/properties/securityRules/1/properties/destinationPortRange", "\"x\"" },
	{ "[" FLAT("a", "100", "1") "," FLAT("b", "101", "x") "]", ACCELNET_E_PORT_RANGE,
	  "/1/destinationPortRange", "\"x\"" },
	{ FLAT("a", "100", "x"), ACCELNET_E_PORT_RANGE, "/destinationPortRange", "\"x\"" },
	{ "{'effectiveSecurityRules':[{'name':'defaultSecurityRules/x'},"
	  "{'name':'securityRules/a','priority':100," FIELDS "'9-8'}]}",
	  ACCELNET_E_PORT_RANGE, "/effectiveSecurityRules/1/destinationPortRange", "reversed" },
	{ "{'apiVersion':'accelnet/v1','nicNsg':{'securityRules':[" FLAT("a", "100", "x") "]}}",
	  ACCELNET_E_PORT_RANGE, "/nicNsg/securityRules/0/destinationPortRange", "\"x\"" },
};

static void problems_point_into_the_file(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		const struct place *t = &places[i];
		struct report report;
		struct policy_source *source = read_and_check(t->text, &report);
		const struct problem *problem = find_problem(&report, false, t->pointer, t->detail);

		if (!problem || problem->code != t->code || report.errors != 1) {
			print_report(&report);
			fail_msg("expected %s at \"%s\" (%s) in %s", error_symbol(t->code),
				 t->pointer, t->detail, t->text);
		}
		policy_source_free(source);
		report_fini(&report);
	}
}

static void undefined_names_are_told_once(void **state)
{
	struct report report;
	struct policy_source *source = read_and_check(
		"[{'securityRules':[{'name':'Storage','priority':100,'direction':'Inbound',"
		"'access':'Allow','protocol':'Tcp','sourceAddressPrefix':'Sql',"
		"'destinationAddressPrefix':'VirtualNetwork','sourcePortRange':'*',"
		"'destinationPortRange':'*'},{'name':'b','priority':101,'direction':'Inbound',"
		"'access':'Allow','protocol':'Tcp','sourceAddressPrefix':'VirtualNetwork',"
		"'destinationAddressPrefix':'SQL','sourcePortRange':'*','destinationPortRange':'*'},"
		"{'name':'c','priority':102,'direction':'Inbound',"
		"'access':'Allow','protocol':'Tcp','sourceAddressPrefix':'Storage',"
		"'destinationAddressPrefix':'*','sourcePortRange':'*','destinationPortRange':'*'}"
		"]},{}]",
		&report);

	(void)state;
	assert_non_null(source);
	if (report.errors != 0 || report.warnings != 3)
		print_report(&report);
	assert_int_equal(report.errors, 0);
	assert_int_equal(report.warnings, 3);
	policy_source_free(source);
	report_fini(&report);
}

/* --- effective rules --- */

static void effective_rules_let_less_through(void **state)
{
	struct report report;
	struct policy_source *source = read_and_check(
		"[{'effectiveSecurityRules':["
		"{'name':'securityRules/no','priority':100,'direction':'Inbound','access':'Deny',"
		"'protocol':'All','sourceAddressPrefix':'0.0.0.0/0','sourceAddressPrefixes':"
		"['0.0.0.0/0'],'destinationAddressPrefix':'VirtualNetwork','sourcePortRange':"
		"'0-65535','destinationPortRange':'0-65535'},"
		"{'name':'securityRules/yes','priority':101,'direction':'Inbound','access':'Allow',"
		"'protocol':'Tcp','sourceAddressPrefixes':['0.0.0.0/0'],"
		"'destinationAddressPrefix':'Sql','sourcePortRange':'0-65535',"
		"'destinationPortRanges':['80-80','443-443']}],"
		"'tagMap':{'VirtualNetwork':['10.1.0.0/16'],'Sql':['192.0.2.0/24'],"
		"'Internet':['1.0.0.0/8'],'AzurePlatformDNS':['168.63.129.16'],"
		"'AZURE_LOADBALANCER':['168.63.129.16/32']}}]",
		&report);
	struct policy *policy = NULL;
	const struct rule *rules;

	(void)state;
	if (!source || report.count)
		print_report(&report);
	assert_non_null(source);
	assert_int_equal(report.count, 0);
	assert_int_equal(
		policy_source_build(source, &source->nsgs[0], STAGE_NIC, NULL, &report, &policy),
		0);
	rules = policy->stage[STAGE_NIC].list[DIRECTION_INBOUND].rules;
	assert_string_equal(rules[0].name, "no");
	assert_int_equal(rules[0].protocol, RULE_PROTOCOL_ANY);
	assert_int_equal(rules[0].source.sets[0]->kind, ADDRESS_ANY);
	assert_true(rules[0].destination_ports.any);
	assert_int_equal(rules[0].destination.sets[0]->prefix_count, 2);
	assert_int_equal(rules[1].source.sets[0]->kind, ADDRESS_PREFIXES);
	assert_int_equal(rules[1].source.sets[0]->families, 1 << IP_FAMILY_V4);
	assert_int_equal(rules[1].destination_ports.range_count, 2);
	policy_free(policy);
	policy_source_free(source);
	report_fini(&report);
}

/* --- picking --- */

static void one_nsg_is_picked(void **state)
{
	const struct policy_source_nsg *nsg = NULL;
	struct accelnet_error err;
	struct report report;
	struct policy_source *source =
		read_and_check("[" NSG("web", "") "," NSG("db", "") "]", &report);

	(void)state;
	assert_true(policy_source_pick(source, NULL, &nsg, &err) < 0);
	assert_int_equal(err.code, ACCELNET_E_AMBIGUOUS);
	assert_non_null(strstr(err.detail, "\"web\", \"db\""));
	assert_true(policy_source_pick(source, "app", &nsg, &err) < 0);
	assert_int_equal(err.code, ACCELNET_E_NOT_FOUND);
	assert_non_null(strstr(err.detail, "\"web\", \"db\""));
	assert_int_equal(policy_source_pick(source, "DB", &nsg, &err), 0);
	assert_string_equal(nsg->name, "db");
	policy_source_free(source);
	report_fini(&report);
	source = read_and_check("{}", &report);
	assert_int_equal(policy_source_pick(source, NULL, &nsg, &err), 0);
	policy_source_free(source);
	report_fini(&report);
}

/* --- canonical form --- */

static void check_canonical(const char *text, const char *expected)
{
	struct json *document = json_of(text), *canonical = policy_document_canonical(document);
	char *printed = json_print(canonical), *wanted = quoted(expected);
	struct json *again = policy_document_canonical(canonical);
	char *printed_again = json_print(again);

	assert_string_equal(printed, wanted);
	assert_string_equal(printed_again, wanted);
	free(printed);
	free(printed_again);
	free(wanted);
	json_free(again);
	json_free(canonical);
	json_free(document);
}

static void canonical_form_is_one(void **state)
{
	const char *expected =
		"{'apiVersion':'accelnet/v1','nicNsg':{'name':'n','properties':{'securityRules':["
		"{'name':'r','properties':{'protocol':'Tcp','access':'Allow','priority':100,"
		"'a':1,'z':2}}]}},'context':{'virtualNetwork':['10.1.0.0/16'],"
		"'serviceTags':{'A':[],'B':['192.0.2.1']}},'options':{'mode':'audit'}}";

	(void)state;
	check_canonical("{'options':{'mode':'audit'},'context':{'serviceTags':{'B':['192.0.2.1'],"
			"'A':[]},'virtualNetwork':['10.1.0.0/16']},'nicNsg':{'Properties':"
			"{'SECURITYRULES':[{'Properties':{'z':2,'PRIORITY':100,'Protocol':'Tcp',"
			"'a':1,'access':'Allow'},'Name':'r'}]},'name':'n'},"
			"'apiVersion':'accelnet/v1'}",
			expected);
	check_canonical("{'nicNsg':{'securityRules':[{'a':1,'access':'Allow','name':'r','z':2,"
			"'Priority':100,'protocol':'Tcp'}],'name':'n'},'apiVersion':'accelnet/v1',"
			"'context':{'virtualNetwork':['10.1.0.0/16'],'serviceTags':{'A':[],"
			"'B':['192.0.2.1']}},'options':{'mode':'audit'}}",
			expected);
}

static bool same_content(const char *a, const char *b)
{
	struct json *left = json_of(a), *right = json_of(b);
	char *left_text = policy_document_content(left);
	char *right_text = policy_document_content(right);
	const bool same = strcmp(left_text, right_text) == 0;

	free(left_text);
	free(right_text);
	json_free(left);
	json_free(right);
	return same;
}

static void azure_s_book_keeping_is_no_content(void **state)
{
	static const char plain[] =
		"{'nicNsg':{'name':'n','tags':{'type':'a'},'properties':{'securityRules':[{'name':'r',"
		"'properties':{'description':'d','priority':100,"
		"'sourceApplicationSecurityGroups':[{'id':'/x/web'}]}}]}}}";
	static const char *const same[] = {
		/* as Azure answers, nested and flat */
		"{'nicNsg':{'name':'n','id':'/a/n','etag':'W/1','type':'t','resourceGroup':'g',"
		"'tags':{'type':'a'},'properties':{'provisioningState':'Updating','resourceGuid':'1',"
		"'subnets':[{'id':'/s'}],'networkInterfaces':[],'flowLogs':[],'securityRules':["
		"{'name':'r','ID':'/a/n/r','Etag':'W/2','type':'t','resourceGroup':'g','systemData':{},"
		"'properties':{'description':'d','priority':100,'provisioningState':'Succeeded',"
		"'sourceApplicationSecurityGroups':[{'id':'/x/web'}]}}]}}}",
		"{'nicNsg':{'name':'n','id':'/a/n','etag':'W/3','tags':{'type':'a'},"
		"'provisioningState':'Succeeded','securityRules':[{'name':'r','etag':'W/4','id':'/r',"
		"'provisioningState':'Succeeded','systemData':1,'description':'d','priority':100,"
		"'sourceApplicationSecurityGroups':[{'id':'/x/web'}]}]}}",
	};
	static const char *const other[] = {
		"{'nicNsg':{'name':'m','tags':{'type':'a'},'properties':{'securityRules':[{'name':'r',"
		"'properties':{'description':'d','priority':100,"
		"'sourceApplicationSecurityGroups':[{'id':'/x/web'}]}}]}}}",
		"{'nicNsg':{'name':'n','tags':{'type':'b'},'properties':{'securityRules':[{'name':'r',"
		"'properties':{'description':'d','priority':100,"
		"'sourceApplicationSecurityGroups':[{'id':'/x/web'}]}}]}}}",
		"{'nicNsg':{'name':'n','tags':{'type':'a'},'properties':{'securityRules':[{'name':'r',"
		"'properties':{'description':'e','priority':100,"
		"'sourceApplicationSecurityGroups':[{'id':'/x/web'}]}}]}}}",
		"{'nicNsg':{'name':'n','tags':{'type':'a'},'properties':{'securityRules':[{'name':'r',"
		"'properties':{'description':'d','priority':100,"
		"'sourceApplicationSecurityGroups':[{'id':'/x/db'}]}}]}}}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++)
		assert_true(same_content(plain, same[i]));
	for (size_t i = 0; i < sizeof(other) / sizeof(other[0]); i++)
		assert_false(same_content(plain, other[i]));
}

/* --- the examples that are shipped --- */

static struct policy_source *load_example(const char *name, struct report *report)
{
	struct policy_source *source = NULL;
	char path[400];

	(void)snprintf(path, sizeof(path), EXAMPLES "%s", name);
	report_init(report);
	if (policy_source_load(path, NULL, report, &source) < 0)
		print_report(report);
	assert_non_null(source);
	return source;
}

static void examples_are_clean(void **state)
{
	struct policy_read_options options = { .strict = true };
	struct policy *policy = NULL, *alone = NULL;
	struct json *context = NULL, *canonical;
	struct accelnet_error err;
	struct report report;
	struct policy_source *source = load_example("three-tier.json", &report);

	(void)state;
	(void)policy_source_build(source, NULL, STAGE_NIC, &options, &report, &policy);
	if (report.count)
		print_report(&report);
	assert_int_equal(report.count, 0);
	canonical = policy_document_canonical(source->document);
	assert_int_equal(policy_build(canonical, NULL, &report, &alone), 0);
	policy_free(alone);
	json_free(canonical);
	policy_source_free(source);
	source = load_example("three-tier-nsg.json", &report);
	assert_int_equal(json_load(EXAMPLES "three-tier-context.json", NULL, &context, &err), 0);
	options.context = context;
	assert_int_equal(
		policy_source_build(source, &source->nsgs[0], STAGE_NIC, &options, &report, &alone),
		0);
	assert_int_equal(report.count, 0);
	assert_int_equal(alone->stage[STAGE_NIC].user_rules, policy->stage[STAGE_NIC].user_rules);
	policy_free(policy);
	policy_free(alone);
	policy_source_free(source);
	json_free(context);
	report_fini(&report);
}

/* --- tags from a download --- */

static void only_named_tags_travel(void **state)
{
	static const char download[] =
		"{\"changeNumber\":7,\"values\":["
		"{\"name\":\"Sql\",\"properties\":{\"addressPrefixes\":[\"192.0.2.0/24\"]}},"
		"{\"name\":\"Sql.EastUS\",\"properties\":{\"addressPrefixes\":[\"192.0.2.0/25\"]}},"
		"{\"name\":\"Storage\",\"properties\":{\"addressPrefixes\":[\"198.51.100.0/24\"]}}]}";
	char directory[] = "/tmp/accelnet-tags-XXXXXX", path[60];
	struct json *document = json_of(
		"{'apiVersion':'accelnet/v1','context':{'virtualNetwork':[],"
		"'serviceTagsFile':'tags.json','serviceTags':{'Own':['203.0.113.0/24']}},"
		"'acl':{'rules':[{'name':'a','priority':1,'direction':'Inbound','action':'deny',"
		"'protocol':'*','source':['SQL','own','10.0.0.0/8'],'destination':'*'}]}}");
	struct json *inlined = NULL;
	struct report report;
	char *text;
	FILE *out;

	(void)state;
	assert_non_null(mkdtemp(directory));
	(void)snprintf(path, sizeof(path), "%s/tags.json", directory);
	out = fopen(path, "w");
	assert_non_null(out);
	fputs(download, out);
	fclose(out);
	report_init(&report);
	assert_int_equal(policy_document_inline_tags(document, directory, &report, &inlined), 0);
	text = json_print(inlined);
	assert_non_null(strstr(text, "\"serviceTags\":{\"Own\":[\"203.0.113.0/24\"],"
				     "\"Sql\":[\"192.0.2.0/24\"]}"));
	assert_null(strstr(text, "serviceTagsFile"));
	assert_null(strstr(text, "Storage"));
	free(text);
	json_free(inlined);
	unlink(path);
	assert_true(policy_document_inline_tags(document, directory, &report, &inlined) < 0);
	assert_non_null(find_problem(&report, false, "/context/serviceTagsFile", "cannot open"));
	rmdir(directory);
	json_free(document);
	report_fini(&report);
}

/* A download of the size that there will be: loaded in a moment, and little of it goes on. */
static void large_downloads_are_quick(void **state)
{
	char path[] = "/tmp/accelnet-tags-XXXXXX";
	struct json *document, *download = NULL, *with;
	struct accelnet_error err;
	clock_t start = clock();
	size_t count;
	char *text;
	FILE *out;

	(void)state;
	out = fdopen(mkstemp(path), "w");
	assert_non_null(out);
	fprintf(out, "{\"values\":[");
	for (unsigned tag = 0; tag < 3000; tag++) {
		fprintf(out, "%s{\"name\":\"Tag%u.Region\",\"properties\":{\"addressPrefixes\":[",
			tag ? "," : "", tag);
		for (unsigned i = 0; i < 40; i++)
			fprintf(out, "%s\"20.%u.%u.%u/30\"", i ? "," : "", tag / 256, tag % 256,
				i * 4);
		fprintf(out, "]}}");
	}
	fprintf(out, "]}");
	fclose(out);
	document = json_of("{'apiVersion':'accelnet/v1','acl':{'rules':[{'name':'a','priority':1,"
			   "'direction':'Inbound','action':'deny','protocol':'*',"
			   "'source':'tag2999.region','destination':'*'}]}}");
	assert_int_equal(service_tags_load(path, &download, &err), 0);
	with = policy_document_with_tags(document, download, &count);
	assert_int_equal(count, 1);
	text = json_print(with);
	assert_true(strlen(text) < 2000);
	assert_non_null(strstr(text, "20.11.183.156/30"));
	assert_true(clock() - start < CLOCKS_PER_SEC * 5); /* 0.1 s without sanitizers */
	free(text);
	json_free(with);
	json_free(download);
	json_free(document);
	unlink(path);
}

static void tags_are_renewed(void **state)
{
	struct json *download = json_of(
		"{'values':[{'name':'Sql','properties':{'addressPrefixes':['192.0.2.0/25']}},"
		"{'name':'Storage','properties':{'addressPrefixes':['198.51.100.0/24']}}]}");
	struct json *document = json_of(
		"{'apiVersion':'accelnet/v1','context':{'virtualNetwork':[],"
		"'serviceTags':{'sql':['192.0.2.0/24'],'Own':[]}},'nicNsg':{'securityRules':[" RULE(
			"a", "100", "1") ",{'name':'b','sourceAddressPrefix':'SQL'}]}}");
	struct json *renewed;
	size_t count;
	char *text;

	(void)state;
	renewed = policy_document_with_tags(document, download, &count);
	assert_int_equal(count, 1);
	text = json_print(renewed);
	assert_non_null(strstr(text, "\"serviceTags\":{\"Sql\":[\"192.0.2.0/25\"],\"Own\":[]}"));
	free(text);
	json_free(renewed);
	json_free(document);
	json_free(download);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(forms_are_found_by_shape),
		cmocka_unit_test(problems_point_into_the_file),
		cmocka_unit_test(undefined_names_are_told_once),
		cmocka_unit_test(effective_rules_let_less_through),
		cmocka_unit_test(one_nsg_is_picked),
		cmocka_unit_test(canonical_form_is_one),
		cmocka_unit_test(azure_s_book_keeping_is_no_content),
		cmocka_unit_test(examples_are_clean),
		cmocka_unit_test(only_named_tags_travel),
		cmocka_unit_test(large_downloads_are_quick),
		cmocka_unit_test(tags_are_renewed),
	};

	return cmocka_run_group_tests_name("policy_source", tests, NULL, NULL);
}
