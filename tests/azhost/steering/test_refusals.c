/*
 * What steering refuses and with which errno: masks, values, lists of actions, and contradictions
 * between rules of one match.
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

static int matcher_result(struct steer_table *table, uint8_t criteria, const uint8_t *mask,
			  size_t size)
{
	struct steer_matcher *matcher;
	int r = steer_matcher_new(table, 0, criteria, mask, size, &matcher);

	if (!r)
		assert_int_equal(steer_matcher_destroy(matcher), 0);
	return r;
}

/* Every byte of the parameters: either modelled, or refused. */
static void test_masks(void **state)
{
	static const struct {
		uint16_t first, last;
	} refused[] = {
		{ 0x18, 0x19 },   { 0x44, 0x47 },   { 0x4a, 0x4b },   { 0x4d, 0x5c },
		{ 0x60, 0x7f },   { 0x80, 0xbf },   { 0xc0, 0xcf },   { 0xf4, 0xff },
		{ 0x100, 0x103 }, { 0x108, 0x10b }, { 0x110, 0x117 }, { 0x124, 0x1bf },
	};
	bool bad[PARAM_BYTES] = { false };
	struct steer_table *table;
	struct device device;

	(void)state;
	device_init(&device, NULL);
	table = table_at(device.rx, 1);
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		for (unsigned int b = refused[i].first; b <= refused[i].last; b++)
			bad[b] = true;
	}
	for (unsigned int b = 0; b < PARAM_BYTES; b++) {
		uint8_t mask[PARAM_BYTES] = { 0 };
		int expected = bad[b] ? -EOPNOTSUPP : 0;

		mask[P_L3_BITS] = 0x1e;
		mask[b] |=
			0x01; /* the lowest bit of every byte belongs to a field, or is refused */
		if (b == P_SECOND_BITS)
			mask[b] = 0x80;
		if (b == P_IHL)
			mask[b] = 0x10;
		if (b == P_SQN)
			continue; /* gre flags and source_vhca_port in its first byte */
		assert_int_equal(matcher_result(device.root, ALL_CRITERIA, mask, PARAM_BYTES),
				 expected);
		assert_int_equal(matcher_result(table, ALL_CRITERIA, mask, PARAM_BYTES), expected);
	}
	assert_int_equal(steer_table_destroy(table), 0);
	device_fini(&device);
}

static void test_mask_rules(void **state)
{
	uint8_t mask[640] = { 0 };
	struct steer_table *table;
	struct device device;

	(void)state;
	device_init(&device, NULL);
	table = table_at(device.rx, 1);
	assert_int_equal(matcher_result(table, 0x80, mask, 64), -EINVAL);
	assert_int_equal(matcher_result(table, MATCH_OUTER, mask, 63), -EINVAL);
	assert_int_equal(matcher_result(table, MATCH_OUTER, mask, 516), -EINVAL);
	assert_int_equal(matcher_result(table, MATCH_OUTER, mask, 512), 0);
	assert_int_equal(matcher_result(table, 0, NULL, 0), 0);
	/* A section that the criteria do not name. */
	put32(mask + P_REG_C0, 0xff);
	assert_int_equal(matcher_result(table, MATCH_OUTER, mask, PARAM_BYTES), -EOPNOTSUPP);
	assert_int_equal(matcher_result(table, MATCH_MISC2, mask, PARAM_BYTES), 0);
	/* Above the root, L3 fields need the version. */
	memset(mask, 0, sizeof(mask));
	put32(mask + P_DST4, 0xffffffff);
	assert_int_equal(matcher_result(table, MATCH_OUTER, mask, PARAM_BYTES), -EOPNOTSUPP);
	assert_int_equal(matcher_result(device.root, MATCH_OUTER, mask, PARAM_BYTES), 0);
	put16(mask + P_L3_BITS, 4 << 9);
	assert_int_equal(matcher_result(table, MATCH_OUTER, mask, PARAM_BYTES), 0);
	assert_int_equal(steer_table_destroy(table), 0);
	device_fini(&device);
}

static void test_values(void **state)
{
	uint8_t mask[PARAM_BYTES] = { 0 }, value[PARAM_BYTES] = { 0 };
	struct steer_action *drop = action_drop();
	struct steer_matcher *matcher;
	struct steer_rule *rule;
	struct device device;

	(void)state;
	device_init(&device, NULL);
	put16(mask + P_TCP_DPORT, 0xff00);
	matcher = matcher_of(device.root, 0, mask);
	put16(value + P_TCP_DPORT, 0x1200);
	assert_int_equal(rule_result(matcher, value, &drop, 1), 0);
	put16(value + P_TCP_DPORT, 0x1201);
	assert_int_equal(rule_result(matcher, value, &drop, 1), -EINVAL);
	put16(value + P_TCP_DPORT, 0x1200);
	value[P_INNER] = 1;
	assert_int_equal(rule_result(matcher, value, &drop, 1), -EINVAL);
	assert_int_equal(steer_rule_new(matcher, any, 65, &drop, 1, &rule), -EINVAL);
	assert_int_equal(steer_matcher_destroy(matcher), 0);
	assert_int_equal(steer_action_destroy(drop), 0);
	device_fini(&device);
}

