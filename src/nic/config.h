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

#define NIC_MARKS_MAX          4096
#define NIC_MARKS_RATE_DEFAULT 10000

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
	bool housekeeping; /* queue 0 has a worker to itself, and the others have the traffic */
	enum frame_policy vlan;
	enum frame_policy non_ip;
	bool has_require_policy;
	bool require_policy;
	uint32_t connections_max;
	struct conn_timeouts timeouts;
	uint32_t marks_max;   /* connection marks; the device's tier may allow fewer */
	uint32_t marks_rate;  /* packets a second that make a flow a long one */
	bool offload_off;     /* nothing of this NIC goes to hardware, whatever its policy says */
	struct json *context; /* for policies that bring none; NULL where not given */
};

#endif
