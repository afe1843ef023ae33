/*
 * The bifurcated uplink: the kernel's hv_netvsc has the synthetic device, and its interface is read
 * and written through a packet socket (net_af_packet); the VF's port is ours, in isolated mode.
 *
 * Both are polled all the while the VF is there, so nothing that has arrived is lost by a switch.
 * The switch is ours: to the VF is the rule for the rest, then what we send; back is what we send,
 * at once, then that rule. The kernel moves the host's data path by itself, as the VF's interface
 * comes and goes; what no rule of ours takes from the VF appears on the kernel's interface.
 *
 * Not AF_XDP: hv_netvsc puts the interface's program on the VF's, too (Linux, drivers/net/hyperv/
 * netvsc_bpf.c, netvsc_vf_setxdp()), where it redirects to a socket of another device and loses
 * what the kernel would pass on.
 *
 * The VF is opened and closed by looks; links and PMD only say when.
 */
#define LOG_ROOM LOG_ROOM_NIC
#include "base/log.h"
#include "nic/clock.h"
#include "nic/kernel_interface.h"
#include "nic/lane.h"
#include "nic/link_watch.h"
#include "nic/path.h"
#include "nic/uplink_kind.h"
#include "nic/vf_port.h"
#include "offload/port_callback.h"

#include <errno.h>
#include <rte_ethdev.h>
#include <rte_rcu_qsbr.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* An interface comes before its RDMA device: a failure is told of when it has lasted 0.6 s. */
#define RETRY_MIN_MS    20
#define RETRY_MAX_MS    5000
#define FAILURES_BEFORE 5
/* Of a VF that is on its way out the driver says so first; its interface and device go then. */
#define LEAVING_MS 500
/* The VF, VLAN interfaces above it, an app port that has the NIC's MAC: more is strange. */
#define TWINS_MAX 16
#define NO_PORT   RTE_MAX_ETHPORTS
#define WHY_MAX   159

/* What has failed and is tried again, ever less often. */
struct retry {
	unsigned failures;
	uint64_t at;
};

struct bifurcated {
	struct uplink *uplink;
	struct uplink_options options;
	struct kernel_interface *interface;
	unsigned index; /* of that interface */

	/* the looker's: */
	struct vf_port vf;
	bool is_open;
	struct link_sight link;        /* of the VF that is open, or was tried last */
	char device[64];               /* its PCI address */
	struct kernel_joining joining; /* of its interface, before it was opened */
	struct retry opening;
	bool wanted_rest;  /* at the last look: the rule for the rest */
	struct retry rest; /* putting it in or taking it out */
	char why[WHY_MAX + 1];

	_Atomic uint32_t closed; /* how many have been: with the link's index, which it is */
	_Atomic uint16_t port;   /* NO_PORT: none is open, or it is going */

	pthread_mutex_t lock; /* of: */
	bool wanted;          /* traffic over the VF */
	struct vf_lanes receiving, sending;
};

/* --- what the workers see --- */

static void publish(struct bifurcated *own, const struct vf_lanes *lanes)
{
	atomic_store_explicit(own->options.vf_lanes, lanes, memory_order_release);
}

/* Nobody polls the VF any more when this returns. */
static void hide(struct bifurcated *own)
{
	pthread_mutex_lock(&own->lock);
	own->wanted = false;
	publish(own, NULL);
	pthread_mutex_unlock(&own->lock);
	rte_rcu_qsbr_synchronize(own->options.qsbr, RTE_QSBR_THRID_INVALID);
}

static void show(struct bifurcated *own)
{
	pthread_mutex_lock(&own->lock);
	own->receiving = (struct vf_lanes){ .port = own->vf.port.id };
	own->sending = (struct vf_lanes){ .port = own->vf.port.id, .sends = true };
	publish(own, &own->receiving);
	pthread_mutex_unlock(&own->lock);
}

