/*
 * The compile bench: milliseconds from a policy to tables that judge and the rules of a device,
 * beside rte_acl's build of the tables alone.
 */
#include "classify/classifier.h"
#include "compile/plan.h"
#include "testpmd/acl.h"
#include "testpmd/bench_rules.h"

#include <errno.h>
#include <string.h>

#include <rte_cycles.h>

struct fixture {
	enum plan_tier tier; /* what ours plans for */
	struct policy *policy[BENCH_RULE_SETS];
	struct program *program[BENCH_RULE_SETS]; /* what the yardstick starts from */
};

/* Where the time of one build went: milliseconds. */
struct parts {
	double program;
	double classifier;
	double plan;
};

static double lap(uint64_t *since)
{
	uint64_t now = rte_rdtsc();
	double milliseconds = bench_seconds(now - *since) * 1e3;

	*since = now;
	return milliseconds;
}

/* All that a change of policy compiles. The plan is the caller's. 0 or a negative errno. */
static int build(const struct fixture *f, unsigned i, struct parts *ret, struct plan **ret_plan)
{
	const struct plan_options options = { .tier = f->tier, .drops = true };
	struct classifier *classifier;
	uint64_t since = rte_rdtsc();
	struct program *program;
	int r = program_new(f->policy[i], &program, NULL);

	if (r < 0)
		return r;
	ret->program = lap(&since);
	r = classifier_new(program, CLASSIFIER_BEST, &classifier, NULL);
	if (r == 0) {
		ret->classifier = lap(&since);
		r = plan_new(f->policy[i], program, &options, ret_plan, NULL);
		ret->plan = lap(&since);
		classifier_free(classifier);
	}
	program_free(program);
	return r;
}

/* Both return the milliseconds of one build, or a negative errno. */
static double build_ours(const struct fixture *f, unsigned i)
{
	struct parts parts;
	struct plan *plan;
	int r = build(f, i, &parts, &plan);

	if (r < 0)
		return r;
	plan_free(plan);
	return parts.program + parts.classifier + parts.plan;
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
		      double (*once)(const struct fixture *, unsigned))
{
	double sum = 0;

	for (unsigned i = 0; i < BENCH_RULE_SETS; i++) {
		uint64_t end = rte_rdtsc() + bench_cycles(seconds / BENCH_RULE_SETS);
		double best = once(f, i);

		while (best >= 0 && rte_rdtsc() < end) {
			double took = once(f, i);

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

/* Inbound rules of the user that hardware decides for, if not for all of their packets. */
static size_t rules_in_hardware(const struct policy *policy, const struct plan *plan)
{
	size_t count = 0;

	for (size_t i = 0; i < policy->stage[STAGE_NIC].user_rules; i++)
		count += plan_rule_is_in_hardware(plan, STAGE_NIC, (uint16_t)i);
	return count;
}

/* What came of the first rule set, and where the time went. */
static int make_notes(const struct fixture *f, struct json **ret)
{
	struct json *notes, *json;
	struct parts parts;
	struct plan *plan;
	int r = build(f, 0, &parts, &plan);

	if (r < 0)
		return r;
	notes = json_new_object();
	json = json_add_object(notes, "milliseconds");
	json_add_double(json, "program", parts.program);
	json_add_double(json, "classifier", parts.classifier);
	json_add_double(json, "plan", parts.plan);
	json_add_unsigned(notes, "inboundRules", f->policy[0]->stage[STAGE_NIC].user_rules);
	json_add_unsigned(notes, "inHardware", rules_in_hardware(f->policy[0], plan));
	json_add_unsigned(notes, "deviceRules", plan->rule_count);
	json_add_unsigned(notes, "regions", plan->entry_count);
	json_add_unsigned(notes, "regionsLeft", plan->spilled);
	json_add_unsigned(notes, "ruleSets", BENCH_RULE_SETS);
	plan_free(plan);
	*ret = notes;
	return 0;
}

static int compare(const struct bench_options *options, struct bench_result_list *list,
		   const char *name, struct fixture *f)
{
	struct bench_side ours = { "program, classifier and plan", measure_ours, f };
	struct bench_side peer = { "rte_acl build", measure_acl, f };
	struct bench_result *result = bench_compare(options, list, name, "ms", &ours, &peer);

	if (bench_best(&result->ours, result->rounds) < 0 ||
	    bench_best(&result->peer, result->rounds) < 0) {
		(void)fprintf(stderr, "compile: a build of %s failed\n", name);
		return -EIO;
	}
	return make_notes(f, &result->notes);
}

static int run_one(const struct bench_options *options, struct bench_result_list *list,
		   enum generate_kind kind, unsigned rules)
{
	static const enum plan_tier tiers[] = { TIER_T2, TIER_T3 };
	struct fixture f;
	int r = fixture_init(&f, kind, rules);

	for (size_t i = 0; i < sizeof(tiers) / sizeof(*tiers) && r == 0; i++) {
		char name[BENCH_NAME_MAX];

		f.tier = tiers[i];
		(void)snprintf(name, sizeof(name), "compile/%s/%u/%s", generate_kind_name(kind),
			       rules, plan_tier_name(f.tier));
		r = compare(options, list, name, &f);
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
	.help = "milliseconds from policy to classifier and device rules, beside rte_acl's build",
	.run = run,
};
