/*
 * What becomes of a packet: priorities and layers, tables, tags, counters, registers, VLANs, and
 * where it ends when nothing takes it.
 */
#include "azhost/steering/device.h"

#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define REG_C1 0x52
#define REG_B  0x50
#define REG_A  0x49

static const uint8_t any[PARAM_BYTES];

static void test_empty_is_a_miss(void **state)
{
	struct frame_spec spec = frame_plain(4, IPPROTO_TCP);
	struct device device;
	struct packet packet;

	(void)state;
	device_init(&device, NULL);
	assert_false(steer_active(device.steering, STEER_RX));
	assert_int_equal(walk_spec(&device, STEER_RX, &spec, &packet), STEER_MISS);
	assert_int_equal(walk_spec(&device, STEER_TX, &spec, &packet), STEER_MISS);
	assert_int_equal(packet.steer.headers.l4, STEER_L4_TCP);
	device_fini(&device);
}

static void test_tir_tag_counter(void **state)
{
	struct steer_count cells[4] = { 0 };
	struct steer_counters counters = { .n = 4, .cells = cells };
	struct steer_tir tir = { 0 };
	struct frame_spec spec = frame_plain(4, IPPROTO_TCP);
	struct steer_action *actions[] = { action_tag(0x123456), action_counter(&counters, 2),
					   action_tir(&tir) };
	uint8_t mask[PARAM_BYTES] = { 0 }, value[PARAM_BYTES] = { 0 };
	struct steer_matcher *matcher;
	struct steer_rule *rule;
	struct device device;
	struct packet packet;

	(void)state;
	device_init(&device, NULL);
	param_tcp_dport(mask, value, 80);
	matcher = matcher_of(device.root, 0, mask);
	rule = rule_of(matcher, value, actions, 3);
	assert_true(steer_active(device.steering, STEER_RX));
	assert_int_equal(tir.rules, 1);
	assert_int_equal(counters.rules, 1);

	assert_int_equal(walk_spec(&device, STEER_RX, &spec, &packet), STEER_TIR);
	assert_int_equal(packet.steer.n_tirs, 1);
	assert_ptr_equal(packet.steer.tirs[0], &tir);
	assert_int_equal(packet.steer.tag, 0x123456);
	assert_int_equal(cells[2].packets, 1);
	assert_int_equal(cells[2].octets, packet.steer.length);

	spec.dport = 81;
	assert_int_equal(walk_spec(&device, STEER_RX, &spec, &packet), STEER_MISS);
	assert_int_equal(packet.steer.tag, 0);
	assert_int_equal(packet.steer.n_tirs, 0);
	assert_int_equal(cells[2].packets, 1);

	steer_rule_destroy(rule);
	spec.dport = 80;
	assert_int_equal(walk_spec(&device, STEER_RX, &spec, &packet), STEER_MISS);
	assert_int_equal(tir.rules, 0);
	assert_int_equal(counters.rules, 0);
	assert_int_equal(steer_matcher_destroy(matcher), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(steer_action_destroy(actions[i]), 0);
	device_fini(&device);
}

/* Priority first, then, in the root table, the deeper mask; the rest is the tie's. */
static void test_order_of_search(void **state)
{
	struct frame_spec spec = frame_plain(4, IPPROTO_TCP);
	uint8_t l4[PARAM_BYTES] = { 0 }, l4_value[PARAM_BYTES] = { 0 };
	uint8_t l3[PARAM_BYTES] = { 0 }, l3_value[PARAM_BYTES] = { 0 };
	struct steer_matcher *matchers[3];
	struct steer_action *tags[3], *tir_action;
	struct steer_rule *rules[3];
	struct steer_tir tir = { 0 };
	struct device device;
	struct packet packet;

	(void)state;
	device_init(&device, NULL);
	param_tcp_dport(l4, l4_value, 80);
	param_ipv4(l3, l3_value);
	matchers[0] = matcher_of(device.root, 1, l4);
	matchers[1] = matcher_of(device.root, 1, l3);
	matchers[2] = matcher_of(device.root, 0, any);
	tir_action = action_tir(&tir);
	for (uint32_t i = 0; i < 3; i++) {
		const uint8_t *values[] = { l4_value, l3_value, any };
		struct steer_action *actions[2];

		tags[i] = action_tag(i + 1);
		actions[0] = tags[i];
		actions[1] = tir_action;
		rules[i] = rule_of(matchers[i], values[i], actions, 2);
	}
	walk_spec(&device, STEER_RX, &spec, &packet);
	assert_int_equal(packet.steer.tag, 3); /* priority 0, though it looks at nothing */
	steer_rule_destroy(rules[2]);
	walk_spec(&device, STEER_RX, &spec, &packet);
	assert_int_equal(packet.steer.tag, 1); /* L4 before L3, though it is the older */
	steer_rule_destroy(rules[0]);
	walk_spec(&device, STEER_RX, &spec, &packet);
	assert_int_equal(packet.steer.tag, 2);
	steer_rule_destroy(rules[1]);

	for (int i = 0; i < 3; i++) {
		assert_int_equal(steer_matcher_destroy(matchers[i]), 0);
		assert_int_equal(steer_action_destroy(tags[i]), 0);
	}
	assert_int_equal(steer_action_destroy(tir_action), 0);
	device_fini(&device);
}

/* Which of two equal matchers wins under each tie setting. */
static uint32_t winner(enum steer_tie tie, uint32_t seed, uint32_t level)
{
	struct frame_spec spec = frame_plain(4, IPPROTO_TCP);
	uint8_t masks[2][PARAM_BYTES] = { 0 }, values[2][PARAM_BYTES] = { 0 };
	struct steer_action *tags[2], *tir_action, *jump = NULL;
	struct steer_matcher *matchers[2], *first = NULL;
	struct steer_rule *rules[2], *entry = NULL;
	struct steer_tir tir = { 0 };
	struct steer_limits limits;
	struct steer_table *table;
	struct device device;
	struct packet packet;

	steer_limits_default(&limits);
	limits.tie = tie;
	limits.tie_seed = seed;
	device_init(&device, &limits);
	table = level ? table_at(device.rx, level) : device.root;
	if (level) {
		jump = action_table(table);
		first = matcher_of(device.root, 0, any);
		entry = rule_one(first, any, jump);
	}
	param_ipv4(masks[0], values[0]);
	param_ipv4(masks[1], values[1]);
	put32(masks[0] + P_SRC4, 0xffffffff);
	memcpy(values[0] + P_SRC4, spec.src, 4);
	put32(masks[1] + P_DST4, 0xffffffff);
	memcpy(values[1] + P_DST4, spec.dst, 4);
	tir_action = action_tir(&tir);
	for (uint32_t i = 0; i < 2; i++) {
		struct steer_action *actions[2];

		matchers[i] = matcher_of(table, 5, masks[i]);
		tags[i] = action_tag(i + 1);
		actions[0] = tags[i];
		actions[1] = tir_action;
		rules[i] = rule_of(matchers[i], values[i], actions, 2);
	}
	walk_spec(&device, STEER_RX, &spec, &packet);
	for (int i = 0; i < 2; i++) {
		steer_rule_destroy(rules[i]);
		assert_int_equal(steer_matcher_destroy(matchers[i]), 0);
		assert_int_equal(steer_action_destroy(tags[i]), 0);
	}
	assert_int_equal(steer_action_destroy(tir_action), 0);
	if (level) {
		steer_rule_destroy(entry);
		assert_int_equal(steer_matcher_destroy(first), 0);
		assert_int_equal(steer_action_destroy(jump), 0);
		assert_int_equal(steer_table_destroy(table), 0);
	}
	device_fini(&device);
	return packet.steer.tag;
}

static void test_ties(void **state)
{
	bool seen[3] = { false };

	(void)state;
	for (uint32_t level = 0; level < 2; level++) {
		assert_int_equal(winner(STEER_TIE_OLDEST, 0, level), 1);
		assert_int_equal(winner(STEER_TIE_NEWEST, 0, level), 2);
		for (uint32_t seed = 0; seed < 32; seed++) {
			uint32_t tag = winner(STEER_TIE_SHUFFLED, seed, level);

			assert_int_equal(winner(STEER_TIE_SHUFFLED, seed, level), tag);
			seen[tag] = true;
		}
		assert_true(seen[1] && seen[2]);
	}
}

/* Root -> level 1 -> level 3, a register carried along; behind the root, no rule means drop on
 * receive and the wire on transmit. */
static void test_tables_and_registers(void **state)
{
	struct frame_spec spec = frame_plain(4, IPPROTO_UDP);
	uint64_t set_c1 = command_set(REG_C1, 4, 8, 0xab),
		 copy_b = command_copy(REG_C1, 0, REG_B, 16, 16);
	uint8_t mask[PARAM_BYTES] = { 0 }, value[PARAM_BYTES] = { 0 };
	struct steer_action *set, *copy, *to1, *to3, *tir_action;
	struct steer_matcher *m0, *m1, *m3;
	struct steer_rule *r0, *r1, *r3;
	struct steer_table *t1, *t3;
	struct steer_tir tir = { 0 };
	struct device device;
	struct packet packet;

	(void)state;
	device_init(&device, NULL);
	t1 = table_at(device.rx, 1);
	t3 = table_at(device.rx, 3);
	to1 = action_table(t1);
	to3 = action_table(t3);
	set = action_modify(device.rx, true, &set_c1, 1);
	copy = action_modify(device.rx, false, &copy_b, 1);
	tir_action = action_tir(&tir);
	put32(mask + P_REG_C0 - 4, 0xff0);
	put32(value + P_REG_C0 - 4, 0xab0);
	m0 = matcher_of(device.root, 0, any);
	m1 = matcher_of(t1, 0, mask);
	m3 = matcher_of(t3, 0, any);
	r0 = rule_of(m0, any, (struct steer_action *[]){ set, to1 }, 2);
	assert_int_equal(walk_spec(&device, STEER_RX, &spec, &packet), STEER_DROP);
	r1 = rule_of(m1, value, (struct steer_action *[]){ copy, to3 }, 2);
	assert_int_equal(walk_spec(&device, STEER_RX, &spec, &packet), STEER_DROP);
	r3 = rule_one(m3, any, tir_action);
	assert_int_equal(walk_spec(&device, STEER_RX, &spec, &packet), STEER_TIR);
	assert_int_equal(packet.steer.reg_c[1], 0xab0);
	assert_int_equal(packet.steer.reg_b, 0x0ab00000);

	steer_rule_destroy(r0);
	steer_rule_destroy(r1);
	steer_rule_destroy(r3);
	steer_matcher_destroy(m0);
	steer_matcher_destroy(m1);
	steer_matcher_destroy(m3);
	steer_action_destroy(set);
	steer_action_destroy(copy);
	steer_action_destroy(to1);
	steer_action_destroy(to3);
	steer_action_destroy(tir_action);
	assert_int_equal(steer_table_destroy(t1), 0);
	assert_int_equal(steer_table_destroy(t3), 0);
	device_fini(&device);
}

static void test_transmit(void **state)
{
	struct frame_spec spec = frame_plain(4, IPPROTO_UDP);
	uint8_t mask[PARAM_BYTES] = { 0 }, value[PARAM_BYTES] = { 0 };
	uint8_t sqn_mask[PARAM_BYTES] = { 0 }, sqn[PARAM_BYTES] = { 0 };
	struct steer_matcher *m0, *m1, *m2;
	struct steer_action *drop, *jump;
	struct steer_rule *r0, *r1, *r2;
	struct steer_table *t1;
	struct device device;
	struct packet packet;
	unsigned int walk;

	(void)state;
	device_init(&device, NULL);
	drop = action_drop();
	t1 = table_at(device.tx, 1);
	jump = action_table(t1);
	put32(mask + P_REG_A, 0xffffffff);
	put32(value + P_REG_A, 77);
	put32(sqn_mask + P_SQN, 0xffffff);
	put32(sqn + P_SQN, 5);
	m0 = matcher_of(device.root_tx, 0, mask);
	m1 = matcher_of(device.root_tx, 1, any);
	m2 = matcher_of(device.root_tx, 0, sqn_mask);
	r0 = rule_one(m0, value, drop);
	r1 = rule_one(m1, any, jump);
	r2 = rule_one(m2, sqn, drop);
	assert_false(steer_active(device.steering, STEER_RX));
	assert_true(steer_active(device.steering, STEER_TX));
	/* Through a table without rules to the wire. */
	assert_int_equal(walk_spec(&device, STEER_TX, &spec, &packet), STEER_MISS);
	assert_int_equal(walk_spec(&device, STEER_RX, &spec, &packet), STEER_MISS);

	walk = steer_enter(device.steering);
	packet_of(&packet, &spec);
	packet.steer.reg_a = 77;
	assert_int_equal(steer_packet(device.steering, STEER_TX, &packet.steer), STEER_DROP);
	packet_of(&packet, &spec);
	packet.steer.sqn = 5;
	assert_int_equal(steer_packet(device.steering, STEER_TX, &packet.steer), STEER_DROP);
	steer_leave(device.steering, walk);

	steer_rule_destroy(r0);
	steer_rule_destroy(r1);
	steer_rule_destroy(r2);
	steer_matcher_destroy(m0);
	steer_matcher_destroy(m1);
	steer_matcher_destroy(m2);
	steer_action_destroy(drop);
	steer_action_destroy(jump);
	steer_table_destroy(t1);
	device_fini(&device);
}

/* Jump to a table at level 1 whose only rule does `action`, and see the frame. */
static enum steer_verdict through_level1(enum steer_direction direction,
					 struct steer_action *action, uint32_t headroom,
					 const struct frame_spec *spec, struct packet *packet)
{
	struct steer_action *jump, *tir_action, *actions[2];
	struct steer_matcher *m0, *m1;
	struct steer_rule *r0, *r1;
	struct steer_tir tir = { 0 };
	enum steer_verdict verdict;
	struct steer_domain *domain;
	struct steer_table *table;
	struct device device;
	unsigned int walk;

	device_init(&device, NULL);
	domain = direction == STEER_RX ? device.rx : device.tx;
	table = table_at(domain, 1);
	jump = action_table(table);
	tir_action = action_tir(&tir);
	m0 = matcher_of(direction == STEER_RX ? device.root : device.root_tx, 0, any);
	m1 = matcher_of(table, 0, any);
	r0 = rule_one(m0, any, jump);
	actions[0] = action;
	actions[1] = tir_action;
	r1 = rule_of(m1, any, actions, direction == STEER_RX ? 2 : 1);
	packet_of(packet, spec);
	packet->steer.headroom = headroom;
	walk = steer_enter(device.steering);
	verdict = steer_packet(device.steering, direction, &packet->steer);
	steer_leave(device.steering, walk);
	steer_rule_destroy(r0);
	steer_rule_destroy(r1);
	steer_matcher_destroy(m0);
	steer_matcher_destroy(m1);
	steer_action_destroy(jump);
	steer_action_destroy(tir_action);
	steer_table_destroy(table);
	device_fini(&device);
	return verdict;
}

static void test_pop_vlan(void **state)
{
	struct frame_spec tagged = frame_plain(4, IPPROTO_TCP), plain = tagged;
	uint8_t expected[FRAME_MAX_BYTES];
	struct steer_action *pop;
	struct packet packet;
	size_t length;

	(void)state;
	tagged.n_vlans = 1;
	tagged.tpid[0] = 0x8100;
	tagged.tci[0] = 0x2005;
	assert_int_equal(steer_action_new_pop_vlan(&pop), 0);
	assert_int_equal(through_level1(STEER_RX, pop, 64, &tagged, &packet), STEER_TIR);
	length = frame_build(&plain, expected);
	assert_int_equal(packet.steer.length, length);
	assert_memory_equal(packet.steer.data, expected, length);
	assert_int_equal(packet.steer.headers.vlans, 0);
	assert_int_equal(packet.steer.headers.l4_offset, 34);
	/* Nothing to pop: the frame stays as it is. */
	assert_int_equal(through_level1(STEER_RX, pop, 64, &plain, &packet), STEER_TIR);
	assert_int_equal(packet.steer.length, length);
	assert_memory_equal(packet.steer.data, expected, length);
	assert_int_equal(steer_action_destroy(pop), 0);
}

static void test_push_vlan(void **state)
{
	struct frame_spec plain = frame_plain(6, IPPROTO_TCP), tagged = plain;
	uint8_t expected[FRAME_MAX_BYTES];
	struct steer_action *push;
	struct packet packet;
	size_t length;

	(void)state;
	tagged.n_vlans = 1;
	tagged.tpid[0] = 0x88a8;
	tagged.tci[0] = 0x600a;
	assert_int_equal(steer_action_new_push_vlan(0x12345678, &push), -EINVAL);
	assert_int_equal(steer_action_new_push_vlan(0x88a8600a, &push), 0);
	assert_int_equal(through_level1(STEER_TX, push, 4, &plain, &packet), STEER_MISS);
	length = frame_build(&tagged, expected);
	assert_int_equal(packet.steer.length, length);
	assert_memory_equal(packet.steer.data, expected, length);
	assert_int_equal(packet.steer.headers.vlans, 1);
	assert_int_equal(packet.steer.headroom, 0);
	/* No room: dropped, never sent without its tag. */
	assert_int_equal(through_level1(STEER_TX, push, 3, &plain, &packet), STEER_DROP);
	assert_int_equal(steer_action_destroy(push), 0);
}

/* Root table, one match, two destinations: the packet goes to both, and both rules count. */
static void test_root_twins(void **state)
{
	struct frame_spec spec = frame_plain(4, IPPROTO_TCP);
	struct steer_count cells[2] = { 0 };
	struct steer_counters counters = { .n = 2, .cells = cells };
	struct steer_tir tirs[2] = { 0 };
	struct steer_action *to[2], *counts[2];
	struct steer_matcher *matcher;
	struct steer_rule *rules[2];
	struct device device;
	struct packet packet;

	(void)state;
	device_init(&device, NULL);
	matcher = matcher_of(device.root, 0, any);
	for (uint32_t i = 0; i < 2; i++) {
		to[i] = action_tir(&tirs[i]);
		counts[i] = action_counter(&counters, i);
		rules[i] = rule_of(matcher, any, (struct steer_action *[]){ counts[i], to[i] }, 2);
	}
	assert_int_equal(walk_spec(&device, STEER_RX, &spec, &packet), STEER_TIR);
	assert_int_equal(packet.steer.n_tirs, 2);
	assert_int_equal(cells[0].packets + cells[1].packets, 2);
	steer_rule_destroy(rules[0]);
	assert_int_equal(walk_spec(&device, STEER_RX, &spec, &packet), STEER_TIR);
	assert_int_equal(packet.steer.n_tirs, 1);
	assert_ptr_equal(packet.steer.tirs[0], &tirs[1]);
	steer_rule_destroy(rules[1]);
	steer_matcher_destroy(matcher);
	for (int i = 0; i < 2; i++) {
		steer_action_destroy(to[i]);
		steer_action_destroy(counts[i]);
	}
	device_fini(&device);
}

/* Above the root a mask of 4 for version 4, as the PMD has it there, must not take version 6. */
static void test_version_is_a_type(void **state)
{
	uint8_t four[PARAM_BYTES] = { 0 };
	struct steer_action *jump, *tir_action;
	struct steer_matcher *m0, *m1;
	struct steer_rule *r0, *r1;
	struct steer_tir tir = { 0 };
	struct steer_table *table;
	struct device device;
	struct packet packet;
	struct frame_spec v4 = frame_plain(4, IPPROTO_TCP), v6 = frame_plain(6, IPPROTO_TCP);

	(void)state;
	device_init(&device, NULL);
	table = table_at(device.rx, 1);
	jump = action_table(table);
	tir_action = action_tir(&tir);
	m0 = matcher_of(device.root, 0, any);
	r0 = rule_one(m0, any, jump);
	put16(four + P_L3_BITS, 4 << 9);
	m1 = matcher_of(table, 0, four);
	r1 = rule_one(m1, four, tir_action);
	assert_int_equal(walk_spec(&device, STEER_RX, &v4, &packet), STEER_TIR);
	assert_int_equal(walk_spec(&device, STEER_RX, &v6, &packet), STEER_DROP);
	steer_rule_destroy(r0);
	steer_rule_destroy(r1);
	steer_matcher_destroy(m0);
	steer_matcher_destroy(m1);
	steer_action_destroy(jump);
	steer_action_destroy(tir_action);
	steer_table_destroy(table);
	device_fini(&device);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty_is_a_miss),
		cmocka_unit_test(test_tir_tag_counter),
		cmocka_unit_test(test_order_of_search),
		cmocka_unit_test(test_ties),
		cmocka_unit_test(test_tables_and_registers),
		cmocka_unit_test(test_transmit),
		cmocka_unit_test(test_pop_vlan),
		cmocka_unit_test(test_push_vlan),
		cmocka_unit_test(test_root_twins),
		cmocka_unit_test(test_version_is_a_type),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
