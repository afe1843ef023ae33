/*
 * The update bench: microseconds from a policy that differs by one rule to the moment at which the
 * worker judges by it, beside what rte_acl needs, which has to build all of its tables.
 *
 * It begins with a policy that has been read, and ends when a worker that judges without a pause
 * has passed a quiescent state: what nic_policy_apply() does but for the disk. What is put off, the
 * tables built anew, is told in the notes.
 */
#include "classify/classifier_tuple.h"
#include "classify/judge.h"
#include "testpmd/acl.h"
#include "testpmd/bench.h"
#include "testpmd/bench_reader.h"
#include "testpmd/bench_update_hardware.h"
#include "testpmd/generate.h"
#include "testpmd/random.h"
#include "testpmd/synthetic_change.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_common.h>
#include <rte_cycles.h>

#define TRACE       4096
#define SAMPLES_MAX 100000

enum change { CHANGE_ADD, CHANGE_REMOVE, CHANGE_MODIFY };
#define CHANGES 3
static const char *const change_names[CHANGES] = { "add", "remove", "modify" };

/* Microseconds of the parts of a change, and of what is put off. */
enum part { PART_RULESET, PART_HITS, PART_PUBLISH, PART_REBUILD };
#define PARTS 4
static const char *const part_names[PARTS] = { "ruleSet", "counters", "publish", "rebuildLater" };

struct fixture {
	struct policy *base; /* what a change begins with */
	enum change change;
	struct random random;
	struct tuple *trace;
	struct key4 *keys;
	struct bench_reader *reader;
	uint64_t generation;
	double *samples; /* microseconds */
	size_t sample_count;
	double parts[PARTS];
	size_t patched;
};

static double lap(uint64_t *since)
{
	uint64_t now = rte_rdtsc();
	double microseconds = bench_seconds(now - *since) * 1e6;

	*since = now;
	return microseconds;
}

static int new_ruleset(struct fixture *f, struct policy *policy, struct ruleset **ret)
{
	const struct ruleset_options options = { .generation = ++f->generation };

	return ruleset_new(policy, &options, f->reader ? bench_reader_ruleset(f->reader) : NULL,
			   ret, NULL);
}

/* A rule less, one more that is like another but for its ports and addresses, or such a one. */
static struct policy *changed(struct fixture *f)
{
	struct policy *policy = synthetic_copy(f->base);
	struct rule_list *list = &policy->stage[STAGE_NIC].list[DIRECTION_INBOUND];
	uint32_t own = (uint32_t)policy->stage[STAGE_NIC].user_rules;
	size_t at = random_below(&f->random, own), like = random_below(&f->random, own);
	struct rule rule = list->rules[like];
	struct port_range port = { .first = (uint16_t)random_below(&f->random, UINT16_MAX) };

	port.last = port.first;
	if (f->change != CHANGE_ADD)
		synthetic_remove(policy, STAGE_NIC, DIRECTION_INBOUND, at);
	if (f->change == CHANGE_REMOVE)
		return policy;
	if (like == at)
		rule = list->rules[at]; /* the one behind it: that one has gone */
	rule.priority = list->rules[at].priority;
	rule.is_default = false;
	rule.protocol = IP_PROTOCOL_TCP;
	rule.destination_ports = (struct port_set){ .ranges = &port, .range_count = 1 };
	synthetic_insert(policy, STAGE_NIC, DIRECTION_INBOUND, at, &rule);
	return policy;
}

/* Each worker has an array of counters for the rules: one is made, as for one worker. */
static struct rule_hit *make_hits(const struct ruleset *ruleset)
{
	size_t bytes =
		RTE_ALIGN_CEIL(ruleset->hit_count * sizeof(struct rule_hit), RTE_CACHE_LINE_SIZE);
	struct rule_hit *hits = aligned_alloc(RTE_CACHE_LINE_SIZE, bytes);

	return hits ? memset(hits, 0, bytes) : NULL;
}

static int settle(struct fixture *f, double *ret)
{
	struct ruleset *ruleset = bench_reader_ruleset(f->reader);
	uint64_t since = rte_rdtsc();
	struct ruleset_build build;
	int r;

	f->patched += ruleset_is_patched(ruleset);
	r = ruleset_rebuild(ruleset, &build, NULL);
	if (r < 0)
		return r;
	ruleset_exchange(ruleset, &build);
	bench_reader_wait(f->reader);
	*ret = lap(&since);
	ruleset_build_fini(&build);
	return 0;
}

