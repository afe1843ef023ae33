/*
 * Isolated mode and the rule for the rest: see isolated.h.
 */
#include "offload/isolated.h"

#include "offload/flow_error.h"
#include "offload/flow_rte.h"
#include "offload/flow_rule.h"

#include <errno.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_flow.h>
#include <string.h>

/*
 * mlx5 keeps one level below those that rules may name, for its own default rules, and takes this
 * number for it (DPDK 22.11, drivers/net/mlx5/mlx5_flow.h:363, mlx5_flow_dv.c:6781). So the rules
 * that it makes of one with RSS tie with none of a plan. mlx4's last is 0xfff
 * (drivers/net/mlx4/mlx4_flow.h, MLX4_FLOW_PRIORITY_LAST).
 */
static const uint32_t lowest_priorities[] = { UINT32_MAX, 0xfff };

int isolated_enter(uint16_t port, struct flow_error *error)
{
	struct rte_flow_error why = { .type = RTE_FLOW_ERROR_TYPE_NONE };
	int r = rte_flow_isolate(port, 1, &why);

	return r < 0 ? flow_error_explain(r, &why, error) : 0;
}

/* What the port's default rules would do, were it not isolated (mlx5_ctrl_flow_vlan()). */
struct rest {
	struct rte_flow_item_eth eth, mask;
	struct rte_flow_action_queue queue;
	struct rte_flow_action_rss rss;
	uint16_t queues[FLOW_QUEUES_MAX];
	struct rte_flow_item items[2];
	struct rte_flow_action actions[2];
};

static void make(struct rest *rest, const struct flow_port *port)
{
	*rest = (struct rest){ 0 };
	memcpy(rest->eth.hdr.dst_addr.addr_bytes, port->mac.bytes, sizeof(port->mac.bytes));
	memset(rest->mask.hdr.dst_addr.addr_bytes, 0xff, sizeof(port->mac.bytes));
	rest->items[0] = (struct rte_flow_item){ .type = RTE_FLOW_ITEM_TYPE_ETH,
						 .spec = &rest->eth,
						 .mask = &rest->mask };
	rest->items[1].type = RTE_FLOW_ITEM_TYPE_END;
	rest->actions[1].type = RTE_FLOW_ACTION_TYPE_END;
	if (port->queues == 1 || port->hash == 0) {
		rest->actions[0] = (struct rte_flow_action){ .type = RTE_FLOW_ACTION_TYPE_QUEUE,
							     .conf = &rest->queue };
		return;
	}
	for (uint16_t q = 0; q < port->queues; q++)
		rest->queues[q] = q;
	rest->rss = (struct rte_flow_action_rss){
		.func = RTE_ETH_HASH_FUNCTION_DEFAULT,
		.types = port->hash,
		.key_len = port->key_length,
		.key = port->key_length ? port->key : NULL,
		.queue_num = port->queues,
		.queue = rest->queues,
	};
	rest->actions[0] =
		(struct rte_flow_action){ .type = RTE_FLOW_ACTION_TYPE_RSS, .conf = &rest->rss };
}

int isolated_take_rest(const struct flow_port *port, void **ret_handle, struct flow_error *error)
{
	struct flow_port opened = *port;
	struct rest rest;
	int r = flow_rte_backend.open(flow_rte_backend.context, &opened, error);

	if (r < 0)
		return r;
	make(&rest, &opened);
	for (size_t i = 0; i < RTE_DIM(lowest_priorities); i++) {
		const struct rte_flow_attr attr = {
			.priority = lowest_priorities[i],
			.ingress = 1,
		};
		struct rte_flow_error why = { .type = RTE_FLOW_ERROR_TYPE_NONE };
		struct rte_flow *flow =
			rte_flow_create(port->id, &attr, rest.items, rest.actions, &why);

		if (flow) {
			*ret_handle = flow;
			return 0;
		}
		r = flow_error_explain(rte_errno > 0 ? -rte_errno : -EIO, &why, error);
		if (why.type != RTE_FLOW_ERROR_TYPE_ATTR_PRIORITY)
			break;
	}
	return r;
}

int isolated_leave_rest(const struct flow_port *port, void *handle, struct flow_error *error)
{
	return flow_rte_backend.destroy(flow_rte_backend.context, port, handle, error);
}
