/*
 * One rule at a time: what is written, and what it is read as or refused for.
 */
#include "build.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* A rule of a NIC NSG: these properties, with those of `base` that it does not give. */
#define CONTEXT                                                                   \
	"'context':{'virtualNetwork':['10.1.0.0/16','fd00:1::/48'],"              \
	"'applicationSecurityGroups':{'web':['10.1.0.4','10.1.0.5'],'empty':[]}," \
	"'serviceTags':{'Storage':['20.150.0.0/17','2603:1000::/40'],'None':[]}}"
#define DOCUMENT(rule)                         \
	"{'apiVersion':'accelnet/v1'," CONTEXT \
	",'nicNsg':{'properties':{'securityRules':[{'name':'r','properties':{" rule "}}]}}}"

#define HEAD   "'priority':100,'direction':'Inbound','access':'Allow'"
#define DENY   "'priority':100,'direction':'Inbound','access':'Deny'"
#define TCP    ",'protocol':'Tcp'"
#define FROM   ",'sourceAddressPrefix':'*'"
#define TO     ",'destinationAddressPrefix':'*'"
#define SPORTS ",'sourcePortRange':'*'"
#define DPORTS ",'destinationPortRange':'443'"

#define RULE "/nicNsg/properties/securityRules/0"
#define PROP RULE "/properties"

static char *side_text(const struct rule_side *side)
{
	char *text = NULL, prefix[IP_TEXT_MAX];
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	for (size_t i = 0; i < side->set_count; i++) {
		const struct address_set *set = side->sets[i];

		if (set->kind == ADDRESS_ANY)
			fprintf(out, " *");
		else if (set->name)
			fprintf(out, " %s", set->name);
		for (size_t k = 0; k < set->prefix_count && !set->name; k++)
			fprintf(out, " %s", ip_prefix_format(&set->prefixes[k], prefix));
	}
	fclose(out);
	return text;
}

static char *port_text(const struct port_set *ports)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	if (ports->any)
		fprintf(out, " *");
	for (size_t i = 0; i < ports->range_count; i++)
		fprintf(out, " %u-%u", ports->ranges[i].first, ports->ranges[i].last);
	fclose(out);
	return text;
}

/* --- what is accepted, and as what --- */

struct accepted {
	const char *why;
	const char *document;
	const char *source, *destination, *source_ports, *destination_ports;
	int protocol;
	const char *warning; /* part of a warning; NULL: there is none */
	bool matches_nothing;
};

#define SIDE(text)   DOCUMENT(HEAD TCP TO SPORTS DPORTS "," text)
#define PORTS(text)  DOCUMENT(HEAD TCP FROM TO SPORTS "," text)
#define PROTO(text)  DOCUMENT(HEAD FROM TO SPORTS ",'destinationPortRange':'*'," text)
#define ICMP(access) DOCUMENT(access ",'protocol':'Icmp'" FROM TO SPORTS DPORTS)

