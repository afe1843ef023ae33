/*
 * The rte_flow backend: rules of a plan on a DPDK port.
 */
#ifndef OFFLOAD_FLOW_RTE_H
#define OFFLOAD_FLOW_RTE_H

#include "offload/flow_backend.h"

extern const struct flow_backend flow_rte_backend;

#endif
