/*
 * Benches: what accelnet costs, beside a yardstick that is measured in the same run.
 *
 * Both sides are measured in turn, A/B/A/B, for several rounds, so that whatever else the machine
 * does hits both. The best round of each side is compared and the spread of the rounds' ratios is
 * told beside it. Before each round a chain of dependent additions shows how fast the core really
 * runs; rounds in which it ran much slower than at its best are left out.
 *
 * Thread: the main lcore; EAL is initialised.
 */
#ifndef TESTPMD_BENCH_H
#define TESTPMD_BENCH_H

#include "base/json.h"

#define BENCH_ROUNDS_MAX 50
#define BENCH_NAME_MAX   80

struct bench_options {
	unsigned rules;          /* 0: the bench's own choice, usually several sizes */
	unsigned rounds;         /* 1 .. BENCH_ROUNDS_MAX */
	double duration;         /* seconds for one side in one round */
	const char *simd;        /* NULL: the best; else a path of the classifier by name */
	const char *policy_path; /* for the classify bench, instead of made rule sets; or NULL */
};

/* One side. */
struct bench_samples {
	char name[BENCH_NAME_MAX];
	double value[BENCH_ROUNDS_MAX];
};

struct bench_result {
	char name[BENCH_NAME_MAX];
	const char *unit; /* less is better: "cycles", "ms", "us", "bytes" */
	struct bench_samples ours;
	struct bench_samples peer; /* an empty name: there is none */
	unsigned rounds;
	unsigned busy_rounds; /* left out */
	struct json *notes;   /* members of the result besides; owned; may be NULL */
};

struct bench_result_list {
	struct bench_result *results;
	size_t count;
};

void bench_result_list_fini(struct bench_result_list *list);

/* A bench prints nothing itself. 0, or a negative errno after writing why to standard error. */
struct bench {
	const char *name;
	const char *help;
	int (*run)(const struct bench_options *options, struct bench_result_list *list);
};

extern const struct bench bench_classify, bench_compile, bench_conn, bench_mark, bench_update;

/*
 * Measures one side for about `seconds` and returns what one operation took, in the result's unit.
 * It is called once before the rounds, to warm up.
 */
typedef double bench_side_fn(void *context, double seconds);

struct bench_side {
	const char *name;
	bench_side_fn *measure;
	void *context;
};

/*
 * Measures `ours` against `peer` (measure NULL: alone) in rounds and adds the result, which it
 * returns so that notes can be added; it stays valid until the next result is added.
 */
struct bench_result *bench_compare(const struct bench_options *options,
				   struct bench_result_list *list, const char *name,
				   const char *unit, const struct bench_side *ours,
				   const struct bench_side *peer);

/* TSC cycles of `seconds`, and the reverse. */
uint64_t bench_cycles(double seconds);
double bench_seconds(uint64_t cycles);

double bench_best(const struct bench_samples *samples, unsigned rounds);
double bench_median(const struct bench_samples *samples, unsigned rounds);
double bench_worst(const struct bench_samples *samples, unsigned rounds);

/* One line a result, beginning with that number, for people, and the object that docs/benchmarks.md
 * is made from. */
void bench_print(const struct bench_result_list *list, size_t from, FILE *file);
struct json *bench_to_json(const struct bench_result_list *list, int argc, char **argv);

#endif
