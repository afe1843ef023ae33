/*
 * The classifier's borders and corners, on every SIMD path: burst lengths, tree depths, policies
 * with nothing in them. What rules mean is tests/property's matter.
 */
#include "classify/classifier_tuple.h"
#include "testpmd/synthetic.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct engine {
	struct program *program;
	struct classifier *classifier;
};

/* False where the processor lacks the path. */
static bool engine_init(struct engine *engine, const struct policy *policy, int simd)
{
	struct accelnet_error err;

	assert_int_equal(program_new(policy, &engine->program, NULL), 0);
	if (classifier_new(engine->program, (enum classifier_simd)simd, &engine->classifier,
			   &err) == 0)
		return true;
	assert_int_equal(err.code, ACCELNET_E_UNSUPPORTED);
	program_free(engine->program);
	return false;
}

static void engine_fini(struct engine *engine)
{
	classifier_free(engine->classifier);
	program_free(engine->program);
}

static void add_rule(struct policy *policy, enum stage stage, enum access access,
		     const struct address_set *source, const char *name)
{
	const struct address_set *any = synthetic_set(policy, ADDRESS_ANY, NULL, NULL, 0);
	struct synthetic_rule rule = {
		.name = name,
		.priority = 100,
		.access = access,
		.protocol = RULE_PROTOCOL_ANY,
		.source = { .sets = source ? &source : &any, .set_count = 1 },
		.destination = { .sets = &any, .set_count = 1 },
	};

	synthetic_rule(policy, stage, DIRECTION_INBOUND, &rule);
}

static void check_verdict(const struct verdict *verdict, enum access access, enum stage stage,
			  uint16_t acl, uint16_t subnet, uint16_t nic)
{
	assert_int_equal(verdict->access, access);
	assert_int_equal(verdict->stage, stage);
	assert_int_equal(verdict->rule[STAGE_ACL], acl);
	assert_int_equal(verdict->rule[STAGE_SUBNET], subnet);
	assert_int_equal(verdict->rule[STAGE_NIC], nic);
}

static void judge_one(const struct engine *engine, struct verdict *ret4, struct verdict *ret6)
{
	struct key4 key4 = { .protocol = IP_PROTOCOL_UDP };
	struct key6 key6 = { .protocol = IP_PROTOCOL_UDP };

	classifier_judge4(engine->classifier, DIRECTION_INBOUND, &key4, 1, ret4);
	classifier_judge6(engine->classifier, DIRECTION_INBOUND, &key6, 1, ret6);
}

#define NONE CLASSIFIER_NO_RULE

static void stages_that_are_absent(void **state)
{
	static const struct ip_prefix elsewhere = { IP_FAMILY_V4, 32, 1 };

	(void)state;
	for (int simd = 0; simd < CLASSIFIER_BEST; simd++) {
		struct policy *policy = policy_new_empty();
		struct verdict v4, v6;
		struct engine engine;

		if (!engine_init(&engine, policy, simd)) {
			policy_free(policy);
			continue;
		}
		judge_one(&engine, &v4, &v6);
		check_verdict(&v4, ACCESS_ALLOW, STAGE_ACL, NONE, NONE, NONE);
		check_verdict(&v6, ACCESS_ALLOW, STAGE_ACL, NONE, NONE, NONE);
		assert_false(classifier_has_acl(engine.classifier, DIRECTION_INBOUND));
		engine_fini(&engine);

		add_rule(policy, STAGE_ACL, ACCESS_DENY,
			 synthetic_set(policy, ADDRESS_PREFIXES, NULL, &elsewhere, 1), "x");
		assert_true(engine_init(&engine, policy, simd));
		judge_one(&engine, &v4, &v6);
		check_verdict(&v4, ACCESS_ALLOW, STAGE_ACL, NONE, NONE, NONE);
		check_verdict(&v6, ACCESS_ALLOW, STAGE_ACL, NONE, NONE, NONE);
		assert_true(classifier_has_acl(engine.classifier, DIRECTION_INBOUND));
		assert_false(classifier_has_acl(engine.classifier, DIRECTION_OUTBOUND));
		engine_fini(&engine);

		add_rule(policy, STAGE_ACL, ACCESS_ALWAYS_ALLOW, NULL, "pass");
		add_rule(policy, STAGE_NIC, ACCESS_DENY, NULL, "deny");
		assert_true(engine_init(&engine, policy, simd));
		judge_one(&engine, &v4, &v6);
		check_verdict(&v4, ACCESS_ALWAYS_ALLOW, STAGE_ACL, 1, NONE, 0);
		check_verdict(&v6, ACCESS_ALWAYS_ALLOW, STAGE_ACL, 1, NONE, 0);
		engine_fini(&engine);
		policy_free(policy);
	}
}

