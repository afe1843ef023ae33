/*
 * A rule of a plan in rte_flow's terms: see flow_rule.h.
 */
#include "offload/flow_rule.h"

#include <rte_byteorder.h>
#include <rte_ethdev.h>
#include <string.h>

/* Offset and more-fragments, RFC 791: all 0 where a packet is no fragment. */
#define IPV4_FRAGMENT 0x3fff

/* RFC 9293; the same as plan_text.c asks for */
#define SETTLED_FLAGS 0x10
#define SETTLED_MASK  0x17
#define OPENER_FLAGS  0x02
#define OPENER_MASK   0x12

static void add_item(struct flow_rule *to, enum rte_flow_item_type type, const void *spec,
		     const void *mask)
{
	to->items[to->item_count++] =
		(struct rte_flow_item){ .type = type, .spec = spec, .mask = mask };
}

static void add_action(struct flow_rule *to, enum rte_flow_action_type type, const void *conf)
{
	to->actions[to->action_count++] = (struct rte_flow_action){ .type = type, .conf = conf };
}

/* --- pattern --- */

static void add_eth(struct flow_rule *to, const struct flow_port *port)
{
	memcpy(to->eth.hdr.dst_addr.addr_bytes, port->mac.bytes, sizeof(port->mac.bytes));
	memset(to->eth_mask.hdr.dst_addr.addr_bytes, 0xff, sizeof(port->mac.bytes));
	to->eth_mask.has_vlan = 1;
	add_item(to, RTE_FLOW_ITEM_TYPE_ETH, &to->eth, &to->eth_mask);
}

static void put_prefix(const struct ip_prefix *prefix, void *spec, void *mask)
{
	unsigned bits = ip_family_bits(prefix->family);
	struct ip_addr ones = {
		.family = prefix->family,
		.number = ip_low_mask(bits) ^ ip_low_mask(bits - prefix->length),
	};
	struct ip_addr value = { .family = prefix->family, .number = prefix->number & ones.number };

	ip_addr_to_bytes(&value, spec);
	ip_addr_to_bytes(&ones, mask);
}

static void add_ipv4(struct flow_rule *to, const struct plan_match *match)
{
	if (match->source.length)
		put_prefix(&match->source, &to->ipv4.hdr.src_addr, &to->ipv4_mask.hdr.src_addr);
	if (match->destination.length)
		put_prefix(&match->destination, &to->ipv4.hdr.dst_addr,
			   &to->ipv4_mask.hdr.dst_addr);
	if (match->has_kind)
		to->ipv4_mask.hdr.fragment_offset = rte_cpu_to_be_16(IPV4_FRAGMENT);
	add_item(to, RTE_FLOW_ITEM_TYPE_IPV4, &to->ipv4, &to->ipv4_mask);
}

static void add_ipv6(struct flow_rule *to, const struct plan_match *match)
{
	if (match->source.length)
		put_prefix(&match->source, &to->ipv6.hdr.src_addr, &to->ipv6_mask.hdr.src_addr);
	if (match->destination.length)
		put_prefix(&match->destination, &to->ipv6.hdr.dst_addr,
			   &to->ipv6_mask.hdr.dst_addr);
	to->ipv6_mask.has_frag_ext = match->has_kind;
	add_item(to, RTE_FLOW_ITEM_TYPE_IPV6, &to->ipv6, &to->ipv6_mask);
}

static void add_tcp(struct flow_rule *to, const struct plan_match *match)
{
	bool settled = match->kind == PLAN_TCP_SETTLED;

	to->tcp.hdr.src_port = rte_cpu_to_be_16(match->source_port);
	to->tcp.hdr.dst_port = rte_cpu_to_be_16(match->destination_port);
	to->tcp.hdr.tcp_flags = settled ? SETTLED_FLAGS : OPENER_FLAGS;
	to->tcp_mask.hdr.src_port = rte_cpu_to_be_16(match->source_port_mask);
	to->tcp_mask.hdr.dst_port = rte_cpu_to_be_16(match->destination_port_mask);
	to->tcp_mask.hdr.tcp_flags = settled ? SETTLED_MASK : OPENER_MASK;
	add_item(to, RTE_FLOW_ITEM_TYPE_TCP, &to->tcp, &to->tcp_mask);
}

static void add_udp(struct flow_rule *to, const struct plan_match *match)
{
	to->udp.hdr.src_port = rte_cpu_to_be_16(match->source_port);
	to->udp.hdr.dst_port = rte_cpu_to_be_16(match->destination_port);
	to->udp_mask.hdr.src_port = rte_cpu_to_be_16(match->source_port_mask);
	to->udp_mask.hdr.dst_port = rte_cpu_to_be_16(match->destination_port_mask);
	add_item(to, RTE_FLOW_ITEM_TYPE_UDP, &to->udp, &to->udp_mask);
}

static void add_l4(struct flow_rule *to, const struct plan_match *match)
{
	if (!match->has_kind)
		return;
	switch (match->kind) {
	case PLAN_TCP_SETTLED:
	case PLAN_TCP_OPENER:
		add_tcp(to, match);
		break;
	case PLAN_UDP:
		add_udp(to, match);
		break;
	case PLAN_ICMP:
		add_item(to,
			 match->family == IP_FAMILY_V4 ? RTE_FLOW_ITEM_TYPE_ICMP
						       : RTE_FLOW_ITEM_TYPE_ICMP6,
			 NULL, NULL);
		break;
	}
}

