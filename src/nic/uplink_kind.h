/*
 * What the uplink types fill in, for uplink*.c alone.
 */
#ifndef NIC_UPLINK_KIND_H
#define NIC_UPLINK_KIND_H

#include "nic/uplink.h"

#include <pthread.h>

struct uplink_kind {
	/* Sets up->port, and up->watch where there is a VF behind it. Control thread, once. */
	int (*open)(struct uplink *uplink, const struct uplink_options *options,
		    struct accelnet_error *err);
	unsigned (*actuators)(void); /* enum path_actuator */
	/* Fills reading->vf and reading->synthetic; `stats` is the port's. The looker. */
	void (*look)(struct uplink *uplink, const struct rte_eth_stats *stats,
		     struct uplink_reading *reading);
};

struct uplink {
	const struct uplink_kind *kind;
	const struct nic_config *config;
	struct port port;
	struct vf_watch *watch; /* NULL: no VF behind the port */

	/* The looker's: */
	struct rte_eth_stats last_stats;
	uint64_t next_link_ms;
	uint64_t next_idle_ms;

	pthread_mutex_t lock; /* of: */
	struct uplink_reading reading;
};

extern const struct uplink_kind uplink_plain;
extern const struct uplink_kind uplink_netvsc;

#endif
