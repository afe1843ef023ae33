/*
 * Has every packet that had arrived at some moment been judged? For marks that are used again.
 *
 * Time is cut into epochs; one ends when each lane, since it began, has given two empty bursts (the
 * first may have been under way), or more packets than its ring holds. A ticket is good when an
 * epoch has passed that began after it. Thread: control; the lanes' workers only count.
 *
 * A port that has others behind it polls them or not. Packets that came before wait in the ring of
 * one that is not polled, and may be taken much later, when it is polled again: meanwhile no epoch
 * ends. How that stands is looked at from time to time, so an epoch lasts at least as long as one
 * whole look takes.
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
	 * Packets of a lane that are more than a ring holds; 0: they say nothing, because a lane
	 * has more rings than one.
	 */
	uint64_t ring;
	bool has_rings_behind; /* somebody else polls them, or does not: to be looked at */
	uint64_t looks;        /* at what is behind the port */
	uint64_t looks_begun;
	bool is_hidden; /* there is a ring that nobody polls */
	uint64_t epoch;
	uint64_t empty[NIC_QUEUES_MAX];
	uint64_t received[NIC_QUEUES_MAX];
};

void drain_init(struct drain *drain, const struct nic_view *view, uint64_t ring,
		bool has_rings_behind);
/* What the newest of so many looks found: of rings behind, before each of the calls below. */
void drain_see(struct drain *drain, uint64_t looks, bool is_hidden);
/* Ends the epoch if it is over. Called now and then; the others do it as well. */
void drain_advance(struct drain *drain);
uint64_t drain_take(struct drain *drain);
bool drain_is_over(struct drain *drain, uint64_t ticket);

#endif
