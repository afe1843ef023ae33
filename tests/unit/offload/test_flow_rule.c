/*
 * What the PMD is asked for is what the testpmd line of the same rule says: rules of random plans,
 * read back from rte_flow's structures and written in testpmd's words.
 */
#include "compile/plan_text.h"
#include "offload/flow_rule.h"
#include "support/random_policy.h"

#include <rte_byteorder.h>
#include <rte_ethdev.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define POLICIES 40

static const struct mac_addr mac = { { 0x02, 0, 0, 0, 0x12, 0x34 } };

struct text {
	char line[PLAN_LINE_MAX];
	size_t used;
};

static void put(struct text *to, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void put(struct text *to, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	to->used +=
		(size_t)vsnprintf(to->line + to->used, sizeof(to->line) - to->used, format, args);
	va_end(args);
	assert_true(to->used < sizeof(to->line));
}

/* --- pattern --- */

static unsigned prefix_length(const uint8_t *mask, unsigned bytes)
{
	unsigned length = 0;

	while (length < bytes * 8 && (mask[length / 8] >> (7 - length % 8) & 1))
		length++;
	for (unsigned bit = length; bit < bytes * 8; bit++)
		assert_false(mask[bit / 8] >> (7 - bit % 8) & 1);
	return length;
}

static void put_address(struct text *to, const char *side, enum ip_family family, const void *spec,
			const void *mask)
{
	struct ip_addr addr = ip_addr_from_bytes(family, spec);
	unsigned length = prefix_length(mask, ip_family_bits(family) / 8);
	char text[IP_TEXT_MAX];

	if (length)
		put(to, " %s spec %s %s prefix %u", side, ip_addr_format(&addr, text), side,
		    length);
}

static void put_eth(struct text *to, const struct rte_flow_item *item)
{
	const struct rte_flow_item_eth *spec = item->spec, *mask = item->mask;
	struct mac_addr addr;
	char text[MAC_TEXT_MAX];

	memcpy(addr.bytes, spec->hdr.dst_addr.addr_bytes, sizeof(addr.bytes));
	assert_int_equal(mask->has_vlan, 1);
	for (int i = 0; i < 6; i++)
		assert_int_equal(mask->hdr.dst_addr.addr_bytes[i], 0xff);
	put(to, " eth has_vlan is %u dst is %s", spec->has_vlan, mac_addr_format(&addr, text));
}

static void put_ipv4(struct text *to, const struct rte_flow_item *item)
{
	const struct rte_flow_item_ipv4 *spec = item->spec, *mask = item->mask;

	put(to, " / ipv4");
	put_address(to, "src", IP_FAMILY_V4, &spec->hdr.src_addr, &mask->hdr.src_addr);
	put_address(to, "dst", IP_FAMILY_V4, &spec->hdr.dst_addr, &mask->hdr.dst_addr);
	if (mask->hdr.fragment_offset)
		put(to, " fragment_offset spec %u fragment_offset mask 0x%x",
		    rte_be_to_cpu_16(spec->hdr.fragment_offset),
		    rte_be_to_cpu_16(mask->hdr.fragment_offset));
}

static void put_ipv6(struct text *to, const struct rte_flow_item *item)
{
	const struct rte_flow_item_ipv6 *spec = item->spec, *mask = item->mask;

	put(to, " / ipv6");
	put_address(to, "src", IP_FAMILY_V6, &spec->hdr.src_addr, &mask->hdr.src_addr);
	put_address(to, "dst", IP_FAMILY_V6, &spec->hdr.dst_addr, &mask->hdr.dst_addr);
	if (mask->has_frag_ext)
		put(to, " has_frag_ext is %u", spec->has_frag_ext);
}

static void put_port(struct text *to, const char *side, rte_be16_t spec, rte_be16_t mask)
{
	if (mask == UINT16_MAX)
		put(to, " %s is %u", side, rte_be_to_cpu_16(spec));
	else if (mask)
		put(to, " %s spec %u %s mask %u", side, rte_be_to_cpu_16(spec), side,
		    rte_be_to_cpu_16(mask));
}

static void put_tcp(struct text *to, const struct rte_flow_item *item)
{
	const struct rte_flow_item_tcp *spec = item->spec, *mask = item->mask;

	put(to, " / tcp");
	put_port(to, "src", spec->hdr.src_port, mask->hdr.src_port);
	put_port(to, "dst", spec->hdr.dst_port, mask->hdr.dst_port);
	put(to, " flags spec 0x%02x flags mask 0x%02x", spec->hdr.tcp_flags, mask->hdr.tcp_flags);
}

static void put_udp(struct text *to, const struct rte_flow_item *item)
{
	const struct rte_flow_item_udp *spec = item->spec, *mask = item->mask;

	put(to, " / udp");
	put_port(to, "src", spec->hdr.src_port, mask->hdr.src_port);
	put_port(to, "dst", spec->hdr.dst_port, mask->hdr.dst_port);
}

static void put_tag(struct text *to, const struct rte_flow_item *item)
{
	const struct rte_flow_item_tag *spec = item->spec, *mask = item->mask;

	assert_int_equal(mask->index, 0xff);
	put(to, " / tag data spec 0x%x data mask 0x%x index is %u", spec->data, mask->data,
	    spec->index);
}

static void put_item(struct text *to, const struct rte_flow_item *item)
{
	assert_null(item->last);
	switch (item->type) {
	case RTE_FLOW_ITEM_TYPE_ETH:
		put_eth(to, item);
		break;
	case RTE_FLOW_ITEM_TYPE_IPV4:
		put_ipv4(to, item);
		break;
	case RTE_FLOW_ITEM_TYPE_IPV6:
		put_ipv6(to, item);
		break;
	case RTE_FLOW_ITEM_TYPE_TCP:
		put_tcp(to, item);
		break;
	case RTE_FLOW_ITEM_TYPE_UDP:
		put_udp(to, item);
		break;
	case RTE_FLOW_ITEM_TYPE_TAG:
		put_tag(to, item);
		break;
	case RTE_FLOW_ITEM_TYPE_ICMP:
	case RTE_FLOW_ITEM_TYPE_ICMP6:
		put(to, item->type == RTE_FLOW_ITEM_TYPE_ICMP ? " / icmp" : " / icmp6");
		break;
	default:
		fail_msg("item %d", item->type);
	}
}

/* --- actions --- */

static void put_rss(struct text *to, const struct rte_flow_action_rss *rss)
{
	static const struct {
		uint64_t type;
		const char *name;
	} types[] = {
		{ RTE_ETH_RSS_IPV4, "ipv4" },
		{ RTE_ETH_RSS_IPV6, "ipv6" },
		{ RTE_ETH_RSS_NONFRAG_IPV4_TCP, "ipv4-tcp" },
		{ RTE_ETH_RSS_NONFRAG_IPV6_TCP, "ipv6-tcp" },
		{ RTE_ETH_RSS_NONFRAG_IPV4_UDP, "ipv4-udp" },
		{ RTE_ETH_RSS_NONFRAG_IPV6_UDP, "ipv6-udp" },
	};
	uint64_t left = rss->types;

	put(to, " rss types");
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		if (left & types[i].type)
			put(to, " %s", types[i].name);
		left &= ~types[i].type;
	}
	assert_int_equal(left, 0);
	put(to, " end queues");
	for (uint32_t q = 0; q < rss->queue_num; q++)
		put(to, " %u", rss->queue[q]);
	put(to, " end");
}

