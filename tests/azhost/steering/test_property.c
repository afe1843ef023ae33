/*
 * Random tables, random rules coming and going, random packets: the engine and the plainest
 * steering there can be must agree on every one. The seed of a failing round is printed; give it in
 * STEERING_SEED to run that round alone.
 */
#include "azhost/steering/device.h"
#include "azhost/steering/reference.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ROUNDS           150
#define STEPS            400
#define PACKETS_PER_STEP 4

struct random {
	uint64_t state;
};

static uint32_t below(struct random *random, uint32_t n)
{
	random->state ^= random->state << 13;
	random->state ^= random->state >> 7;
	random->state ^= random->state << 17;
	return (uint32_t)(random->state >> 20) % n;
}

/* What a mask is put together from. Masks that hardware compares as a type are whole here. */
static const struct mask_piece {
	unsigned int layer;
	unsigned int offset, bytes;
	uint32_t bits;
} pieces[] = {
	{ 2, P_DMAC, 4, 0xffffffff },
	{ 2, P_DMAC + 4, 2, 0xffff },
	{ 2, P_DMAC + 4, 2, 0x0001 },
	{ 2, P_SMAC + 4, 2, 0xffff },
	{ 2, P_ETHERTYPE, 2, 0xffff },
	{ 2, P_FIRST_TCI, 2, 0x0fff },
	{ 2, P_FIRST_TCI, 2, 0xe000 },
	{ 2, P_L3_BITS, 2, 0x8000 },
	{ 2, P_L3_BITS, 2, 0x4000 },
	{ 3, P_L3_BITS, 2, 0x2000 },
	{ 3, P_L3_BITS, 2, 0x1e00 },
	{ 4, P_L3_BITS, 2, 0x0012 },
	{ 4, P_L3_BITS, 2, 0x0017 },
	{ 4, P_IP_PROTOCOL, 1, 0xff },
	{ 3, P_DSCP_ECN, 1, 0xfc },
	{ 3, P_DSCP_ECN, 1, 0x03 },
	{ 4, P_TCP_SPORT, 2, 0xffff },
	{ 4, P_TCP_DPORT, 2, 0xfffc },
	{ 4, P_TCP_DPORT, 2, 0xffff },
	{ 4, P_UDP_SPORT, 2, 0xffff },
	{ 4, P_UDP_DPORT, 2, 0x00ff },
	{ 3, P_TTL, 1, 0xff },
	{ 3, P_IHL, 1, 0xf0 },
	{ 3, P_SRC4, 4, 0xffffff00 },
	{ 3, P_SRC4, 4, 0xffffffff },
	{ 3, P_DST4, 4, 0xff000000 },
	{ 3, P_DST4, 4, 0xffffffff },
	{ 3, P_SRC6, 4, 0xffff0000 },
	{ 3, P_DST6 + 8, 4, 0xffffffff },
	{ 2, P_SECOND_TCI, 2, 0x0fff },
	{ 2, P_SECOND_BITS, 1, 0x80 },
	{ 3, P_FLOW_LABEL, 4, 0xfffff },
	{ 2, P_REG_C0, 4, 0xffffffff },
	{ 2, P_REG_C0 - 4, 4, 0x000000ff },
	{ 4, P_TCP_SEQ, 4, 0x1 },
	{ 4, P_ICMP_TYPE, 1, 0xff },
	{ 4, P_ICMP6_TYPE, 1, 0xff },
	{ 4, P_ICMP_DATA, 4, 0xffff },
};

#define N_PIECES (sizeof(pieces) / sizeof(pieces[0]))

struct world {
	struct random random;
	struct device device;
	struct steer_table *tables[REF_LEVELS];
	struct steer_matcher *matchers[REF_MATCHERS];
	struct steer_rule *rules[REF_RULES];
	struct steer_action *owned[REF_RULES]; /* the rule's modify-header, if any */
	struct steer_tir tirs[REF_TIRS];
	struct steer_count cells[REF_COUNTERS];
	struct steer_counters counters;
	struct steer_action *to_tir[REF_TIRS], *to_level[REF_LEVELS], *count[REF_COUNTERS];
	struct steer_action *tags[4], *drop, *miss;
	struct reference reference;
	unsigned int serial;
};

