/*
 * See port_callback.h.
 */
#include "offload/port_callback.h"

#include "offload/interrupts.h"

static void nothing(void *argument)
{
	(void)argument;
}

void port_callback_remove(enum rte_eth_event_type event, rte_eth_dev_cb_fn call, void *argument)
{
	/* once for those that rest, and once more for the one that did not */
	(void)rte_eth_dev_callback_unregister(RTE_ETH_ALL, event, call, argument);
	interrupts_run(nothing, NULL); /* whatever ran there has ended */
	(void)rte_eth_dev_callback_unregister(RTE_ETH_ALL, event, call, argument);
}
