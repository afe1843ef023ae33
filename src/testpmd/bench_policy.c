/*
 * The classify bench on a policy of the user's: cycles for a packet's rule, beside the same policy
 * with service tags of one prefix each. That large tags cost no more than small ones is what it is
 * to show.
 *
 * Both judge the same packets: nine of ten at a place that a random user rule of that direction
 * covers with the tags as they are, the tenth anywhere. IPv4.
 */
#include "testpmd/bench_policy.h"

#include "classify/classifier_tuple.h"
#include "policy/read.h"
#include "testpmd/random.h"

#include <errno.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>

#define BURST        CLASSIFIER_BURST_MAX
#define TRACE_BURSTS 1563
#define TRACE        (TRACE_BURSTS * BURST) /* about 100,000 */

static int refuse(const char *path, const char *detail)
{
	(void)fprintf(stderr, "classify: %s: %s\n", path, detail);
	return -EINVAL;
}

/* --- the two policies --- */

struct side {
	struct policy *policy;
	struct program *program;
	struct classifier *classifier;
	size_t prefixes; /* of all service tags */
	/* what measure() works on */
	enum direction direction;
	struct verdict *verdicts;
	const struct key4 *keys;
};

static void side_fini(struct side *side)
{
	free(side->verdicts);
	classifier_free(side->classifier);
	program_free(side->program);
	policy_free(side->policy);
}

static int side_init(struct side *side, const struct json *document, enum classifier_simd simd,
		     const char *path)
{
	const struct json_at root = json_root(document);
	struct json_at context, tags, tag;
	struct accelnet_error err = { 0 };
	struct report report;
	int r;

	report_init(&report);
	r = policy_build(document, NULL, &report, &side->policy);
	if (r < 0)
		(void)report_result(&report, &err);
	report_fini(&report);
	if (r == 0)
		r = program_new(side->policy, &side->program, &err);
	if (r == 0)
		r = classifier_new(side->program, simd, &side->classifier, &err);
	if (r < 0)
		return refuse(path, err.detail);
	side->verdicts = calloc(TRACE, sizeof(*side->verdicts));
	if (!side->verdicts)
		return -ENOMEM;
	if (!json_get(&root, "context", &context) || !json_get(&context, "serviceTags", &tags))
		return 0;
	json_foreach(tag, &tags)
		side->prefixes += json_count(&tag);
	return 0;
}

/* The first IPv4 prefix of a tag alone; all of one that has none. */
static struct json *shortened(const struct json_at *tag)
{
	struct json *list;
	struct json_at item;

	json_foreach(item, tag) {
		if (!json_string(&item) || strchr(json_string(&item), ':'))
			continue;
		list = json_new_array();
		json_add(list, NULL, json_copy(item.value));
		return list;
	}
	return json_copy(tag->value);
}

/* The document with each service tag cut. The caller frees it. */
static struct json *with_small_tags(const struct json *document)
{
	const struct json_at root = json_root(document);
	struct json *result = json_copy(document), *cut, *tags;
	struct json_at context, known, tag;

	if (!json_get(&root, "context", &context) || !json_get(&context, "serviceTags", &known))
		return result;
	cut = json_copy(context.value);
	json_remove(cut, "serviceTags");
	tags = json_add_object(cut, "serviceTags");
	json_foreach(tag, &known)
		json_add(tags, tag.key, shortened(&tag));
	json_remove(result, "context");
	json_add(result, "context", cut);
	return result;
}

static int load_document(const char *path, struct json **ret)
{
	struct policy_source *source = NULL;
	char *copy = strdup(path);
	struct accelnet_error err = { 0 };
	struct report report;
	int r;

	if (!copy)
		return -ENOMEM;
	report_init(&report);
	r = policy_source_load(path, NULL, &report, &source);
	if (r == 0 && source->document)
		r = policy_document_inline_tags(source->document, dirname(copy), &report, ret);
	else if (r == 0)
		(void)fail(&err, ACCELNET_E_FORM, NULL,
			   "not a policy document; accelnetctl policy show prints one");
	if (r < 0)
		(void)report_result(&report, &err);
	if (err.code)
		r = refuse(path, err.detail);
	report_fini(&report);
	policy_source_free(source);
	free(copy);
	return r;
}

/* --- packets --- */

static ip_number any_address(struct random *random)
{
	return (uint32_t)random_next(random);
}

/* Somewhere in the side: in a random prefix of a random set of it. */
static ip_number address_in(struct random *random, const struct rule_side *side)
{
	const struct address_set *set = side->sets[random_below(random, (uint32_t)side->set_count)];

	for (int tries = 0; tries < 20 && set->kind == ADDRESS_PREFIXES && set->prefix_count;
	     tries++) {
		const struct ip_prefix *prefix =
			&set->prefixes[random_below(random, (uint32_t)set->prefix_count)];

		if (prefix->family == IP_FAMILY_V4)
			return prefix->number |
			       (random_next(random) & ip_low_mask(32U - prefix->length));
	}
	return any_address(random);
}

