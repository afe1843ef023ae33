/*
 * What all uplinks have in common: see uplink.h.
 */
#define LOG_ROOM LOG_ROOM_NIC
#include "nic/uplink.h"

#include "base/log.h"
#include "nic/clock.h"
#include "nic/uplink_kind.h"

#include <errno.h>
#include <rte_ethdev.h>
#include <stdlib.h>
#include <string.h>

#define LINK_MS 1000
/* A VF that netvsc has and does not use may be dead, and every question makes its driver log. */
#define IDLE_VF_MS 10000

static const struct uplink_kind *const kinds[] = {
	[UPLINK_PLAIN] = &uplink_plain,
	[UPLINK_NETVSC] = &uplink_netvsc,
	[UPLINK_BIFURCATED] = &uplink_bifurcated,
};

int uplink_check_mac(const struct uplink *uplink, const char *what, struct accelnet_error *err)
{
	const struct nic_config *config = uplink->config;
	char is[MAC_TEXT_MAX], wanted[MAC_TEXT_MAX];

	if (!config->has_mac || memcmp(&config->mac, &uplink->port.mac, sizeof(config->mac)) == 0)
		return 0;
	return fail(err, ACCELNET_E_DEVICE, NULL,
		    "NIC %s: %s %s has the MAC %s, and %s is configured", config->name, what,
		    config->uplink_device, mac_addr_format(&uplink->port.mac, is),
		    mac_addr_format(&config->mac, wanted));
}

int uplink_open(const struct uplink_options *options, struct uplink **ret,
		struct accelnet_error *err)
{
	struct uplink *uplink = calloc(1, sizeof(*uplink));
	int r;

	if (!uplink)
		return fail(err, ACCELNET_E_MEMORY, NULL, "out of memory");
	uplink->kind = kinds[options->config->uplink];
	uplink->config = options->config;
	uplink->port.id = RTE_MAX_ETHPORTS;
	pthread_mutex_init(&uplink->lock, NULL);
	r = uplink->kind->open(uplink, options, err);
	if (r < 0) {
		uplink_close(uplink);
		return r;
	}
	*ret = uplink;
	return 0;
}

void uplink_close(struct uplink *uplink)
{
	if (!uplink)
		return;
	if (uplink->kind->close)
		uplink->kind->close(uplink);
	port_fini(&uplink->port);
	vf_watch_free(uplink->watch);
	pthread_mutex_destroy(&uplink->lock);
	free(uplink);
}

const struct port *uplink_port(const struct uplink *uplink)
{
	return &uplink->port;
}

unsigned uplink_actuators(const struct uplink *uplink)
{
	return uplink->kind->actuators();
}

static void look_at_link(struct uplink *uplink, struct uplink_reading *reading)
{
	struct rte_eth_link link;

	if (clock_ms() < uplink->next_link_ms)
		return;
	uplink->next_link_ms = clock_ms() + LINK_MS;
	if (rte_eth_link_get_nowait(uplink->port.id, &link) < 0)
		return;
	reading->link_up = link.link_status == RTE_ETH_LINK_UP;
	reading->megabits = port_megabits(&link);
}

/* netvsc asks its VF, too. */
static bool may_ask(struct uplink *uplink, const struct vf_sight *vf)
{
	if (vf->claimed && !vf->carries && clock_ms() < uplink->next_idle_ms)
		return false;
	uplink->next_idle_ms = clock_ms() + IDLE_VF_MS;
	return true;
}

void uplink_look(struct uplink *uplink)
{
	struct rte_eth_stats stats = uplink->last_stats;
	struct uplink_reading reading;

	pthread_mutex_lock(&uplink->lock);
	reading = uplink->reading;
	pthread_mutex_unlock(&uplink->lock);
	look_at_link(uplink, &reading);
	if (may_ask(uplink, &reading.vf) && rte_eth_stats_get(uplink->port.id, &stats) == 0)
		port_totals_add(&reading.totals, &uplink->last_stats, &stats);
	uplink->kind->look(uplink, &stats, &reading);
	reading.looks++;
	pthread_mutex_lock(&uplink->lock);
	uplink->reading = reading;
	pthread_mutex_unlock(&uplink->lock);
}

static bool is_there(const struct uplink *uplink, const struct vf_sight *vf)
{
	if (uplink->kind->is_there)
		return uplink->kind->is_there(uplink, vf);
	return !uplink->watch || vf_watch_is_there(uplink->watch, vf->incarnation);
}

void uplink_read(struct uplink *uplink, struct uplink_reading *ret)
{
	pthread_mutex_lock(&uplink->lock);
	*ret = uplink->reading;
	pthread_mutex_unlock(&uplink->lock);
	if (ret->vf.present && !is_there(uplink, &ret->vf))
		ret->vf = (struct vf_sight){ 0 };
}

void uplink_use_vf(struct uplink *uplink, bool on)
{
	if (uplink->kind->use_vf)
		uplink->kind->use_vf(uplink, on);
}

void uplink_hold(struct uplink *uplink, bool on)
{
	if (uplink->watch)
		vf_watch_hold(uplink->watch, on);
}

static void describe_vf(const struct vf_sight *vf, struct json *to)
{
	struct json *json = json_add_object(to, "vf");

	json_add_bool(json, "present", vf->present);
	if (!vf->present)
		return;
	json_add_string(json, "device", vf->device);
	json_add_string(json, "driver", vf->driver);
	json_add_unsigned(json, "port", vf->port);
	json_add_bool(json, "claimed", vf->claimed);
	json_add_bool(json, "carries", vf->carries);
	json_add_bool(json, "held", vf->held);
	if (vf->why[0])
		json_add_string(json, "problem", vf->why);
}

struct json *uplink_describe(struct uplink *uplink)
{
	struct json *json = port_describe(&uplink->port, uplink->config->uplink_device);
	struct uplink_reading reading;

	uplink_read(uplink, &reading);
	port_describe_link(reading.link_up, reading.megabits, json);
	port_describe_totals(&reading.totals, json);
	if (uplink->config->uplink != UPLINK_PLAIN)
		describe_vf(&reading.vf, json);
	return json;
}
