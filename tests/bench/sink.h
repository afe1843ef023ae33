/*
 * The VM's end of a stream: a memif port that takes what accelnetd lets through, answers openers,
 * and keeps the time each segment was under way. One thread.
 */
#ifndef TESTS_BENCH_SINK_H
#define TESTS_BENCH_SINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SINK_FLOWS   64
#define SINK_SAMPLES (1 << 20)

#define SINK_RING_LOG2 11

/*
 * So many segments may be on their way, and none is lost for want of room: less than any queue
 * holds. The least is netvsc's own ring, which holds one less than the 1024 that accelnetd asks
 * for.
 */
#define SINK_WINDOW 960u

struct rte_mempool;

struct sink {
	uint16_t port;
	struct rte_mempool *pool;

	bool is_open[SINK_FLOWS]; /* both ways */
	unsigned open_count;

	/* Since sink_reset(); times in TSC cycles. */
	uint64_t segments;
	uint64_t denied;
	uint64_t last;    /* arrival */
	uint64_t silence; /* the longest between two arrivals */
	size_t sample_count;
	uint32_t *samples; /* owned; of the first SINK_SAMPLES segments, in order of arrival */
};

/* Makes a memif client of that socket. Negative errno. */
int sink_init(struct sink *sink, const char *socket);
void sink_fini(struct sink *sink);

void sink_reset(struct sink *sink);

/* Takes a burst; how many frames that were. */
unsigned sink_take(struct sink *sink);

/* A frame that came out of the VM's NIC. */
void sink_see_answer(struct sink *sink, const uint8_t *frame, unsigned size);

#endif
