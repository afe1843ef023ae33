/*
 * Setting DPDK ports up and taking them down: see port.h.
 */
#define LOG_ROOM LOG_ROOM_NIC
#include "nic/port.h"

#include "base/log.h"
#include "nic/port_totals.h"
#include "offload/interrupts.h"

#include <errno.h>
#include <rte_bus.h>
#include <rte_dev.h>
#include <rte_devargs.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DESCRIPTORS 1024

/* The device's name in a device string: all before the first comma. */
static int device_name(const char *device, char *buffer, size_t size)
{
	size_t length = strcspn(device, ",");

	if (length == 0 || length >= size)
		return -EINVAL;
	memcpy(buffer, device, length);
	buffer[length] = '\0';
	return 0;
}

static int find_or_probe(struct port *port, const char *device, struct accelnet_error *err)
{
	char name[RTE_ETH_NAME_MAX_LEN];
	int r;

	if (device_name(device, name, sizeof(name)) < 0)
		return fail(err, ACCELNET_E_DEVICE, NULL, "\"%s\" is not a DPDK device string",
			    device);
	if (rte_eth_dev_get_port_by_name(name, &port->id) == 0)
		return 0;
	r = rte_dev_probe(device);
	if (r < 0)
		return fail(err, ACCELNET_E_DEVICE, NULL, "device %s cannot be probed: %s", device,
			    strerror(-r));
	port->probed = true;
	if (rte_eth_dev_get_port_by_name(name, &port->id) < 0)
		return fail(err, ACCELNET_E_DEVICE, NULL,
			    "device %s was probed but made no Ethernet port", device);
	return 0;
}

static int own(struct port *port, const char *device, struct accelnet_error *err)
{
	struct rte_eth_dev_owner owner = { .name = PORT_OWNER };
	struct rte_eth_dev_owner other = { 0 };
	int r = rte_eth_dev_owner_new(&owner.id);

	if (r == 0)
		r = rte_eth_dev_owner_set(port->id, &owner);
	if (r == 0) {
		port->owner = owner.id;
		return 0;
	}
	if (rte_eth_dev_owner_get(port->id, &other) == 0 && other.id != RTE_ETH_DEV_NO_OWNER)
		return fail(err, ACCELNET_E_DEVICE, NULL,
			    "device %s belongs to another driver, as \"%s\"; a netvsc port's VF is "
			    "reached through that port",
			    device, other.name);
	return fail(err, ACCELNET_E_DEVICE, NULL, "device %s cannot be owned: %s", device,
		    strerror(-r));
}

static int check_limits(const struct rte_eth_dev_info *info, const struct port_setup *setup,
			struct accelnet_error *err)
{
	if (setup->queues > info->max_rx_queues || setup->queues > info->max_tx_queues)
		return fail(err, ACCELNET_E_DEVICE, NULL,
			    "device %s has at most %u Rx and %u Tx queues; %u are configured",
			    setup->device, info->max_rx_queues, info->max_tx_queues, setup->queues);
	return 0;
}

static int setup_queues(struct port *port, const struct port_setup *setup)
{
	uint16_t rx = DESCRIPTORS, tx = DESCRIPTORS;
	int r = rte_eth_dev_adjust_nb_rx_tx_desc(port->id, &rx, &tx);

	port->ring = rx;
	for (uint16_t q = 0; q < setup->queues && r == 0; q++) {
		r = rte_eth_rx_queue_setup(port->id, q, rx, rte_eth_dev_socket_id(port->id), NULL,
					   setup->pool);
		if (r == 0)
			r = rte_eth_tx_queue_setup(port->id, q, tx, rte_eth_dev_socket_id(port->id),
						   NULL);
	}
	return r;
}

/* Checksums of what arrives: a card verifies them for nothing, a virtual device on the CPU. */
static uint64_t checksum_offloads(const struct rte_eth_dev_info *info)
{
	const uint64_t wanted = RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | RTE_ETH_RX_OFFLOAD_TCP_CKSUM;
	const char *bus = rte_bus_name(rte_dev_bus(info->device));

	return strcmp(bus, "pci") == 0 && (info->rx_offload_capa & wanted) == wanted ? wanted : 0;
}

