/*
 * What rte_flow says of a refusal, in words: the part of the rule, and the driver's message.
 */
#ifndef OFFLOAD_FLOW_ERROR_H
#define OFFLOAD_FLOW_ERROR_H

#include "offload/flow_backend.h"

struct rte_flow_error;

/* Returns `r`, which is -errno as the call returned it; some drivers leave the message out. */
int flow_error_explain(int r, const struct rte_flow_error *why, struct flow_error *error);

#endif
