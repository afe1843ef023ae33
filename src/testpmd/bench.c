/*
 * Rounds, samples and the clock probe: see bench.h.
 */
#include "testpmd/bench.h"

#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>

/* Below this share of the best clock seen, something else had the core. */
#define BUSY_BELOW 0.90

/* Dependent additions take one core cycle each. */
#define PROBE_ADDITIONS 2000000

void bench_result_list_fini(struct bench_result_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		json_free(list->results[i].notes);
	free(list->results);
	*list = (struct bench_result_list){ 0 };
}

uint64_t bench_cycles(double seconds)
{
	return (uint64_t)(seconds * (double)rte_get_tsc_hz());
}

double bench_seconds(uint64_t cycles)
{
	return (double)cycles / (double)rte_get_tsc_hz();
}

/* Additions per TSC cycle: the core's clock in units of the TSC's. */
static double probe_clock(void)
{
	uint64_t start = rte_rdtsc_precise();
	uint64_t x = 0;

	for (unsigned i = 0; i < PROBE_ADDITIONS; i++)
		__asm__ volatile("add $1, %0" : "+r"(x));
	return PROBE_ADDITIONS / (double)(rte_rdtsc_precise() - start);
}

static int compare_doubles(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double nth(const struct bench_samples *samples, unsigned rounds, unsigned n)
{
	double sorted[BENCH_ROUNDS_MAX];

	if (rounds == 0)
		return 0;
	memcpy(sorted, samples->value, rounds * sizeof(*sorted));
	qsort(sorted, rounds, sizeof(*sorted), compare_doubles);
	return sorted[n];
}

double bench_best(const struct bench_samples *samples, unsigned rounds)
{
	return nth(samples, rounds, 0);
}

double bench_median(const struct bench_samples *samples, unsigned rounds)
{
	return nth(samples, rounds, rounds / 2);
}

double bench_worst(const struct bench_samples *samples, unsigned rounds)
{
	return nth(samples, rounds, rounds ? rounds - 1 : 0);
}

static struct bench_result *add_result(struct bench_result_list *list)
{
	struct bench_result *results =
		reallocarray(list->results, list->count + 1, sizeof(*results));

	if (!results)
		abort();
	list->results = results;
	results[list->count] = (struct bench_result){ 0 };
	return &results[list->count++];
}

static void drop_busy_rounds(struct bench_result *result, const double *clock)
{
	double best = 0;
	unsigned kept = 0;

	for (unsigned i = 0; i < result->rounds; i++)
		best = clock[i] > best ? clock[i] : best;
	for (unsigned i = 0; i < result->rounds; i++) {
		if (clock[i] < best * BUSY_BELOW)
			continue;
		result->ours.value[kept] = result->ours.value[i];
		result->peer.value[kept++] = result->peer.value[i];
	}
	result->busy_rounds = result->rounds - kept;
	result->rounds = kept;
}

struct bench_result *bench_compare(const struct bench_options *options,
				   struct bench_result_list *list, const char *name,
				   const char *unit, const struct bench_side *ours,
				   const struct bench_side *peer)
{
	struct bench_result *result = add_result(list);
	double clock[BENCH_ROUNDS_MAX];

	(void)snprintf(result->name, sizeof(result->name), "%s", name);
	(void)snprintf(result->ours.name, sizeof(result->ours.name), "%s", ours->name);
	if (peer)
		(void)snprintf(result->peer.name, sizeof(result->peer.name), "%s", peer->name);
	result->unit = unit;
	result->rounds = options->rounds;
	(void)ours->measure(ours->context, options->duration / 10);
	if (peer)
		(void)peer->measure(peer->context, options->duration / 10);
	for (unsigned i = 0; i < options->rounds; i++) {
		clock[i] = probe_clock();
		result->ours.value[i] = ours->measure(ours->context, options->duration);
		if (peer)
			result->peer.value[i] = peer->measure(peer->context, options->duration);
		/* the slower of before and after */
		clock[i] = RTE_MIN(clock[i], probe_clock());
	}
	drop_busy_rounds(result, clock);
	return result;
}