/*
 * No offloads but checksums: every device that may stand here takes that, and the datapath forwards
 * frames as they are. RSS only where there is more than one queue, with the fields that the device
 * has.
 */
static int configure(struct port *port, const struct port_setup *setup,
		     const struct rte_eth_dev_info *info)
{
	struct rte_eth_conf conf = { 0 };
	int r;

	/* without it the driver does not say that its device goes */
	conf.intr_conf.rmv = (*info->dev_flags & RTE_ETH_DEV_INTR_RMV) != 0;
	conf.rxmode.offloads = checksum_offloads(info);
	port->verifies = conf.rxmode.offloads != 0;
	if (setup->queues > 1 && info->flow_type_rss_offloads) {
		conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
		conf.rx_adv_conf.rss_conf.rss_hf =
			(RTE_ETH_RSS_IP | RTE_ETH_RSS_TCP | RTE_ETH_RSS_UDP) &
			info->flow_type_rss_offloads;
	}
	r = rte_eth_dev_configure(port->id, setup->queues, setup->queues, &conf);
	if (r < 0)
		return r;
	port->configured = true;
	return setup_queues(port, setup);
}

uint32_t port_megabits(const struct rte_eth_link *link)
{
	return link->link_speed == RTE_ETH_SPEED_NUM_UNKNOWN ? 0 : link->link_speed;
}

/*
 * netvsc sets its own filter and answers what its VF answers (DPDK 22.11, drivers/net/netvsc/
 * hn_ethdev.c, hn_dev_allmulticast_enable()). Multicast comes on the synthetic path.
 */
static int take_multicast(const struct port *port, const struct port_setup *setup)
{
	int r = rte_eth_allmulticast_enable(port->id);

	if (r == 0 || r == -ENOTSUP || !setup->has_vf)
		return r;
	log_warning("a VF does not take all multicast", "device=%s error=\"%s\"", setup->device,
		    strerror(-r));
	return 0;
}

/* Devices that cannot do one of these say so with ENOTSUP, and live without it. */
static int set_addresses(const struct port *port, const struct port_setup *setup)
{
	int r = 0;

	if (setup->set_mac) {
		struct rte_ether_addr mac;

		memcpy(mac.addr_bytes, setup->set_mac->bytes, sizeof(mac.addr_bytes));
		r = rte_eth_dev_default_mac_addr_set(port->id, &mac);
	}
	if ((r == 0 || r == -ENOTSUP) && setup->promiscuous)
		r = rte_eth_promiscuous_enable(port->id);
	if (r == 0 || r == -ENOTSUP)
		r = take_multicast(port, setup);
	return r == -ENOTSUP ? 0 : r;
}

static int start(struct port *port, const struct port_setup *setup)
{
	struct rte_eth_dev_info info;
	int r = rte_eth_dev_start(port->id);

	if (r < 0)
		return r;
	port->started = true;
	r = set_addresses(port, setup);
	if (r == 0)
		r = rte_eth_dev_info_get(port->id, &info);
	if (r < 0)
		return r;
	(void)snprintf(port->driver, sizeof(port->driver), "%s", info.driver_name);
	return 0;
}

static void give_back(struct port *port)
{
	if (port->owner && rte_eth_dev_is_valid_port(port->id))
		(void)rte_eth_dev_owner_unset(port->id, port->owner); /* it is ours */
	*port = (struct port){ .id = RTE_MAX_ETHPORTS };
}

static int read_mac(struct port *port, struct accelnet_error *err)
{
	struct rte_ether_addr mac;
	int r = rte_eth_macaddr_get(port->id, &mac);

	if (r < 0)
		return fail(err, ACCELNET_E_DEVICE, NULL, "port %u has no MAC: %s", port->id,
			    strerror(-r));
	memcpy(port->mac.bytes, mac.addr_bytes, sizeof(port->mac.bytes));
	return 0;
}

/* It may be another driver's by now, or held by a watch of ours, which lives with that. */
static bool is_ours_to_remove(const struct port *port)
{
	struct rte_eth_dev_owner owner;

	if (!port->probed || port->id == RTE_MAX_ETHPORTS ||
	    rte_eth_dev_owner_get(port->id, &owner) < 0)
		return false;
	return owner.id == RTE_ETH_DEV_NO_OWNER ||
	       strncmp(owner.name, PORT_OWNER, strlen(PORT_OWNER)) == 0;
}

