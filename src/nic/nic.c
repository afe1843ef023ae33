/*
 * A NIC's life: ports, lanes, store, and the policy restored at start. See nic.h; apply.c changes
 * the policy, describe.c tells about it.
 */
#define LOG_ROOM LOG_ROOM_NIC
#include "nic/nic.h"

#include "base/log.h"
#include "classify/conn.h"
#include "nic/clock.h"
#include "nic/events.h"
#include "nic/nic_private.h"

#include <errno.h>
#include <rte_ethdev.h>
#include <rte_malloc.h>
#include <rte_mbuf.h>
#include <stdlib.h>
#include <string.h>

#define MBUF_CACHE 256
/* Both ports' rings, bursts under way and fragments that wait. */
#define MBUFS_PER_QUEUE 4096

struct nic_view *nic_get_view(struct nic *nic)
{
	return &nic->view;
}

const struct nic_view *nic_get_view_const(const struct nic *nic)
{
	return &nic->view;
}

static int make_pool(struct nic *nic, struct accelnet_error *err)
{
	char name[RTE_MEMPOOL_NAMESIZE];

	(void)snprintf(name, sizeof(name), "rx_%.20s", nic->config->name);
	nic->pool =
		rte_pktmbuf_pool_create(name, MBUFS_PER_QUEUE * nic->config->queues * 2U,
					MBUF_CACHE, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	if (!nic->pool)
		return fail(
			err, ACCELNET_E_MEMORY, NULL,
			"NIC %s: no memory for packet buffers; give EAL more (-m, or hugepages)",
			nic->config->name);
	return 0;
}

/*
 * The app port takes the NIC's MAC where it lets us, so that a kernel behind a TAP has the right
 * one; where it does not, the workload brings its own.
 */
static int open_ports(struct nic *nic, struct accelnet_error *err)
{
	const struct uplink_options uplink = {
		.config = nic->config,
		.pool = nic->pool,
		.qsbr = nic->services.qsbr,
		.offload = nic->services.offload,
		.links = nic->services.links,
		.vf_lanes = &nic->view.vf,
		.wake = nic->services.wake,
		.wake_soon = nic->services.wake_soon,
		.context = nic->services.context,
	};
	const struct port_setup app = {
		.device = nic->config->app_device,
		.queues = nic->config->queues,
		.pool = nic->pool,
		.set_mac = &nic->mac,
		.promiscuous = true,
	};
	int r = uplink_open(&uplink, &nic->uplink, err);

	if (r < 0)
		return r;
	nic->mac = nic->config->has_mac ? nic->config->mac : uplink_port(nic->uplink)->mac;
	return port_init(&nic->app, &app, err);
}

void nic_set_settled_flags(struct nic_view *view, bool verifies)
{
	view->settled_flags = RTE_MBUF_F_RX_FDIR_ID;
	view->settled_mask =
		RTE_MBUF_F_RX_FDIR_ID | RTE_MBUF_F_RX_IP_CKSUM_BAD | RTE_MBUF_F_RX_L4_CKSUM_BAD;
	if (!verifies)
		return;
	view->settled_flags |= RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD;
	view->settled_mask |= RTE_MBUF_F_RX_IP_CKSUM_MASK | RTE_MBUF_F_RX_L4_CKSUM_MASK;
}

static int make_lanes(struct nic *nic, struct accelnet_error *err)
{
	struct nic_view *view = &nic->view;

	view->lanes = rte_zmalloc("lanes", sizeof(struct lane) * nic->config->queues,
				  RTE_CACHE_LINE_SIZE);
	if (!view->lanes)
		return fail(err, ACCELNET_E_MEMORY, NULL, "NIC %s: no memory for its lanes",
			    nic->config->name);
	view->lane_count = nic->config->queues;
	for (uint16_t q = 0; q < view->lane_count; q++) {
		view->lanes[q].view = view;
		view->lanes[q].queue = q;
		judge_context_init(&view->lanes[q].judge, view->connections, view->fragments);
	}
	view->port[DIRECTION_INBOUND] = uplink_port(nic->uplink)->id;
	view->port[DIRECTION_OUTBOUND] = nic->app.id;
	/* of a bifurcated uplink marks come from the VF, which is a card */
	nic_set_settled_flags(view, nic->config->uplink == UPLINK_BIFURCATED ||
					    uplink_port(nic->uplink)->verifies);
	return 0;
}

static int make_tables(struct nic *nic, struct accelnet_error *err)
{
	const struct conn_table_options options = {
		.max = nic->config->connections_max,
		.timeouts = nic->config->timeouts,
	};
	int r = conn_table_new(&options, &nic->view.connections);

	if (r == 0)
		r = fragment_table_new(&nic->view.fragments);
	if (r < 0)
		return fail(err, ACCELNET_E_MEMORY, NULL, "NIC %s: no table for %u connections: %s",
			    nic->config->name, options.max, strerror(-r));
	conn_table_set_grace(nic->view.connections, clock_ms() + CONN_GRACE_SECONDS * 1000ULL);
	return 0;
}

static int make_failover(struct nic *nic, struct accelnet_error *err)
{
	const struct failover_options options = {
		.config = nic->config,
		.services = &nic->services,
		.uplink = nic->uplink,
		.view = &nic->view,
		.seam = hardware_seam(nic),
	};

	nic->failover = failover_new(&options);
	return nic->failover ? 0 : fail(err, ACCELNET_E_MEMORY, NULL, "out of memory");
}

static int bring_up(struct nic *nic, struct accelnet_error *err)
{
	int r = policy_store_open(nic->services.state_directory, nic->config->name, &nic->store,
				  err);

	if (r < 0)
		return r;
	r = make_pool(nic, err);
	if (r < 0)
		return r;
	r = open_ports(nic, err);
	if (r < 0)
		return r;
	r = make_tables(nic, err);
	if (r < 0)
		return r;
	r = make_lanes(nic, err);
	if (r == 0)
		r = hardware_init(nic, err);
	if (r == 0 && connection_marks_init(nic) < 0)
		r = fail(err, ACCELNET_E_MEMORY, NULL, "out of memory");
	if (r == 0)
		r = make_failover(nic, err);
	return r < 0 ? r : nic_restore(nic, err);
}

/* The uplink's may be asked for by its looker alone: what the last look found. */
static bool link_is_up(const struct nic *nic, enum direction direction)
{
	struct uplink_reading reading;
	struct rte_eth_link link;

	if (direction == DIRECTION_OUTBOUND)
		return rte_eth_link_get_nowait(nic->app.id, &link) == 0 &&
		       link.link_status == RTE_ETH_LINK_UP;
	uplink_read(nic->uplink, &reading);
	return reading.looks ? reading.link_up : nic->link_was_up[direction];
}

int nic_new(const struct nic_config *config, const struct nic_services *services, struct nic **ret,
	    struct accelnet_error *err)
{
	/* the view is read by workers and wants its own cache line */
	struct nic *nic = aligned_alloc(RTE_CACHE_LINE_SIZE,
					RTE_ALIGN_CEIL(sizeof(*nic), RTE_CACHE_LINE_SIZE));
	char mac[MAC_TEXT_MAX];
	int r;

	if (!nic)
		return fail(err, ACCELNET_E_MEMORY, NULL, "out of memory");
	memset(nic, 0, sizeof(*nic));
	nic->config = config;
	nic->services = *services;
	nic->context = config->context ? json_copy(config->context) : NULL;
	nic->app.id = RTE_MAX_ETHPORTS;
	r = bring_up(nic, err);
	if (r < 0) {
		nic_free(nic);
		return r;
	}
	uplink_look(nic->uplink); /* no worker runs yet, and nobody else looks */
	for (int d = 0; d < DIRECTIONS; d++)
		nic->link_was_up[d] = link_is_up(nic, (enum direction)d);
	log_notice("NIC is up", "nic=%s mac=%s uplink=%s app=%s queues=%u generation=%lu",
		   config->name, mac_addr_format(&nic->mac, mac), config->uplink_device,
		   config->app_device, config->queues, nic->generation);
	*ret = nic;
	return 0;
}

/* Those that still wait for their first one are dropped with the table. */
static void free_fragments(struct nic *nic)
{
	struct fragment_releases waiting = { 0 };

	if (!nic->view.fragments)
		return;
	fragment_drain(nic->view.fragments, &waiting);
	for (unsigned i = 0; i < waiting.count; i++)
		rte_pktmbuf_free(waiting.packets[i].owner);
	fragment_table_free(nic->view.fragments);
}

void nic_quiesce(struct nic *nic)
{
	failover_quiesce(nic->failover);
}

void nic_free(struct nic *nic)
{
	if (!nic)
		return;
	failover_free(nic->failover);
	hardware_fini(nic);
	connection_marks_fini(nic);
	snapshot_free(atomic_load(&nic->view.snapshot));
	rte_free(nic->view.lanes);
	free_fragments(nic);
	conn_table_free(nic->view.connections);
	port_fini(&nic->app);
	uplink_close(nic->uplink);
	rte_mempool_free(nic->pool);
	policy_store_close(nic->store);
	json_free(nic->document);
	free(nic->content);
	json_free(nic->context);
	free(nic);
}

static void watch_link(struct nic *nic, enum direction direction)
{
	const char *which = direction == DIRECTION_INBOUND ? "uplink" : "app";
	bool is_up = link_is_up(nic, direction);
	struct json *details;

	if (is_up == nic->link_was_up[direction])
		return;
	nic->link_was_up[direction] = is_up;
	details = json_new_object();
	json_add_string(details, "port", which);
	event_log_add(nic->services.events, nic->config->name, is_up ? "link.up" : "link.down",
		      details);
	log_notice("link changed", "nic=%s port=%s up=%d", nic->config->name, which, is_up);
}

void nic_tick(struct nic *nic)
{
	for (int d = 0; d < DIRECTIONS; d++)
		watch_link(nic, (enum direction)d);
	connection_marks_tick(nic);
}

void nic_look(struct nic *nic)
{
	failover_tick(nic->failover);
	settle_attend(nic);
}

void nic_links_changed(struct nic *nic)
{
	if (nic->config->uplink == UPLINK_BIFURCATED)
		failover_look_soon(nic->failover);
}

void nic_attend(struct nic *nic)
{
	hardware_attend(nic);
	failover_attend(nic->failover);
}

int nic_failover(struct nic *nic, enum path_wish wish, struct accelnet_error *err)
{
	return failover_ask(nic->failover, wish, err);
}

void nic_describe_path(const struct nic *nic, struct json *to)
{
	failover_describe(nic->failover, to);
	failover_describe_fully(nic->failover, to);
}

const struct nic_config *nic_get_config(const struct nic *nic)
{
	return nic->config;
}

struct conn_table *nic_connections(struct nic *nic)
{
	return nic->view.connections;
}

struct nic *nic_set_find(const struct nic_set *set, const char *name)
{
	for (size_t i = 0; i < set->count; i++) {
		if (strcmp(set->nics[i]->config->name, name) == 0)
			return set->nics[i];
	}
	return NULL;
}
