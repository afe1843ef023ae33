/*
 * The waiting side of the gate; runs on control threads, under the steering lock.
 */
#include "azhost/connectx/steering/gate.h"

#include <sched.h>

/* A burst takes microseconds: worth spinning for, but the walker may have lost its CPU to us. */
#define SPINS_BEFORE_YIELD 200

void gate_wait(struct gate *gate)
{
	unsigned int old = atomic_load(&gate->open);

	atomic_thread_fence(memory_order_seq_cst);
	if (!atomic_load(&gate->inside[0]) && !atomic_load(&gate->inside[1]))
		return;
	atomic_store(&gate->open, !old);
	for (unsigned int spins = 0; atomic_load(&gate->inside[old]); spins++) {
		if (spins > SPINS_BEFORE_YIELD)
			sched_yield();
	}
}