/* An NSG that no rule of the family can match still denies. */
static void an_empty_nsg_denies(void **state)
{
	(void)state;
	for (int simd = 0; simd < CLASSIFIER_BEST; simd++) {
		struct policy *policy = policy_new_empty();
		struct verdict v4, v6;
		struct engine engine;

		policy->stage[STAGE_SUBNET].present = true;
		if (engine_init(&engine, policy, simd)) {
			judge_one(&engine, &v4, &v6);
			check_verdict(&v4, ACCESS_DENY, STAGE_SUBNET, NONE, NONE, NONE);
			check_verdict(&v6, ACCESS_DENY, STAGE_SUBNET, NONE, NONE, NONE);
			engine_fini(&engine);
		}
		policy_free(policy);
	}
}

/* `count` hosts that touch neither each other nor the ends of the address space. */
static struct ip_prefix *spread_hosts(enum ip_family family, size_t count, bool low_halves)
{
	unsigned length = ip_family_bits(family);
	unsigned shift = family == IP_FAMILY_V4 ? 0 : low_halves ? 0 : 64;
	struct ip_prefix *hosts = calloc(count + 1, sizeof(*hosts));

	assert_non_null(hosts);
	for (size_t i = 0; i < count; i++) {
		hosts[i].family = family;
		hosts[i].length = (uint8_t)length;
		hosts[i].number = (ip_number)(i * 3 + 5) << shift;
	}
	return hosts;
}

static struct tuple from(enum ip_family family, ip_number number)
{
	return (struct tuple){
		.direction = DIRECTION_INBOUND,
		.source = { family, number },
		.destination = { family, 9 },
		.protocol = IP_PROTOCOL_TCP,
	};
}

static void check_hosts(const struct engine *engine, const struct ip_prefix *hosts, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		enum ip_family family = hosts[i].family;
		struct tuple tuples[3] = { from(family, hosts[i].number - 1),
					   from(family, hosts[i].number),
					   from(family, hosts[i].number + 1) };
		struct judgement got[3];

		classifier_judge_tuples(engine->classifier, engine->program, tuples, 3, got);
		if (got[0].access != ACCESS_DENY || got[1].access != ACCESS_ALLOW ||
		    got[2].access != ACCESS_DENY)
			fail_msg("%s, host %zu of %zu: %d %d %d",
				 classifier_simd_name(engine->classifier), i, count, got[0].access,
				 got[1].access, got[2].access);
	}
}

/* Every depth of tree, full and nearly empty nodes. */
static void trees_of_every_depth(void **state)
{
	static const size_t counts[] = { 0,   1,   3,   4,    5,    7,    8,     9,    16,
					 17,  40,  72,  73,   136,  144,  145,   364,  365,
					 650, 656, 657, 2456, 2457, 3280, 41760, 41761 };

	(void)state;
	for (size_t c = 0; c < sizeof(counts) / sizeof(*counts); c++) {
		for (int kind = 0; kind < 3; kind++) {
			enum ip_family family = kind == 0 ? IP_FAMILY_V4 : IP_FAMILY_V6;
			struct ip_prefix *hosts = spread_hosts(family, counts[c], kind == 1);
			struct policy *policy = policy_new_empty();

			add_rule(policy, STAGE_NIC, ACCESS_ALLOW,
				 synthetic_set(policy, ADDRESS_PREFIXES, NULL, hosts, counts[c]),
				 "hosts");
			for (int simd = 0; simd < CLASSIFIER_BEST; simd++) {
				struct engine engine;

				if (!engine_init(&engine, policy, simd))
					continue;
				check_hosts(&engine, hosts, counts[c]);
				engine_fini(&engine);
			}
			policy_free(policy);
			free(hosts);
		}
	}
}

