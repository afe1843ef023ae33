/*
 * The reference interpreter against verdicts worked out by hand from docs/policy.md.
 */
#include "compile/reference.h"
#include "testpmd/synthetic.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

struct fixture {
	struct policy *policy;
	const struct address_set *any;
	const struct address_set *network;  /* 10.1.0.0/16, fd00:1::/32, 168.63.129.16 */
	const struct address_set *internet; /* for that network */
};

static struct ip_prefix prefix(const char *text)
{
	struct ip_prefix ret;

	assert_int_equal(ip_prefix_parse(text, &ret), 0);
	return ret;
}

static int setup(void **state)
{
	static struct fixture f;
	struct ip_prefix network[] = { prefix("10.1.0.0/16"), prefix("fd00:1::/32"),
				       prefix("168.63.129.16/32") };

	f.policy = policy_new_empty();
	f.any = synthetic_set(f.policy, ADDRESS_ANY, NULL, NULL, 0);
	f.network = synthetic_set(f.policy, ADDRESS_PREFIXES, "VirtualNetwork", network, 3);
	f.internet = synthetic_set(f.policy, ADDRESS_INTERNET, "Internet", network, 3);
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	policy_free(((struct fixture *)*state)->policy);
	return 0;
}

/* A rule from `source` to anywhere on TCP port `port`; port 0 means any protocol and port. */
static void add(struct fixture *f, enum stage stage, enum direction direction, const char *name,
		enum access access, const struct address_set *source, uint16_t port)
{
	struct port_range range = { port, port };
	struct synthetic_rule rule = {
		.name = name,
		.priority = (uint16_t)(100 + f->policy->stage[stage].list[direction].count),
		.access = access,
		.protocol = port ? IP_PROTOCOL_TCP : RULE_PROTOCOL_ANY,
		.source = { .sets = &source, .set_count = 1 },
		.destination = { .sets = &f->any,
				 .set_count = 1,
				 .ports = port ? &range : NULL,
				 .port_count = port ? 1 : 0 },
	};

	synthetic_rule(f->policy, stage, direction, &rule);
}

static struct tuple tuple(enum direction direction, uint8_t protocol, const char *source,
			  const char *destination, uint16_t port)
{
	struct tuple ret = {
		.direction = direction,
		.protocol = protocol,
		.source_port = 40000,
		.destination_port = port,
	};

	assert_int_equal(ip_addr_parse(source, &ret.source), 0);
	assert_int_equal(ip_addr_parse(destination, &ret.destination), 0);
	return ret;
}

static struct judgement judge(const struct fixture *f, enum direction direction, const char *source,
			      uint16_t port)
{
	const char *destination = strchr(source, ':') ? "fd00:1::4" : "10.1.0.4";
	struct tuple t = tuple(direction, IP_PROTOCOL_TCP, source, destination, port);
	struct judgement ret;

	reference_judge(f->policy, &t, &ret);
	return ret;
}

static void check(struct judgement j, enum access access, enum stage stage, const char *rule)
{
	assert_true(j.decided);
	assert_int_equal(j.access, access);
	assert_int_equal(j.stage, stage);
	assert_string_equal(j.rule->name, rule);
	assert_ptr_equal(j.matched[stage], j.rule);
}

static void no_nsg_allows_and_names_none(void **state)
{
	struct fixture *f = *state;
	struct judgement j = judge(f, DIRECTION_INBOUND, "203.0.113.9", 443);

	assert_int_equal(j.access, ACCESS_ALLOW);
	assert_false(j.decided);
	assert_null(j.rule);
	add(f, STAGE_ACL, DIRECTION_INBOUND, "acl", ACCESS_DENY, f->network, 1);
	assert_false(judge(f, DIRECTION_INBOUND, "203.0.113.9", 443).decided);
}

static void first_match_ends(void **state)
{
	struct fixture *f = *state;

	add(f, STAGE_NIC, DIRECTION_INBOUND, "deny-net", ACCESS_DENY, f->network, 443);
	add(f, STAGE_NIC, DIRECTION_INBOUND, "https", ACCESS_ALLOW, f->any, 443);
	synthetic_defaults(f->policy, STAGE_NIC, f->network);

	check(judge(f, DIRECTION_INBOUND, "10.1.2.3", 443), ACCESS_DENY, STAGE_NIC, "deny-net");
	check(judge(f, DIRECTION_INBOUND, "10.2.0.0", 443), ACCESS_ALLOW, STAGE_NIC, "https");
	check(judge(f, DIRECTION_INBOUND, "10.1.2.3", 80), ACCESS_ALLOW, STAGE_NIC,
	      "AllowVnetInBound");
	check(judge(f, DIRECTION_INBOUND, "168.63.129.16", 80), ACCESS_ALLOW, STAGE_NIC,
	      "AllowVnetInBound");
	check(judge(f, DIRECTION_INBOUND, "8.8.8.8", 80), ACCESS_DENY, STAGE_NIC, "DenyAllInBound");
	check(judge(f, DIRECTION_INBOUND, "fd00:1::9", 80), ACCESS_ALLOW, STAGE_NIC,
	      "AllowVnetInBound");
}

