/*
 * A flow's packets one after the other, while rules and matchers change between them, of which
 * there are enough for results to be kept: each packet goes by what there is now.
 */
#include "azhost/steering/device.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define RULES 4

/* A matcher a priority, 1 the first, and a rule that tags with its priority; a flow of TCP to port
 * 80 that all of them take, the even ones with any flow of IPv4. */
struct bench {
	struct device device;
	uint8_t port_mask[PARAM_BYTES], port[PARAM_BYTES];
	uint8_t four_mask[PARAM_BYTES], four[PARAM_BYTES];
	struct steer_action *tags[RULES], *drop, *tir_action;
	struct steer_matcher *matchers[RULES];
	struct steer_rule *rules[RULES];
	struct steer_tir tir;
	struct frame_spec spec;
	struct packet packet;
};

static enum steer_verdict walk(struct bench *bench)
{
	return walk_spec(&bench->device, STEER_RX, &bench->spec, &bench->packet);
}

static void assert_tag(struct bench *bench, uint32_t tag)
{
	walk(bench);
	assert_int_equal(bench->packet.steer.tag, tag);
}

static int set_up(void **state)
{
	struct bench *bench = calloc(1, sizeof(*bench));

	bench->spec = frame_plain(4, IPPROTO_TCP);
	device_init(&bench->device, NULL);
	param_tcp_dport(bench->port_mask, bench->port, 80);
	param_ipv4(bench->four_mask, bench->four);
	bench->drop = action_drop();
	bench->tir_action = action_tir(&bench->tir);
	for (uint32_t i = 0; i < RULES; i++) {
		bench->tags[i] = action_tag(i + 1);
		bench->matchers[i] = matcher_of(bench->device.root, (uint16_t)(1 + i),
						i % 2 ? bench->four_mask : bench->port_mask);
		assert_int_equal(walk(bench), STEER_MISS);
	}
	*state = bench;
	return 0;
}

static int tear_down(void **state)
{
	struct bench *bench = *state;

	for (uint32_t i = 0; i < RULES; i++) {
		assert_int_equal(steer_matcher_destroy(bench->matchers[i]), 0);
		assert_int_equal(steer_action_destroy(bench->tags[i]), 0);
	}
	assert_int_equal(steer_action_destroy(bench->drop), 0);
	assert_int_equal(steer_action_destroy(bench->tir_action), 0);
	device_fini(&bench->device);
	free(bench);
	return 0;
}

/* The last one first, so that each is before those that there are. */
static void rules_come(struct bench *bench)
{
	for (uint32_t i = RULES; i-- > 0;) {
		struct steer_action *actions[] = { bench->tags[i], bench->tir_action };

		bench->rules[i] =
			rule_of(bench->matchers[i], i % 2 ? bench->four : bench->port, actions, 2);
		for (int again = 0; again < 3; again++)
			assert_tag(bench, i + 1);
	}
}

static void rules_go(struct bench *bench)
{
	for (uint32_t i = 0; i < RULES; i++) {
		steer_rule_destroy(bench->rules[i]);
		assert_tag(bench, i + 1 < RULES ? i + 2 : 0);
	}
}

static void test_rules_come_and_go(void **state)
{
	struct bench *bench = *state;

	rules_come(bench);
	rules_go(bench);
}

/* It differs in a bit that a matcher looks at. */
static void test_another_flow(void **state)
{
	struct bench *bench = *state;

	rules_come(bench);
	bench->spec.dport = 81;
	assert_tag(bench, 2);
	bench->spec.dport = 80;
	assert_tag(bench, 1);
	rules_go(bench);
}

/* Before the others. */
static void test_a_matcher_that_looks_at_less(void **state)
{
	static const uint8_t any[PARAM_BYTES];
	struct bench *bench = *state;
	struct steer_matcher *early;
	struct steer_rule *rule;

	rules_come(bench);
	early = matcher_of(bench->device.root, 0, any);
	assert_tag(bench, 1);
	rule = rule_one(early, any, bench->drop);
	assert_int_equal(walk(bench), STEER_DROP);
	steer_rule_destroy(rule);
	assert_int_equal(steer_matcher_destroy(early), 0);
	rules_go(bench);
}

static void test_a_matcher_that_looks_at_more(void **state)
{
	struct bench *bench = *state;
	struct steer_matcher *early;
	struct steer_rule *rule;

	rules_come(bench);
	put16(bench->port_mask + P_TCP_SPORT, 0xffff);
	put16(bench->port + P_TCP_SPORT, bench->spec.sport);
	walk(bench);
	early = matcher_of(bench->device.root, 0, bench->port_mask);
	rule = rule_one(early, bench->port, bench->drop);
	assert_int_equal(walk(bench), STEER_DROP);
	bench->spec.sport++;
	assert_int_equal(walk(bench), STEER_TIR);
	assert_int_equal(bench->packet.steer.tag, 1);
	steer_rule_destroy(rule);
	assert_int_equal(steer_matcher_destroy(early), 0);
	rules_go(bench);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_rules_come_and_go),
		CASE(test_another_flow),
		CASE(test_a_matcher_that_looks_at_less),
		CASE(test_a_matcher_that_looks_at_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
