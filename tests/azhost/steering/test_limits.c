/*
 * The limits of a profile, injected faults, a failed device, and who may be destroyed while who is
 * in use.
 */
#include "azhost/steering/kit.h"

#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const uint8_t any[PARAM_BYTES];

static void test_untrusted(void **state)
{
	uint64_t set = command_set(0x51, 0, 32, 1);
	struct steer_action *drop = action_drop(), *modify;
	struct steer_matcher *last, *beyond;
	struct steer_limits limits;
	struct steer_table *table;
	struct device device;

	(void)state;
	steer_limits_default(&limits);
	limits.sw_steering = false;
	limits.root_priorities = 8;
	device_init(&device, &limits);
	for (uint32_t level = 1; level < 4; level++)
		assert_int_equal(steer_table_new(device.rx, level, &table), -EOPNOTSUPP);
	assert_int_equal(steer_table_new(device.rx, 0, &table), 0);
	assert_int_equal(steer_table_destroy(table), 0);
	assert_int_equal(steer_domain_sync(device.rx), -EOPNOTSUPP);
	assert_int_equal(steer_action_new_modify_header(device.rx, false, &set, 1, &modify),
			 -EOPNOTSUPP);
	modify = action_modify(device.rx, true, &set, 1);
	assert_int_equal(steer_action_destroy(modify), 0);
	/* The PMD looks for the last priority by a rule, and needs the matcher for that. */
	last = matcher_of(device.root, 7, any);
	beyond = matcher_of(device.root, 8, any);
	assert_int_equal(rule_result(last, any, &drop, 1), 0);
	assert_int_equal(rule_result(beyond, any, &drop, 1), -EINVAL);
	assert_int_equal(steer_matcher_destroy(last), 0);
	assert_int_equal(steer_matcher_destroy(beyond), 0);
	assert_int_equal(steer_action_destroy(drop), 0);
	device_fini(&device);
}

/* 0 is no limit, as for the other counts. */
static void test_priorities_without_limit(void **state)
{
	struct steer_action *drop = action_drop();
	struct steer_matcher *matcher;
	struct steer_limits limits;
	struct device device;

	(void)state;
	steer_limits_default(&limits);
	limits.root_priorities = 0;
	device_init(&device, &limits);
	matcher = matcher_of(device.root, UINT16_MAX, any);
	assert_int_equal(rule_result(matcher, any, &drop, 1), 0);
	assert_int_equal(steer_matcher_destroy(matcher), 0);
	assert_int_equal(steer_action_destroy(drop), 0);
	device_fini(&device);
}

static void value_of(uint8_t *value, uint32_t i)
{
	memset(value, 0, PARAM_BYTES);
	put32(value + P_DST4, i);
}

static void test_limits(void **state)
{
	uint8_t mask[PARAM_BYTES] = { 0 }, value[PARAM_BYTES];
	uint64_t sets[3];
	struct steer_action *drop = action_drop(), *tag = action_tag(1), *many;
	struct steer_matcher *root, *above, *extra;
	struct steer_rule *rules[8];
	struct steer_limits limits;
	struct steer_stats stats;
	struct steer_table *table, *second;
	struct device device;

	(void)state;
	steer_limits_default(&limits);
	limits.max_tables = 1;
	limits.max_matchers = 2;
	limits.max_root_rules = 3;
	limits.max_rules = 5;
	limits.max_rule_actions = 1;
	limits.max_modify_actions = 2;
	limits.max_root_modify_actions = 1;
	device_init(&device, &limits);
	table = table_at(device.rx, 1);
	assert_int_equal(steer_table_new(device.tx, 1, &second), -ENOMEM);
	put32(mask + P_DST4, 0xffffffff);
	root = matcher_of(device.root, 0, mask);
	put16(mask + P_L3_BITS, 0x1e00);
	above = matcher_of(table, 0, mask);
	assert_int_equal(steer_matcher_new(table, 0, MATCH_OUTER, mask, 64, &extra), -ENOMEM);
	assert_int_equal(steer_matcher_new(device.root, 0, MATCH_OUTER, mask, 64, &extra), -ENOSPC);
	for (uint32_t i = 0; i < 6; i++) {
		struct steer_matcher *matcher = i < 3 ? root : above;

		value_of(value, i);
		if (i == 3)
			assert_int_equal(rule_result(root, value, &drop, 1), -ENOSPC);
		if (i == 5)
			assert_int_equal(rule_result(above, value, &drop, 1), -ENOMEM);
		else
			rules[i] = rule_one(matcher, value, drop);
	}
	steering_stats(device.steering, &stats);
	assert_int_equal(stats.rules, 5);
	assert_int_equal(stats.root_rules, 3);
	assert_int_equal(stats.rules_created, 5);
	assert_int_equal(stats.rules_refused, 2);
	/* One goes, one may come. */
	steer_rule_destroy(rules[4]);
	rules[4] = rule_one(above, value, drop);
	for (int i = 0; i < 5; i++)
		steer_rule_destroy(rules[i]);
	assert_int_equal(rule_result(above, value, (struct steer_action *[]){ tag, drop }, 2),
			 -EINVAL);
	for (int i = 0; i < 3; i++)
		sets[i] = command_set(0x51, 0, 32, 1);
	assert_int_equal(steer_action_new_modify_header(device.rx, true, sets, 2, &many),
			 -EOPNOTSUPP);
	assert_int_equal(steer_action_new_modify_header(device.rx, false, sets, 3, &many), -EINVAL);
	assert_int_equal(steer_matcher_destroy(root), 0);
	assert_int_equal(steer_matcher_destroy(above), 0);
	assert_int_equal(steer_table_destroy(table), 0);
	assert_int_equal(steer_action_destroy(drop), 0);
	assert_int_equal(steer_action_destroy(tag), 0);
	device_fini(&device);
}