/* Back to the base, by which the next change is one rule again. */
static int go_back(struct fixture *f)
{
	const struct ruleset_options options = { .generation = ++f->generation };
	struct ruleset *ruleset;
	int r = ruleset_new(synthetic_copy(f->base), &options, NULL, &ruleset, NULL);

	if (r == 0)
		ruleset_free(bench_reader_publish(f->reader, ruleset));
	return r;
}

/* One change. Microseconds, or a negative errno. */
static double update_once(struct fixture *f)
{
	struct policy *policy = changed(f);
	uint64_t since = rte_rdtsc();
	double parts[PARTS], sum = 0;
	struct rule_hit *hits;
	struct ruleset *ruleset, *old;
	int r = new_ruleset(f, policy, &ruleset);

	if (r < 0)
		return r;
	parts[PART_RULESET] = lap(&since);
	hits = make_hits(ruleset);
	if (!hits)
		return -ENOMEM;
	parts[PART_HITS] = lap(&since);
	old = bench_reader_publish(f->reader, ruleset);
	parts[PART_PUBLISH] = lap(&since);
	ruleset_free(old);
	free(hits);
	for (int part = 0; part < PART_REBUILD; part++)
		sum += parts[part];
	r = settle(f, &parts[PART_REBUILD]);
	if (r == 0)
		r = go_back(f);
	for (int part = 0; part < PARTS; part++)
		f->parts[part] += parts[part];
	return r < 0 ? r : sum;
}

