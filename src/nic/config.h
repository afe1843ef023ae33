/*
 * The configuration of a NIC as accelnetd.json gives it. Reading it is the daemon's work.
 * Immutable after start.
 */
#ifndef NIC_CONFIG_H
#define NIC_CONFIG_H

#include "base/json.h"
#include "base/net.h"
#include "classify/conn.h"

#include <stdbool.h>
#include <stdint.h>

#define NIC_NAME_MAX   32
#define NIC_QUEUES_MAX 16

enum uplink_type { UPLINK_PLAIN, UPLINK_NETVSC, UPLINK_BIFURCATED };

enum frame_policy { FRAMES_DROP, FRAMES_PASS };

struct nic_config {
	char name[NIC_NAME_MAX];
	bool has_mac; /* else the uplink's own */
	struct mac_addr mac;
	enum uplink_type uplink;
	char *uplink_device;  /* DPDK device string, VMBus GUID, or kernel interface, by type */
	uint32_t failback_ms; /* bifurcated: how long a VF lasts before traffic goes back to it */
	char *app_device;
	uint16_t queues;
	enum frame_policy vlan;
	enum frame_policy non_ip;
	bool has_require_policy;
	bool require_policy;
	uint32_t connections_max;
	struct conn_timeouts timeouts;
	bool offload_off;     /* nothing of this NIC goes to hardware, whatever its policy says */
	struct json *context; /* for policies that bring none; NULL where not given */
};

#endif
