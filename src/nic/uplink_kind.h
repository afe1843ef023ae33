/*
 * What the uplink types fill in, for uplink*.c alone.
 */
#ifndef NIC_UPLINK_KIND_H
#define NIC_UPLINK_KIND_H

#include "nic/uplink.h"

#include <pthread.h>

struct uplink_kind {
	/* Sets up the port, and the watch where netvsc has a VF behind it. Control thread, once. */
	int (*open)(struct uplink *uplink, const struct uplink_options *options,
		    struct accelnet_error *err);
	/* The reverse of open(), also where that failed half-way. NULL: there is nothing but the
	 * port and the watch. */
	void (*close)(struct uplink *uplink);
	unsigned (*actuators)(void); /* enum path_actuator */
	/*
	 * Fills reading->vf, and reading->synthetic where it can be told; the link, where the port
	 * does not know. `stats` is the port's. The looker.
	 */
	void (*look)(struct uplink *uplink, const struct rte_eth_stats *stats,
		     struct uplink_reading *reading);
	/* False where a VF that a look has seen has gone since. NULL: the watch knows. Any thread.
	 */
	bool (*is_there)(const struct uplink *uplink, const struct vf_sight *vf);
	/* NULL: the driver switches. Control thread; does not block. */
	void (*use_vf)(struct uplink *uplink, bool on);
};

struct bifurcated;
struct plain;

struct uplink {
	const struct uplink_kind *kind;
	const struct nic_config *config;
	struct port port;
	struct vf_watch *watch;        /* NULL: not netvsc */
	struct bifurcated *bifurcated; /* owned; NULL: the uplink is of another kind */
	struct plain *plain;           /* likewise */

	/* The looker's: */
	struct rte_eth_stats last_stats;
	uint64_t next_link_ms;
	uint64_t next_idle_ms;

	pthread_mutex_t lock; /* of: */
	struct uplink_reading reading;
};

/* DEVICE where the configuration names a MAC and the port has another; `what` says what the
 * configured device is. */
int uplink_check_mac(const struct uplink *uplink, const char *what, struct accelnet_error *err);

extern const struct uplink_kind uplink_plain;
extern const struct uplink_kind uplink_netvsc;
extern const struct uplink_kind uplink_bifurcated;

#endif
