/*
 * The answers of verify, from both engines: the deciding rule and level, and what stands before the
 * rules.
 */
#include "../policy/build.h"
#include "control/engine.h"
#include "control/tuple_text.h"
#include "control/verdict.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define RULE(name, priority, direction, access, protocol, source, destination, ports)       \
	"{'name':'" name "','properties':{'priority':" #priority ",'direction':'" direction \
	"','access':'" access "','protocol':'" protocol "','sourceAddressPrefix':'" source  \
	"','destinationAddressPrefix':'" destination                                        \
	"','sourcePortRange':'*','destinationPortRange':'" ports "'}}"
#define NSG(rules)    "{'properties':{'securityRules':[" rules "]}}"
#define DOCUMENT(...) "{'apiVersion':'accelnet/v1'," __VA_ARGS__ "}"
#define CONTEXT       "'context':{'addresses':['10.1.0.4'],'virtualNetwork':['10.1.0.0/16']}"

static const char both_levels[] = DOCUMENT(CONTEXT ",'subnetNsg':" NSG(
	RULE("web", 100, "Inbound", "Allow", "Tcp", "*", "*",
	     "443") "," RULE("no-dns", 110, "Outbound", "Deny", "Udp", "*", "*",
			     "53")) ",'nicNsg':" NSG(RULE("web-too", 100, "Inbound", "Allow", "Tcp",
							  "*", "10.1.0.4", "443")));

static const char acl_only[] = DOCUMENT(
	"'acl':{'rules':[{'name':'pass','priority':1,'direction':'Inbound','action':'allow',"
	"'protocol':'Tcp','source':'*','destination':'*','destinationPorts':'80'},"
	"{'name':'always','priority':2,'direction':'Inbound','action':'always-allow',"
	"'protocol':'Udp','source':'*','destination':'*','destinationPorts':'53'},"
	"{'name':'never','priority':3,'direction':'Inbound','action':'deny',"
	"'protocol':'Udp','source':'*','destination':'*'}]}");

static const char names_dns[] = DOCUMENT(CONTEXT ",'nicNsg':" NSG(
	RULE("no-azure-dns", 100, "Outbound", "Deny", "*", "*", "AzurePlatformDNS",
	     "*") "," RULE("no-rest", 200, "Outbound", "Deny", "*", "*", "*", "*")));

struct question {
	const char *policy;
	struct tuple_words words;
	const char *answer;
};

static const struct question questions[] = {
	{ DOCUMENT("'nicNsg':null"),
	  { "in", "tcp", "10.1.0.4:1", "8.8.8.8:2" },
	  "{\"access\":\"Allow\",\"rule\":null,\"nsg\":\"none\"}" },
	{ both_levels,
	  { "in", "tcp", "10.1.0.4:443", "8.8.8.8:2" },
	  "{\"access\":\"Allow\",\"rule\":\"web-too\",\"nsg\":\"nic\"}" },
	{ both_levels,
	  { "in", "tcp", "10.1.0.5:443", "8.8.8.8:2" },
	  "{\"access\":\"Deny\",\"rule\":\"DenyAllInBound\",\"nsg\":\"nic\"}" },
	{ both_levels,
	  { "in", "tcp", "10.1.0.4:80", "8.8.8.8:2" },
	  "{\"access\":\"Deny\",\"rule\":\"DenyAllInBound\",\"nsg\":\"subnet\"}" },
	{ both_levels,
	  { "out", "tcp", "10.1.0.4:80", "8.8.8.8:2" },
	  "{\"access\":\"Allow\",\"rule\":\"AllowInternetOutBound\",\"nsg\":\"subnet\"}" },
	{ both_levels,
	  { "out", "udp", "10.1.0.4:80", "8.8.8.8:53" },
	  "{\"access\":\"Deny\",\"rule\":\"no-dns\",\"nsg\":\"subnet\"}" },
	{ both_levels,
	  { "in", "icmp", "fd00::4", "fd00::5" },
	  "{\"access\":\"Deny\",\"rule\":\"DenyAllInBound\",\"nsg\":\"subnet\"}" },
	/* before the rules */
	{ both_levels,
	  { "out", "udp", "10.1.0.4:80", "168.63.129.16:53" },
	  "{\"access\":\"Deny\",\"rule\":\"no-dns\",\"nsg\":\"subnet\",\"platform\":true}" },
	{ both_levels,
	  { "out", "tcp", "10.1.0.9:80", "8.8.8.8:2" },
	  "{\"access\":\"Allow\",\"rule\":\"AllowInternetOutBound\",\"nsg\":\"subnet\","
	  "\"isolation\":\"source-ip\"}" },
	{ both_levels,
	  { "out", "udp", "10.1.0.9:80", "8.8.8.8:53" }, /* both deny it */
	  "{\"access\":\"Deny\",\"rule\":\"no-dns\",\"nsg\":\"subnet\"}" },
	{ both_levels,
	  { "in", "tcp", "10.1.0.4:443", "127.0.0.1:2" },
	  "{\"access\":\"Allow\",\"rule\":\"web-too\",\"nsg\":\"nic\","
	  "\"isolation\":\"source-martian\"}" },
	{ names_dns,
	  { "out", "udp", "10.1.0.4:80", "168.63.129.16:53" },
	  "{\"access\":\"Deny\",\"rule\":\"no-azure-dns\",\"nsg\":\"nic\"}" },
	{ names_dns,
	  { "out", "tcp", "10.1.0.4:80", "169.254.169.254:80" },
	  "{\"access\":\"Deny\",\"rule\":\"no-rest\",\"nsg\":\"nic\",\"platform\":true}" },
	{ names_dns,
	  { "out", "tcp", "10.1.0.4:80", "169.254.169.254:443" },
	  "{\"access\":\"Deny\",\"rule\":\"no-rest\",\"nsg\":\"nic\"}" },
	{ names_dns,
	  { "out", "udp", "0.0.0.0:68", "255.255.255.255:67" },
	  "{\"access\":\"Deny\",\"rule\":\"no-rest\",\"nsg\":\"nic\",\"platform\":true}" },
	{ names_dns,
	  { "out", "udp", "[fe80::1]:546", "[ff02::1:2]:547" },
	  "{\"access\":\"Deny\",\"rule\":\"no-rest\",\"nsg\":\"nic\",\"platform\":true}" },
	{ names_dns,
	  { "out", "udp", "0.0.0.0:69", "255.255.255.255:67" },
	  "{\"access\":\"Deny\",\"rule\":\"no-rest\",\"nsg\":\"nic\"}" },
	/* a DHCP request may come from nowhere, to any server, and nothing else may */
	{ DOCUMENT(CONTEXT),
	  { "out", "udp", "0.0.0.0:68", "10.9.9.9:67" },
	  "{\"access\":\"Allow\",\"rule\":null,\"nsg\":\"none\"}" },
	{ DOCUMENT(CONTEXT),
	  { "out", "udp", "0.0.0.0:68", "10.9.9.9:53" },
	  "{\"access\":\"Allow\",\"rule\":null,\"nsg\":\"none\",\"isolation\":\"source-ip\"}" },
	/* acl without any NSG */
	{ acl_only,
	  { "in", "tcp", "10.1.0.4:80", "8.8.8.8:2" },
	  "{\"access\":\"Allow\",\"rule\":\"pass\",\"nsg\":\"acl\"}" },
	{ acl_only,
	  { "in", "udp", "10.1.0.4:53", "8.8.8.8:2" },
	  "{\"access\":\"Allow\",\"rule\":\"always\",\"nsg\":\"acl\"}" },
	{ acl_only,
	  { "in", "udp", "10.1.0.4:54", "8.8.8.8:2" },
	  "{\"access\":\"Deny\",\"rule\":\"never\",\"nsg\":\"acl\"}" },
	{ acl_only,
	  { "in", "tcp", "10.1.0.4:81", "8.8.8.8:2" },
	  "{\"access\":\"Allow\",\"rule\":null,\"nsg\":\"none\"}" },
};