static void test_faults(void **state)
{
	static const int expected[] = { 0, 0, -EREMOTEIO, -EREMOTEIO, 0, 0 };
	struct steer_rule *rule;
	struct kit kit;

	(void)state;
	kit_init(&kit);
	steer_fault_rule_create(kit.device.steering, 3, 2, EREMOTEIO);
	for (int i = 0; i < 6; i++)
		assert_int_equal(list_result(&kit, kit.above[STEER_RX], "d"), expected[i]);
	/* Taken back before it strikes. */
	steer_fault_rule_create(kit.device.steering, 1, 5, EIO);
	steer_fault_rule_create(kit.device.steering, 0, 0, 0);
	assert_int_equal(list_result(&kit, kit.root[STEER_RX], "d"), 0);

	steer_fault_rule_limit(kit.device.steering, 1);
	rule = rule_one(kit.above[STEER_RX], any, kit.by_letter['d']);
	assert_int_equal(list_result(&kit, kit.above[STEER_RX], "d"), -ENOMEM);
	assert_int_equal(list_result(&kit, kit.root[STEER_RX], "d"), -ENOSPC);
	steer_fault_rule_limit(kit.device.steering, 0);
	assert_int_equal(list_result(&kit, kit.root[STEER_RX], "d"), 0);
	steer_rule_destroy(rule);
	kit_fini(&kit);
}

/* After the device failed nothing is made, everything can be destroyed. */
static void test_failed_device(void **state)
{
	uint64_t set = command_set(0x51, 0, 32, 1);
	struct steer_matcher *matcher;
	struct steer_domain *domain;
	struct steer_action *modify;
	struct steer_table *table;
	struct steer_rule *rule;
	struct kit kit;

	(void)state;
	kit_init(&kit);
	rule = rule_one(kit.above[STEER_RX], any, kit.by_letter['d']);
	steer_fail(kit.device.steering);
	assert_int_equal(steer_domain_new(kit.device.steering, STEER_RX, &domain), -EIO);
	assert_int_equal(steer_table_new(kit.device.rx, 1, &table), -EIO);
	assert_int_equal(steer_table_new(kit.device.rx, 0, &table), -EIO);
	assert_int_equal(steer_matcher_new(kit.device.root, 0, 0, NULL, 0, &matcher), -EIO);
	assert_int_equal(list_result(&kit, kit.root[STEER_RX], "d"), -EIO);
	assert_int_equal(steer_action_new_modify_header(kit.device.rx, true, &set, 1, &modify),
			 -EIO);
	steer_rule_destroy(rule);
	kit_fini(&kit);
}

/* ---- lifetimes ---- */

static void test_busy(void **state)
{
	struct steer_action *jump, *drop = action_drop();
	struct steer_matcher *m0, *m1;
	struct steer_rule *r0, *r1;
	struct steer_table *table;
	struct device device;

	(void)state;
	device_init(&device, NULL);
	table = table_at(device.rx, 1);
	assert_int_equal(steer_domain_destroy(device.rx), -EBUSY);
	jump = action_table(table);
	assert_int_equal(steer_table_destroy(table), -EBUSY); /* by the action */
	m0 = matcher_of(device.root, 0, any);
	m1 = matcher_of(table, 0, any);
	r0 = rule_one(m0, any, jump);
	r1 = rule_one(m1, any, drop);
	assert_int_equal(steer_action_destroy(jump), -EBUSY);
	assert_int_equal(steer_matcher_destroy(m0), -EBUSY);
	assert_int_equal(steer_table_destroy(device.root), -EBUSY);
	steer_rule_destroy(r0);
	assert_int_equal(steer_action_destroy(jump), 0);
	assert_int_equal(steer_table_destroy(table), -EBUSY); /* by the matcher */
	assert_int_equal(steer_action_destroy(drop), -EBUSY);
	steer_rule_destroy(r1);
	assert_int_equal(steer_action_destroy(drop), 0);
	assert_int_equal(steer_matcher_destroy(m1), 0);
	assert_int_equal(steer_table_destroy(table), 0);
	assert_int_equal(steer_matcher_destroy(m0), 0);
	device_fini(&device);
}