static void put_piece(uint8_t *mask, const struct mask_piece *piece)
{
	for (unsigned int i = 0; i < piece->bytes; i++)
		mask[piece->offset + i] |= (uint8_t)(piece->bits >> (8 * (piece->bytes - 1 - i)));
}

static struct frame_spec random_spec(struct random *random)
{
	static const uint8_t protocols[][2] = { { IPPROTO_TCP, IPPROTO_TCP },
						{ IPPROTO_UDP, IPPROTO_UDP },
						{ IPPROTO_ICMP, IPPROTO_ICMPV6 },
						{ 50, 50 } };
	static const uint16_t flags[] = { 0x02, 0x10, 0x12, 0x11 };
	unsigned int ip = (unsigned int[]){ 0, 4, 4, 6 }[below(random, 4)];
	struct frame_spec spec = frame_plain(ip, protocols[below(random, 4)][ip == 6]);

	spec.dmac[5] = (uint8_t)below(random, 3);
	spec.smac[5] = (uint8_t)below(random, 2);
	spec.n_vlans = below(random, 6) < 4 ? 0 : 1 + below(random, 2);
	for (unsigned int i = 0; i < spec.n_vlans; i++) {
		spec.tpid[i] = below(random, 2) ? 0x8100 : 0x88a8;
		spec.tci[i] = (uint16_t)(below(random, 2) << 13 | below(random, 2));
	}
	spec.src[2] = (uint8_t)below(random, 2);
	spec.src[3] = (uint8_t)below(random, 3);
	spec.dst[0] = (uint8_t)(10 + below(random, 2));
	spec.dst[3] = (uint8_t)below(random, 3);
	spec.dst[11] = (uint8_t)below(random, 2);
	spec.tos = (uint8_t)(below(random, 2) * 0xb8 + below(random, 2));
	spec.ttl = (uint8_t)(63 + below(random, 2));
	spec.flow_label = below(random, 2);
	spec.options = below(random, 8) ? 0 : 1;
	spec.fragment = below(random, 6) ? NOT_FRAGMENT : 1 + below(random, 2);
	spec.sport = (uint16_t)(1000 + below(random, 2));
	spec.dport = (uint16_t)(80 + below(random, 4));
	spec.tcp_flags = flags[below(random, 4)];
	spec.seq = below(random, 2);
	spec.icmp_type = (uint8_t)below(random, 2);
	spec.icmp_data = below(random, 2);
	spec.payload = below(random, 3) * 11;
	return spec;
}

static void add_matcher(struct world *world)
{
	unsigned int slot = below(&world->random, REF_MATCHERS);
	struct ref_matcher *matcher = &world->reference.matchers[slot];
	unsigned int n = below(&world->random, 5);

	if (matcher->live)
		return;
	memset(matcher, 0, sizeof(*matcher));
	matcher->live = true;
	matcher->level = below(&world->random, REF_LEVELS);
	matcher->priority = below(&world->random, 3);
	matcher->layer = 2;
	matcher->serial = ++world->serial;
	if (matcher->level) { /* as rdma-core wants it */
		put16(matcher->mask + P_L3_BITS, 0x1e00);
		matcher->layer = 3;
	}
	for (unsigned int i = 0; i < n; i++) {
		const struct mask_piece *piece = &pieces[below(&world->random, N_PIECES)];

		put_piece(matcher->mask, piece);
		if (piece->layer > matcher->layer)
			matcher->layer = piece->layer;
	}
	world->matchers[slot] = matcher_of(world->tables[matcher->level],
					   (uint16_t)matcher->priority, matcher->mask);
	ref_widen(matcher->mask, matcher->level);
}

