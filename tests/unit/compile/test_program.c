/*
 * What the compiler makes of a policy: groups, protocols, order, limits.
 */
#include "compile/program.h"
#include "testpmd/synthetic.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static struct ip_prefix prefix(const char *text)
{
	struct ip_prefix ret;

	assert_int_equal(ip_prefix_parse(text, &ret), 0);
	return ret;
}

static const struct address_set *prefixes2(struct policy *policy, const char *a, const char *b)
{
	struct ip_prefix list[] = { prefix(a), prefix(b) };

	return synthetic_set(policy, ADDRESS_PREFIXES, NULL, list, 2);
}

static void add(struct policy *policy, const struct address_set *const *sets, size_t count,
		int protocol, const struct port_range *port)
{
	const struct address_set *any = synthetic_set(policy, ADDRESS_ANY, NULL, NULL, 0);
	struct synthetic_rule rule = {
		.name = "r",
		.priority = 100,
		.access = ACCESS_ALLOW,
		.protocol = protocol,
		.source = { .sets = sets, .set_count = count },
		.destination = { .sets = &any, .set_count = 1, .ports = port, .port_count = 1 },
	};

	synthetic_rule(policy, STAGE_NIC, DIRECTION_INBOUND, &rule);
}

static const struct program_rule *rules_of(const struct program *program)
{
	return program->chain[DIRECTION_INBOUND][STAGE_NIC].rules;
}

static void equal_sides_share_a_group(void **state)
{
	struct policy *policy = policy_new_empty();
	const struct address_set *halves = prefixes2(policy, "10.0.0.0/25", "10.0.0.128/25");
	const struct address_set *whole = prefixes2(policy, "10.0.0.0/24", "10.0.0.7/32");
	const struct address_set *all[] = { prefixes2(policy, "0.0.0.0/1", "128.0.0.0/1"),
					    prefixes2(policy, "::/1", "8000::/1") };
	struct program *program;

	(void)state;
	add(policy, &halves, 1, RULE_PROTOCOL_ANY, NULL);
	add(policy, &whole, 1, RULE_PROTOCOL_ANY, NULL);
	add(policy, all, 2, RULE_PROTOCOL_ANY, NULL);
	assert_int_equal(program_new(policy, &program, NULL), 0);
	assert_int_equal(program->group_count, 4); /* any, 10.0.0.0/24, and each half of `all` */
	assert_int_equal(rules_of(program)[0].source, rules_of(program)[1].source);
	assert_int_equal(rules_of(program)[0].destination, PROGRAM_GROUP_ANY);
	assert_int_equal(rules_of(program)[2].source, PROGRAM_GROUP_ANY);
	assert_ptr_equal(rules_of(program)[1].rule,
			 &policy->stage[STAGE_NIC].list[DIRECTION_INBOUND].rules[1]);
	program_free(program);
	policy_free(policy);
}

static void internet_becomes_a_complement(void **state)
{
	struct policy *policy = policy_new_empty();
	struct ip_prefix network = prefix("8.0.0.0/8");
	const struct address_set *internet =
		synthetic_set(policy, ADDRESS_INTERNET, "Internet", &network, 1);
	const struct address_group *group;
	struct program *program;
	static const struct {
		const char *address;
		bool in;
	} cases[] = { { "1.0.0.0", true },          { "7.255.255.255", true },
		      { "8.0.0.0", false },         { "9.0.0.0", true },
		      { "10.0.0.0", false },        { "223.255.255.255", true },
		      { "255.255.255.255", false }, { "::1", false },
		      { "2001:db8::", true },       { "ff00::", false } };

	(void)state;
	add(policy, &internet, 1, RULE_PROTOCOL_ANY, NULL);
	assert_int_equal(program_new(policy, &program, NULL), 0);
	group = &program->groups[rules_of(program)[0].source];
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct ip_addr addr;

		assert_int_equal(ip_addr_parse(cases[i].address, &addr), 0);
		if (address_group_holds(group, &addr) != cases[i].in)
			fail_msg("%s", cases[i].address);
	}
	program_free(program);
	policy_free(policy);
}

