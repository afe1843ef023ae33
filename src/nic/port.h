/*
 * A DPDK port of a NIC: found or created by its device string, configured, started, stopped.
 *
 * Thread: one at a time; control, or where a VF's port is ours EAL's interrupt thread (vf_port.h).
 * Workers receive and send by `id`, with ethdev's own calls.
 */
#ifndef NIC_PORT_H
#define NIC_PORT_H

#include "base/error.h"
#include "base/json.h"
#include "base/net.h"

#include <stdbool.h>
#include <stdint.h>

struct rte_mempool;

/*
 * Every port that we open is owned, under this name. netvsc takes for its VF any port without an
 * owner that has its MAC (DPDK 22.11, drivers/net/netvsc/hn_vf.c:34-50), and an app port has it.
 */
#define PORT_OWNER "accelnet"

struct port {
	uint16_t id;
	uint64_t owner; /* our id with ethdev; 0: not owned yet */
	bool probed;    /* the device was added by us and is removed by port_fini() */
	/*
	 * port_fini() closes it, though EAL brought it, in EAL's interrupt thread: hn_dev_close()
	 * waits for alarms there with locks that these want (DPDK 22.11, drivers/net/netvsc/
	 * hn_ethdev.c:1047, hn_vf.c:542), and an alarm waits for none of its own thread's.
	 */
	bool closes;
	bool configured;
	bool started;
	bool verifies; /* the device says of each packet whether its checksums are right */
	uint16_t ring; /* descriptors of a receive queue */
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
	bool has_vf; /* the driver asks a VF behind the port, too, and that one may be dying */
};

/*
 * DEVICE with the PMD's errno where the device cannot be had or set up; nothing is left behind, but
 * a port that another driver has taken since it was probed.
 * The same in two steps: port_claim() finds or probes the device, owns it and reads its MAC;
 * port_set_up() configures and starts it; may be tried again where it failed and left the port not
 * configured.
 */
int port_claim(struct port *port, const char *device, struct accelnet_error *err);
int port_set_up(struct port *port, const struct port_setup *setup, struct accelnet_error *err);
int port_init(struct port *port, const struct port_setup *setup, struct accelnet_error *err);
/* Stops it; closes it where it is ours to close. Takes no lock that a callback of ethdev takes. */
void port_fini(struct port *port);

/* {"device","driver","port","mac"} */
struct json *port_describe(const struct port *port, const char *device);
/* The same with "link":{"up","megabitsPerSecond"},"counters":{...}, which it asks the port for. */
struct json *port_describe_fully(const struct port *port, const char *device);

struct port_totals;
struct rte_eth_link;
uint32_t port_megabits(const struct rte_eth_link *link); /* 0: not known */
void port_describe_link(bool up, uint32_t megabits, struct json *to);
void port_describe_totals(const struct port_totals *totals, struct json *to);

#endif