/* ---- lists of actions ---- */

static void test_lists_above_root(void **state)
{
	static const struct {
		enum steer_direction direction;
		const char *letters;
		int result;
	} cases[] = {
		{ STEER_RX, "tcq", 0 },
		{ STEER_RX, "wtcj", 0 },
		{ STEER_RX, "oowq", 0 },
		{ STEER_RX, "dc", 0 },
		{ STEER_RX, "m", 0 },
		{ STEER_RX, "", 0 },
		{ STEER_RX, "e", 0 },
		{ STEER_RX, "Cq", -EINVAL }, /* offset past the bulk */
		{ STEER_RX, "qp", -EINVAL }, /* one of a kind */
		{ STEER_RX, "ceq", -EINVAL },
		{ STEER_RX, "ooo", -EINVAL },
		{ STEER_RX, "vq", -EINVAL },     /* push on receive: not on ConnectX-5 */
		{ STEER_RX, "rq", -EINVAL },     /* made for the root table */
		{ STEER_RX, "Wj", -EINVAL },     /* of the other direction */
		{ STEER_RX, "J", -EINVAL },      /* the other domain's table */
		{ STEER_RX, "k", -EINVAL },      /* its own level */
		{ STEER_RX, "wd", -EOPNOTSUPP }, /* no drop after a rewrite */
		{ STEER_RX, "woq", -EOPNOTSUPP },
		{ STEER_RX, "qt", -EOPNOTSUPP },
		{ STEER_RX, "qd", -EOPNOTSUPP },
		{ STEER_RX, "jq", -EOPNOTSUPP },
		{ STEER_TX, "cJ", 0 },
		{ STEER_TX, "Wv", 0 },
		{ STEER_TX, "vv", 0 },
		{ STEER_TX, "d", 0 },
		{ STEER_TX, "oJ", -EINVAL },
		{ STEER_TX, "q", -EOPNOTSUPP },
		{ STEER_TX, "tJ", -EOPNOTSUPP },
		{ STEER_TX, "vW", -EOPNOTSUPP },
	};
	struct kit kit;

	(void)state;
	kit_init(&kit);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int r = list_result(&kit, kit.above[cases[i].direction], cases[i].letters);

		if (r != cases[i].result)
			fail_msg("list \"%s\": %d, not %d", cases[i].letters, r, cases[i].result);
	}
	kit_fini(&kit);
}

static void test_lists_in_root(void **state)
{
	static const struct {
		enum steer_direction direction;
		const char *letters;
		int result;
	} cases[] = {
		{ STEER_RX, "tcq", 0 },
		{ STEER_RX, "rj", 0 },
		{ STEER_RX, "k", 0 },
		{ STEER_RX, "cd", 0 },
		{ STEER_RX, "m", 0 },
		{ STEER_RX, "c", -EINVAL },
		{ STEER_RX, "", -EINVAL },
		{ STEER_RX, "Cq", -EINVAL },
		{ STEER_RX, "wq", -EINVAL },
		{ STEER_RX, "oq", -ENOTSUP },
		{ STEER_RX, "vq", -ENOTSUP },
		{ STEER_RX, "qd", -EOPNOTSUPP },
		{ STEER_RX, "cceq", -EOPNOTSUPP },
		{ STEER_TX, "C", -EINVAL },
		{ STEER_TX, "c", 0 },
		{ STEER_TX, "q", -EINVAL },
		{ STEER_TX, "tJ", -EINVAL },
		{ STEER_TX, "v", -ENOTSUP },
	};
	struct kit kit;

	(void)state;
	kit_init(&kit);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int r = list_result(&kit, kit.root[cases[i].direction], cases[i].letters);

		if (r != cases[i].result)
			fail_msg("list \"%s\": %d, not %d", cases[i].letters, r, cases[i].result);
	}
	kit_fini(&kit);
}

