/*
 * The rte_flow backend: rules of a plan on a DPDK port.
 */
#ifndef OFFLOAD_FLOW_RTE_H
#define OFFLOAD_FLOW_RTE_H

#include "offload/flow_backend.h"

extern const struct flow_backend flow_rte_backend;

/*
 * Destroys all rules on a port that stays open when its NIC has been freed. Most drivers have none,
 * and say so. The thread that closes ports.
 */
void flow_rte_flush(uint16_t port);

#endif