static void both_levels_must_allow(void **state)
{
	struct fixture *f = *state;
	struct judgement j;

	add(f, STAGE_SUBNET, DIRECTION_INBOUND, "s-web", ACCESS_ALLOW, f->any, 80);
	add(f, STAGE_SUBNET, DIRECTION_INBOUND, "s-ssh", ACCESS_ALLOW, f->any, 22);
	synthetic_defaults(f->policy, STAGE_SUBNET, f->network);
	add(f, STAGE_NIC, DIRECTION_INBOUND, "n-web", ACCESS_ALLOW, f->any, 80);
	add(f, STAGE_NIC, DIRECTION_OUTBOUND, "n-no-smtp", ACCESS_DENY, f->any, 25);
	synthetic_defaults(f->policy, STAGE_NIC, f->network);

	j = judge(f, DIRECTION_INBOUND, "8.8.8.8", 80);
	check(j, ACCESS_ALLOW, STAGE_NIC, "n-web");
	assert_string_equal(j.matched[STAGE_SUBNET]->name, "s-web");
	check(judge(f, DIRECTION_INBOUND, "8.8.8.8", 22), ACCESS_DENY, STAGE_NIC, "DenyAllInBound");
	j = judge(f, DIRECTION_INBOUND, "8.8.8.8", 443);
	check(j, ACCESS_DENY, STAGE_SUBNET, "DenyAllInBound");
	assert_null(j.matched[STAGE_NIC]);
	/* outbound the NIC comes first, and the subnet names an Allow */
	check(judge(f, DIRECTION_OUTBOUND, "10.1.0.4", 25), ACCESS_DENY, STAGE_NIC, "n-no-smtp");
	check(judge(f, DIRECTION_OUTBOUND, "10.1.0.4", 80), ACCESS_ALLOW, STAGE_SUBNET,
	      "AllowVnetOutBound");
}

static void acl_comes_first(void **state)
{
	struct fixture *f = *state;

	add(f, STAGE_ACL, DIRECTION_INBOUND, "go-on", ACCESS_ALLOW, f->any, 80);
	add(f, STAGE_ACL, DIRECTION_INBOUND, "pass", ACCESS_ALWAYS_ALLOW, f->any, 22);
	add(f, STAGE_ACL, DIRECTION_INBOUND, "cut", ACCESS_DENY, f->any, 23);
	check(judge(f, DIRECTION_INBOUND, "8.8.8.8", 80), ACCESS_ALLOW, STAGE_ACL, "go-on");
	synthetic_defaults(f->policy, STAGE_NIC, f->network);

	check(judge(f, DIRECTION_INBOUND, "8.8.8.8", 80), ACCESS_DENY, STAGE_NIC, "DenyAllInBound");
	check(judge(f, DIRECTION_INBOUND, "8.8.8.8", 22), ACCESS_ALWAYS_ALLOW, STAGE_ACL, "pass");
	check(judge(f, DIRECTION_INBOUND, "10.1.0.9", 23), ACCESS_DENY, STAGE_ACL, "cut");
	check(judge(f, DIRECTION_INBOUND, "10.1.0.9", 24), ACCESS_ALLOW, STAGE_NIC,
	      "AllowVnetInBound");
}

static void internet_is_what_is_left(void **state)
{
	static const struct {
		const char *address;
		bool is_internet;
	} cases[] = {
		{ "8.8.8.8", true },
		{ "1.0.0.0", true },
		{ "0.255.255.255", false },
		{ "10.2.0.1", false },
		{ "100.63.255.255", true },
		{ "100.64.0.0", false },
		{ "100.128.0.0", true },
		{ "127.0.0.1", false },
		{ "169.254.169.254", false },
		{ "172.15.255.255", true },
		{ "172.16.0.0", false },
		{ "172.32.0.0", true },
		{ "192.168.255.255", false },
		{ "223.255.255.255", true },
		{ "224.0.0.1", false },
		{ "255.255.255.255", false },
		{ "168.63.129.16", false },
		{ "168.63.129.17", true },
		{ "::", false },
		{ "::1", false },
		{ "::2", true },
		{ "2001:db8::1", true },
		{ "fd00:2::1", false },
		{ "fe80::1", false },
		{ "fec0::1", true },
		{ "ff02::1", false },
	};
	struct fixture *f = *state;

	add(f, STAGE_NIC, DIRECTION_INBOUND, "internet", ACCESS_ALLOW, f->internet, 0);
	synthetic_defaults(f->policy, STAGE_NIC, f->network);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct judgement j = judge(f, DIRECTION_INBOUND, cases[i].address, 80);
		bool named = strcmp(j.rule->name, "internet") == 0;

		if (named != cases[i].is_internet)
			fail_msg("%s", cases[i].address);
	}
}

