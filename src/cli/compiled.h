/*
 * What `policy compile` prints: a plan as lines for dpdk-testpmd or as one object, and the program
 * of the software classifier.
 */
#ifndef CLI_COMPILED_H
#define CLI_COMPILED_H

#include "base/json.h"
#include "compile/plan_text.h"

#include <stdio.h>

/* A policy and what was made from it; all borrowed. */
struct compiled {
	const struct policy *policy;
	const struct program *program;
	const struct plan *plan; /* NULL: for software */
	struct plan_text_options text;
};

/* Lines for testpmd: commands, and # before everything else. 0 or -ENOSPC: see plan_rule_text(). */
int compiled_print(const struct compiled *compiled, FILE *out);

/*
 * {"target","chains":[{"level","direction","rules"}],"addressGroups","software":[{"rule","level",
 *  "direction","reason"}]} and for rte_flow {"tier","form","counts","regions","regionsLeft",
 *  "rules":[{"group","priority","action","mark","cause","for","match","testpmd"}]}. `software` has
 * the user's rules that no command is for. The caller frees *ret.
 */
int compiled_json(const struct compiled *compiled, struct json **ret);

#endif
