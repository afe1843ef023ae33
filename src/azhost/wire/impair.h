/*
 * Faults of a wire: loss, delay, reordering, set by `azhost ctl fault`. One object for each
 * direction of an uplink. The host process's only thread.
 */
#ifndef AZHOST_WIRE_IMPAIR_H
#define AZHOST_WIRE_IMPAIR_H

#include "azhost/host/loop.h"

#include <stdint.h>

/* Frames that may be delayed at once; what comes on top is lost. */
#define IMPAIR_QUEUE 4096u

typedef void (*impair_pass_fn)(void *opaque, const uint8_t *frame, uint32_t length);

struct impair_held {
	uint64_t due_ns;
	uint32_t length;
	uint8_t *frame;
};

struct impair {
	uint32_t loss_ppm;    /* of a million frames, how many are lost */
	uint32_t reorder_ppm; /* ... how many are overtaken by the next one */
	uint32_t delay_us;

	uint64_t lost;
	uint64_t reordered;
	uint64_t delayed;

	struct loop *loop;
	impair_pass_fn pass;
	void *opaque;
	uint64_t random;
	struct impair_held held[IMPAIR_QUEUE]; /* by time; a circle */
	uint32_t first, count;
	struct impair_held overtaken; /* frame NULL: none */
	struct loop_timer timer;
};

void impair_init(struct impair *impair, struct loop *loop, impair_pass_fn pass, void *opaque);
void impair_fini(struct impair *impair);

/* Pass, hold or lose a frame. */
void impair_frame(struct impair *impair, const uint8_t *frame, uint32_t length);

#endif
