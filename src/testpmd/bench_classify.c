/*
 * The classify bench: cycles for the first-match rule of a packet, beside rte_acl's on the same
 * rules and packets. Before anything is measured both must name the same rule for every packet.
 */
#include "classify/classifier_tuple.h"
#include "testpmd/acl.h"
#include "testpmd/bench_policy.h"
#include "testpmd/bench_rules.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>

#define BURST        CLASSIFIER_BURST_MAX
#define TRACE_BURSTS 1563
#define TRACE        (TRACE_BURSTS * BURST) /* about 100,000 */

/* One rule set with its trace. */
struct rule_set {
	struct policy *policy;
	struct program *program;
	struct classifier *classifier;
	struct acl_yardstick *acl;
	struct tuple *trace;
	struct key4 *keys;
	struct acl_key *acl_keys;
	const struct acl_key **acl_pointers;
	struct verdict *verdicts;
	uint32_t *acl_rules;
};

static void rule_set_fini(struct rule_set *f)
{
	free(f->acl_rules);
	free(f->verdicts);
	free(f->acl_pointers);
	free(f->acl_keys);
	free(f->keys);
	free(f->trace);
	acl_yardstick_free(f->acl);
	classifier_free(f->classifier);
	program_free(f->program);
	policy_free(f->policy);
}

static int fill_trace(struct rule_set *f)
{
	f->trace = generate_trace(f->policy, TRACE);
	f->keys = aligned_alloc(64, TRACE * sizeof(*f->keys));
	f->acl_keys = aligned_alloc(64, TRACE * sizeof(*f->acl_keys));
	f->acl_pointers = calloc(TRACE, sizeof(*f->acl_pointers));
	f->verdicts = calloc(TRACE, sizeof(*f->verdicts));
	f->acl_rules = calloc(TRACE, sizeof(*f->acl_rules));
	if (!f->keys || !f->acl_keys || !f->acl_pointers || !f->verdicts || !f->acl_rules)
		return -ENOMEM;
	for (size_t i = 0; i < TRACE; i++) {
		f->keys[i] = key4_from_tuple(&f->trace[i]);
		f->acl_keys[i] = acl_key_from_tuple(&f->trace[i]);
		f->acl_pointers[i] = &f->acl_keys[i];
	}
	return 0;
}

static int simd_by_name(const char *name, enum classifier_simd *ret)
{
	static const char *const names[] = { "scalar", "avx2", "avx512" };

	*ret = CLASSIFIER_BEST;
	for (int i = 0; name && i < 3; i++) {
		if (strcmp(names[i], name) == 0)
			*ret = (enum classifier_simd)i;
	}
	return name && *ret == CLASSIFIER_BEST ? -EINVAL : 0;
}

static int rule_set_init(struct rule_set *f, enum generate_kind kind, unsigned rules, unsigned seed,
			 enum classifier_simd simd)
{
	struct accelnet_error err = { 0 };
	int r;

	*f = (struct rule_set){ .policy = generate_policy(kind, rules, seed) };
	r = program_new(f->policy, &f->program, &err);
	if (r == 0)
		r = classifier_new(f->program, simd, &f->classifier, &err);
	if (r < 0) {
		(void)fprintf(stderr, "classify: %s\n", err.detail);
		return r;
	}
	r = acl_yardstick_new(f->program, STAGE_NIC, &f->acl);
	if (r < 0) {
		(void)fprintf(stderr, "classify: rte_acl cannot build: %s\n", strerror(-r));
		return r;
	}
	return fill_trace(f);
}

static void judge_ours(struct rule_set *f)
{
	for (size_t i = 0; i < TRACE; i += BURST)
		classifier_judge4(f->classifier, DIRECTION_INBOUND, f->keys + i, BURST,
				  f->verdicts + i);
}

static void judge_acl(struct rule_set *f)
{
	for (size_t i = 0; i < TRACE; i += BURST)
		acl_yardstick_judge(f->acl, f->acl_pointers + i, BURST, f->acl_rules + i);
}

static int check_agreement(struct rule_set *f)
{
	judge_ours(f);
	judge_acl(f);
	for (size_t i = 0; i < TRACE; i++) {
		if (f->verdicts[i].rule[STAGE_NIC] + 1U == f->acl_rules[i])
			continue;
		(void)fprintf(stderr, "classify: packet %zu: rule %u, but rte_acl says %u\n", i,
			      f->verdicts[i].rule[STAGE_NIC], f->acl_rules[i] - 1);
		return -EIO;
	}
	return 0;
}

struct fixture {
	struct rule_set set[BENCH_RULE_SETS];
};