static bool is_wanted(struct bifurcated *own)
{
	bool wanted;

	pthread_mutex_lock(&own->lock);
	wanted = own->wanted;
	pthread_mutex_unlock(&own->lock);
	return wanted;
}

static void send_over_vf(struct bifurcated *own)
{
	pthread_mutex_lock(&own->lock);
	if (own->wanted) /* it may have been taken back meanwhile */
		publish(own, &own->sending);
	pthread_mutex_unlock(&own->lock);
}

/* The control thread asks; what blocks is left to the look that follows. */
static void bifurcated_use_vf(struct uplink *uplink, bool on)
{
	struct bifurcated *own = uplink->bifurcated;

	pthread_mutex_lock(&own->lock);
	own->wanted = on;
	if (!on && atomic_load(own->options.vf_lanes))
		publish(own, &own->receiving);
	pthread_mutex_unlock(&own->lock);
}

/* --- the VF's end --- */

/* EAL's interrupt thread: says it, and no more. */
static int on_removal(uint16_t port, enum rte_eth_event_type event, void *argument, void *ret)
{
	struct bifurcated *own = argument;

	(void)event;
	(void)ret;
	if (atomic_compare_exchange_strong(&own->port, &port, NO_PORT))
		own->options.wake(own->options.context);
	return 0;
}

static void close_vf(struct bifurcated *own, const char *why)
{
	const uint16_t port = own->vf.port.id;

	atomic_store(&own->port, NO_PORT);
	hide(own);
	vf_port_close(&own->vf, own->options.offload);
	own->is_open = false;
	own->why[0] = '\0';
	atomic_fetch_add(&own->closed, 1);
	log_notice("the VF is closed", "nic=%s vf=%s port=%u why=\"%s\"", own->uplink->config->name,
		   own->device, port, why);
}

/* The VF that is open, if it cannot stay. The interface's link is read anew meanwhile. */
static void close_if_going(struct bifurcated *own)
{
	if (atomic_load(&own->port) == NO_PORT) {
		own->opening.at = clock_ms() + LEAVING_MS;
		close_vf(own, "its driver says that it was removed");
	} else if (!link_watch_indexed(own->options.links, own->link.index, &own->link)) {
		close_vf(own, "its interface has gone");
	} else if (vf_port_is_dead(&own->vf)) {
		close_vf(own, "it does not answer");
	}
}

/* --- the VF's beginning --- */

/* An interface of a PCI device with the NIC's MAC that is not the synthetic one. */
static bool find(struct bifurcated *own, struct link_sight *ret, char *device, size_t size)
{
	struct link_sight twins[TWINS_MAX];
	size_t count =
		link_watch_with_mac(own->options.links, &own->uplink->port.mac, twins, TWINS_MAX);

	for (size_t i = 0; i < count; i++) {
		if (twins[i].index == own->index || vf_port_device(twins[i].name, device, size) < 0)
			continue;
		*ret = twins[i];
		return true;
	}
	return false;
}

static void fail_once_more(struct bifurcated *own, struct retry *retry, const char *what,
			   const struct accelnet_error *err)
{
	uint64_t ms = (uint64_t)RETRY_MIN_MS << (retry->failures < 9 ? retry->failures : 9);

	if (retry->failures++ == FAILURES_BEFORE)
		log_warning(what, "nic=%s vf=%s interface=%s error=\"%s\"",
			    own->uplink->config->name, own->device, own->link.name, err->detail);
	(void)snprintf(own->why, sizeof(own->why), "%.*s", WHY_MAX, err->detail);
	retry->at = clock_ms() + (ms < RETRY_MAX_MS ? ms : RETRY_MAX_MS);
}

