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

void engine_judge(const struct engine *engine, const struct tuple *tuples, unsigned count,
		  struct judgement *ret)
{
	if (engine->classifier) {
		classifier_judge_tuples(engine->classifier, engine->program, tuples, count, ret);
		return;
	}
	for (unsigned i = 0; i < count; i++)
		reference_judge(engine->policy, &tuples[i], &ret[i]);
}
