/*
 * rte_flow's errors: see flow_error.h.
 */
#include "offload/flow_error.h"

#include <rte_flow.h>
#include <stdio.h>
#include <string.h>

/* enum rte_flow_error_type in words: what of the rule the PMD's message is about. */
static const char *error_part(enum rte_flow_error_type type)
{
	static const char *const parts[] = {
		[RTE_FLOW_ERROR_TYPE_HANDLE] = "flow rule",
		[RTE_FLOW_ERROR_TYPE_ATTR_GROUP] = "group",
		[RTE_FLOW_ERROR_TYPE_ATTR_PRIORITY] = "priority",
		[RTE_FLOW_ERROR_TYPE_ATTR_INGRESS] = "ingress",
		[RTE_FLOW_ERROR_TYPE_ATTR_TRANSFER] = "transfer",
		[RTE_FLOW_ERROR_TYPE_ATTR] = "attributes",
		[RTE_FLOW_ERROR_TYPE_ITEM_NUM] = "number of items",
		[RTE_FLOW_ERROR_TYPE_ITEM_SPEC] = "item's value",
		[RTE_FLOW_ERROR_TYPE_ITEM_LAST] = "item's range",
		[RTE_FLOW_ERROR_TYPE_ITEM_MASK] = "item's mask",
		[RTE_FLOW_ERROR_TYPE_ITEM] = "item",
		[RTE_FLOW_ERROR_TYPE_ACTION_NUM] = "number of actions",
		[RTE_FLOW_ERROR_TYPE_ACTION_CONF] = "action's configuration",
		[RTE_FLOW_ERROR_TYPE_ACTION] = "action",
	};

	if ((unsigned)type < sizeof(parts) / sizeof(parts[0]) && parts[type])
		return parts[type];
	return NULL;
}

int flow_error_explain(int r, const struct rte_flow_error *why, struct flow_error *error)
{
	const char *part = error_part(why->type);

	error->number = -r;
	(void)snprintf(error->message, sizeof(error->message), "%s%s%s", part ? part : "",
		       part ? ": " : "", why->message ? why->message : strerror(-r));
	return r;
}