/* The same match a second time, in the root table and above. */
static void test_same_match(void **state)
{
	static const struct {
		const char *first, *second;
		int result;
	} cases[] = {
		{ "q", "q", 0 },         { "q", "p", 0 },        { "q", "cp", 0 },
		{ "tq", "tp", 0 },       { "d", "d", 0 },        { "d", "cd", 0 },
		{ "q", "d", -EEXIST },   { "q", "j", -EEXIST },  { "j", "k", -EEXIST },
		{ "tq", "uq", -EEXIST }, { "tq", "q", -EEXIST }, { "q", "rq", -EEXIST },
		{ "m", "q", -EEXIST },
	};
	struct kit kit;

	(void)state;
	kit_init(&kit);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct steer_action *first[4];
		size_t n = strlen(cases[i].first);
		struct steer_rule *rule;
		int r;

		for (size_t j = 0; j < n; j++)
			first[j] = kit.by_letter[(unsigned char)cases[i].first[j]];
		rule = rule_of(kit.root[STEER_RX], any, first, n);
		r = list_result(&kit, kit.root[STEER_RX], cases[i].second);
		if (r != cases[i].result)
			fail_msg("\"%s\" then \"%s\": %d, not %d", cases[i].first, cases[i].second,
				 r, cases[i].result);
		steer_rule_destroy(rule);
	}
	kit_fini(&kit);
}

static void test_duplicates_above_root(void **state)
{
	struct steer_rule *rule;
	struct kit kit;

	(void)state;
	kit_init(&kit);
	rule = rule_one(kit.above[STEER_RX], any, kit.by_letter['q']);
	assert_int_equal(list_result(&kit, kit.above[STEER_RX], "d"), 0);
	steer_domain_allow_duplicates(kit.device.rx, false);
	assert_int_equal(list_result(&kit, kit.above[STEER_RX], "d"), -EEXIST);
	steer_domain_allow_duplicates(kit.device.rx, true);
	assert_int_equal(list_result(&kit, kit.above[STEER_RX], "d"), 0);
	steer_rule_destroy(rule);
	kit_fini(&kit);
}

/* With conflicts not refused, rules of one match are tried by the tie setting alone. */
static void test_conflicts_allowed(void **state)
{
	static const enum steer_tie ties[] = { STEER_TIE_OLDEST, STEER_TIE_NEWEST };
	struct frame_spec spec = frame_plain(4, IPPROTO_TCP);

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct steer_tir tir = { 0 };
		struct steer_action *drop = action_drop(), *to = action_tir(&tir);
		struct steer_matcher *matcher;
		struct steer_rule *rules[3];
		struct steer_limits limits;
		struct device device;
		struct packet packet;

		steer_limits_default(&limits);
		limits.root_conflicts = false;
		limits.tie = ties[i];
		device_init(&device, &limits);
		matcher = matcher_of(device.root, 0, any);
		rules[0] = rule_one(matcher, any, drop);
		rules[1] = rule_one(matcher, any, to);
		assert_int_equal(walk_spec(&device, STEER_RX, &spec, &packet),
				 i ? STEER_TIR : STEER_DROP);
		rules[2] = rule_one(matcher, any, drop);
		assert_int_equal(walk_spec(&device, STEER_RX, &spec, &packet), STEER_DROP);
		/* Take the acting one away, the next in order acts. */
		steer_rule_destroy(rules[i ? 2 : 0]);
		assert_int_equal(walk_spec(&device, STEER_RX, &spec, &packet), STEER_TIR);
		steer_rule_destroy(rules[1]);
		assert_int_equal(walk_spec(&device, STEER_RX, &spec, &packet), STEER_DROP);
		steer_rule_destroy(rules[i ? 0 : 2]);
		assert_int_equal(steer_matcher_destroy(matcher), 0);
		assert_int_equal(steer_action_destroy(drop), 0);
		assert_int_equal(steer_action_destroy(to), 0);
		device_fini(&device);
	}
}

static void test_twins_have_an_end(void **state)
{
	struct steer_rule *rules[STEER_MAX_TIRS];
	struct kit kit;

	(void)state;
	kit_init(&kit);
	for (int i = 0; i < STEER_MAX_TIRS; i++)
		rules[i] = rule_one(kit.root[STEER_RX], any, kit.by_letter['q']);
	assert_int_equal(list_result(&kit, kit.root[STEER_RX], "p"), -ENOSPC);
	for (int i = 0; i < STEER_MAX_TIRS; i++)
		steer_rule_destroy(rules[i]);
	kit_fini(&kit);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_masks),
		cmocka_unit_test(test_mask_rules),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_lists_above_root),
		cmocka_unit_test(test_lists_in_root),
		cmocka_unit_test(test_same_match),
		cmocka_unit_test(test_duplicates_above_root),
		cmocka_unit_test(test_conflicts_allowed),
		cmocka_unit_test(test_twins_have_an_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