int port_claim(struct port *port, const char *device, struct accelnet_error *err)
{
	int r;

	*port = (struct port){ .id = RTE_MAX_ETHPORTS };
	r = find_or_probe(port, device, err);
	if (r == 0)
		r = own(port, device, err);
	if (r == 0)
		r = read_mac(port, err);
	if (r == 0)
		return 0;
	if (is_ours_to_remove(port))
		port_fini(port);
	else
		give_back(port);
	return r;
}

int port_set_up(struct port *port, const struct port_setup *setup, struct accelnet_error *err)
{
	struct rte_eth_dev_info info;
	int r = rte_eth_dev_info_get(port->id, &info);

	if (r == 0) {
		r = check_limits(&info, setup, err);
		if (r < 0)
			return r;
		r = configure(port, setup, &info);
	}
	if (r == 0)
		r = start(port, setup);
	if (r < 0)
		return fail(err, ACCELNET_E_DEVICE, NULL, "device %s cannot be set up: %s",
			    setup->device, strerror(-r));
	return read_mac(port, err); /* it may have taken another */
}

int port_init(struct port *port, const struct port_setup *setup, struct accelnet_error *err)
{
	int r = port_claim(port, setup->device, err);

	if (r < 0)
		return r;
	r = port_set_up(port, setup, err);
	if (r < 0)
		port_fini(port);
	return r;
}

static void take_down(void *context)
{
	struct port *port = context;

	if (port->started && rte_eth_dev_stop(port->id) < 0)
		log_warning("port does not stop", "port=%u", port->id);
	if (port->probed || port->closes)
		(void)rte_eth_dev_close(port->id); /* a removal that follows reports what matters */
}

void port_fini(struct port *port)
{
	struct rte_eth_dev_info info;

	if (port->id == RTE_MAX_ETHPORTS)
		return;
	if (rte_eth_dev_info_get(port->id, &info) < 0)
		info.device = NULL;
	if (port->closes)
		interrupts_run(take_down, port);
	else
		take_down(port);
	if (port->probed && info.device && rte_dev_remove(info.device) < 0)
		log_warning("device is not removed", "port=%u", port->id);
	give_back(port);
}

void port_describe_link(bool up, uint32_t megabits, struct json *to)
{
	struct json *json = json_add_object(to, "link");

	json_add_bool(json, "up", up);
	if (megabits)
		json_add_unsigned(json, "megabitsPerSecond", megabits);
}

void port_describe_totals(const struct port_totals *totals, struct json *to)
{
	struct json *json = json_add_object(to, "counters");

	json_add_unsigned(json, "receivedPackets", totals->received_packets);
	json_add_unsigned(json, "receivedBytes", totals->received_bytes);
	json_add_unsigned(json, "sentPackets", totals->sent_packets);
	json_add_unsigned(json, "sentBytes", totals->sent_bytes);
	json_add_unsigned(json, "missed", totals->missed);
	json_add_unsigned(json, "receiveErrors", totals->receive_errors);
	json_add_unsigned(json, "sendErrors", totals->send_errors);
	json_add_unsigned(json, "noBuffer", totals->no_buffer);
}

struct json *port_describe(const struct port *port, const char *device)
{
	struct json *json = json_new_object();
	char mac[MAC_TEXT_MAX];

	json_add_string(json, "device", device);
	json_add_string(json, "driver", port->driver);
	json_add_unsigned(json, "port", port->id);
	json_add_string(json, "mac", mac_addr_format(&port->mac, mac));
	return json;
}

struct json *port_describe_fully(const struct port *port, const char *device)
{
	struct json *json = port_describe(port, device);
	struct rte_eth_stats none = { 0 }, stats;
	struct port_totals totals = { 0 };
	struct rte_eth_link link;

	if (rte_eth_link_get_nowait(port->id, &link) == 0)
		port_describe_link(link.link_status == RTE_ETH_LINK_UP, port_megabits(&link), json);
	if (rte_eth_stats_get(port->id, &stats) == 0) {
		port_totals_add(&totals, &none, &stats);
		port_describe_totals(&totals, json);
	}
	return json;
}
