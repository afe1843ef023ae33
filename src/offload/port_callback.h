/*
 * Taking callbacks off ethdev's events, for all ports, so that their argument can be freed.
 */
#ifndef OFFLOAD_PORT_CALLBACK_H
#define OFFLOAD_PORT_CALLBACK_H

#include <rte_ethdev.h>

/*
 * Registered with RTE_ETH_ALL. When this returns, the call is neither under way in EAL's interrupt
 * thread nor made again. For -EAGAIN, rte_eth_dev_callback_unregister() cannot be asked: it forgets
 * that of any port but the last (DPDK 22.11, lib/ethdev/rte_ethdev.c:4850). Any thread but that
 * one, with no lock that the call takes.
 */
void port_callback_remove(enum rte_eth_event_type event, rte_eth_dev_cb_fn call, void *argument);

#endif