static const struct accepted accepted[] = {
	{ "a plain rule", DOCUMENT(HEAD TCP FROM TO SPORTS DPORTS), " *", " *", " *", " 443-443",
	  6 },
	{ "protocols are folded", PROTO("'protocol':'tcp'"), " *", " *", " *", " *", 6 },
	{ "UDP", PROTO("'protocol':'UDP'"), " *", " *", " *", " *", 17 },
	{ "any protocol", PROTO("'protocol':'*'"), " *", " *", " *", " *", RULE_PROTOCOL_ANY },
	{ "ICMP is both families'", PROTO("'protocol':'Icmp'"), " *", " *", " *", " *",
	  RULE_PROTOCOL_ICMP },
	{ "ESP", PROTO("'protocol':'Esp'"), " *", " *", " *", " *", 50 },
	{ "AH", PROTO("'protocol':'ah'"), " *", " *", " *", " *", 51 },
	{ "any protocol keeps its port", DOCUMENT(HEAD ",'protocol':'*'" FROM TO SPORTS DPORTS),
	  " *", " *", " *", " 443-443", RULE_PROTOCOL_ANY },
	{ "property names are folded",
	  DOCUMENT("'PRIORITY':100,'Direction':'inbound','ACCESS':'allow','Protocol':'TCP',"
		   "'sourceaddressprefix':'*','DestinationAddressPrefix':'*',"
		   "'SOURCEPORTRANGE':'*','destinationportrange':'443'"),
	  " *", " *", " *", " 443-443", 6 },
	{ "null singular with a plural list is the list",
	  SIDE("'sourceAddressPrefix':null,'sourceAddressPrefixes':['10.0.0.0/8']"), " 10.0.0.0/8",
	  " *", " *", " 443-443", 6 },
	{ "\"\" singular with a plural list is the list",
	  SIDE("'sourceAddressPrefix':'','sourceAddressPrefixes':['10.0.0.0/8']"), " 10.0.0.0/8",
	  " *", " *", " 443-443", 6 },
	{ "absent singular with a group is the group",
	  SIDE("'sourceApplicationSecurityGroups':[{'id':'/subscriptions/s/WEB'}]"), " web", " *",
	  " *", " 443-443", 6 },
	{ "[] means not used",
	  SIDE("'sourceAddressPrefix':'10.0.0.1','sourceAddressPrefixes':[],"
	       "'sourceApplicationSecurityGroups':[]"),
	  " 10.0.0.1/32", " *", " *", " 443-443", 6 },
	{ "a group without members stays, and matches nothing",
	  SIDE("'sourceApplicationSecurityGroups':[{'id':'empty'}]"), " empty", " *", " *",
	  " 443-443", 6 },
	{ "a tag without prefixes stays", SIDE("'sourceAddressPrefix':'None'"), " None", " *", " *",
	  " 443-443", 6 },
	{ "tags are folded", SIDE("'sourceAddressPrefix':'sTORAGE'"), " Storage", " *", " *",
	  " 443-443", 6 },
	{ "classic INTERNET", SIDE("'sourceAddressPrefix':'INTERNET'"), " Internet", " *", " *",
	  " 443-443", 6 },
	{ "classic VIRTUAL_NETWORK", SIDE("'sourceAddressPrefix':'VIRTUAL_NETWORK'"),
	  " VirtualNetwork", " *", " *", " 443-443", 6 },
	{ "classic AZURE_LOADBALANCER", SIDE("'sourceAddressPrefix':'AZURE_LOADBALANCER'"),
	  " AzureLoadBalancer", " *", " *", " 443-443", 6 },
	{ "0.0.0.0/0 is IPv4 only", SIDE("'sourceAddressPrefix':'0.0.0.0/0'"), " 0.0.0.0/0", " *",
	  " *", " 443-443", 6 },
	{ "blanks around an address", SIDE("'sourceAddressPrefix':' 10.0.0.0/8 '"), " 10.0.0.0/8",
	  " *", " *", " 443-443", 6 },
	{ "host bits are masked", SIDE("'sourceAddressPrefix':'50.206.209.68/27'"),
	  " 50.206.209.64/27", " *", " *", " 443-443", 6, "SecurityRuleInvalidAddressPrefix" },
	{ "overlaps are accepted", SIDE("'sourceAddressPrefixes':['10.0.0.0/8','10.0.0.0/16']"),
	  " 10.0.0.0/8 10.0.0.0/16", " *", " *", " 443-443", 6,
	  "OverlappingSubnetsNotPermittedInSecurityRule" },
	{ "a tag in a list", SIDE("'sourceAddressPrefixes':['192.0.2.0/24','Storage']"),
	  " Storage 192.0.2.0/24", " *", " *", " 443-443", 6,
	  "SecurityRuleParameterContainsUnsupportedValue" },
	{ "* in a list is any", SIDE("'sourceAddressPrefixes':['192.0.2.0/24','*']"), " *", " *",
	  " *", " 443-443", 6, "SecurityRuleParameterContainsUnsupportedValue" },
	{ "a joined list in the singular property",
	  SIDE("'sourceAddressPrefix':'10.0.0.0/8, 192.0.2.1'"), " 10.0.0.0/8 192.0.2.1/32", " *",
	  " *", " 443-443", 6, "SecurityRuleInvalidAddressPrefix" },
	{ "both families on one side", SIDE("'sourceAddressPrefixes':['10.0.0.0/8','fd00::/8']"),
	  " 10.0.0.0/8 fd00::/8", " *", " *", " 443-443", 6,
	  "ResourceCannotContainAddressPrefixesFromDifferentAddressFamilies" },
	{ "sides without a common family",
	  DOCUMENT(HEAD TCP SPORTS DPORTS ",'sourceAddressPrefix':'10.0.0.0/8',"
					  "'destinationAddressPrefix':'fd00::/8'"),
	  " 10.0.0.0/8", " fd00::/8", " *", " 443-443", 6, "matches nothing" },
	{ "port as integer", PORTS("'destinationPortRange':80"), " *", " *", " *", " 80-80", 6 },
	{ "port zero", PORTS("'destinationPortRange':'0'"), " *", " *", " *", " 0-0", 6 },
	{ "0-65535 is any", PORTS("'destinationPortRange':'0-65535'"), " *", " *", " *", " *", 6 },
	{ "0-65535 as the one item of a list", PORTS("'destinationPortRanges':['0-65535']"), " *",
	  " *", " *", " *", 6 },
	{ "ranges that cover all ports are concrete",
	  PORTS("'destinationPortRanges':['0-1023','1024-65535']"), " *", " *", " *", " 0-65535",
	  6 },
	{ "trailing blank", PORTS("'destinationPortRange':'65503-65534 '"), " *", " *", " *",
	  " 65503-65534", 6 },
	{ "\"\" with a plural list",
	  PORTS("'destinationPortRange':'','destinationPortRanges':['80','443',8080]"), " *", " *",
	  " *", " 80-80 443-443 8080-8080", 6 },
	{ "ranges are merged", PORTS("'destinationPortRanges':['90','80-85','86','84-88']"), " *",
	  " *", " *", " 80-88 90-90", 6 },
	{ "joined ports", PORTS("'destinationPortRange':'80,443'"), " *", " *", " *",
	  " 80-80 443-443", 6, "SecurityRuleInvalidPortRange" },
	{ "a Deny for ICMP ignores ports", ICMP(DENY), " *", " *", " *", " *", RULE_PROTOCOL_ICMP,
	  "ignored" },
	{ "an Allow for ICMP with ports matches nothing", ICMP(HEAD), " *", " *", " *", " 443-443",
	  RULE_PROTOCOL_ICMP, "matches nothing", true },
	{ "flat, as the Azure CLI prints rules",
	  "{'apiVersion':'accelnet/v1'," CONTEXT ",'nicNsg':{'name':'n','securityRules':[{"
	  "'name':'r','resourceGroup':'g'," HEAD TCP FROM TO SPORTS DPORTS "}]}}",
	  " *", " *", " *", " 443-443", 6 },
	{ "what Azure's answers have besides is known",
	  "{'apiVersion':'accelnet/v1'," CONTEXT ",'nicNsg':{'id':'i','etag':'e','location':'l',"
	  "'tags':{},'properties':{'provisioningState':'Succeeded','resourceGuid':'g',"
	  "'networkInterfaces':[],'subnets':[],'flowLogs':[],'securityRules':[{'name':'r','id':'i',"
	  "'etag':'e','type':'t','properties':{'provisioningState':'x'," HEAD TCP FROM TO SPORTS
		  DPORTS "}}]}}}",
	  " *", " *", " *", " 443-443", 6 },
	{ "a mistyped property is not used",
	  DOCUMENT(HEAD TCP FROM TO SPORTS DPORTS ",'destinationPortRangs':['80']"), " *", " *",
	  " *", " 443-443", 6, "did you mean \"destinationPortRange\"?" },
	{ "so is one that nobody knows",
	  DOCUMENT(HEAD TCP FROM TO SPORTS DPORTS ",'stateless':true"), " *", " *", " *",
	  " 443-443", 6, "\"stateless\" is not known here, and not used" },
	{ "... beside the properties",
	  "{'apiVersion':'accelnet/v1'," CONTEXT ",'nicNsg':{'securityRules':[{'name':'r',"
	  "'condition':false,'properties':{" HEAD TCP FROM TO SPORTS DPORTS "}}]}}",
	  " *", " *", " *", " 443-443", 6, "InvalidRequestFormat: rule \"r\": \"condition\"" },
	{ "... among those of the NSG",
	  "{'apiVersion':'accelnet/v1'," CONTEXT ",'nicNsg':{'properties':{'FlushConections':true,"
	  "'securityRules':[{'name':'r','properties':{" HEAD TCP FROM TO SPORTS DPORTS "}}]}}}",
	  " *", " *", " *", " 443-443", 6, "did you mean \"flushConnection\"?" },
	{ "... and beside those",
	  "{'apiVersion':'accelnet/v1'," CONTEXT ",'nicNsg':{'securityRule':[],'managedBy':'x',"
	  "'securityRules':[{'name':'r','properties':{" HEAD TCP FROM TO SPORTS DPORTS "}}]}}",
	  " *", " *", " *", " 443-443", 6, "did you mean \"securityRules\"?" },
	{ "null says nothing", DOCUMENT(HEAD TCP FROM TO SPORTS DPORTS ",'stateless':null"), " *",
	  " *", " *", " 443-443", 6 },
	{ "priorities that Azure does not give",
	  DOCUMENT("'priority':5000,'direction':'Inbound','access':'Allow'" TCP FROM TO SPORTS
			   DPORTS),
	  " *", " *", " *", " 443-443", 6, "SecurityRuleInvalidPriority" },
};

