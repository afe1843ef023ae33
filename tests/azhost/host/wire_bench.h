/*
 * A wire of azhost's that listens at a path, on a loop that the test runs by the millisecond. Its
 * frames are numbered from 0 on, and it counts those that arrive. For tests of one wire.
 */
#ifndef TESTS_AZHOST_HOST_WIRE_BENCH_H
#define TESTS_AZHOST_HOST_WIRE_BENCH_H

#include "azhost/host/loop.h"
#include "azhost/wire/wire.h"

#define FRAME 60

struct wire_bench {
	struct loop loop;
	struct loop_timer timer;
	struct wire *wire;
	char path[64];
	bool open; /* may_receive */
	bool fed;  /* feeds_vf */
	uint32_t received;
	bool in_order; /* what was received: so far, and each FRAME long */
};

/* type: the word before ':', "unix" or "ring". The wire may deliver. */
void wire_bench_init(struct wire_bench *bench, const char *type);
/* Nothing polls then, nobody feeds a VF, and the path is gone. */
void wire_bench_fini(struct wire_bench *bench);

void wire_bench_run(struct wire_bench *bench, unsigned ms);

/* A non-blocking socket of packets to the path: the caller's. */
int wire_bench_connect(const struct wire_bench *bench);

/* Frame `number` of those that the wire is to receive. */
void number_frame(uint8_t frame[FRAME], uint32_t number);

#endif
