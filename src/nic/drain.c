/*
 * Epochs of the receive rings: see drain.h.
 */
#include "nic/drain.h"

#include "nic/lane.h"

static uint64_t read_counter(const uint64_t *counter)
{
	return __atomic_load_n(counter, __ATOMIC_ACQUIRE);
}

static void begin(struct drain *drain)
{
	for (uint16_t q = 0; q < drain->view->lane_count; q++) {
		const struct lane_counters *counters = &drain->view->lanes[q].counters;

		drain->empty[q] = read_counter(&counters->empty_bursts);
		drain->received[q] = read_counter(&counters->received[DIRECTION_INBOUND]);
	}
	drain->looks_begun = drain->looks;
}

void drain_init(struct drain *drain, const struct nic_view *view, uint64_t ring,
		bool has_rings_behind)
{
	*drain = (struct drain){
		.view = view,
		.ring = ring,
		.has_rings_behind = has_rings_behind,
	};
	begin(drain);
}

void drain_see(struct drain *drain, uint64_t looks, bool is_hidden)
{
	drain->looks = looks;
	drain->is_hidden = is_hidden;
	if (is_hidden)
		begin(drain);
}

/* The first look since the epoch began may have been under way. */
static bool was_looked_at(const struct drain *drain)
{
	return !drain->has_rings_behind || drain->looks >= drain->looks_begun + 2;
}

static bool lane_is_drained(const struct drain *drain, uint16_t q)
{
	const struct lane_counters *counters = &drain->view->lanes[q].counters;

	if (read_counter(&counters->empty_bursts) - drain->empty[q] >= 2)
		return true;
	return drain->ring > 0 &&
	       read_counter(&counters->received[DIRECTION_INBOUND]) - drain->received[q] >
		       drain->ring;
}

void drain_advance(struct drain *drain)
{
	if (drain->is_hidden || !was_looked_at(drain))
		return;
	for (uint16_t q = 0; q < drain->view->lane_count; q++) {
		if (!lane_is_drained(drain, q))
			return;
	}
	drain->epoch++;
	begin(drain);
}

uint64_t drain_take(struct drain *drain)
{
	drain_advance(drain);
	return drain->epoch + 2; /* the epoch that runs, and one more */
}

bool drain_is_over(struct drain *drain, uint64_t ticket)
{
	drain_advance(drain);
	return drain->epoch >= ticket;
}