/* The best pass over the trace, so that an interrupt costs one pass and not the sample. */
static double measure_set(struct rule_set *set, double seconds, void (*judge)(struct rule_set *))
{
	uint64_t start = rte_rdtsc(), end = start + bench_cycles(seconds), now;
	double best = 0;

	do {
		uint64_t before = rte_rdtsc();
		double cycles;

		judge(set);
		now = rte_rdtsc();
		cycles = (double)(now - before) / TRACE;
		best = best == 0 || cycles < best ? cycles : best;
	} while (now < end);
	return best;
}

static double measure(struct fixture *f, double seconds, void (*judge)(struct rule_set *))
{
	double sum = 0;

	for (unsigned i = 0; i < BENCH_RULE_SETS; i++)
		sum += measure_set(&f->set[i], seconds / BENCH_RULE_SETS, judge);
	return sum / BENCH_RULE_SETS;
}

static double measure_ours(void *context, double seconds)
{
	return measure(context, seconds, judge_ours);
}

static double measure_acl(void *context, double seconds)
{
	return measure(context, seconds, judge_acl);
}

static int use_method(struct fixture *f, const struct acl_method *method)
{
	int r = 0;

	for (unsigned i = 0; i < BENCH_RULE_SETS && r == 0; i++)
		r = acl_yardstick_use(f->set[i].acl, method);
	return r;
}

/* The variant of rte_acl that is fastest on these rules. */
static const struct acl_method *best_method(struct fixture *f, struct json *notes)
{
	struct json *methods = json_add_object(notes, "rteAclCycles");
	const struct acl_method *best = NULL;
	double least = 0;

	for (const struct acl_method *m = acl_methods; m->name; m++) {
		double cycles;

		if (use_method(f, m) < 0)
			continue;
		cycles = measure_acl(f, 0.1);
		json_add_double(methods, m->name, cycles);
		if (!best || cycles < least) {
			best = m;
			least = cycles;
		}
	}
	return best;
}

static struct json *make_notes(const struct fixture *f)
{
	struct json *notes = json_new_object();
	size_t bytes = 0;

	for (unsigned i = 0; i < BENCH_RULE_SETS; i++)
		bytes += classifier_memory(f->set[i].classifier);
	json_add_unsigned(notes, "classifierBytes", bytes / BENCH_RULE_SETS);
	json_add_unsigned(notes, "ruleSets", BENCH_RULE_SETS);
	json_add_unsigned(notes, "burst", BURST);
	json_add_unsigned(notes, "trace", TRACE);
	return notes;
}

static void compare(const struct bench_options *options, struct bench_result_list *list,
		    enum generate_kind kind, unsigned rules, struct fixture *f)
{
	struct json *notes = make_notes(f);
	const struct acl_method *method = best_method(f, notes);
	struct bench_side ours = { classifier_simd_name(f->set[0].classifier), measure_ours, f };
	struct bench_side peer = { method->name, measure_acl, f };
	char name[BENCH_NAME_MAX];

	/* it worked a moment ago */
	(void)use_method(f, method);
	(void)snprintf(name, sizeof(name), "classify/%s/%u", generate_kind_name(kind), rules);
	bench_compare(options, list, name, "cycles", &ours, &peer)->notes = notes;
}

static int read_simd(const struct bench_options *options, enum classifier_simd *ret)
{
	int r = simd_by_name(options->simd, ret);

	if (r < 0)
		(void)fprintf(stderr, "classify: --simd takes scalar, avx2 or avx512\n");
	return r;
}

static int run_one(const struct bench_options *options, struct bench_result_list *list,
		   enum generate_kind kind, unsigned rules)
{
	struct fixture f = { 0 };
	enum classifier_simd simd;
	int r = read_simd(options, &simd);

	if (r < 0)
		return r;
	for (unsigned i = 0; i < BENCH_RULE_SETS && r == 0; i++) {
		r = rule_set_init(&f.set[i], kind, rules, i, simd);
		if (r == 0)
			r = check_agreement(&f.set[i]);
	}
	if (r == 0)
		compare(options, list, kind, rules, &f);
	for (unsigned i = 0; i < BENCH_RULE_SETS; i++)
		rule_set_fini(&f.set[i]);
	return r;
}

static int run(const struct bench_options *options, struct bench_result_list *list)
{
	enum classifier_simd simd;

	if (!options->policy_path)
		return bench_rule_sets(options, list, run_one);
	return read_simd(options, &simd) < 0 ? -EINVAL : bench_policy(options, list, simd);
}

const struct bench bench_classify = {
	.name = "classify",
	.help = "cycles for a packet's rule at burst 64, beside the best of rte_acl; with --policy "
		"beside the same policy with service tags of one prefix each",
	.run = run,
};
