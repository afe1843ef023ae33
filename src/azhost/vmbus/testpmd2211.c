/*
 * --fix testpmd-2211: makes DPDK 22.11's dpdk-testpmd use the queues of a netvsc port.
 *
 * testpmd asks the driver for the state of each queue before it forwards, and leaves out those that
 * are stopped (app/test-pmd/testpmd.c:2422 of 22.11). netvsc, which cannot stop a single queue,
 * never sets the state, so all of its queues look stopped, and `start` forwards nothing. Mended
 * upstream in 23.11 (0727d5d0e6). This library says of netvsc's queues what is true: started.
 * Programs other than testpmd do not ask, and need not load it.
 *
 * Not linked with DPDK: the symbols are found in the program that it is loaded into.
 */
#include <dlfcn.h>
#include <rte_ethdev.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define EXPORT      __attribute__((visibility("default")))
#define GUID_LENGTH 36
#define NEXT(name)                                                          \
	({                                                                  \
		static __typeof__(&name) next_;                             \
		if (next_ == NULL)                                          \
			next_ = (__typeof__(&name))dlsym(RTLD_NEXT, #name); \
		if (next_ == NULL)                                          \
			abort();                                            \
		next_;                                                      \
	})

/*
 * By the name of the port, a VMBus GUID. Asking for its driver would do more than it seems: netvsc
 * asks the VF for that, under a lock which it holds while it calls these functions itself
 * (hn_vf.c:269).
 */
static bool is_netvsc(uint16_t port)
{
	char name[RTE_ETH_NAME_MAX_LEN];

	return rte_eth_dev_get_name_by_port(port, name) == 0 && strlen(name) == GUID_LENGTH &&
	       name[8] == '-' && name[13] == '-' && name[18] == '-' && name[23] == '-';
}

EXPORT int rte_eth_rx_queue_info_get(uint16_t port, uint16_t queue, struct rte_eth_rxq_info *info)
{
	int rc = NEXT(rte_eth_rx_queue_info_get)(port, queue, info);

	if (rc == 0 && is_netvsc(port))
		info->queue_state = RTE_ETH_QUEUE_STATE_STARTED;
	return rc;
}

EXPORT int rte_eth_tx_queue_info_get(uint16_t port, uint16_t queue, struct rte_eth_txq_info *info)
{
	int rc = NEXT(rte_eth_tx_queue_info_get)(port, queue, info);

	if (rc == 0 && is_netvsc(port))
		info->queue_state = RTE_ETH_QUEUE_STATE_STARTED;
	return rc;
}
