/*
 * The control thread's end of the samples: see flow_samples.h.
 */
#include "nic/flow_samples.h"

#define INTERVAL_MAX (1u << 24)

bool flow_samples_pop(struct flow_samples *samples, struct flow_sample *ret)
{
	const uint32_t head = __atomic_load_n(&samples->head, __ATOMIC_ACQUIRE);

	if (samples->tail == head)
		return false;
	*ret = samples->ring[samples->tail % FLOW_SAMPLES_MAX];
	__atomic_store_n(&samples->tail, samples->tail + 1, __ATOMIC_RELEASE);
	return true;
}

void flow_samples_adjust(struct flow_samples *samples, uint32_t taken, uint32_t *missed_before)
{
	const uint32_t missed = __atomic_load_n(&samples->missed, __ATOMIC_RELAXED);
	uint64_t came = (uint64_t)taken + (missed - *missed_before);
	uint64_t interval = samples->interval;

	*missed_before = missed;
	if (came > FLOW_SAMPLES_MAX / 2)
		interval = interval * came / (FLOW_SAMPLES_MAX / 2) + 1;
	else if (came < FLOW_SAMPLES_MAX / 8)
		interval /= 2;
	if (interval < FLOW_SAMPLES_INTERVAL)
		interval = FLOW_SAMPLES_INTERVAL;
	if (interval > INTERVAL_MAX)
		interval = INTERVAL_MAX;
	__atomic_store_n(&samples->interval, (uint32_t)interval, __ATOMIC_RELAXED);
}