static void random_end(struct world *world, struct ref_rule *rule, unsigned int level)
{
	rule->end = below(&world->random, 5);
	if (rule->end == REF_NOTHING && !level)
		rule->end = REF_DROP;
	if (rule->end == REF_JUMP && level + 1 == REF_LEVELS)
		rule->end = REF_TIR;
	if (rule->end == REF_TIR)
		rule->target = below(&world->random, REF_TIRS);
	if (rule->end == REF_JUMP)
		rule->target = level + 1 + below(&world->random, REF_LEVELS - level - 1);
	/* No drop and no miss behind a rewrite (rdma-core). */
	if (rule->end == REF_DROP || rule->end == REF_MISS)
		rule->reg_c = -1;
}

static size_t build_actions(struct world *world, unsigned int slot, const struct ref_rule *rule,
			    unsigned int level, struct steer_action **actions)
{
	size_t n = 0;

	if (rule->reg_c >= 0) {
		uint64_t set =
			command_set(0x51 + (unsigned int)rule->reg_c, 0, 32, rule->reg_value);

		world->owned[slot] = action_modify(world->device.rx, !level, &set, 1);
		actions[n++] = world->owned[slot];
	}
	if (rule->tag >= 0)
		actions[n++] = world->tags[rule->tag];
	if (rule->counter >= 0)
		actions[n++] = world->count[rule->counter];
	switch (rule->end) {
	case REF_DROP:
		actions[n++] = world->drop;
		break;
	case REF_MISS:
		actions[n++] = world->miss;
		break;
	case REF_TIR:
		actions[n++] = world->to_tir[rule->target];
		break;
	case REF_JUMP:
		actions[n++] = world->to_level[rule->target];
		break;
	case REF_NOTHING:
		break;
	}
	return n;
}

static void add_rule(struct world *world)
{
	unsigned int slot = below(&world->random, REF_RULES);
	unsigned int matcher = below(&world->random, REF_MATCHERS);
	const struct ref_matcher *m = &world->reference.matchers[matcher];
	struct ref_rule *rule = &world->reference.rules[slot];
	struct steer_action *actions[8];
	struct frame_spec spec = random_spec(&world->random);
	size_t n;

	if (rule->live || !m->live)
		return;
	memset(rule, 0, sizeof(*rule));
	rule->live = true;
	rule->matcher = matcher;
	rule->serial = ++world->serial;
	frame_param(&spec, rule->value);
	put32(rule->value + P_REG_C0, below(&world->random, 2));
	put32(rule->value + P_REG_C0 - 4, below(&world->random, 2));
	for (unsigned int i = 0; i < PARAM_BYTES; i++)
		rule->value[i] &= m->mask[i];
	rule->tag = (int)below(&world->random, 5) - 1;
	rule->counter = (int)below(&world->random, REF_COUNTERS + 1) - 1;
	rule->reg_c = (int)below(&world->random, 4) - 2;
	rule->reg_value = below(&world->random, 2);
	if (rule->reg_c < 0)
		rule->reg_c = -1;
	random_end(world, rule, m->level);
	n = build_actions(world, slot, rule, m->level, actions);
	world->rules[slot] = rule_of(world->matchers[matcher], rule->value, actions, n);
}

static void remove_rule(struct world *world, unsigned int slot)
{
	if (!world->reference.rules[slot].live)
		return;
	world->reference.rules[slot].live = false;
	steer_rule_destroy(world->rules[slot]);
	if (world->owned[slot])
		assert_int_equal(steer_action_destroy(world->owned[slot]), 0);
	world->owned[slot] = NULL;
}

static void remove_matcher(struct world *world, unsigned int slot)
{
	if (!world->reference.matchers[slot].live)
		return;
	for (unsigned int i = 0; i < REF_RULES; i++) {
		if (world->reference.rules[i].matcher == slot)
			remove_rule(world, i);
	}
	world->reference.matchers[slot].live = false;
	assert_int_equal(steer_matcher_destroy(world->matchers[slot]), 0);
}

