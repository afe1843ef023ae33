/*
 * The engines of `verify` behind one call: the reference interpreter, the software classifier, and
 * the rte_flow plan of a tier, which asks the classifier about what it leaves unmarked.
 *
 * Used by the daemon and, offline, by accelnetctl. Thread: any; an engine is immutable once made.
 */
#ifndef CONTROL_ENGINE_H
#define CONTROL_ENGINE_H

#include "base/error.h"
#include "compile/plan.h"
#include "compile/tuple.h"

enum engine_kind { ENGINE_REFERENCE, ENGINE_SOFTWARE, ENGINE_RTE_FLOW };

struct engine;
struct ruleset;

/* Borrows the policy, which must outlive it. */
int engine_new(const struct policy *policy, enum engine_kind kind, struct engine **ret,
	       struct accelnet_error *err);
/* ENGINE_RTE_FLOW for a tier; engine_new() takes T3. */
int engine_new_rte_flow(const struct policy *policy, enum plan_tier tier, struct engine **ret,
			struct accelnet_error *err);
/* The software engine of a rule set in force, the very tables that the workers use. Borrows it. */
int engine_of_ruleset(const struct ruleset *ruleset, struct engine **ret,
		      struct accelnet_error *err);
void engine_free(struct engine *engine);
void engine_freep(struct engine **engine);
#define ENGINE_CLEANUP __attribute__((cleanup(engine_freep)))

/* Judges tuples of any directions and families; ret[i] is for tuples[i]. */
void engine_judge(const struct engine *engine, const struct tuple *tuples, unsigned count,
		  struct judgement *ret);

/* True for ENGINE_RTE_FLOW: its judgements say where they were made. */
bool engine_tells_where(const struct engine *engine);

const struct policy *engine_policy(const struct engine *engine);

#endif
