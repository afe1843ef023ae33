/*
 * Packets by path, as numbers that outlive the VF and never go backwards.
 *
 * What the synthetic path had is the netvsc port's sum less the VF's own count; what the VF had is
 * that count, added up over all the VFs that there were, and once a VF is gone, what the lanes
 * exchanged with the uplink beyond the synthetic path's. Each of these may at a moment be too small
 * and is never too large, so the largest seen is told.
 */
#include "nic/failover_private.h"
#include "nic/lane.h"

void path_count_lanes(const struct failover *failover, uint64_t *ret)
{
	const struct nic_view *view = failover->options.view;

	ret[DIRECTION_INBOUND] = ret[DIRECTION_OUTBOUND] = 0;
	for (uint16_t q = 0; q < view->lane_count; q++) {
		const struct lane_counters *counters = &view->lanes[q].counters;

		ret[DIRECTION_INBOUND] +=
			__atomic_load_n(&counters->received[DIRECTION_INBOUND], __ATOMIC_RELAXED);
		ret[DIRECTION_OUTBOUND] +=
			__atomic_load_n(&counters->forwarded[DIRECTION_OUTBOUND], __ATOMIC_RELAXED);
	}
}

static void grow(uint64_t *counter, uint64_t to)
{
	if (to > *counter)
		*counter = to;
}

/* What is known of the VF's packets now. Lock held. */
static uint64_t vf_packets(struct failover *failover, const struct uplink_reading *reading, int d,
			   uint64_t lanes)
{
	const uint64_t told = failover->packets.packets[PATH_KIND_VF][d];

	if (reading->vf.claimed)
		return failover->vf_base.packets[PATH_KIND_VF][d] + reading->vf.packets[d];
	if (reading->synthetic_is_exact && lanes > reading->synthetic[d])
		return lanes - reading->synthetic[d];
	return told;
}

void path_count(struct failover *failover, const uint64_t *lanes)
{
	struct uplink_reading reading;

	uplink_read(failover->options.uplink, &reading);
	pthread_mutex_lock(&failover->lock);
	if (reading.vf.incarnation != failover->vf_counted) {
		failover->vf_counted = reading.vf.incarnation;
		failover->vf_base = failover->packets;
	}
	for (int d = 0; d < DIRECTIONS; d++) {
		grow(&failover->packets.packets[PATH_KIND_SYNTHETIC][d], reading.synthetic[d]);
		grow(&failover->packets.packets[PATH_KIND_VF][d],
		     vf_packets(failover, &reading, d, lanes[d]));
	}
	pthread_mutex_unlock(&failover->lock);
}

void path_packets(struct failover *failover, struct path_packets *ret)
{
	pthread_mutex_lock(&failover->lock);
	*ret = failover->packets;
	pthread_mutex_unlock(&failover->lock);
}
