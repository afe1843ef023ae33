/*
 * The rte_flow backend: see flow_rte.h and flow_backend.h.
 */
#include "offload/flow_rte.h"

#include "offload/flow_error.h"
#include "offload/flow_rule.h"
#include "offload/port_callback.h"

#include <errno.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * It spreads nothing: queue 0; or its driver does not tell, as mlx5's in isolated mode
 * (drivers/net/mlx5/mlx5.c, mlx5_dev_ops_isolate): then what it was configured with.
 */
static int open_silent(struct flow_port *port)
{
	struct rte_eth_conf conf;

	if (rte_eth_dev_conf_get(port->id, &conf) == 0 &&
	    (conf.rxmode.mq_mode & RTE_ETH_MQ_RX_RSS_FLAG))
		port->hash = conf.rx_adv_conf.rss_conf.rss_hf;
	return 0;
}

/* Not every driver keeps the state of its queues: one that does had it right at open(). */
static bool is_started(uint16_t port)
{
	struct rte_eth_rxq_info info;

	return rte_eth_rx_queue_info_get(port, 0, &info) == 0 &&
	       info.queue_state == RTE_ETH_QUEUE_STATE_STARTED;
}

static int check(void *context, const struct flow_port *port)
{
	(void)context;
	if (!rte_eth_dev_is_valid_port(port->id))
		return -ENODEV;
	return port->tells_state && !is_started(port->id) ? -ENODEV : 0;
}

/* The default flow rules of the port hash by this; a rule must, too. */
static int open_port(void *context, struct flow_port *port, struct flow_error *error)
{
	struct rte_eth_dev_info info;
	struct rte_eth_rss_conf conf = { 0 };
	int r = rte_eth_dev_info_get(port->id, &info);

	(void)context;
	if (r == 0 && port->queues > FLOW_QUEUES_MAX)
		r = -EINVAL;
	if (r < 0) {
		error->number = -r;
		(void)snprintf(error->message, sizeof(error->message),
			       "the port cannot be asked: %s", strerror(-r));
		return r;
	}
	port->hash = 0;
	port->key_length = 0;
	port->tells_state = is_started(port->id);
	if (port->queues == 1)
		return 0;
	if (info.hash_key_size <= sizeof(port->key)) {
		conf.rss_key = port->key;
		conf.rss_key_len = info.hash_key_size;
	}
	if (rte_eth_dev_rss_hash_conf_get(port->id, &conf) < 0)
		return open_silent(port);
	port->hash = conf.rss_hf;
	port->key_length = conf.rss_key ? info.hash_key_size : 0;
	return 0;
}

static int create(void *context, const struct flow_port *port, const struct plan_rule *rule,
		  uint32_t mark, bool counted, void **ret_handle, struct flow_error *error)
{
	struct rte_flow_error why = { .type = RTE_FLOW_ERROR_TYPE_NONE };
	struct flow_rule made;
	struct rte_flow *flow;

	(void)context;
	flow_rule_make(&made, port, rule, mark, counted);
	flow = rte_flow_create(port->id, &made.attr, made.items, made.actions, &why);
	if (!flow)
		return flow_error_explain(rte_errno > 0 ? -rte_errno : -EIO, &why, error);
	*ret_handle = flow;
	return 0;
}

static int destroy(void *context, const struct flow_port *port, void *handle,
		   struct flow_error *error)
{
	struct rte_flow_error why = { .type = RTE_FLOW_ERROR_TYPE_NONE };
	int r = rte_flow_destroy(port->id, handle, &why);

	(void)context;
	return r < 0 ? flow_error_explain(r, &why, error) : 0;
}

static int query(void *context, const struct flow_port *port, void *handle, struct flow_count *ret,
		 struct flow_error *error)
{
	const struct rte_flow_action action[] = {
		{ .type = RTE_FLOW_ACTION_TYPE_COUNT },
		{ .type = RTE_FLOW_ACTION_TYPE_END },
	};
	struct rte_flow_error why = { .type = RTE_FLOW_ERROR_TYPE_NONE };
	struct rte_flow_query_count count = { 0 };
	int r = rte_flow_query(port->id, handle, action, &count, &why);

	(void)context;
	if (r < 0)
		return flow_error_explain(r, &why, error);
	if (!count.hits_set)
		return -ENOTSUP;
	ret->packets = count.hits;
	return 0;
}

/* --- the beginning and the end of ports --- */

static int birth_event(uint16_t port, enum rte_eth_event_type event, void *argument, void *ret)
{
	const struct flow_watcher *watcher = argument;

	(void)event;
	(void)ret;
	watcher->came(watcher->argument, port);
	return 0;
}

static int removal_event(uint16_t port, enum rte_eth_event_type event, void *argument, void *ret)
{
	const struct flow_watcher *watcher = argument;

	(void)event;
	(void)ret;
	watcher->gone(watcher->argument, port);
	return 0;
}

static const struct {
	enum rte_eth_event_type event;
	rte_eth_dev_cb_fn call;
} callbacks[] = {
	{ RTE_ETH_EVENT_NEW, birth_event },
	{ RTE_ETH_EVENT_INTR_RMV, removal_event },
	{ RTE_ETH_EVENT_DESTROY, removal_event },
	/* a driver that resets its device: what was on the port is lost, the port is as new */
	{ RTE_ETH_EVENT_ERR_RECOVERING, removal_event },
	{ RTE_ETH_EVENT_RECOVERY_FAILED, removal_event },
	{ RTE_ETH_EVENT_RECOVERY_SUCCESS, birth_event },
};

#define CALLBACKS (sizeof(callbacks) / sizeof(callbacks[0]))

static void unwatch(void *context, const struct flow_watcher *watcher)
{
	(void)context;
	for (size_t i = 0; i < CALLBACKS; i++)
		port_callback_remove(callbacks[i].event, callbacks[i].call, (void *)watcher);
}

static int watch(void *context, const struct flow_watcher *watcher)
{
	for (size_t i = 0; i < CALLBACKS; i++) {
		int r = rte_eth_dev_callback_register(RTE_ETH_ALL, callbacks[i].event,
						      callbacks[i].call, (void *)watcher);

		if (r < 0) {
			unwatch(context, watcher);
			return r;
		}
	}
	return 0;
}

void flow_rte_flush(uint16_t port)
{
	(void)rte_flow_flush(port, NULL);
}

const struct flow_backend flow_rte_backend = {
	.open = open_port,
	.check = check,
	.create = create,
	.destroy = destroy,
	.query = query,
	.watch = watch,
	.unwatch = unwatch,
};
