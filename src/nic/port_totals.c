/*
 * Adding up what counters gained: see port_totals.h.
 */
#include "nic/port_totals.h"

static void add(uint64_t *total, uint64_t last, uint64_t now)
{
	if (now > last)
		*total += now - last;
}

void port_totals_add(struct port_totals *totals, struct rte_eth_stats *last,
		     const struct rte_eth_stats *now)
{
	add(&totals->received_packets, last->ipackets, now->ipackets);
	add(&totals->received_bytes, last->ibytes, now->ibytes);
	add(&totals->sent_packets, last->opackets, now->opackets);
	add(&totals->sent_bytes, last->obytes, now->obytes);
	add(&totals->missed, last->imissed, now->imissed);
	add(&totals->receive_errors, last->ierrors, now->ierrors);
	add(&totals->send_errors, last->oerrors, now->oerrors);
	add(&totals->no_buffer, last->rx_nombuf, now->rx_nombuf);
	*last = *now;
}
