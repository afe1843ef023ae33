/*
 * What steering refuses and with which errno: masks, values, lists of actions, contradictions in
 * the root table, limits of a profile, injected faults, a failed device; and who may be destroyed
 * while who is in use.
 */
#include "device.h"

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

struct kit {
	struct device device;
	struct steer_table *table[STEER_DIRECTIONS];   /* level 2 */
	struct steer_matcher *root[STEER_DIRECTIONS];  /* matches anything */
	struct steer_matcher *above[STEER_DIRECTIONS]; /* the same, at level 1 */
	struct steer_table *level1[STEER_DIRECTIONS];
	struct steer_counters counters;
	struct steer_count cells[8];
	struct steer_tir tirs[2];
	struct steer_action *by_letter[128];
};

/* One letter an action: see kit_init(). */
static int list_result(struct kit *kit, struct steer_matcher *matcher, const char *letters)
{
	struct steer_action *actions[16];
	size_t n = strlen(letters);

	for (size_t i = 0; i < n; i++)
		actions[i] = kit->by_letter[(unsigned char)letters[i]];
	return rule_result(matcher, any, actions, n);
}

static void kit_init(struct kit *kit)
{
	uint64_t set = command_set(0x51, 0, 32, 1);
	struct steer_domain *domains[STEER_DIRECTIONS];

	memset(kit, 0, sizeof(*kit));
	device_init(&kit->device, NULL);
	domains[STEER_RX] = kit->device.rx;
	domains[STEER_TX] = kit->device.tx;
	kit->root[STEER_RX] = matcher_of(kit->device.root, 0, any);
	kit->root[STEER_TX] = matcher_of(kit->device.root_tx, 0, any);
	for (int i = 0; i < STEER_DIRECTIONS; i++) {
		kit->level1[i] = table_at(domains[i], 1);
		kit->table[i] = table_at(domains[i], 2);
		kit->above[i] = matcher_of(kit->level1[i], 0, any);
	}
	kit->counters.n = 8;
	kit->counters.cells = kit->cells;
	kit->by_letter['d'] = action_drop();
	assert_int_equal(steer_action_new_default_miss(&kit->by_letter['m']), 0);
	kit->by_letter['q'] = action_tir(&kit->tirs[0]);
	kit->by_letter['p'] = action_tir(&kit->tirs[1]);
	kit->by_letter['j'] = action_table(kit->table[STEER_RX]);
	kit->by_letter['J'] = action_table(kit->table[STEER_TX]);
	kit->by_letter['k'] = action_table(kit->level1[STEER_RX]);
	kit->by_letter['t'] = action_tag(1);
	kit->by_letter['u'] = action_tag(2);
	kit->by_letter['c'] = action_counter(&kit->counters, 0);
	kit->by_letter['e'] = action_counter(&kit->counters, 7);
	kit->by_letter['C'] = action_counter(&kit->counters, 8);
	kit->by_letter['r'] = action_modify(kit->device.rx, true, &set, 1);
	kit->by_letter['w'] = action_modify(kit->device.rx, false, &set, 1);
	kit->by_letter['x'] = action_modify(kit->device.rx, false, &set, 1);
	kit->by_letter['W'] = action_modify(kit->device.tx, false, &set, 1);
	assert_int_equal(steer_action_new_pop_vlan(&kit->by_letter['o']), 0);
	assert_int_equal(steer_action_new_push_vlan(0x81000001, &kit->by_letter['v']), 0);
}

static void kit_fini(struct kit *kit)
{
	for (size_t i = 0; i < 128; i++) {
		if (kit->by_letter[i])
			assert_int_equal(steer_action_destroy(kit->by_letter[i]), 0);
	}
	for (int i = 0; i < STEER_DIRECTIONS; i++) {
		assert_int_equal(steer_matcher_destroy(kit->root[i]), 0);
		assert_int_equal(steer_matcher_destroy(kit->above[i]), 0);
		assert_int_equal(steer_table_destroy(kit->table[i]), 0);
		assert_int_equal(steer_table_destroy(kit->level1[i]), 0);
	}
	device_fini(&kit->device);
}

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

/* ---- profiles ---- */

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
		cmocka_unit_test(test_masks),
		cmocka_unit_test(test_mask_rules),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_lists_above_root),
		cmocka_unit_test(test_lists_in_root),
		cmocka_unit_test(test_same_match),
		cmocka_unit_test(test_duplicates_above_root),
		cmocka_unit_test(test_conflicts_allowed),
		cmocka_unit_test(test_twins_have_an_end),
		cmocka_unit_test(test_untrusted),
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
