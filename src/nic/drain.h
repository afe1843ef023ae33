/*
 * Has every packet that had arrived at some moment been judged? For marks that are used again.
 *
 * Time is cut into epochs; one ends when each lane, since it began, has given two empty bursts (the
 * first may have been under way), or more packets than its ring holds. A ticket is good when an
 * epoch has passed that began after it. Thread: control; the lanes' workers only count.
 */
#ifndef NIC_DRAIN_H
#define NIC_DRAIN_H

#include "nic/config.h"

#include <stdbool.h>
#include <stdint.h>

struct nic_view;

struct drain {
	const struct nic_view *view; /* borrowed */
	/*
	 * Packets of a lane that are more than a ring holds; 0: they say nothing, because the port
	 * has rings behind its own.
	 */
	uint64_t ring;
	uint64_t epoch;
	uint64_t empty[NIC_QUEUES_MAX];
	uint64_t received[NIC_QUEUES_MAX];
};

void drain_init(struct drain *drain, const struct nic_view *view, uint64_t ring);
/* Ends the epoch if it is over. Called now and then; the others do it as well. */
void drain_advance(struct drain *drain);
uint64_t drain_take(struct drain *drain);
bool drain_is_over(struct drain *drain, uint64_t ticket);

#endif
