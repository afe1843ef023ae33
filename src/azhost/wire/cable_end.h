/*
 * A program's end of an uplink `ring:PATH` (cable.h): frames into the switch and out of it, by
 * shared memory. For traffic generators, workloads and tests; it stands on nothing but ring.h and
 * share.h.
 *
 * One thread. No function but cable_plug() and cable_unplug() blocks; a system call is made only to
 * wake a host that sleeps, and when the VF that is lent changes.
 */
#ifndef AZHOST_WIRE_CABLE_END_H
#define AZHOST_WIRE_CABLE_END_H

#include "azhost/wire/cable.h"
#include "azhost/wire/ring.h"

#include <stdbool.h>
#include <stdint.h>

/* A ring in memory of the host's. */
struct cable_lane {
	void *memory; /* NULL: none */
	uint64_t bytes;
	int event; /* of its consumer, owned */
	struct ring ring;
	bool kick; /* frames were put since the last kick */
};

struct cable_end {
	int socket;
	struct cable_shared *shared;
	struct cable_lane to_switch;  /* owns the mapping */
	struct cable_lane to_program; /* in the same memory */
	struct cable_lane vf;         /* last lent */
	uint32_t vf_serial;           /* of `vf` */
};

/* @flags: CABLE_FEEDS_VF or 0. -errno: of connect(), or -EPROTO. */
int cable_plug(struct cable_end *end, const char *path, uint32_t flags);
void cable_unplug(struct cable_end *end);

/*
 * Put a frame on its way: into the VF while one is lent, else into the switch. RING_OK, RING_FULL
 * (try again), or another result of ring_put(). Call cable_kick() after a batch.
 */
int cable_put(struct cable_end *end, const void *frame, uint32_t length);
void cable_kick(struct cable_end *end);

/* The oldest frame that came out of the switch, copied; @buffer has RING_FRAME_MAX bytes. Results
 * of ring_get(). */
int cable_get(struct cable_end *end, void *buffer, uint32_t *ret_length);

#endif
