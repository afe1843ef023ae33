/*
 * Packets by path, as numbers that outlive the VF and never go backwards.
 *
 * The synthetic path's are netvsc's own count, the VF's are what the lanes exchanged with the
 * uplink beyond that. The lanes are read before netvsc's count, so nothing of the synthetic path is
 * taken for the VF's; what arrived between the two readings is counted by the next look.
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

void path_count(struct failover *failover, const uint64_t *lanes)
{
	struct uplink_reading reading;

	uplink_read(failover->options.uplink, &reading);
	pthread_mutex_lock(&failover->lock);
	for (int d = 0; d < DIRECTIONS; d++) {
		grow(&failover->packets.packets[PATH_KIND_SYNTHETIC][d], reading.synthetic[d]);
		if (lanes[d] > reading.synthetic[d])
			grow(&failover->packets.packets[PATH_KIND_VF][d],
			     lanes[d] - reading.synthetic[d]);
	}
	pthread_mutex_unlock(&failover->lock);
}

void path_packets(struct failover *failover, struct path_packets *ret)
{
	pthread_mutex_lock(&failover->lock);
	*ret = failover->packets;
	pthread_mutex_unlock(&failover->lock);
}
