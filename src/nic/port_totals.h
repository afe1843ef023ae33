/*
 * A port's counters that never go backwards.
 *
 * netvsc adds its VF's counters to its own (DPDK 22.11, drivers/net/netvsc/hn_ethdev.c:799), and
 * they go when the VF goes. What a counter gained between two readings is added up; a reading below
 * the last one gains nothing, so what came between those two is not counted.
 */
#ifndef NIC_PORT_TOTALS_H
#define NIC_PORT_TOTALS_H

#include <rte_ethdev.h>
#include <stdint.h>

struct port_totals {
	uint64_t received_packets, received_bytes;
	uint64_t sent_packets, sent_bytes;
	uint64_t missed, receive_errors, send_errors, no_buffer;
};

/* Both start as zeroes; `last` becomes `now`. */
void port_totals_add(struct port_totals *totals, struct rte_eth_stats *last,
		     const struct rte_eth_stats *now);

#endif
