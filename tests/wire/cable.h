/*
 * Both ends of the NIC under test: the wire before it and the VM behind it, as two of azhost's
 * `unix:` uplinks. Frames go in at one end and, if they pass, come out at the other, unchanged.
 *
 * Nothing waits for a time to be over: behind a batch goes a frame that always passes, and what
 * has not come out before it was dropped. That holds because each NIC has one queue. One thread.
 */
#ifndef TESTS_WIRE_CABLE_H
#define TESTS_WIRE_CABLE_H

#include "wire/frame.h"

struct cable;

/* Connects to the two sockets, waiting up to some seconds for them. Ends the program otherwise. */
struct cable *cable_new(const char *remote, const char *vm);
void cable_free(struct cable *cable);

/*
 * Sends a frame in its packet's direction, with a number of its own: the return value. `spec->id`
 * is ignored. After so many frames it waits for them by itself.
 */
uint32_t cable_send(struct cable *cable, const struct frame_spec *spec);

/* The same, and it waits for nothing but room. */
uint32_t cable_stream(struct cable *cable, const struct frame_spec *spec);

/* Until everything sent was judged. What passed is known from then on. */
void cable_wait(struct cable *cable);

/* Whether a frame came out; of those sent since cable_begin(). */
bool cable_passed(const struct cable *cable, uint32_t id);

/* When it came out, in nanoseconds of CLOCK_MONOTONIC; 0 where it did not. */
uint64_t cable_arrival(const struct cable *cable, uint32_t id);

/* Forgets all frames. */
void cable_begin(struct cable *cable);

/* Frames that came out changed, twice, late or at the wrong end; of none the test sent. */
unsigned cable_strange(const struct cable *cable);

#endif