static void open_vf(struct bifurcated *own)
{
	const struct vf_port_setup setup = {
		.device = own->device,
		.mac = own->uplink->port.mac,
		.queues = own->uplink->config->queues,
		.pool = own->options.pool,
	};
	struct accelnet_error err;

	if (vf_port_open(&own->vf, &setup, &err) < 0) {
		fail_once_more(own, &own->opening, "the VF cannot be taken up; it is tried again",
			       &err);
		return;
	}
	kernel_interface_split(own->link.name, &own->joining);
	own->is_open = true;
	own->opening = (struct retry){ 0 };
	own->wanted_rest = false;
	own->rest = (struct retry){ 0 };
	own->why[0] = '\0';
	atomic_store(&own->port, own->vf.port.id);
	show(own);
	log_notice("the VF is open", "nic=%s vf=%s interface=%s port=%u driver=%s",
		   own->uplink->config->name, own->device, own->link.name, own->vf.port.id,
		   own->vf.port.driver);
}

static void seek(struct bifurcated *own)
{
	struct link_sight link;
	char device[sizeof(own->device)];

	if (!find(own, &link, device, sizeof(device))) {
		own->link = (struct link_sight){ 0 };
		return;
	}
	if (link.index != own->link.index) { /* another one */
		own->opening = (struct retry){ 0 };
		own->joining = (struct kernel_joining){ 0 };
	}
	own->link = link;
	memcpy(own->device, device, sizeof(device));
	if (clock_ms() >= own->opening.at)
		open_vf(own);
}

/* --- looking --- */

/* Without it packets come by the kernel's interface, left in over the VF: slower, and right. */
static void set_rest(struct bifurcated *own, bool on)
{
	struct accelnet_error err;
	int r = on ? vf_port_take_rest(&own->vf, &err) : vf_port_leave_rest(&own->vf, &err);

	if (r < 0) {
		fail_once_more(own, &own->rest, "the VF's last rule stays as it is", &err);
		return;
	}
	own->rest = (struct retry){ 0 };
	own->why[0] = '\0';
}

static void obey(struct bifurcated *own)
{
	const bool on = is_wanted(own);

	if (on != own->wanted_rest) { /* at once */
		own->wanted_rest = on;
		own->rest = (struct retry){ 0 };
	}
	if (clock_ms() >= own->rest.at)
		set_rest(own, on);
	if (on)
		send_over_vf(own);
}

/* The same as long as one interface is there and the port, once it was open, is not closed. */
static uint64_t incarnation_of(const struct bifurcated *own)
{
	return (uint64_t)atomic_load(&own->closed) << 32 | own->link.index;
}

static void describe(struct bifurcated *own, struct vf_sight *ret)
{
	struct rte_eth_stats stats;

	*ret = (struct vf_sight){ 0 };
	if (own->link.index == 0 || (!own->is_open && own->opening.failures <= FAILURES_BEFORE))
		return; /* none, or one that is still coming up */
	ret->present = true;
	(void)snprintf(ret->device, sizeof(ret->device), "%s", own->device);
	(void)snprintf(ret->why, sizeof(ret->why), "%s", own->why);
	ret->incarnation = incarnation_of(own);
	if (!own->is_open)
		return;
	ret->claimed = true;
	ret->carries = own->link.up;
	ret->port = own->vf.port.id;
	(void)snprintf(ret->driver, sizeof(ret->driver), "%s", own->vf.port.driver);
	if (!own->link.up)
		(void)snprintf(ret->why, sizeof(ret->why), "its interface %s is down",
			       own->link.name);
	if (rte_eth_stats_get(ret->port, &stats) == 0) {
		ret->packets[DIRECTION_INBOUND] = stats.ipackets;
		ret->packets[DIRECTION_OUTBOUND] = stats.opackets;
	}
}

static void bifurcated_look(struct uplink *uplink, const struct rte_eth_stats *stats,
			    struct uplink_reading *reading)
{
	struct bifurcated *own = uplink->bifurcated;
	struct link_sight link;

	(void)stats;
	link_watch_read(own->options.links);
	reading->link_up = link_watch_indexed(own->options.links, own->index, &link) && link.up &&
			   link.carrier;
	reading->megabits = 0; /* net_af_packet makes one up */
	if (own->is_open)
		close_if_going(own);
	if (!own->is_open)
		seek(own);
	if (own->is_open)
		obey(own);
	describe(own, &reading->vf);
}

