/*
 * Samples of inbound packets that software looked up: how long flows are found.
 *
 * Each lane takes about one packet in `interval` of those that it judges. What it costs is one
 * subtraction a burst. A ring carries them from the lane's worker, the only writer, to the control
 * thread, the only reader; while it is full no more are taken.
 */
#ifndef NIC_FLOW_SAMPLES_H
#define NIC_FLOW_SAMPLES_H

#include "classify/conn_mark.h"

#include <stdbool.h>
#include <stdint.h>

#define FLOW_SAMPLES_MAX      256 /* in a lane's ring; a power of two */
#define FLOW_SAMPLES_INTERVAL 64  /* the least */
/* Where none are wanted, the interval is looked at again after so many packets. */
#define FLOW_SAMPLES_PAUSE 1024

struct flow_sample {
	struct conn_key key;
	uint32_t packets; /* that it stands for */
};

struct flow_samples {
	int64_t countdown; /* the worker's */
	uint32_t random;   /* the worker's */
	uint32_t interval; /* written by control; 0: none are wanted */
	uint32_t head;     /* written by the worker */
	uint32_t tail;     /* written by control */
	uint32_t missed;   /* written by the worker: there was no room, since ever */
	struct flow_sample ring[FLOW_SAMPLES_MAX];
};

/* Worker: NULL where there is no room. flow_samples_push() ends what this begins. */
static inline struct flow_sample *flow_samples_next(struct flow_samples *samples)
{
	const uint32_t tail = __atomic_load_n(&samples->tail, __ATOMIC_ACQUIRE);

	if (samples->head - tail == FLOW_SAMPLES_MAX) {
		__atomic_store_n(&samples->missed, samples->missed + 1, __ATOMIC_RELAXED);
		return NULL;
	}
	return &samples->ring[samples->head % FLOW_SAMPLES_MAX];
}

static inline void flow_samples_push(struct flow_samples *samples)
{
	__atomic_store_n(&samples->head, samples->head + 1, __ATOMIC_RELEASE);
}

/*
 * Worker, after a sample was due: until the next one, evenly between half and one and a half
 * intervals, so that traffic in a rhythm hides nothing (the generator is xorshift32, Marsaglia
 * 2003).
 */
static inline void flow_samples_wait(struct flow_samples *samples)
{
	const uint32_t interval = __atomic_load_n(&samples->interval, __ATOMIC_RELAXED);

	samples->random = samples->random ? samples->random : 1;
	samples->random ^= samples->random << 13;
	samples->random ^= samples->random >> 17;
	samples->random ^= samples->random << 5;
	samples->countdown =
		interval ? interval / 2 + samples->random % interval : FLOW_SAMPLES_PAUSE;
}

/* Control: the oldest; false where there is none. */
bool flow_samples_pop(struct flow_samples *samples, struct flow_sample *ret);
/* Control: the next interval, so that about half a ring comes in until it is asked again. */
void flow_samples_adjust(struct flow_samples *samples, uint32_t taken, uint32_t *missed_before);

#endif
