/*
 * The netvsc uplink: one port, the netvsc PMD's, for both paths. The VF's port is watched
 * (vf_watch.h) and never configured, started or polled.
 */
#define LOG_ROOM LOG_ROOM_NIC
#include "base/log.h"
#include "nic/path.h"
#include "nic/uplink_kind.h"

#include <errno.h>
#include <rte_bus.h>
#include <rte_ethdev.h>
#include <rte_version.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define TRIES 3

static bool is_there(const char *device)
{
	uint16_t port;

	return rte_eth_dev_get_port_by_name(device, &port) == 0;
}

/*
 * EAL has probed the bus. Where the host's VF note came while the PMD waited for another answer,
 * the probe has failed (DPDK 22.11, drivers/net/netvsc/hn_nvs.c:100-114); the bus tries devices
 * without a driver again each time that it is asked (drivers/bus/vmbus/vmbus_common.c:141).
 */
static int find_device(const char *device, struct accelnet_error *err)
{
	for (int try = 0; try < TRIES && !is_there(device); try++) {
		log_warning("netvsc device is not there; its bus is probed again",
			    "device=%s try=%d", device, try + 1);
		sleep(try > 0);
		(void)rte_bus_probe(); /* fails for other devices' faults too: look what is there */
	}
	if (is_there(device))
		return 0;
	return fail(err, ACCELNET_E_DEVICE, NULL,
		    "no netvsc port %s: is that the GUID of a network device below "
		    "/sys/bus/vmbus/devices, bound to uio_hv_generic, and not on EAL's block list?",
		    device);
}

/*
 * A note that comes while sub-channels are asked for makes configuring fail in the same way; so
 * does a VF that went after it was probed, which netvsc configures along with itself. It is tried
 * again as it is. Where that fails, too, a new process is needed: the vmbus bus cannot be asked for
 * the same device twice (vmbus_common.c:177, rte_dev_is_probed()). And once the port is configured
 * nothing is tried again: to configure it anew releases the queues of its VF, and mlx5 crashes in
 * that where the VF is the one whose start has failed (seen with DPDK 22.11.11).
 */
static int set_up(struct uplink *uplink, const struct port_setup *setup, struct accelnet_error *err)
{
	struct accelnet_error why;
	int r = port_set_up(&uplink->port, setup, &why);

	if (r < 0 && !uplink->port.configured) {
		log_warning("netvsc port is set up a second time", "device=%s error=\"%s\"",
			    setup->device, why.detail);
		r = port_set_up(&uplink->port, setup, &why);
	}
	if (r == 0)
		return 0;
	return fail(err, ACCELNET_E_DEVICE, NULL,
		    "%.300s; if its VF came or went meanwhile, another start of accelnetd gets it",
		    why.detail);
}

static bool is_on_pci(const char *device)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s", device);
	return access(path, F_OK) == 0;
}

/*
 * netvsc up to 24.11.5 and 25.11.0 looks for an announced VF every second and does not take up one
 * that is started already; later ones look when the note comes and take up any (26.03, back-ported:
 * commit 8bf322cdc4).
 */
static unsigned netvsc_actuators(void)
{
	static const struct {
		unsigned year, month, fixed_in;
	} mended[] = { { 24, 11, 6 }, { 25, 11, 1 } };
	unsigned year = 0, month = 0, minor = 0;
	bool old;

	/* the library's that runs; what cannot be read counts as old and is handled with care */
	(void)sscanf(rte_version(), "%*[^0-9]%u.%u.%u", &year, &month, &minor);
	old = year < 26;
	for (size_t i = 0; i < sizeof(mended) / sizeof(mended[0]); i++) {
		if (year == mended[i].year && month == mended[i].month)
			old = minor < mended[i].fixed_in;
	}
	return old ? PATH_CAN_HOLD : 0;
}

/*
 * netvsc hears of its VF, and brings it in, in the burst of queue 0 that finds the host's note:
 * what the host spreads on the synthetic path stays off that queue. A VF that is there already
 * takes the table, too; one that comes later spreads over all its queues, when it is in.
 */