static void check_text(const struct accepted *t, char *found, const char *expected)
{
	if (strcmp(found, expected) != 0)
		fail_msg("%s: \"%s\", expected \"%s\"", t->why, found, expected);
	free(found);
}

static bool warned(const struct report *report, const char *detail)
{
	for (size_t i = 0; i < report->count; i++) {
		if (report->problems[i].is_warning && strstr(report->problems[i].detail, detail))
			return true;
	}
	return false;
}

static void check_accepted(const struct accepted *t)
{
	struct built built = build(t->document, NULL);
	const struct rule *rule;

	if (!built.policy) {
		print_report(&built.report);
		fail_msg("%s: refused", t->why);
	}
	rule = &built.policy->stage[STAGE_NIC].list[DIRECTION_INBOUND].rules[0];
	assert_string_equal(rule->name, "r");
	assert_false(rule->is_default);
	check_text(t, side_text(&rule->source), t->source);
	check_text(t, side_text(&rule->destination), t->destination);
	check_text(t, port_text(&rule->source_ports), t->source_ports);
	check_text(t, port_text(&rule->destination_ports), t->destination_ports);
	if (rule->protocol != t->protocol)
		fail_msg("%s: protocol %d", t->why, rule->protocol);
	assert_int_equal(rule->matches_nothing, t->matches_nothing);
	if (t->warning ? !warned(&built.report, t->warning) : built.report.warnings > 0) {
		print_report(&built.report);
		fail_msg("%s: warnings are not as expected", t->why);
	}
	built_fini(&built);
}