static void put_set_tag(struct text *to, const struct rte_flow_action_set_tag *set)
{
	put(to, " set_tag data 0x%x index %u mask 0x%x", set->data, set->index, set->mask);
}

static void put_action(struct text *to, const struct rte_flow_action *action)
{
	switch (action->type) {
	case RTE_FLOW_ACTION_TYPE_COUNT:
		return; /* no line has that */
	case RTE_FLOW_ACTION_TYPE_DROP:
		put(to, " drop");
		break;
	case RTE_FLOW_ACTION_TYPE_MARK:
		put(to, " mark id %u", ((const struct rte_flow_action_mark *)action->conf)->id);
		break;
	case RTE_FLOW_ACTION_TYPE_QUEUE:
		put(to, " queue index %u",
		    ((const struct rte_flow_action_queue *)action->conf)->index);
		break;
	case RTE_FLOW_ACTION_TYPE_RSS:
		put_rss(to, action->conf);
		break;
	case RTE_FLOW_ACTION_TYPE_SET_TAG:
		put_set_tag(to, action->conf);
		break;
	case RTE_FLOW_ACTION_TYPE_JUMP:
		put(to, " jump group %u",
		    ((const struct rte_flow_action_jump *)action->conf)->group);
		break;
	default:
		fail_msg("action %d", action->type);
	}
	put(to, " /");
}