static void protocols_and_ports(void **state)
{
	static const struct port_range web = { 80, 81 }, everything[] = { { 0, 65535 } };
	const struct {
		int protocol;
		const struct port_range *ports;
		uint8_t packet;
		const char *source;
		uint16_t port;
		bool matches;
	} cases[] = {
		{ RULE_PROTOCOL_ANY, NULL, 47, "8.8.8.8", 0, true },
		{ RULE_PROTOCOL_ANY, &web, IP_PROTOCOL_TCP, "8.8.8.8", 80, true },
		{ RULE_PROTOCOL_ANY, &web, IP_PROTOCOL_UDP, "8.8.8.8", 81, true },
		{ RULE_PROTOCOL_ANY, &web, IP_PROTOCOL_SCTP, "8.8.8.8", 81, true },
		{ RULE_PROTOCOL_ANY, &web, IP_PROTOCOL_UDP, "8.8.8.8", 82, false },
		{ RULE_PROTOCOL_ANY, &web, IP_PROTOCOL_ICMP, "8.8.8.8", 80, false },
		/* a list that covers every port is concrete all the same */
		{ RULE_PROTOCOL_ANY, everything, IP_PROTOCOL_ICMP, "8.8.8.8", 0, false },
		{ RULE_PROTOCOL_ANY, everything, IP_PROTOCOL_UDP, "8.8.8.8", 0, true },
		{ IP_PROTOCOL_TCP, &web, IP_PROTOCOL_UDP, "8.8.8.8", 80, false },
		{ RULE_PROTOCOL_ICMP, NULL, IP_PROTOCOL_ICMP, "8.8.8.8", 0, true },
		{ RULE_PROTOCOL_ICMP, NULL, IP_PROTOCOL_ICMPV6, "8.8.8.8", 0, false },
		{ RULE_PROTOCOL_ICMP, NULL, IP_PROTOCOL_ICMPV6, "2001:db8::1", 0, true },
		{ RULE_PROTOCOL_ICMP, NULL, IP_PROTOCOL_ICMP, "2001:db8::1", 0, false },
		{ IP_PROTOCOL_ESP, NULL, IP_PROTOCOL_ESP, "2001:db8::1", 0, true },
		{ IP_PROTOCOL_ESP, NULL, IP_PROTOCOL_AH, "2001:db8::1", 0, false },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct address_set *sets[] = { f->any };
		struct rule rule = {
			.protocol = cases[i].protocol,
			.source = { sets, 1 },
			.destination = { sets, 1 },
			.source_ports = { .any = true },
			.destination_ports = { .any = !cases[i].ports,
					       .ranges = (struct port_range *)cases[i].ports,
					       .range_count = cases[i].ports ? 1 : 0 },
		};
		struct tuple t = tuple(DIRECTION_INBOUND, cases[i].packet, cases[i].source,
				       strchr(cases[i].source, ':') ? "fd00:1::4" : "10.1.0.4",
				       cases[i].port);

		if (reference_rule_matches(&rule, &t) != cases[i].matches)
			fail_msg("case %zu", i);
		rule.matches_nothing = true;
		assert_false(reference_rule_matches(&rule, &t));
	}
}

static void sides_keep_their_family(void **state)
{
	struct fixture *f = *state;
	struct ip_prefix all4 = prefix("0.0.0.0/0");
	const struct address_set *every4 =
		synthetic_set(f->policy, ADDRESS_PREFIXES, NULL, &all4, 1);
	const struct address_set *nothing =
		synthetic_set(f->policy, ADDRESS_PREFIXES, "empty", NULL, 0);

	add(f, STAGE_NIC, DIRECTION_INBOUND, "nothing", ACCESS_ALLOW, nothing, 0);
	add(f, STAGE_NIC, DIRECTION_INBOUND, "v4", ACCESS_ALLOW, every4, 0);
	add(f, STAGE_NIC, DIRECTION_INBOUND, "both", ACCESS_ALLOW, f->any, 0);
	check(judge(f, DIRECTION_INBOUND, "8.8.8.8", 80), ACCESS_ALLOW, STAGE_NIC, "v4");
	check(judge(f, DIRECTION_INBOUND, "2001:db8::1", 80), ACCESS_ALLOW, STAGE_NIC, "both");
}

static void explains_fields(void **state)
{
	struct fixture *f = *state;
	struct tuple t = tuple(DIRECTION_INBOUND, IP_PROTOCOL_TCP, "8.8.8.8", "10.1.0.4", 80);
	struct rule_match m;

	add(f, STAGE_NIC, DIRECTION_INBOUND, "net", ACCESS_ALLOW, f->network, 443);
	m = reference_rule_fields(&f->policy->stage[STAGE_NIC].list[DIRECTION_INBOUND].rules[0],
				  &t);
	assert_true(m.protocol);
	assert_false(m.source);
	assert_true(m.source_port);
	assert_true(m.destination);
	assert_false(m.destination_port);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(no_nsg_allows_and_names_none), CASE(first_match_ends),
		CASE(both_levels_must_allow),       CASE(acl_comes_first),
		CASE(internet_is_what_is_left),     CASE(protocols_and_ports),
		CASE(sides_keep_their_family),      CASE(explains_fields),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