/* Any count up to a burst, from buffers of just that size, and nothing written behind it. */
static void bursts_of_every_length(void **state)
{
	static const struct ip_prefix half = { IP_FAMILY_V4, 1, 0 };
	static const struct ip_prefix half6 = { IP_FAMILY_V6, 1, 0 };
	struct ip_prefix halves[] = { half, half6 };
	struct policy *policy = policy_new_empty();

	(void)state;
	add_rule(policy, STAGE_NIC, ACCESS_ALLOW,
		 synthetic_set(policy, ADDRESS_PREFIXES, NULL, halves, 2), "low half");
	for (int simd = 0; simd < CLASSIFIER_BEST; simd++) {
		struct engine engine;

		if (!engine_init(&engine, policy, simd))
			continue;
		for (unsigned count = 0; count <= CLASSIFIER_BURST_MAX; count++) {
			unsigned room = count ? count : 1;
			struct key4 *keys4 = aligned_alloc(16, room * sizeof(*keys4));
			struct key6 *keys6 = aligned_alloc(16, room * sizeof(*keys6));
			struct verdict verdicts[CLASSIFIER_BURST_MAX + 1];

			memset(keys4, 0, room * sizeof(*keys4));
			memset(keys6, 0, room * sizeof(*keys6));
			for (unsigned i = 0; i < count; i++) {
				keys4[i].remote = i % 3 ? 0x80 : 0;
				keys6[i].remote[0] = i % 3 ? 0x80 : 0;
			}
			for (int family = 0; family < IP_FAMILIES; family++) {
				memset(verdicts, 0x55, sizeof(verdicts));
				if (family == IP_FAMILY_V4)
					classifier_judge4(engine.classifier, DIRECTION_INBOUND,
							  keys4, count, verdicts);
				else
					classifier_judge6(engine.classifier, DIRECTION_INBOUND,
							  keys6, count, verdicts);
				for (unsigned i = 0; i < count; i++)
					assert_int_equal(verdicts[i].access,
							 i % 3 ? ACCESS_DENY : ACCESS_ALLOW);
				assert_int_equal(verdicts[count].access, 0x55);
			}
			free(keys4);
			free(keys6);
		}
		engine_fini(&engine);
	}
	policy_free(policy);
}

/* What ICMP and other protocols without ports have in the port fields must not matter. */
static void port_fields_of_other_protocols(void **state)
{
	static const struct port_range web = { 80, 80 };
	struct policy *policy = policy_new_empty();
	const struct address_set *any = synthetic_set(policy, ADDRESS_ANY, NULL, NULL, 0);
	struct synthetic_rule rule = {
		.name = "web",
		.priority = 100,
		.access = ACCESS_DENY,
		.protocol = RULE_PROTOCOL_ANY,
		.source = { .sets = &any, .set_count = 1, .ports = &web, .port_count = 1 },
		.destination = { .sets = &any, .set_count = 1, .ports = &web, .port_count = 1 },
	};

	(void)state;
	synthetic_rule(policy, STAGE_NIC, DIRECTION_INBOUND, &rule);
	add_rule(policy, STAGE_NIC, ACCESS_ALLOW, NULL, "rest");
	for (int simd = 0; simd < CLASSIFIER_BEST; simd++) {
		struct key4 keys[] = {
			{ .local_port = 0x5000,
			  .remote_port = 0x5000,
			  .protocol = IP_PROTOCOL_ICMP },
			{ .local_port = 0x5000,
			  .remote_port = 0x5000,
			  .protocol = IP_PROTOCOL_ESP },
			{ .local_port = 0x5000,
			  .remote_port = 0x5000,
			  .protocol = IP_PROTOCOL_SCTP },
		};
		struct verdict verdicts[3];
		struct engine engine;

		if (!engine_init(&engine, policy, simd))
			continue;
		classifier_judge4(engine.classifier, DIRECTION_INBOUND, keys, 3, verdicts);
		assert_int_equal(verdicts[0].rule[STAGE_NIC], 1);
		assert_int_equal(verdicts[1].rule[STAGE_NIC], 1);
		assert_int_equal(verdicts[2].rule[STAGE_NIC], 0);
		engine_fini(&engine);
	}
	policy_free(policy);
}

static void reports_what_it_is(void **state)
{
	struct policy *policy = policy_new_empty();
	struct engine engine;

	(void)state;
	add_rule(policy, STAGE_NIC, ACCESS_ALLOW, NULL, "all");
	assert_true(engine_init(&engine, policy, CLASSIFIER_SCALAR));
	assert_string_equal(classifier_simd_name(engine.classifier), "scalar");
	assert_in_range(classifier_memory(engine.classifier), 4096, 1 << 20);
	engine_fini(&engine);
	policy_free(policy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stages_that_are_absent),
		cmocka_unit_test(an_empty_nsg_denies),
		cmocka_unit_test(trees_of_every_depth),
		cmocka_unit_test(bursts_of_every_length),
		cmocka_unit_test(port_fields_of_other_protocols),
		cmocka_unit_test(reports_what_it_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
