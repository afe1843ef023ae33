/*
 * A worker for benches of changes: judges bursts without a pause, on a core of its own, and is
 * quiescent after each, as the datapath's workers are.
 */
#ifndef TESTPMD_BENCH_READER_H
#define TESTPMD_BENCH_READER_H

#include "classify/ruleset.h"

struct bench_reader;

/*
 * Judges the keys by `ruleset`, and whatever comes after it, from the moment this returns. The keys
 * are borrowed, a multiple of CLASSIFIER_BURST_MAX. 0 or a negative errno; -ENODEV where there is
 * no core for it.
 */
int bench_reader_new(struct ruleset *ruleset, const struct key4 *keys, size_t count,
		     struct bench_reader **ret);
/* Returns the rule set that was there before, once the worker has let go of it. */
struct ruleset *bench_reader_publish(struct bench_reader *reader, struct ruleset *ruleset);
/* Waits until the worker has let go of what it held. */
void bench_reader_wait(struct bench_reader *reader);
struct ruleset *bench_reader_ruleset(const struct bench_reader *reader);
/* So many bursts have been judged. */
uint64_t bench_reader_bursts(const struct bench_reader *reader);
/* The rule set in force stays the caller's. NULL is fine. */
void bench_reader_free(struct bench_reader *reader);

#endif