static void add_tags(struct flow_rule *to, const struct plan_match *match)
{
	for (int t = 0; t < PLAN_TAGS; t++) {
		if (!match->tags[t])
			continue;
		to->tag[t] =
			(struct rte_flow_item_tag){ .data = match->tags[t], .index = (uint8_t)t };
		to->tag_mask[t] =
			(struct rte_flow_item_tag){ .data = match->tags[t], .index = 0xff };
		add_item(to, RTE_FLOW_ITEM_TYPE_TAG, &to->tag[t], &to->tag_mask[t]);
	}
}

/* --- actions --- */

/* The types of packets with ports that a rule matches. */
static uint64_t port_types(const struct plan_rule *rule)
{
	bool is_v4 = rule->match.family == IP_FAMILY_V4;
	uint64_t tcp = is_v4 ? RTE_ETH_RSS_NONFRAG_IPV4_TCP : RTE_ETH_RSS_NONFRAG_IPV6_TCP;
	uint64_t udp = is_v4 ? RTE_ETH_RSS_NONFRAG_IPV4_UDP : RTE_ETH_RSS_NONFRAG_IPV6_UDP;

	if (rule->cause == PLAN_FOR_STAGE)
		return tcp | udp;
	if (!rule->match.has_kind || rule->match.kind == PLAN_ICMP)
		return 0;
	return rule->match.kind == PLAN_UDP ? udp : tcp;
}

/*
 * What of the port's own hash applies to packets that the rule matches. Deeper types are left out,
 * but for the rule that ends the last group: plan_text.c, rss_types(), says why.
 */
static uint64_t hash_of(const struct flow_port *port, const struct plan_rule *rule)
{
	bool is_v4 = rule->match.family == IP_FAMILY_V4;
	uint64_t addresses = is_v4 ? RTE_ETH_RSS_IPV4 : RTE_ETH_RSS_IPV6;
	uint64_t ports = port_types(rule) & port->hash;

	if (rule->cause == PLAN_FOR_STAGE)
		return ports | (addresses & port->hash);
	return ports ? ports : port->hash & addresses;
}

static void add_queues(struct flow_rule *to, const struct flow_port *port,
		       const struct plan_rule *rule)
{
	uint64_t hash = hash_of(port, rule);

	if (port->queues == 1 || hash == 0) {
		add_action(to, RTE_FLOW_ACTION_TYPE_QUEUE, &to->queue);
		return;
	}
	for (uint16_t q = 0; q < port->queues; q++)
		to->queues[q] = q;
	to->rss = (struct rte_flow_action_rss){
		.func = RTE_ETH_HASH_FUNCTION_DEFAULT,
		.types = hash,
		.key_len = port->key_length,
		.key = port->key_length ? port->key : NULL,
		.queue_num = port->queues,
		.queue = to->queues,
	};
	add_action(to, RTE_FLOW_ACTION_TYPE_RSS, &to->rss);
}

static void add_next(struct flow_rule *to, const struct plan_rule *rule)
{
	for (int t = 0; t < PLAN_TAGS; t++) {
		if (!rule->tags[t])
			continue;
		to->set_tag[t] = (struct rte_flow_action_set_tag){ .data = rule->tags[t],
								   .mask = rule->tags[t],
								   .index = (uint8_t)t };
		add_action(to, RTE_FLOW_ACTION_TYPE_SET_TAG, &to->set_tag[t]);
	}
	to->jump.group = rule->group + 1;
	add_action(to, RTE_FLOW_ACTION_TYPE_JUMP, &to->jump);
}

static void add_actions(struct flow_rule *to, const struct flow_port *port,
			const struct plan_rule *rule, uint32_t mark, bool counted)
{
	if (counted)
		add_action(to, RTE_FLOW_ACTION_TYPE_COUNT, &to->count);
	switch (rule->action) {
	case PLAN_DROP:
		add_action(to, RTE_FLOW_ACTION_TYPE_DROP, NULL);
		break;
	case PLAN_MARK:
		to->mark.id = mark;
		add_action(to, RTE_FLOW_ACTION_TYPE_MARK, &to->mark);
		add_queues(to, port, rule);
		break;
	case PLAN_UNMARKED:
		add_queues(to, port, rule);
		break;
	case PLAN_NEXT:
		add_next(to, rule);
		break;
	}
}

void flow_rule_make(struct flow_rule *ret, const struct flow_port *port,
		    const struct plan_rule *rule, uint32_t mark, bool counted)
{
	memset(ret, 0, sizeof(*ret));
	ret->attr = (struct rte_flow_attr){
		.group = rule->group,
		.priority = rule->priority,
		.ingress = 1,
	};
	add_eth(ret, port);
	if (rule->match.family == IP_FAMILY_V4)
		add_ipv4(ret, &rule->match);
	else
		add_ipv6(ret, &rule->match);
	add_l4(ret, &rule->match);
	add_tags(ret, &rule->match);
	add_item(ret, RTE_FLOW_ITEM_TYPE_END, NULL, NULL);
	add_actions(ret, port, rule, mark, counted);
	add_action(ret, RTE_FLOW_ACTION_TYPE_END, NULL);
}
