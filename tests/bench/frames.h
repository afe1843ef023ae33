/*
 * The frames of a stream: TCP of many connections from outside to one VM, each with the moment of
 * its departure in it. Nothing here sends or receives.
 *
 * Addresses are those of config/examples/three-tier.json: the Internet host 203.0.113.9 to port 443
 * of the web tier's VM. Thread: any; no state but the caller's.
 */
#ifndef TESTS_BENCH_FRAMES_H
#define TESTS_BENCH_FRAMES_H

#include <stdbool.h>
#include <stdint.h>

#define FRAME_MIN 64 /* without the check sequence; holds the stamp */
#define FRAME_MAX 1514

/* What a frame is for; each has a destination port of its own kind. */
enum frame_kind {
	FRAME_OPENER,        /* SYN to the service */
	FRAME_ANSWER,        /* the VM's SYN and ACK */
	FRAME_SEGMENT,       /* ACK with data: what the stream is made of */
	FRAME_DENIED,        /* SYN to a port that no rule allows */
	FRAME_NONE_OF_THESE, /* somebody else's */
};

/*
 * Writes a frame of that many bytes (FRAME_MIN to FRAME_MAX) of connection `flow`, with right
 * checksums; a segment carries `stamp`, which may be any number.
 */
void frame_make(uint8_t *frame, unsigned size, enum frame_kind kind, unsigned flow, uint64_t stamp);

/*
 * Gives a segment another stamp, in place: the same size and flow, a few instructions. `frame` was
 * made by frame_make() or stamped before.
 */
void frame_stamp(uint8_t *frame, uint64_t stamp);

/* What it is; for a segment its stamp, else 0, and the flow of all but strangers. */
enum frame_kind frame_read(const uint8_t *frame, unsigned size, unsigned *ret_flow,
			   uint64_t *ret_stamp);

#endif
