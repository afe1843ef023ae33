/*
 * A port that is ours alone, in isolated mode: nothing arrives without a rule. What is not the
 * policy's plan: the mode, and the one rule below all others that brings the NIC's unicast packets
 * into its queues, unmarked. What no rule takes stays with the kernel's driver of the same device.
 *
 * Thread: whoever opens and closes the port, so that it cannot go under a call; beside the offload
 * thread, which makes the plan's rules meanwhile (ethdev takes a lock where a driver has none).
 */
#ifndef OFFLOAD_ISOLATED_H
#define OFFLOAD_ISOLATED_H

#include "offload/flow_backend.h"

/*
 * After the port was probed and before it is started (DPDK 22.11, drivers/net/mlx5/mlx5_flow.c,
 * mlx5_flow_isolate()). -errno with `error` filled in.
 */
int isolated_enter(uint16_t port, struct flow_error *error);

/*
 * The rule for the rest: to the NIC's MAC, spread as the port is configured to. Below every user
 * priority that plans use. *ret_handle is not NULL on success; -errno with `error` filled in.
 */
int isolated_take_rest(const struct flow_port *port, void **ret_handle, struct flow_error *error);
/* Packets that are in the queues stay there; from here on the kernel's driver has the rest. */
int isolated_leave_rest(const struct flow_port *port, void *handle, struct flow_error *error);

#endif
