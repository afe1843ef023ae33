/*
 * Bringing a VF's port up and down: see vf_port.h.
 */
#define LOG_ROOM LOG_ROOM_NIC
#include "nic/vf_port.h"

#include "base/log.h"
#include "offload/interrupts.h"
#include "offload/isolated.h"
#include "offload/offload.h"

#include <dirent.h>
#include <errno.h>
#include <rte_ethdev.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PCI_DEVICES "/sys/bus/pci/devices"

static int enter_isolated(const struct vf_port *port, const char *device,
			  struct accelnet_error *err)
{
	struct flow_error error;
	int r = isolated_enter(port->port.id, &error);

	if (r == 0)
		return 0;
	return fail(err, ACCELNET_E_DEVICE, NULL, "device %s has no isolated mode: %s", device,
		    error.message);
}

static int check_mac(const struct vf_port *port, const char *device, struct accelnet_error *err)
{
	if (memcmp(&port->port.mac, &port->mac, sizeof(port->mac)) == 0)
		return 0;
	return fail(err, ACCELNET_E_DEVICE, NULL, "the port of device %s has another MAC", device);
}

static atomic_bool opening_one;

struct opening {
	struct vf_port *port;
	const struct vf_port_setup *setup;
	struct accelnet_error *err;
	int r;
};

static int open_port(struct vf_port *port, const struct vf_port_setup *setup,
		     struct accelnet_error *err)
{
	const struct port_setup queues = {
		.device = setup->device,
		.queues = setup->queues,
		.pool = setup->pool,
	};
	int r = port_claim(&port->port, setup->device, err);

	if (r < 0)
		return r;
	port->port.probed = true; /* ours to remove, though EAL may have brought it at start */
	r = check_mac(port, setup->device, err);
	if (r == 0)
		r = enter_isolated(port, setup->device, err);
	if (r == 0)
		r = port_set_up(&port->port, &queues, err);
	if (r < 0)
		port_fini(&port->port);
	return r;
}

static void open_there(void *argument)
{
	struct opening *opening = argument;

	atomic_store(&opening_one, true); /* one at a time: it is EAL's only such thread */
	opening->r = open_port(opening->port, opening->setup, opening->err);
	atomic_store(&opening_one, false);
}

int vf_port_open(struct vf_port *port, const struct vf_port_setup *setup,
		 struct accelnet_error *err)
{
	struct opening opening = { .port = port, .setup = setup, .err = err };

	*port = (struct vf_port){ .mac = setup->mac, .queues = setup->queues };
	interrupts_run(open_there, &opening);
	return opening.r;
}

bool vf_port_is_opening(void)
{
	return atomic_load(&opening_one);
}

static void close_there(void *argument)
{
	struct vf_port *port = argument;

	port_fini(&port->port);
}

void vf_port_close(struct vf_port *port, struct offload *offload)
{
	if (offload)
		offload_port_goes(offload, port->port.id);
	port->rest = NULL; /* a handle of a port that is closed means nothing */
	interrupts_run(close_there, port);
}

static struct flow_port flow_port(const struct vf_port *port)
{
	return (struct flow_port){
		.id = port->port.id,
		.queues = port->queues,
		.mac = port->mac,
	};
}

int vf_port_take_rest(struct vf_port *port, struct accelnet_error *err)
{
	const struct flow_port flows = flow_port(port);
	struct flow_error error;

	if (port->rest || isolated_take_rest(&flows, &port->rest, &error) == 0)
		return 0;
	return fail(err, ACCELNET_E_DEVICE, NULL,
		    "the rule that brings in what no other takes was refused: %s", error.message);
}

int vf_port_leave_rest(struct vf_port *port, struct accelnet_error *err)
{
	const struct flow_port flows = flow_port(port);
	struct flow_error error;

	if (port->rest && isolated_leave_rest(&flows, port->rest, &error) < 0)
		return fail(err, ACCELNET_E_DEVICE, NULL, "packets still come over the VF: %s",
			    error.message);
	port->rest = NULL;
	return 0;
}

bool vf_port_is_dead(const struct vf_port *port)
{
	return rte_eth_dev_is_removed(port->port.id) != 0;
}

/* Both before and behind a domain of Hyper-V the kernel lists the interface below its device. */
int vf_port_device(const char *interface, char *ret, size_t size)
{
	DIR *devices = opendir(PCI_DEVICES);
	char path[512];
	int r = -ENODEV;

	if (!devices)
		return r;
	for (struct dirent *entry = readdir(devices); entry && r < 0; entry = readdir(devices)) {
		(void)snprintf(path, sizeof(path), PCI_DEVICES "/%s/net/%s", entry->d_name,
			       interface);
		if (entry->d_name[0] == '.' || access(path, F_OK) < 0)
			continue;
		r = snprintf(ret, size, "%s", entry->d_name) < (int)size ? 0 : -ENODEV;
	}
	closedir(devices);
	return r;
}