static char *ask(const struct question *question, enum engine_kind kind)
{
	struct built built = build(question->policy, NULL);
	struct engine *engine = NULL;
	struct judgement judgement;
	struct tuple tuple;
	struct json *json;
	char *text;
	bool assumed;

	if (!built.policy)
		print_report(&built.report);
	assert_non_null(built.policy);
	assert_int_equal(tuple_from_words(&question->words, &tuple, &assumed, NULL), 0);
	assert_int_equal(engine_new(built.policy, kind, &engine, NULL), 0);
	engine_judge(engine, &tuple, 1, &judgement);
	json = verdict_json(built.policy, &tuple, &judgement);
	text = json_print(json);
	json_free(json);
	engine_free(engine);
	built_fini(&built);
	return text;
}

static void both_engines_answer(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(questions) / sizeof(questions[0]); i++) {
		for (int kind = ENGINE_REFERENCE; kind <= ENGINE_SOFTWARE; kind++) {
			char *answer = ask(&questions[i], (enum engine_kind)kind);

			if (strcmp(answer, questions[i].answer) != 0)
				fail_msg("question %zu, engine %d: %s", i, kind, answer);
			free(answer);
		}
	}
}

static const char *text_at(const struct json_at *at, const char *key)
{
	struct json_at member;

	assert_true(json_get(at, key, &member));
	return json_string(&member);
}

static void explains_up_to_the_deciding_rule(void **state)
{
	const struct tuple_words words = { "out", "udp", "10.1.0.4", "8.8.8.8:53" };
	struct built built = build(both_levels, NULL);
	struct engine *engine = NULL;
	struct json_at root, levels, level, rules, rule, matched;
	struct judgement judgement;
	struct tuple tuple;
	struct json *json;
	size_t count = 0;
	bool assumed, flag;

	(void)state;
	assert_int_equal(tuple_from_words(&words, &tuple, &assumed, NULL), 0);
	assert_true(assumed);
	assert_int_equal(engine_new(built.policy, ENGINE_SOFTWARE, &engine, NULL), 0);
	engine_judge(engine, &tuple, 1, &judgement);
	json = verdict_answer(built.policy, &tuple, &judgement, assumed, true);
	root = json_root(json);
	assert_true(json_get(&root, "explain", &levels));
	json_foreach(level, &levels)
		assert_string_equal(text_at(&level, "nsg"), count++ == 0 ? "nic" : "subnet");
	assert_int_equal(count, 2);
	json_foreach(level, &levels) {
		/* the loop leaves the last level */
		assert_true(json_get(&level, "rules", &rules));
	}
	assert_int_equal(json_count(&rules), 1); /* no-dns is the first and decides */
	assert_true(json_first(&rules, &rule));
	assert_string_equal(text_at(&rule, "rule"), "no-dns");
	assert_true(json_get(&rule, "destinationPortMatched", &matched));
	assert_true(json_bool(&matched, &flag) && flag);
	json_free(json);
	engine_free(engine);
	built_fini(&built);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_engines_answer),
		cmocka_unit_test(explains_up_to_the_deciding_rule),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
