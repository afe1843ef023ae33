/*
 * Engines of `verify`: see engine.h.
 */
#include "control/engine.h"

#include "classify/classifier.h"
#include "classify/classifier_tuple.h"
#include "classify/ruleset.h"
#include "compile/program.h"
#include "compile/reference.h"

#include <stdlib.h>

struct engine {
	const struct policy *policy;
	const struct program *program;       /* software only */
	const struct classifier *classifier; /* software only */
	/* The same where they are ours, else NULL. */
	struct program *own_program;
	struct classifier *own_classifier;
	struct plan *plan; /* rte_flow only */
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

static int make_plan(struct engine *engine, enum plan_tier tier, struct accelnet_error *err)
{
	const struct plan_options options = { .tier = tier, .drops = true };

	plan_free(engine->plan);
	engine->plan = NULL;
	return plan_new(engine->policy, engine->program, &options, &engine->plan, err);
}

int engine_new(const struct policy *policy, enum engine_kind kind, struct engine **ret,
	       struct accelnet_error *err)
{
	struct engine *engine = calloc(1, sizeof(*engine));
	int r = 0;

	if (!engine)
		return fail(err, ACCELNET_E_MEMORY, NULL, "out of memory");
	engine->policy = policy;
	if (kind != ENGINE_REFERENCE)
		r = make_tables(engine, err);
	if (r == 0 && kind == ENGINE_RTE_FLOW)
		r = make_plan(engine, TIER_T3, err);
	if (r < 0) {
		engine_free(engine);
		return r;
	}
	*ret = engine;
	return 0;
}

int engine_new_rte_flow(const struct policy *policy, enum plan_tier tier, struct engine **ret,
			struct accelnet_error *err)
{
	struct engine *engine;
	int r = engine_new(policy, ENGINE_SOFTWARE, &engine, err);

	if (r < 0)
		return r;
	r = make_plan(engine, tier, err);
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
	plan_free(engine->plan);
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

bool engine_tells_where(const struct engine *engine)
{
	return engine->plan != NULL;
}

/* What an entry of the plan says, in terms of the policy's rules. */
static void entry_judgement(const struct engine *engine, const struct plan_entry *entry,
			    struct judgement *ret)
{
	*ret = (struct judgement){
		.access = entry->access,
		.stage = entry->stage,
		.by_hardware = true,
	};
	for (int s = 0; s < STAGES; s++) {
		const struct program_chain *chain = &engine->program->chain[DIRECTION_INBOUND][s];

		if (entry->rule[s] == UINT16_MAX)
			continue;
		ret->decided = true;
		ret->matched[s] = chain->rules[entry->rule[s]].rule;
	}
	ret->rule = ret->matched[entry->stage];
}

/* The first packet of a connection through the plan; false where it is left to software. */
static bool judge_by_plan(const struct engine *engine, const struct tuple *tuple,
			  struct judgement *ret)
{
	const struct plan_packet packet = {
		.family = tuple->source.family,
		.source = tuple->source.number,
		.destination = tuple->destination.number,
		.protocol = tuple->protocol,
		.source_port = tuple->source_port,
		.destination_port = tuple->destination_port,
		.tcp_flags = tuple->protocol == IP_PROTOCOL_TCP ? 0x02 : 0, /* SYN */
	};
	const struct plan *plan = engine->plan;
	struct plan_answer answer;

	if (!plan || tuple->direction != DIRECTION_INBOUND)
		return false;
	plan_judge(plan, &packet, &answer);
	if (answer.action == PLAN_MARK) {
		entry_judgement(engine, &plan->entries[plan->slots[answer.slot].entry], ret);
		return true;
	}
	/* a drop by isolation is for no rule, and verify judges by rules */
	if (answer.action != PLAN_DROP || plan->rules[answer.rule].cause != PLAN_FOR_RULE)
		return false;
	entry_judgement(engine, &plan->entries[plan->rules[answer.rule].entry], ret);
	return true;
}

void engine_judge(const struct engine *engine, const struct tuple *tuples, unsigned count,
		  struct judgement *ret)
{
	if (engine->classifier) {
		classifier_judge_tuples(engine->classifier, engine->program, tuples, count, ret);
		for (unsigned i = 0; engine->plan && i < count; i++)
			(void)judge_by_plan(engine, &tuples[i],
					    &ret[i]); /* else software's stays */
		return;
	}
	for (unsigned i = 0; i < count; i++)
		reference_judge(engine->policy, &tuples[i], &ret[i]);
}
