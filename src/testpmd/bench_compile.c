/*
 * The compile bench: milliseconds from a policy to tables that judge, beside rte_acl's build.
 */
#include "classify/classifier.h"
#include "testpmd/acl.h"
#include "testpmd/bench_rules.h"

#include <errno.h>
#include <string.h>

#include <rte_cycles.h>

struct fixture {
	struct policy *policy[BENCH_RULE_SETS];
	struct program *program[BENCH_RULE_SETS]; /* what the yardstick starts from */
};

/* Both return the milliseconds of one build, or a negative errno. */
static double build_ours(const struct fixture *f, unsigned i)
{
	struct classifier *classifier;
	uint64_t start = rte_rdtsc();
	struct program *program;
	double seconds = 0;
	int r = program_new(f->policy[i], &program, NULL);

	if (r == 0) {
		r = classifier_new(program, CLASSIFIER_BEST, &classifier, NULL);
		seconds = bench_seconds(rte_rdtsc() - start);
		if (r == 0)
			classifier_free(classifier);
		program_free(program);
	}
	return r < 0 ? r : seconds * 1e3;
}

static double build_acl(const struct fixture *f, unsigned i)
{
	uint64_t start = rte_rdtsc();
	struct acl_yardstick *acl;
	double seconds;
	int r = acl_yardstick_new(f->program[i], STAGE_NIC, &acl);

	seconds = bench_seconds(rte_rdtsc() - start);
	if (r == 0)
		acl_yardstick_free(acl);
	return r < 0 ? r : seconds * 1e3;
}

/* The mean over the rule sets of the best of the builds that fit into the time, at least one. */
static double measure(const struct fixture *f, double seconds,
		      double (*build)(const struct fixture *, unsigned))
{
	double sum = 0;

	for (unsigned i = 0; i < BENCH_RULE_SETS; i++) {
		uint64_t end = rte_rdtsc() + bench_cycles(seconds / BENCH_RULE_SETS);
		double best = build(f, i);

		while (best >= 0 && rte_rdtsc() < end) {
			double took = build(f, i);

			best = took < best ? took : best;
		}
		if (best < 0)
			return best;
		sum += best;
	}
	return sum / BENCH_RULE_SETS;
}

static double measure_ours(void *context, double seconds)
{
	return measure(context, seconds, build_ours);
}

static double measure_acl(void *context, double seconds)
{
	return measure(context, seconds, build_acl);
}

static void fixture_fini(struct fixture *f)
{
	for (unsigned i = 0; i < BENCH_RULE_SETS; i++) {
		program_free(f->program[i]);
		policy_free(f->policy[i]);
	}
}

static int fixture_init(struct fixture *f, enum generate_kind kind, unsigned rules)
{
	struct accelnet_error err = { 0 };
	int r = 0;

	*f = (struct fixture){ 0 };
	for (unsigned i = 0; i < BENCH_RULE_SETS && r == 0; i++) {
		f->policy[i] = generate_policy(kind, rules, i);
		r = program_new(f->policy[i], &f->program[i], &err);
	}
	if (r < 0)
		(void)fprintf(stderr, "compile: %s\n", err.detail);
	return r;
}

static int run_one(const struct bench_options *options, struct bench_result_list *list,
		   enum generate_kind kind, unsigned rules)
{
	struct fixture f;
	int r = fixture_init(&f, kind, rules);

	if (r == 0) {
		struct bench_side ours = { "program and classifier", measure_ours, &f };
		struct bench_side peer = { "rte_acl build", measure_acl, &f };
		const struct bench_result *result;
		char name[BENCH_NAME_MAX];

		(void)snprintf(name, sizeof(name), "compile/%s/%u", generate_kind_name(kind),
			       rules);
		result = bench_compare(options, list, name, "ms", &ours, &peer);
		if (bench_best(&result->ours, result->rounds) < 0 ||
		    bench_best(&result->peer, result->rounds) < 0) {
			(void)fprintf(stderr, "compile: a build of %u rules failed\n", rules);
			r = -EIO;
		}
	}
	fixture_fini(&f);
	return r;
}

static int run(const struct bench_options *options, struct bench_result_list *list)
{
	return bench_rule_sets(options, list, run_one);
}

const struct bench bench_compile = {
	.name = "compile",
	.help = "milliseconds from policy to classifier, beside rte_acl's build",
	.run = run,
};
