/*
 * Summing what the workers counted: see stats.h.
 */
#include "datapath/stats.h"

#include "nic/clock.h"
#include "nic/lane.h"
#include "nic/nic.h"

#include <string.h>
#include <time.h>

#define LANE_COUNTERS (sizeof(struct lane_counters) / sizeof(uint64_t))

/* A copy of the lane's counters, each read whole; they are all 64-bit numbers. */
static void read_lane(const struct lane *lane, struct lane_counters *ret)
{
	const uint64_t *from = (const uint64_t *)&lane->counters;
	uint64_t *to = (uint64_t *)ret;

	for (size_t i = 0; i < LANE_COUNTERS; i++)
		to[i] = __atomic_load_n(&from[i], __ATOMIC_RELAXED);
}

static void subtract(struct lane_counters *counters, const struct lane_counters *base)
{
	const uint64_t *from = (const uint64_t *)base;
	uint64_t *to = (uint64_t *)counters;

	for (size_t i = 0; i < LANE_COUNTERS; i++)
		to[i] -= from[i];
}

static void add_direction(struct nic_stats *stats, enum direction d,
			  const struct lane_counters *lane)
{
	stats->received[d].packets += lane->received[d];
	stats->received[d].bytes += lane->received_bytes[d];
	stats->forwarded[d].packets += lane->forwarded[d];
	stats->forwarded[d].bytes += lane->forwarded_bytes[d];
	stats->dropped[d].bytes += lane->dropped_bytes[d];
	stats->audited[d] += lane->audited[d];
	for (int reason = 0; reason < DROP_REASONS; reason++) {
		stats->drops[d][reason] += lane->drops[d][reason];
		stats->dropped[d].packets += lane->drops[d][reason];
	}
}

void nic_stats_read(const struct nic *nic, struct nic_stats *ret)
{
	const struct nic_view *view = nic_get_view_const(nic);

	*ret = (struct nic_stats){ 0 };
	for (uint16_t q = 0; q < view->lane_count; q++) {
		struct lane_counters counters;

		read_lane(&view->lanes[q], &counters);
		subtract(&counters, &view->lanes[q].cleared);
		for (int d = 0; d < DIRECTIONS; d++)
			add_direction(ret, (enum direction)d, &counters);
		ret->judged_by_rules +=
			counters.decided_by[DECIDED_BY_RULES] + counters.decided_by[DECIDED_BY_ACL];
		ret->judged_by_connection += counters.decided_by[DECIDED_BY_CONNECTION] +
					     counters.decided_by[DECIDED_BY_RELATED];
		ret->platform += counters.decided_by[DECIDED_BY_PLATFORM];
		ret->judged_by_hardware += counters.decided_by[DECIDED_BY_HARDWARE];
		ret->classified_by_mark += counters.classified_by_mark;
		ret->placed_by_mark += counters.placed_by_mark;
	}
}

void nic_stats_clear(struct nic *nic)
{
	struct nic_view *view = nic_get_view(nic);

	for (uint16_t q = 0; q < view->lane_count; q++)
		read_lane(&view->lanes[q], &view->lanes[q].cleared);
}

void nic_rule_hits(const struct nic *nic, enum direction direction, enum stage stage,
		   uint16_t index, struct rule_hits *ret)
{
	const struct snapshot *snapshot = nic_snapshot(nic);
	uint64_t last = 0;

	*ret = (struct rule_hits){ 0 };
	if (!snapshot->ruleset->has_policy)
		return;
	for (uint16_t q = 0; q < snapshot->counted->lanes; q++) {
		const struct rule_hit *hit =
			&snapshot->counted
				 ->hits[q][snapshot->ruleset->hit_base[direction][stage] + index];
		uint64_t at = __atomic_load_n(&hit->last, __ATOMIC_RELAXED);

		ret->packets += __atomic_load_n(&hit->packets, __ATOMIC_RELAXED);
		ret->settled += __atomic_load_n(&hit->settled, __ATOMIC_RELAXED);
		last = at > last ? at : last;
	}
	if (ret->packets + ret->settled > 0)
		ret->last_hit = (uint64_t)time(NULL) - (clock_ms() - last) / 1000;
}
