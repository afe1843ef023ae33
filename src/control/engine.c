/*
 * Engines of `verify`: see engine.h.
 */
#include "control/engine.h"

#include "classify/classifier.h"
#include "classify/ruleset.h"
#include "compile/program.h"
#include "compile/reference.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdlib.h>

struct engine {
	const struct policy *policy;
	const struct program *program;       /* software only */
	const struct classifier *classifier; /* software only */
	/* The same where they are ours, else NULL. */
	struct program *own_program;
	struct classifier *own_classifier;
};

/* What the software engine needs, made for it. */
static int make_tables(struct engine *engine, struct accelnet_error *err)
{
	int r = program_new(engine->policy, &engine->own_program, err);

	if (r == 0)
		r = classifier_new(engine->own_program, CLASSIFIER_BEST, &engine->own_classifier,
				   err);
	engine->program = engine->own_program;
	engine->classifier = engine->own_classifier;
	return r;
}

int engine_new(const struct policy *policy, enum engine_kind kind, struct engine **ret,
	       struct accelnet_error *err)
{
	struct engine *engine = calloc(1, sizeof(*engine));
	int r = 0;

	if (!engine)
		return fail(err, ACCELNET_E_MEMORY, NULL, "out of memory");
	engine->policy = policy;
	if (kind == ENGINE_SOFTWARE)
		r = make_tables(engine, err);
	if (r < 0) {
		engine_free(engine);
		return r;
	}
	*ret = engine;
	return 0;
}

int engine_of_ruleset(const struct ruleset *ruleset, struct engine **ret,
		      struct accelnet_error *err)
{
	struct engine *engine = calloc(1, sizeof(*engine));

	if (!engine)
		return fail(err, ACCELNET_E_MEMORY, NULL, "out of memory");
	engine->policy = ruleset->policy;
	engine->program = ruleset->program;
	engine->classifier = ruleset->classifier;
	*ret = engine;
	return 0;
}

void engine_free(struct engine *engine)
{
	if (!engine)
		return;
	classifier_free(engine->own_classifier);
	program_free(engine->own_program);
	free(engine);
}

void engine_freep(struct engine **engine)
{
	engine_free(*engine);
}

const struct policy *engine_policy(const struct engine *engine)
{
	return engine->policy;
}

/* --- software --- */

/* Tuples of one direction and family, and where each came from. */
struct lane {
	unsigned count;
	unsigned origin[ENGINE_BURST];
	union {
		struct key4 v4[ENGINE_BURST];
		struct key6 v6[ENGINE_BURST];
	} keys;
};

static const struct ip_addr *local_side(const struct tuple *tuple)
{
	return tuple->direction == DIRECTION_INBOUND ? &tuple->destination : &tuple->source;
}

static const struct ip_addr *remote_side(const struct tuple *tuple)
{
	return tuple->direction == DIRECTION_INBOUND ? &tuple->source : &tuple->destination;
}

static uint16_t key_port(const struct tuple *tuple, enum direction if_source)
{
	if (!ip_protocol_has_ports(tuple->protocol))
		return 0;
	return htons(tuple->direction == if_source ? tuple->source_port : tuple->destination_port);
}

static void add_to_lane(struct lane *lane, const struct tuple *tuple, unsigned origin)
{
	const uint16_t local_port = key_port(tuple, DIRECTION_OUTBOUND);
	const uint16_t remote_port = key_port(tuple, DIRECTION_INBOUND);
	const unsigned i = lane->count++;

	lane->origin[i] = origin;
	if (tuple->source.family == IP_FAMILY_V4) {
		struct key4 *key = &lane->keys.v4[i];

		*key = (struct key4){ .protocol = tuple->protocol };
		ip_addr_to_bytes(local_side(tuple), &key->local);
		ip_addr_to_bytes(remote_side(tuple), &key->remote);
		key->local_port = local_port;
		key->remote_port = remote_port;
	} else {
		struct key6 *key = &lane->keys.v6[i];

		*key = (struct key6){ .protocol = tuple->protocol };
		ip_addr_to_bytes(local_side(tuple), key->local);
		ip_addr_to_bytes(remote_side(tuple), key->remote);
		key->local_port = local_port;
		key->remote_port = remote_port;
	}
}

/* True where `stage` comes at or before the deciding stage in the direction's order. */
static bool was_evaluated(enum direction direction, enum stage stage, enum stage deciding)
{
	for (int i = 0; i < STAGES; i++) {
		if (program_order[direction][i] == stage)
			return true;
		if (program_order[direction][i] == deciding)
			return false;
	}
	return false;
}

static void translate(const struct engine *engine, enum direction direction,
		      const struct verdict *verdict, struct judgement *ret)
{
	*ret = (struct judgement){
		.access = (enum access)verdict->access,
		.stage = (enum stage)verdict->stage,
	};
	for (int stage = 0; stage < STAGES; stage++) {
		const struct program_chain *chain = &engine->program->chain[direction][stage];

		if (verdict->rule[stage] < chain->count &&
		    was_evaluated(direction, (enum stage)stage, ret->stage))
			ret->matched[stage] = chain->rules[verdict->rule[stage]].rule;
	}
	ret->rule = ret->matched[ret->stage];
	ret->decided = ret->rule || engine->policy->stage[STAGE_SUBNET].present ||
		       engine->policy->stage[STAGE_NIC].present;
}

static void judge_lane(const struct engine *engine, enum direction direction, enum ip_family family,
		       const struct lane *lane, struct judgement *ret)
{
	struct verdict verdicts[ENGINE_BURST];

	if (lane->count == 0)
		return;
	if (family == IP_FAMILY_V4)
		classifier_judge4(engine->classifier, direction, lane->keys.v4, lane->count,
				  verdicts);
	else
		classifier_judge6(engine->classifier, direction, lane->keys.v6, lane->count,
				  verdicts);
	for (unsigned i = 0; i < lane->count; i++)
		translate(engine, direction, &verdicts[i], &ret[lane->origin[i]]);
}

static void judge_software(const struct engine *engine, const struct tuple *tuples, unsigned count,
			   struct judgement *ret)
{
	struct lane lanes[DIRECTIONS][IP_FAMILIES];

	for (int direction = 0; direction < DIRECTIONS; direction++) {
		for (int family = 0; family < IP_FAMILIES; family++)
			lanes[direction][family].count = 0;
	}
	for (unsigned i = 0; i < count; i++)
		add_to_lane(&lanes[tuples[i].direction][tuples[i].source.family], &tuples[i], i);
	for (int direction = 0; direction < DIRECTIONS; direction++) {
		for (int family = 0; family < IP_FAMILIES; family++)
			judge_lane(engine, (enum direction)direction, (enum ip_family)family,
				   &lanes[direction][family], ret);
	}
}

void engine_judge(const struct engine *engine, const struct tuple *tuples, unsigned count,
		  struct judgement *ret)
{
	assert(count <= ENGINE_BURST);
	if (engine->classifier) {
		judge_software(engine, tuples, count, ret);
		return;
	}
	for (unsigned i = 0; i < count; i++)
		reference_judge(engine->policy, &tuples[i], &ret[i]);
}
