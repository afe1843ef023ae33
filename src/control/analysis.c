/*
 * Rules that make no difference: see analysis.h.
 */
#include "control/analysis.h"

#include "compile/reach.h"
#include "control/shadow.h"

#include <stdlib.h>

/* Tuples for all rules of a chain: about a second. Each rule has its share, but not too little. */
#define ANALYSIS_TUPLES 4000000
#define RULE_TUPLES_MIN 1000

static uint64_t budget_of(size_t rules)
{
	const uint64_t share = ANALYSIS_TUPLES / (rules ? rules : 1);

	if (share > REACH_BUDGET)
		return REACH_BUDGET;
	return share < RULE_TUPLES_MIN ? RULE_TUPLES_MIN : share;
}

static void add_rule(struct json *list, const struct rule *rule, const struct rule_table *table,
		     enum stage stage, enum rule_reach reach, const struct rule *shadow)
{
	struct json *json = json_add_object(list, NULL);

	json_add_string(json, "rule", rule->name);
	json_add_string(json, "level", stage_name(stage));
	json_add_string(json, "nsg", table->name);
	json_add_string(json, "direction", direction_name(rule->direction));
	json_add_unsigned(json, "priority", rule->priority);
	json_add_string(json, "reach", reach_name(reach));
	json_add_string(json, "shadowedBy", shadow ? shadow->name : NULL);
	json_add_bool(json, "matchesNothing", rule->matches_nothing);
}

static int analyse_chain(struct json *list, const struct policy *policy,
			 const struct program *program, enum direction direction, enum stage stage,
			 size_t *undecided, struct accelnet_error *err)
{
	const struct program_chain *chain = &program->chain[direction][stage];
	enum rule_reach *reaches = NULL;
	int r = reach_of_chain(program, direction, stage, budget_of(chain->count), &reaches, err);

	for (size_t i = 0; i < chain->count && r == 0; i++) {
		const struct rule *rule = chain->rules[i].rule, *shadow = NULL;

		if (rule->is_default || reaches[i] == REACH_NEEDED)
			continue;
		if (!rule->matches_nothing && reaches[i] != REACH_REDUNDANT)
			shadow = shadow_find(program, chain, i);
		if (shadow)
			reaches[i] = REACH_NEVER;
		if (reaches[i] == REACH_UNKNOWN)
			++*undecided;
		else
			add_rule(list, rule, &policy->stage[stage], stage, reaches[i], shadow);
	}
	free(reaches);
	return r;
}

int analysis_add(struct json *list, const struct policy *policy, size_t *undecided,
		 struct accelnet_error *err)
{
	struct program *program = NULL;
	int r = program_new(policy, &program, err);

	for (int at = 0; at < DIRECTIONS * STAGES && r == 0; at++) {
		const enum direction direction = (enum direction)(at / STAGES);
		const enum stage stage = program_order[direction][at % STAGES];

		if (program->chain[direction][stage].present)
			r = analyse_chain(list, policy, program, direction, stage, undecided, err);
	}
	program_free(program);
	return r;
}