static void write_flow(struct text *to, const struct flow_rule *made, uint16_t port)
{
	put(to, "flow create %u %s group %u priority %u pattern", port,
	    made->attr.ingress && !made->attr.egress && !made->attr.transfer ? "ingress" : "?",
	    made->attr.group, made->attr.priority);
	for (const struct rte_flow_item *item = made->items; item->type != RTE_FLOW_ITEM_TYPE_END;
	     item++)
		put_item(to, item);
	put(to, " / end actions");
	for (const struct rte_flow_action *action = made->actions;
	     action->type != RTE_FLOW_ACTION_TYPE_END; action++)
		put_action(to, action);
	put(to, " end");
}

static void check_rule(const struct plan_rule *rule, uint16_t queues, bool counted)
{
	const struct flow_port port = {
		.id = 3,
		.queues = queues,
		.mac = mac,
		.hash = RTE_ETH_RSS_IP | RTE_ETH_RSS_TCP | RTE_ETH_RSS_UDP,
	};
	const struct plan_text_options options = {
		.port = 3,
		.queues = queues,
		.has_mac = true,
		.mac = mac,
	};
	char expected[PLAN_LINE_MAX];
	struct text text = { .used = 0 };
	struct flow_rule made;

	assert_int_equal(plan_rule_text(rule, &options, expected, sizeof(expected)), 0);
	flow_rule_make(&made, &port, rule, plan_mark_value(rule->slot), counted);
	write_flow(&text, &made, 3);
	assert_string_equal(text.line, expected);
	assert_true(made.item_count <= FLOW_ITEMS_MAX && made.action_count <= FLOW_ACTIONS);
	assert_int_equal(made.actions[0].type == RTE_FLOW_ACTION_TYPE_COUNT, counted);
}

static void rules_are_what_their_lines_say(void **state)
{
	static const struct random_policy_options options = { .rules_max = 6 };
	size_t count = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= POLICIES; seed++) {
		struct random random = { seed };
		struct policy *policy = random_policy(&random, &options);
		const struct plan_options plan_options = {
			.tier = seed % 2 ? TIER_T2 : TIER_T3,
			.drops = true,
		};
		struct program *program;
		struct plan *plan;

		policy->source_guard = seed % 3 > 0;
		assert_int_equal(program_new(policy, &program, NULL), 0);
		assert_int_equal(plan_new(policy, program, &plan_options, &plan, NULL), 0);
		for (size_t i = 0; i < plan->rule_count; i++)
			check_rule(&plan->rules[i], seed % 4 ? 4 : 1,
				   plan->rules[i].cause != PLAN_FOR_STAGE && i % 2);
		count += plan->rule_count;
		plan_free(plan);
		program_free(program);
		policy_free(policy);
	}
	assert_true(count > 1000);
}

static void tags_are_set_and_matched(void **state)
{
	const struct plan_rule next = {
		.group = 1,
		.priority = 7,
		.match = { .source = { IP_FAMILY_V4, 9, (ip_number)0x0a800000 } },
		.action = PLAN_NEXT,
		.cause = PLAN_FOR_STAGE,
		.tags = { 0x5, 0x80000000 },
	};
	const struct plan_rule mark = {
		.group = 3,
		.match = { .family = IP_FAMILY_V6,
			   .has_kind = true,
			   .kind = PLAN_TCP_SETTLED,
			   .tags = { 0x4, 0x1 } },
		.action = PLAN_MARK,
		.slot = 9,
	};

	(void)state;
	check_rule(&next, 4, false);
	check_rule(&mark, 4, true);
}

/* A port that does not look at ports, or at nothing: rules do as it does. */
static void rules_hash_as_the_port_does(void **state)
{
	const struct plan_rule mark = {
		.match = { .has_kind = true, .kind = PLAN_TCP_SETTLED },
		.action = PLAN_MARK,
	};
	struct flow_port port = { .queues = 4, .mac = mac, .hash = RTE_ETH_RSS_IP };
	struct flow_rule made;

	(void)state;
	flow_rule_make(&made, &port, &mark, 2, false);
	assert_int_equal(made.actions[1].type, RTE_FLOW_ACTION_TYPE_RSS);
	assert_int_equal(made.rss.types, RTE_ETH_RSS_IPV4);
	port.hash = 0;
	flow_rule_make(&made, &port, &mark, 2, false);
	assert_int_equal(made.actions[1].type, RTE_FLOW_ACTION_TYPE_QUEUE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rules_are_what_their_lines_say),
		cmocka_unit_test(tags_are_set_and_matched),
		cmocka_unit_test(rules_hash_as_the_port_does),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
