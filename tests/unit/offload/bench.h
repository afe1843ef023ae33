/*
 * The offload thread on a device in memory, with one NIC, for its tests.
 */
#ifndef TESTS_UNIT_OFFLOAD_BENCH_H
#define TESTS_UNIT_OFFLOAD_BENCH_H

#include "offload/offload.h"
#include "support/fake_flow.h"

#include <stdatomic.h>

#define PORT 0

struct bench {
	struct fake_flow fake;
	struct offload *offload;
	struct offload_nic *nic;
	_Atomic unsigned news; /* how often the NIC heard of something new */
	struct policy *policy; /* a small one, by chance */
	/* Packets wait in the queues until bench_drain(). */
	uint64_t ticket, drained;
};

void bench_init(struct bench *bench, enum plan_tier tier);
/* The device holds no rule then, and nothing was done to it that may not be. */
void bench_fini(struct bench *bench);

void bench_drain(struct bench *bench);

struct offload_status bench_status(struct bench *bench);
/* Waits for it, at most 5 s. */
void bench_expect_state(struct bench *bench, enum offload_state state);
/* Attached, and probed. */
void bench_attach(struct bench *bench);
/* Until what would go has gone. */
void bench_detach(struct bench *bench);

struct plan *bench_plan(const struct policy *policy, enum plan_tier tier);
/* The whole order of a change, without anybody to publish to. */
void bench_change(struct bench *bench, struct plan *plan);

size_t bench_count_drops(struct bench *bench);

void sleep_ms(unsigned ms);

#endif
