/*
 * Packets by path, as numbers that outlive the VF and never go backwards.
 *
 * On a bifurcated uplink each path is a port of ours, and the lanes count. On netvsc what the
 * synthetic path had is the netvsc port's sum less the VF's own count; what the VF had is
 * that count, added up over all the VFs that there were, and once a VF is gone, what the lanes
 * exchanged with the uplink beyond the synthetic path's. Each of these may at a moment be too small
 * and is never too large, so the largest seen is told.
 */
#include "nic/failover_private.h"
#include "nic/lane.h"

static uint64_t read_counter(const uint64_t *counter)
{
	return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

/* The VF's after all: a worker that counts meanwhile makes the difference at most too small. */
void path_count_lanes(const struct failover *failover, struct lane_sums *ret)
{
	const struct nic_view *view = failover->options.view;

	*ret = (struct lane_sums){ 0 };
	for (uint16_t q = 0; q < view->lane_count; q++) {
		const struct lane_counters *counters = &view->lanes[q].counters;

		ret->all[DIRECTION_INBOUND] += read_counter(&counters->received[DIRECTION_INBOUND]);
		ret->all[DIRECTION_OUTBOUND] +=
			read_counter(&counters->forwarded[DIRECTION_OUTBOUND]);
		for (int d = 0; d < DIRECTIONS; d++)
			ret->vf[d] += read_counter(&counters->over_vf[d]);
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

/* The lanes know. Lock held. */
static void count_bifurcated(struct failover *failover, const struct lane_sums *lanes)
{
	for (int d = 0; d < DIRECTIONS; d++) {
		grow(&failover->packets.packets[PATH_KIND_VF][d], lanes->vf[d]);
		if (lanes->all[d] > lanes->vf[d])
			grow(&failover->packets.packets[PATH_KIND_SYNTHETIC][d],
			     lanes->all[d] - lanes->vf[d]);
	}
}

/* Lock held. */
static void count_netvsc(struct failover *failover, const struct uplink_reading *reading,
			 const struct lane_sums *lanes)
{
	if (reading->vf.incarnation != failover->vf_counted) {
		failover->vf_counted = reading->vf.incarnation;
		failover->vf_base = failover->packets;
	}
	for (int d = 0; d < DIRECTIONS; d++) {
		grow(&failover->packets.packets[PATH_KIND_SYNTHETIC][d], reading->synthetic[d]);
		grow(&failover->packets.packets[PATH_KIND_VF][d],
		     vf_packets(failover, reading, d, lanes->all[d]));
	}
}

void path_count(struct failover *failover, const struct lane_sums *lanes)
{
	struct uplink_reading reading;

	uplink_read(failover->options.uplink, &reading);
	pthread_mutex_lock(&failover->lock);
	if (failover->options.config->uplink == UPLINK_BIFURCATED)
		count_bifurcated(failover, lanes);
	else
		count_netvsc(failover, &reading, lanes);
	pthread_mutex_unlock(&failover->lock);
}

void path_packets(struct failover *failover, struct path_packets *ret)
{
	pthread_mutex_lock(&failover->lock);
	*ret = failover->packets;
	pthread_mutex_unlock(&failover->lock);
}