static bool bifurcated_is_there(const struct uplink *uplink, const struct vf_sight *vf)
{
	const struct bifurcated *own = uplink->bifurcated;

	return !vf->claimed || (atomic_load(&own->port) != NO_PORT &&
				atomic_load(&own->closed) == vf->incarnation >> 32);
}

/* --- life --- */

/* Rings of 1024 frames a queue, of single pages, which the kernel always has: what comes while a
 * worker is not run has to wait somewhere. */
static int open_port(struct uplink *uplink, const struct uplink_options *options,
		     struct accelnet_error *err)
{
	char device[256];
	const struct port_setup setup = {
		.device = device,
		.queues = options->config->queues,
		.pool = options->pool,
	};

	(void)snprintf(device, sizeof(device),
		       "net_af_packet_%s,iface=%s,qpairs=%u,blocksz=4096,framesz=2048,"
		       "framecnt=1024,qdisc_bypass=1",
		       options->config->name, options->config->uplink_device,
		       options->config->queues);
	return port_init(&uplink->port, &setup, err);
}

static int bifurcated_open(struct uplink *uplink, const struct uplink_options *options,
			   struct accelnet_error *err)
{
	const char *interface = options->config->uplink_device;
	struct bifurcated *own = calloc(1, sizeof(*own));
	struct link_sight link;
	int r;

	if (!own)
		return fail(err, ACCELNET_E_MEMORY, NULL, "out of memory");
	own->uplink = uplink;
	own->options = *options;
	own->vf.port.id = NO_PORT;
	atomic_store(&own->port, NO_PORT);
	pthread_mutex_init(&own->lock, NULL);
	uplink->bifurcated = own;
	if (!options->links || !link_watch_named(options->links, interface, &link))
		return fail(err, ACCELNET_E_DEVICE, NULL, "NIC %s: there is no interface %s",
			    options->config->name, interface);
	own->index = link.index;
	r = kernel_interface_open(interface, &own->interface, err);
	if (r == 0)
		r = open_port(uplink, options, err);
	if (r == 0)
		r = kernel_interface_ready_sockets(own->interface, err);
	if (r == 0)
		r = uplink_check_mac(uplink, "interface", err);
	if (r < 0)
		return r;
	r = rte_eth_dev_callback_register(RTE_ETH_ALL, RTE_ETH_EVENT_INTR_RMV, on_removal, own);
	return r < 0 ? fail(err, ACCELNET_E_MEMORY, NULL, "out of memory") : 0;
}

/* A VF that goes takes its interface with it; one that stays has it back as it was. */
static void give_back(struct bifurcated *own)
{
	struct link_sight link;

	if (own->link.index != 0 && link_watch_indexed(own->options.links, own->link.index, &link))
		kernel_interface_join(link.name, &own->joining);
}

/* Before the uplink's own port is closed. */
static void bifurcated_close(struct uplink *uplink)
{
	struct bifurcated *own = uplink->bifurcated;

	if (!own)
		return;
	if (own->is_open)
		close_vf(own, "the NIC ends");
	give_back(own);
	port_callback_remove(RTE_ETH_EVENT_INTR_RMV, on_removal, own);
	port_fini(&uplink->port);
	kernel_interface_close(own->interface);
	pthread_mutex_destroy(&own->lock);
	free(own);
	uplink->bifurcated = NULL;
}

static unsigned bifurcated_actuators(void)
{
	return PATH_CAN_SWITCH;
}

const struct uplink_kind uplink_bifurcated = {
	.open = bifurcated_open,
	.close = bifurcated_close,
	.actuators = bifurcated_actuators,
	.look = bifurcated_look,
	.is_there = bifurcated_is_there,
	.use_vf = bifurcated_use_vf,
};