static void compare(struct world *world)
{
	struct frame_spec spec = random_spec(&world->random);
	struct ref_result expected;
	enum steer_verdict verdict;
	struct packet packet;

	verdict = walk_spec(&world->device, STEER_RX, &spec, &packet);
	ref_walk(&world->reference, &spec, packet.steer.length, &expected);
	assert_int_equal(verdict, expected.verdict);
	assert_int_equal(packet.steer.tag, expected.tag);
	assert_memory_equal(packet.steer.reg_c, expected.reg_c, sizeof(expected.reg_c));
	assert_int_equal(packet.steer.n_tirs, expected.tir >= 0);
	if (expected.tir >= 0)
		assert_ptr_equal(packet.steer.tirs[0], &world->tirs[expected.tir]);
}

static void world_init(struct world *world, uint64_t seed)
{
	struct steer_limits limits;

	memset(world, 0, sizeof(*world));
	world->random.state = seed * 0x9e3779b97f4a7c15ull | 1;
	steer_limits_default(&limits);
	limits.root_conflicts = false;
	world->reference.newest_first = seed % 2;
	limits.tie = seed % 2 ? STEER_TIE_NEWEST : STEER_TIE_OLDEST;
	device_init(&world->device, &limits);
	world->tables[0] = world->device.root;
	for (uint32_t i = 1; i < REF_LEVELS; i++) {
		world->tables[i] = table_at(world->device.rx, i);
		world->to_level[i] = action_table(world->tables[i]);
	}
	world->counters.n = REF_COUNTERS;
	world->counters.cells = world->cells;
	for (uint32_t i = 0; i < REF_COUNTERS; i++)
		world->count[i] = action_counter(&world->counters, i);
	for (uint32_t i = 0; i < REF_TIRS; i++)
		world->to_tir[i] = action_tir(&world->tirs[i]);
	for (uint32_t i = 0; i < 4; i++)
		world->tags[i] = action_tag(i);
	world->drop = action_drop();
	assert_int_equal(steer_action_new_default_miss(&world->miss), 0);
}

static void world_fini(struct world *world)
{
	for (unsigned int i = 0; i < REF_MATCHERS; i++)
		remove_matcher(world, i);
	for (uint32_t i = 0; i < REF_COUNTERS; i++)
		assert_int_equal(steer_action_destroy(world->count[i]), 0);
	for (uint32_t i = 0; i < REF_TIRS; i++)
		assert_int_equal(steer_action_destroy(world->to_tir[i]), 0);
	for (uint32_t i = 0; i < 4; i++)
		assert_int_equal(steer_action_destroy(world->tags[i]), 0);
	assert_int_equal(steer_action_destroy(world->drop), 0);
	assert_int_equal(steer_action_destroy(world->miss), 0);
	for (uint32_t i = 1; i < REF_LEVELS; i++) {
		assert_int_equal(steer_action_destroy(world->to_level[i]), 0);
		assert_int_equal(steer_table_destroy(world->tables[i]), 0);
	}
	device_fini(&world->device);
}

static void step(struct world *world)
{
	switch (below(&world->random, 16)) {
	case 0:
	case 1:
		add_matcher(world);
		break;
	case 2:
		remove_matcher(world, below(&world->random, 4 * REF_MATCHERS) % REF_MATCHERS);
		break;
	case 3:
	case 4:
		remove_rule(world, below(&world->random, REF_RULES));
		break;
	default:
		add_rule(world);
	}
	for (int i = 0; i < PACKETS_PER_STEP; i++)
		compare(world);
}

static void run_round(uint64_t seed)
{
	struct world *world = malloc(sizeof(*world));

	print_message("seed %llu\n", (unsigned long long)seed);
	world_init(world, seed);
	for (int i = 0; i < 8; i++)
		add_matcher(world);
	for (int i = 0; i < STEPS; i++)
		step(world);
	for (int i = 0; i < REF_COUNTERS; i++) {
		assert_int_equal(world->cells[i].packets, world->reference.packets[i]);
		assert_int_equal(world->cells[i].octets, world->reference.octets[i]);
	}
	world_fini(world);
	free(world);
}

static void test_engine_agrees_with_reference(void **state)
{
	const char *seed = getenv("STEERING_SEED");

	(void)state;
	if (seed) {
		run_round(strtoull(seed, NULL, 0));
		return;
	}
	for (uint64_t i = 1; i <= ROUNDS; i++)
		run_round(i);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_engine_agrees_with_reference),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