static void reads(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(accepted) / sizeof(accepted[0]); i++)
		check_accepted(&accepted[i]);
}

/* What lenient mode warns of, strict mode refuses. */
static void strict_refuses_what_lenient_mends(void **state)
{
	const struct policy_read_options options = { .strict = true };

	(void)state;
	for (size_t i = 0; i < sizeof(accepted) / sizeof(accepted[0]); i++) {
		const struct accepted *t = &accepted[i];
		struct built built = build(t->document, &options);

		if (t->warning ? built.policy != NULL : built.policy == NULL) {
			print_report(&built.report);
			fail_msg("%s: strict mode", t->why);
		}
		built_fini(&built);
	}
}

/* --- what is refused, where and why --- */

struct refused {
	const char *document;
	enum accelnet_code code;
	const char *pointer;
	const char *detail;
};

static const struct refused refused[] = {
	{ SIDE("'sourceAddressPrefix':'*','sourceAddressPrefixes':['10.0.0.0/8']"), ACCELNET_E_SIDE,
	  PROP "/sourceAddressPrefixes", "both given" },
	{ SIDE("'sourceAddressPrefix':'*','sourceApplicationSecurityGroups':[{'id':'web'}]"),
	  ACCELNET_E_SIDE, PROP "/sourceApplicationSecurityGroups", "both given" },
	{ SIDE("'sourceAddressPrefixes':['10.0.0.0/8'],"
	       "'sourceApplicationSecurityGroups':[{'id':'web'}]"),
	  ACCELNET_E_SIDE, PROP "/sourceApplicationSecurityGroups", "both given" },
	{ SIDE("'sourceAddressPrefixes':[]"), ACCELNET_E_SIDE, PROP,
	  "nothing is given for sourceAddressPrefix" },
	{ SIDE("'sourceAddressPrefix':''"), ACCELNET_E_SIDE, PROP, "nothing is given" },
	{ SIDE("'description':'no side at all'"), ACCELNET_E_SIDE, PROP, "nothing is given" },
	{ SIDE("'sourceAddressPrefix':'10.0.0.256'"), ACCELNET_E_ADDRESS,
	  PROP "/sourceAddressPrefix", "accepted are *" },
	{ SIDE("'sourceAddressPrefix':'10.0.0.0/33'"), ACCELNET_E_ADDRESS,
	  PROP "/sourceAddressPrefix", "not an address" },
	{ SIDE("'sourceAddressPrefix':'fd00::g'"), ACCELNET_E_ADDRESS, PROP "/sourceAddressPrefix",
	  "not an address" },
	{ SIDE("'sourceAddressPrefixes':['10.0.0.0/8','']"), ACCELNET_E_ADDRESS,
	  PROP "/sourceAddressPrefixes/1", "not an address" },
	{ SIDE("'sourceAddressPrefixes':['10.0.0.0/8',7]"), ACCELNET_E_TYPE,
	  PROP "/sourceAddressPrefixes/1", "expected a string" },
	{ SIDE("'sourceAddressPrefixes':'10.0.0.0/8'"), ACCELNET_E_TYPE,
	  PROP "/sourceAddressPrefixes", "expected a list" },
	{ SIDE("'sourceAddressPrefix':'any'"), ACCELNET_E_UNKNOWN_TAG, PROP "/sourceAddressPrefix",
	  "rule \"r\": service tag \"any\" is not defined: did you mean \"*\"?" },
	{ SIDE("'sourceAddressPrefix':'Storge'"), ACCELNET_E_UNKNOWN_TAG,
	  PROP "/sourceAddressPrefix", "did you mean \"Storage\"?" },
	{ SIDE("'sourceAddressPrefix':'VirtualNetworks'"), ACCELNET_E_UNKNOWN_TAG,
	  PROP "/sourceAddressPrefix", "did you mean \"VirtualNetwork\"?" },
	{ SIDE("'sourceAddressPrefix':'Nowhere'"), ACCELNET_E_UNKNOWN_TAG,
	  PROP "/sourceAddressPrefix", "is not defined. Its prefixes belong in the context" },
	{ SIDE("'sourceAddressPrefix':'Storage.EastUS'"), ACCELNET_E_UNKNOWN_TAG,
	  PROP "/sourceAddressPrefix", "regional" },
	{ SIDE("'sourceAddressPrefix':'[parameters(\\'x\\')]'"), ACCELNET_E_EXPRESSION,
	  PROP "/sourceAddressPrefix", "template expression" },
	{ SIDE("'sourceApplicationSecurityGroups':[{'id':'/a/db'}]"), ACCELNET_E_UNKNOWN_ASG,
	  PROP "/sourceApplicationSecurityGroups/0/id", "empty, web" },
	{ SIDE("'sourceApplicationSecurityGroups':[{'name':'web'}]"), ACCELNET_E_MISSING,
	  PROP "/sourceApplicationSecurityGroups/0", "\"id\"" },
	{ PORTS("'destinationPortRange':'90-80'"), ACCELNET_E_PORT_RANGE,
	  PROP "/destinationPortRange", "reversed" },
	{ PORTS("'destinationPortRange':'65536'"), ACCELNET_E_PORT_RANGE,
	  PROP "/destinationPortRange", "0 to 65535" },
	{ PORTS("'destinationPortRange':80.5"), ACCELNET_E_PORT_RANGE, PROP "/destinationPortRange",
	  "0 to 65535" },
	{ PORTS("'destinationPortRange':-1"), ACCELNET_E_PORT_RANGE, PROP "/destinationPortRange",
	  "0 to 65535" },
	{ PORTS("'destinationPortRange':'http'"), ACCELNET_E_PORT_RANGE,
	  PROP "/destinationPortRange", "not a port" },
	{ PORTS("'destinationPortRange':'80-'"), ACCELNET_E_PORT_RANGE,
	  PROP "/destinationPortRange", "not a port" },
	{ PORTS("'destinationPortRanges':['80','x']"), ACCELNET_E_PORT_RANGE,
	  PROP "/destinationPortRanges/1", "not a port" },
	{ PORTS("'destinationPortRange':'80','destinationPortRanges':['81']"), ACCELNET_E_SIDE,
	  PROP "/destinationPortRanges", "both given" },
	{ PORTS("'destinationPortRanges':[]"), ACCELNET_E_SIDE, PROP,
	  "nothing is given for destinationPortRange" },
	{ PROTO("'protocol':'Gre'"), ACCELNET_E_VALUE, PROP "/protocol", "Tcp, Udp, Icmp" },
	{ PROTO("'protocol':6"), ACCELNET_E_TYPE, PROP "/protocol", "expected a string" },
	{ PROTO("'x':1"), ACCELNET_E_MISSING, PROP, "\"protocol\" is absent" },
	{ PROTO("'protocol':'Tcp','Protocol':'Udp'"), ACCELNET_E_DUPLICATE_KEY, PROP "/Protocol",
	  "no case" },
	{ DOCUMENT("'priority':100.5,'direction':'Inbound','access':'Allow'" TCP FROM TO SPORTS
			   DPORTS),
	  ACCELNET_E_TYPE, PROP "/priority", "whole number" },
	{ DOCUMENT("'priority':65000,'direction':'Inbound','access':'Allow'" TCP FROM TO SPORTS
			   DPORTS),
	  ACCELNET_E_RANGE, PROP "/priority", "65000" },
	{ DOCUMENT("'priority':0,'direction':'Inbound','access':'Allow'" TCP FROM TO SPORTS DPORTS),
	  ACCELNET_E_RANGE, PROP "/priority", "outside" },
	{ DOCUMENT("'priority':100,'direction':'Sideways','access':'Allow'" TCP FROM TO SPORTS
			   DPORTS),
	  ACCELNET_E_VALUE, PROP "/direction", "Inbound or Outbound" },
	{ DOCUMENT("'priority':100,'direction':'Inbound','access':'Permit'" TCP FROM TO SPORTS
			   DPORTS),
	  ACCELNET_E_VALUE, PROP "/access", "Deny or Allow" },
	{ DOCUMENT("'direction':'Inbound','access':'Allow'" TCP FROM TO SPORTS DPORTS),
	  ACCELNET_E_MISSING, PROP, "\"priority\"" },
	{ "{'apiVersion':'accelnet/v1'," CONTEXT
	  ",'nicNsg':{'securityRules':[{" HEAD TCP FROM TO SPORTS DPORTS "}]}}",
	  ACCELNET_E_MISSING, "/nicNsg/securityRules/0", "\"name\"" },
	{ "{'apiVersion':'accelnet/v1'," CONTEXT
	  ",'nicNsg':{'securityRules':[{'name':'a\\nb'," HEAD TCP FROM TO SPORTS DPORTS "}]}}",
	  ACCELNET_E_VALUE, "/nicNsg/securityRules/0/name", "control" },
	{ "{'apiVersion':'accelnet/v1'," CONTEXT ",'nicNsg':{'securityRules':['x']}}",
	  ACCELNET_E_TYPE, "/nicNsg/securityRules/0", "expected an object" },
	{ "{'apiVersion':'accelnet/v1'," CONTEXT ",'nicNsg':{'securityRules':{}}}", ACCELNET_E_TYPE,
	  "/nicNsg/securityRules", "expected a list" },
	{ "{'apiVersion':'accelnet/v1'," CONTEXT
	  ",'nicNsg':{'securityRules':[{'name':'r','properties':[]}]}}",
	  ACCELNET_E_TYPE, "/nicNsg/securityRules/0/properties", "expected an object" },
};

