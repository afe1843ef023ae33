/*
 * A rule of a plan in rte_flow's terms: attributes, pattern, actions.
 *
 * The same rule as plan_rule_text() writes for testpmd, with a counter where one is asked for. Each
 * is exactly one rule of the device (those that end the last group apart): RSS names types that no
 * deeper layer has, or the PMD would make several of it (DPDK 22.11, mlx5_flow.c,
 * mlx5_flow_expand_rss()); they are the types by which the port itself spreads such packets, so
 * that a flow stays on its queue when it is marked.
 */
#ifndef OFFLOAD_FLOW_RULE_H
#define OFFLOAD_FLOW_RULE_H

#include "offload/flow_backend.h"

#include <rte_flow.h>

#define FLOW_QUEUES_MAX 64
#define FLOW_ITEMS_MAX  (4 + PLAN_TAGS) /* with the end */
#define FLOW_ACTIONS    (3 + PLAN_TAGS) /* with the end */

/* Points into itself: it must not move. */
struct flow_rule {
	struct rte_flow_attr attr;
	struct rte_flow_item items[FLOW_ITEMS_MAX];
	struct rte_flow_action actions[FLOW_ACTIONS];

	struct rte_flow_item_eth eth, eth_mask;
	struct rte_flow_item_ipv4 ipv4, ipv4_mask;
	struct rte_flow_item_ipv6 ipv6, ipv6_mask;
	struct rte_flow_item_tcp tcp, tcp_mask;
	struct rte_flow_item_udp udp, udp_mask;
	struct rte_flow_item_tag tag[PLAN_TAGS], tag_mask[PLAN_TAGS];
	struct rte_flow_action_count count;
	struct rte_flow_action_mark mark;
	struct rte_flow_action_set_tag set_tag[PLAN_TAGS];
	struct rte_flow_action_jump jump;
	struct rte_flow_action_queue queue;
	struct rte_flow_action_rss rss;
	uint16_t queues[FLOW_QUEUES_MAX];
	unsigned item_count;
	unsigned action_count;
};

void flow_rule_make(struct flow_rule *ret, const struct flow_port *port,
		    const struct plan_rule *rule, uint32_t mark, bool counted);

#endif