static void leave_queue_0(const struct uplink *uplink, uint16_t queues)
{
	struct rte_eth_rss_reta_entry64 table[RTE_ETH_RSS_RETA_SIZE_512 / RTE_ETH_RETA_GROUP_SIZE];
	struct rte_eth_dev_info info;
	int r = rte_eth_dev_info_get(uplink->port.id, &info);

	if (r == 0 && info.reta_size > RTE_ETH_RSS_RETA_SIZE_512)
		r = -ENOTSUP;
	for (unsigned i = 0; r == 0 && i < info.reta_size; i++) {
		struct rte_eth_rss_reta_entry64 *group = &table[i / RTE_ETH_RETA_GROUP_SIZE];

		group->mask = UINT64_MAX;
		group->reta[i % RTE_ETH_RETA_GROUP_SIZE] = (uint16_t)(1 + i % (queues - 1U));
	}
	if (r == 0)
		r = rte_eth_dev_rss_reta_update(uplink->port.id, table, info.reta_size);
	if (r < 0)
		log_warning("traffic is not kept from queue 0", "nic=%s error=\"%s\"",
			    uplink->config->name, strerror(-r));
}

static int netvsc_open(struct uplink *uplink, const struct uplink_options *options,
		       struct accelnet_error *err)
{
	const struct port_setup setup = {
		.device = options->config->uplink_device,
		.queues = options->config->queues,
		.pool = options->pool,
		.has_vf = true,
	};
	struct vf_watch_options watch = {
		.device = setup.device,
		.qsbr = options->qsbr,
		.looks_again = netvsc_actuators() & PATH_CAN_HOLD,
		.device_is_there = is_on_pci,
		.wake = options->wake_soon,
		.context = options->context,
	};
	int r = find_device(setup.device, err);

	if (r == 0)
		r = port_claim(&uplink->port, setup.device, err);
	if (r == 0)
		r = uplink_check_mac(uplink, "netvsc device", err);
	if (r < 0)
		return r;
	/* rte_eal_cleanup() with a VF still attached crashes in some versions (26.11, hn_vf_stop())
	 */
	uplink->port.closes = true;
	/* before the port starts: a VF may come and go as soon as it does */
	watch.netvsc = uplink->port.id;
	watch.mac = uplink->port.mac;
	r = vf_watch_new(&watch, &uplink->watch);
	if (r < 0)
		return fail(err, ACCELNET_E_DEVICE, NULL, "NIC %s: its VF cannot be watched: %s",
			    options->config->name, strerror(-r));
	r = set_up(uplink, &setup, err);
	if (r == 0 && options->config->housekeeping)
		leave_queue_0(uplink, setup.queues);
	return r;
}

/*
 * The port's sums hold the packets of a VF that it has (DPDK 22.11, drivers/net/netvsc/
 * hn_ethdev.c:799, hn_dev_stats_get()), the counters of its queues in some versions too. The sums
 * were read before the VF's own, so the difference is at most too small; where the VF came or went
 * between the last look and this one, it says nothing.
 */
static void count_synthetic(const struct vf_sight *before, const struct rte_eth_stats *stats,
			    struct uplink_reading *reading)
{
	const uint64_t sums[DIRECTIONS] = {
		[DIRECTION_INBOUND] = stats->ipackets,
		[DIRECTION_OUTBOUND] = stats->opackets,
	};
	const struct vf_sight *vf = &reading->vf;
	bool same = before->claimed == vf->claimed && before->incarnation == vf->incarnation;

	reading->synthetic_is_exact = same && !vf->claimed;
	for (int d = 0; d < DIRECTIONS && same; d++) {
		uint64_t vf_packets = vf->claimed ? vf->packets[d] : 0;

		if (sums[d] > vf_packets && sums[d] - vf_packets > reading->synthetic[d])
			reading->synthetic[d] = sums[d] - vf_packets;
	}
}

static void netvsc_look(struct uplink *uplink, const struct rte_eth_stats *stats,
			struct uplink_reading *reading)
{
	_Static_assert(DIRECTION_INBOUND == 0 && DIRECTION_OUTBOUND == 1, "vf_sight.packets");
	const struct vf_sight before = reading->vf;

	vf_watch_look(uplink->watch, &reading->vf);
	count_synthetic(&before, stats, reading);
}

const struct uplink_kind uplink_netvsc = {
	.open = netvsc_open,
	.actuators = netvsc_actuators,
	.look = netvsc_look,
};