static unsigned count_protocols(const struct program_rule *rule, enum ip_family family)
{
	unsigned count = 0;

	for (unsigned p = 0; p < 256; p++)
		count += program_rule_has_protocol(rule, family, (uint8_t)p);
	return count;
}

static void concrete_ports_leave_three_protocols(void **state)
{
	struct policy *policy = policy_new_empty();
	const struct address_set *any = synthetic_set(policy, ADDRESS_ANY, NULL, NULL, 0);
	static const struct port_range web = { 80, 80 };
	const struct program_rule *rules;
	struct program *program;

	(void)state;
	add(policy, &any, 1, RULE_PROTOCOL_ANY, NULL);
	add(policy, &any, 1, RULE_PROTOCOL_ANY, &web);
	add(policy, &any, 1, RULE_PROTOCOL_ICMP, NULL);
	add(policy, &any, 1, IP_PROTOCOL_ESP, &web);
	policy->stage[STAGE_NIC].list[DIRECTION_INBOUND].rules[3].matches_nothing = true;
	assert_int_equal(program_new(policy, &program, NULL), 0);
	rules = rules_of(program);
	assert_int_equal(count_protocols(&rules[0], IP_FAMILY_V4), 256);
	assert_int_equal(count_protocols(&rules[1], IP_FAMILY_V4), 3);
	assert_true(program_rule_has_protocol(&rules[1], IP_FAMILY_V6, IP_PROTOCOL_SCTP));
	assert_int_equal(count_protocols(&rules[2], IP_FAMILY_V4), 1);
	assert_true(program_rule_has_protocol(&rules[2], IP_FAMILY_V4, IP_PROTOCOL_ICMP));
	assert_true(program_rule_has_protocol(&rules[2], IP_FAMILY_V6, IP_PROTOCOL_ICMPV6));
	assert_int_equal(count_protocols(&rules[3], IP_FAMILY_V4), 0);
	program_free(program);
	policy_free(policy);
}

static void too_many_rules_are_refused(void **state)
{
	struct policy *policy = policy_new_empty();
	struct rule_list *list = &policy->stage[STAGE_SUBNET].list[DIRECTION_OUTBOUND];
	struct accelnet_error err = { 0 };
	struct program *program = NULL;

	(void)state;
	policy->stage[STAGE_SUBNET].present = true;
	list->rules = calloc(PROGRAM_CHAIN_MAX + 1, sizeof(*list->rules));
	assert_non_null(list->rules);
	list->count = PROGRAM_CHAIN_MAX + 1;
	assert_int_equal(program_new(policy, &program, &err), -ENOSPC);
	assert_int_equal(err.code, ACCELNET_E_LIMIT);
	assert_null(program);
	policy_free(policy);
}

static void many_groups_are_found_again(void **state)
{
	struct policy *policy = policy_new_empty();
	struct program *program;

	(void)state;
	for (unsigned i = 0; i < 1000; i++) {
		struct ip_prefix host = { .family = IP_FAMILY_V4, .length = 32, .number = i % 500 };
		const struct address_set *set =
			synthetic_set(policy, ADDRESS_PREFIXES, NULL, &host, 1);

		add(policy, &set, 1, IP_PROTOCOL_TCP, NULL);
	}
	assert_int_equal(program_new(policy, &program, NULL), 0);
	assert_int_equal(program->group_count, 501);
	for (unsigned i = 0; i < 500; i++)
		assert_int_equal(rules_of(program)[i].source, rules_of(program)[i + 500].source);
	program_free(program);
	policy_free(policy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equal_sides_share_a_group),
		cmocka_unit_test(internet_becomes_a_complement),
		cmocka_unit_test(concrete_ports_leave_three_protocols),
		cmocka_unit_test(too_many_rules_are_refused),
		cmocka_unit_test(many_groups_are_found_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
