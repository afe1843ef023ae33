/*
 * A DPDK port of a NIC: found or created by its device string, configured, started, stopped.
 *
 * Thread: control, except port_rx/port_tx by queue, which is the datapath's own business and goes
 * to ethdev directly with `id`.
 */
#ifndef NIC_PORT_H
#define NIC_PORT_H

#include "base/error.h"
#include "base/json.h"
#include "base/net.h"

#include <stdbool.h>
#include <stdint.h>

struct rte_mempool;

struct port {
	uint16_t id;
	bool probed; /* the device was added by us and is removed by port_fini() */
	bool started;
	bool verifies; /* the device says of each packet whether its checksums are right */
	char driver[32];
	struct mac_addr mac;
};

struct port_setup {
	const char *device; /* a DPDK device string: "net_tap0,iface=up0", "0000:3b:00.2" */
	uint16_t queues;    /* Rx and Tx queues each */
	struct rte_mempool *pool;
	const struct mac_addr
		*set_mac; /* give the port this MAC, where it lets us; NULL: keep its own */
	bool promiscuous;
};

/* DEVICE with the PMD's errno where the device cannot be had or set up; nothing is left behind. */
int port_init(struct port *port, const struct port_setup *setup, struct accelnet_error *err);
void port_fini(struct port *port);

/* {"device","driver","port","mac","link":{"up","speed"},"counters":{...}} */
struct json *port_describe(const struct port *port, const char *device);

#endif