static uint16_t port_in(struct random *random, const struct port_set *ports)
{
	const struct port_range *range;

	if (ports->any)
		return (uint16_t)random_next(random);
	range = &ports->ranges[random_below(random, (uint32_t)ports->range_count)];
	return (uint16_t)random_between(random, range->first, range->last);
}

/* A user rule of the direction, of either NSG; NULL where there is none. */
static const struct rule *random_rule(const struct policy *policy, enum direction direction,
				      struct random *random)
{
	const struct rule *found = NULL;
	uint32_t seen = 0;

	for (int stage = STAGE_SUBNET; stage <= STAGE_NIC; stage++) {
		const struct rule_list *list = &policy->stage[stage].list[direction];

		for (size_t i = 0; i < list->count && !list->rules[i].is_default; i++) {
			if (random_below(random, ++seen) == 0)
				found = &list->rules[i];
		}
	}
	return found;
}

static struct tuple random_tuple(const struct policy *policy, enum direction direction,
				 struct random *random)
{
	const struct rule *rule =
		random_percent(random, 90) ? random_rule(policy, direction, random) : NULL;
	bool udp = rule && rule->protocol >= 0 ? rule->protocol == IP_PROTOCOL_UDP
					       : random_percent(random, 50);

	return (struct tuple){
		.direction = direction,
		.protocol = udp ? IP_PROTOCOL_UDP : IP_PROTOCOL_TCP,
		.source = { IP_FAMILY_V4,
			    rule ? address_in(random, &rule->source) : any_address(random) },
		.destination = { IP_FAMILY_V4, rule ? address_in(random, &rule->destination)
						    : any_address(random) },
		.source_port =
			rule ? port_in(random, &rule->source_ports) : (uint16_t)random_next(random),
		.destination_port = rule ? port_in(random, &rule->destination_ports)
					 : (uint16_t)random_next(random),
	};
}

/* The caller frees them. */
static struct key4 *make_keys(const struct policy *policy, enum direction direction)
{
	struct key4 *keys = aligned_alloc(64, TRACE * sizeof(*keys));
	struct random random = { 99 };

	for (size_t i = 0; keys && i < TRACE; i++) {
		struct tuple tuple = random_tuple(policy, direction, &random);

		keys[i] = key4_from_tuple(&tuple);
	}
	return keys;
}

/* --- measuring --- */

static void judge(struct side *side)
{
	for (size_t i = 0; i < TRACE; i += BURST)
		classifier_judge4(side->classifier, side->direction, side->keys + i, BURST,
				  side->verdicts + i);
}

/* The best pass over the trace, so that an interrupt costs one pass and not the sample. */
static double measure(void *context, double seconds)
{
	uint64_t now = rte_rdtsc(), end = now + bench_cycles(seconds), best = UINT64_MAX;

	do {
		uint64_t before = rte_rdtsc();

		judge(context);
		now = rte_rdtsc();
		best = RTE_MIN(best, now - before);
	} while (now < end);
	return (double)best / TRACE;
}

static struct json *make_notes(const struct side *real, const struct side *small)
{
	struct json *notes = json_new_object();

	json_add_unsigned(notes, "tagPrefixes", real->prefixes);
	json_add_unsigned(notes, "peerTagPrefixes", small->prefixes);
	json_add_unsigned(notes, "classifierBytes", classifier_memory(real->classifier));
	json_add_unsigned(notes, "peerClassifierBytes", classifier_memory(small->classifier));
	json_add_unsigned(notes, "burst", BURST);
	json_add_unsigned(notes, "trace", TRACE);
	return notes;
}

static int compare(const struct bench_options *options, struct bench_result_list *list,
		   struct side *real, struct side *small, enum direction direction)
{
	struct bench_side ours = { "tags as they are", measure, real };
	struct bench_side peer = { "one prefix a tag", measure, small };
	struct key4 *keys = make_keys(real->policy, direction);
	char name[BENCH_NAME_MAX];

	if (!keys)
		return -ENOMEM;
	real->keys = small->keys = keys;
	real->direction = small->direction = direction;
	(void)snprintf(name, sizeof(name), "classify/policy/%s",
		       direction == DIRECTION_INBOUND ? "in" : "out");
	bench_compare(options, list, name, "cycles", &ours, &peer)->notes = make_notes(real, small);
	free(keys);
	return 0;
}

int bench_policy(const struct bench_options *options, struct bench_result_list *list,
		 enum classifier_simd simd)
{
	JSON_CLEANUP struct json *document = NULL, *cut = NULL;
	struct side real = { 0 }, small = { 0 };
	int r = load_document(options->policy_path, &document);

	if (r == 0) {
		cut = with_small_tags(document);
		r = side_init(&real, document, simd, options->policy_path);
	}
	if (r == 0)
		r = side_init(&small, cut, simd, options->policy_path);
	for (int d = 0; d < DIRECTIONS && r == 0; d++)
		r = compare(options, list, &real, &small, (enum direction)d);
	side_fini(&small);
	side_fini(&real);
	return r;
}