static int compare_doubles(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Of `count` samples, which are sorted. */
static double quantile(double *samples, size_t count, double share)
{
	qsort(samples, count, sizeof(*samples), compare_doubles);
	return samples[(size_t)((double)(count - 1) * share)];
}

/* The median of as many changes as there is time for, at least one. */
static double measure_update(void *context, double seconds)
{
	struct fixture *f = context;
	uint64_t end = rte_rdtsc() + bench_cycles(seconds);
	size_t first = f->sample_count;

	do {
		double took = update_once(f);

		if (took < 0)
			return took;
		f->samples[f->sample_count++] = took;
	} while (rte_rdtsc() < end && f->sample_count < SAMPLES_MAX);
	return quantile(f->samples + first, f->sample_count - first, 0.5);
}

static double measure_acl(void *context, double seconds)
{
	const struct fixture *f = context;
	const struct program *program = bench_reader_ruleset(f->reader)->program;
	uint64_t end = rte_rdtsc() + bench_cycles(seconds);
	double best = -ENODEV;

	do {
		uint64_t since = rte_rdtsc();
		struct acl_yardstick *acl;
		double took;
		int r = acl_yardstick_new(program, STAGE_NIC, &acl);

		if (r < 0)
			return r;
		bench_reader_wait(f->reader);
		took = lap(&since);
		best = best < 0 || took < best ? took : best;
		acl_yardstick_free(acl);
	} while (rte_rdtsc() < end);
	return best;
}

static int make_keys(struct fixture *f)
{
	f->trace = generate_trace(f->base, TRACE);
	f->keys = aligned_alloc(RTE_CACHE_LINE_SIZE, TRACE * sizeof(*f->keys));
	if (!f->keys)
		return -ENOMEM;
	for (size_t i = 0; i < TRACE; i++)
		f->keys[i] = key4_from_tuple(&f->trace[i]);
	return 0;
}

static int fixture_init(struct fixture *f, unsigned rules)
{
	struct ruleset *ruleset = NULL;
	int r;

	*f = (struct fixture){ .base = generate_policy(GENERATE_NSG, rules, 0) };
	f->samples = calloc(SAMPLES_MAX, sizeof(*f->samples));
	r = f->samples ? make_keys(f) : -ENOMEM;
	if (r == 0)
		r = new_ruleset(f, synthetic_copy(f->base), &ruleset);
	if (r == 0)
		r = bench_reader_new(ruleset, f->keys, TRACE, &f->reader);
	if (r < 0) {
		ruleset_free(ruleset);
		(void)fprintf(stderr, "update: %s\n",
			      r == -ENODEV ? "it needs a second core, for a worker" : strerror(-r));
	}
	return r;
}

static void fixture_fini(struct fixture *f)
{
	struct ruleset *ruleset = f->reader ? bench_reader_ruleset(f->reader) : NULL;

	bench_reader_free(f->reader);
	ruleset_free(ruleset);
	free(f->samples);
	free(f->keys);
	free(f->trace);
	policy_free(f->base);
}

/* The best of so many changes, each another. */
#define HARDWARE_CHANGES 5

/* What comes on top where the policy's plan is in a device. 0 or a negative errno. */
static int add_hardware(struct fixture *f, enum plan_tier tier, struct json *to)
{
	struct json *json = json_add_object(to, plan_tier_name(tier));
	struct bench_hardware_cost best = { 0 };
	size_t withdrawn = 0;

	for (int i = 0; i < HARDWARE_CHANGES; i++) {
		const struct ruleset *old = bench_reader_ruleset(f->reader);
		struct bench_hardware_cost cost;
		struct ruleset *new;
		int r = new_ruleset(f, changed(f), &new);

		if (r < 0)
			return r;
		r = bench_hardware_cost(old, new, tier, &cost);
		ruleset_free(new);
		if (r < 0)
			return r;
		withdrawn += cost.withdrawn;
		if (i == 0 || cost.microseconds < best.microseconds)
			best = cost;
	}
	json_add_double(json, "microseconds", best.microseconds);
	json_add_unsigned(json, "deviceRules", best.device_rules);
	json_add_double(json, "meanWithdrawn", (double)withdrawn / HARDWARE_CHANGES);
	return 0;
}

static struct json *make_notes(struct fixture *f)
{
	struct json *notes = json_new_object(), *parts, *hardware;

	json_add_unsigned(notes, "changes", f->sample_count);
	json_add_double(notes, "median", quantile(f->samples, f->sample_count, 0.5));
	json_add_double(notes, "p99", quantile(f->samples, f->sample_count, 0.99));
	json_add_unsigned(notes, "patched", f->patched);
	json_add_unsigned(notes, "burstsJudged", bench_reader_bursts(f->reader));
	parts = json_add_object(notes, "meanMicroseconds");
	for (int part = 0; part < PARTS; part++)
		json_add_double(parts, part_names[part], f->parts[part] / (double)f->sample_count);
	hardware = json_add_object(notes, "hardware");
	for (int tier = TIER_T2; tier <= TIER_T3; tier++) {
		if (add_hardware(f, (enum plan_tier)tier, hardware) < 0)
			(void)fputs("update: no memory for a plan\n", stderr);
	}
	return notes;
}

static int compare(const struct bench_options *options, struct bench_result_list *list,
		   struct fixture *f, unsigned rules)
{
	const struct bench_side ours = { "patch and publish", measure_update, f };
	const struct bench_side peer = { "rte_acl build", measure_acl, f };
	struct bench_result *result;
	char name[BENCH_NAME_MAX];

	(void)snprintf(name, sizeof(name), "update/nsg/%u/%s", rules, change_names[f->change]);
	f->sample_count = f->patched = 0;
	memset(f->parts, 0, sizeof(f->parts));
	result = bench_compare(options, list, name, "us", &ours, &peer);
	if (bench_best(&result->ours, result->rounds) < 0 ||
	    bench_best(&result->peer, result->rounds) < 0) {
		(void)fprintf(stderr, "update: %s failed\n", name);
		return -EIO;
	}
	result->notes = make_notes(f);
	return 0;
}

static int run_one(const struct bench_options *options, struct bench_result_list *list,
		   unsigned rules)
{
	struct fixture f;
	int r = fixture_init(&f, rules);

	for (int change = 0; change < CHANGES && r == 0; change++) {
		f.change = (enum change)change;
		r = compare(options, list, &f, rules);
	}
	fixture_fini(&f);
	return r;
}

static int run(const struct bench_options *options, struct bench_result_list *list)
{
	static const unsigned usual[] = { 1000, 10000 };
	int r = 0;

	if (options->rules)
		return run_one(options, list, options->rules);
	for (size_t i = 0; i < RTE_DIM(usual) && r == 0; i++)
		r = run_one(options, list, usual[i]);
	return r;
}

const struct bench bench_update = {
	.name = "update",
	.help = "microseconds until a change of one rule is in force, beside rte_acl's build",
	.run = run,
};
