/*
 * How control calls wait for walkers. A walker is inside from gate_enter() to gate_leave(); a
 * control call that has unlinked something calls gate_wait(), after which no walker can still
 * reach it. No registration of walkers, any number of threads.
 *
 * Two counters of walkers inside, one of which is open to new ones. gate_wait() opens the other one
 * and waits until the old one has run empty, so that a stream of new walkers cannot hold it up. A
 * walker that counted itself into a counter that was closed meanwhile takes itself out and tries
 * again: that is what makes one turn enough. All operations on the three words are sequentially
 * consistent; a walker's later loads therefore see what was unlinked before the turn.
 *
 * Threads: gate_enter and gate_leave any; gate_wait one at a time (the steering lock), never by a
 * thread that is inside.
 */
#ifndef AZHOST_CONNECTX_STEERING_GATE_H
#define AZHOST_CONNECTX_STEERING_GATE_H

#include <stdatomic.h>

struct gate {
	_Alignas(64) atomic_uint open; /* 0 or 1: the counter for new walkers */
	_Alignas(64) atomic_uint inside[2];
};

static inline unsigned int gate_enter(struct gate *gate)
{
	for (;;) {
		unsigned int side = atomic_load(&gate->open);

		atomic_fetch_add(&gate->inside[side], 1);
		if (atomic_load(&gate->open) == side)
			return side;
		atomic_fetch_sub(&gate->inside[side], 1);
	}
}

static inline void gate_leave(struct gate *gate, unsigned int side)
{
	atomic_fetch_sub(&gate->inside[side], 1);
}

void gate_wait(struct gate *gate);

#endif