static void test_root_is_no_destination(void **state)
{
	struct steer_action *action;
	struct device device;

	(void)state;
	device_init(&device, NULL);
	assert_int_equal(steer_action_new_dest_table(device.root, &action), -EINVAL);
	device_fini(&device);
}

/* Two domains of one device share the root table. */
static void test_domains_share_the_root(void **state)
{
	struct frame_spec spec = frame_plain(4, IPPROTO_TCP);
	struct steer_action *drop = action_drop();
	struct steer_domain *domain;
	struct steer_matcher *matcher;
	struct steer_table *root;
	struct steer_rule *rule;
	struct device device;
	struct packet packet;

	(void)state;
	device_init(&device, NULL);
	assert_int_equal(steer_domain_new(device.steering, STEER_RX, &domain), 0);
	root = table_at(domain, 0);
	matcher = matcher_of(root, 0, any);
	rule = rule_one(matcher, any, drop);
	assert_int_equal(walk_spec(&device, STEER_RX, &spec, &packet), STEER_DROP);
	steer_rule_destroy(rule);
	assert_int_equal(steer_matcher_destroy(matcher), 0);
	assert_int_equal(steer_table_destroy(root), 0);
	assert_int_equal(steer_domain_destroy(domain), 0);
	assert_int_equal(steer_action_destroy(drop), 0);
	device_fini(&device);
}

/* A domain that is still open keeps the memory of a steering that its owner has given up. */
static void test_owner_goes_first(void **state)
{
	struct steer_domain *domain;
	struct steer_limits limits;
	struct steer_table *table;
	struct steering *s;

	(void)state;
	steer_limits_default(&limits);
	assert_int_equal(steering_new(&limits, &s), 0);
	assert_int_equal(steer_domain_new(s, STEER_RX, &domain), 0);
	assert_int_equal(steer_table_new(domain, 0, &table), 0);
	steering_free(s);
	assert_int_equal(steer_table_destroy(table), 0);
	assert_int_equal(steer_domain_destroy(domain), 0);
	steering_free(NULL);
}

/* ---- size ---- */

#define MANY 100000

static void test_hundred_thousand(void **state)
{
	uint8_t mask[PARAM_BYTES] = { 0 }, value[PARAM_BYTES];
	struct steer_rule **rules = calloc(MANY, sizeof(struct steer_rule *));
	struct steer_action *drop = action_drop();
	struct steer_matcher *matcher;
	struct device device;
	struct packet packet;

	(void)state;
	device_init(&device, NULL);
	put32(mask + P_DST4, 0xffffffff);
	matcher = matcher_of(device.root, 0, mask);
	for (uint32_t i = 0; i < MANY; i++) {
		value_of(value, 0x0a000000 + i);
		rules[i] = rule_one(matcher, value, drop);
	}
	for (int round = 0; round < 2; round++) {
		for (uint32_t i = 0; i < MANY; i += 97) {
			struct frame_spec spec = frame_plain(4, IPPROTO_TCP);
			bool there = round == 0 || i % 2;

			put32(spec.dst, 0x0a000000 + i);
			assert_int_equal(walk_spec(&device, STEER_RX, &spec, &packet),
					 there ? STEER_DROP : STEER_MISS);
		}
		for (uint32_t i = 0; round == 0 && i < MANY; i += 2)
			steer_rule_destroy(rules[i]);
	}
	for (uint32_t i = 1; i < MANY; i += 2)
		steer_rule_destroy(rules[i]);
	free(rules);
	assert_int_equal(steer_matcher_destroy(matcher), 0);
	assert_int_equal(steer_action_destroy(drop), 0);
	device_fini(&device);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_untrusted),
		cmocka_unit_test(test_priorities_without_limit),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_failed_device),
		cmocka_unit_test(test_busy),
		cmocka_unit_test(test_root_is_no_destination),
		cmocka_unit_test(test_domains_share_the_root),
		cmocka_unit_test(test_owner_goes_first),
		cmocka_unit_test(test_hundred_thousand),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