static void check_refused(const struct refused *t)
{
	struct built built = build(t->document, NULL);
	const struct problem *problem;

	problem = find_problem(&built.report, false, t->pointer, t->detail);
	if (built.policy || !problem || problem->code != t->code) {
		print_report(&built.report);
		fail_msg("expected %s at %s, \"%s\", in %s", error_symbol(t->code), t->pointer,
			 t->detail, t->document);
	}
	assert_int_equal(built.report.errors, 1);
	built_fini(&built);
}

static void refuses(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		check_refused(&refused[i]);
}

/* All faults of a document are told at once, each with its place. */
static void tells_everything_at_once(void **state)
{
	struct built built = build(DOCUMENT("'priority':'x','direction':'Up','access':'No',"
					    "'protocol':'Gre','sourceAddressPrefix':'10.0.0.0/40',"
					    "'destinationAddressPrefix':'Nowhere',"
					    "'sourcePortRange':'9-8','destinationPortRange':''"),
				   NULL);

	(void)state;
	assert_int_equal(built.report.errors, 8);
	built_fini(&built);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads),
		cmocka_unit_test(strict_refuses_what_lenient_mends),
		cmocka_unit_test(refuses),
		cmocka_unit_test(tells_everything_at_once),
	};

	return cmocka_run_group_tests_name("policy_rule", tests, NULL, NULL);
}
