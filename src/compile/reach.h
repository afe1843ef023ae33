/*
 * Which rules of a chain make a difference: rules that never decide, because rules before them,
 * together or alone, take all that they match; and rules that could go, because whenever they
 * decide the next one would have said the same.
 *
 * Of one NSG, or the acl, by itself. Thread: any; pure.
 */
#ifndef COMPILE_REACH_H
#define COMPILE_REACH_H

#include "compile/program.h"

#define REACH_BUDGET 200000 /* tuples that are tried for a rule */

enum rule_reach {
	REACH_NEEDED,    /* some packet's verdict hangs on it */
	REACH_REDUNDANT, /* decides, but no verdict hangs on it */
	REACH_NEVER,     /* never decides */
	REACH_UNKNOWN,   /* the budget did not suffice to find out */
};

/*
 * One answer for each rule of the chain, in its order; the caller frees *ret. `budget` is for each
 * rule.
 */
int reach_of_chain(const struct program *program, enum direction direction, enum stage stage,
		   uint64_t budget, enum rule_reach **ret, struct accelnet_error *err);

/* The same of one rule of the chain. */
int reach_of_rule(const struct program *program, enum direction direction, enum stage stage,
		  size_t rule, uint64_t budget, enum rule_reach *ret, struct accelnet_error *err);

const char *reach_name(enum rule_reach reach); /* "needed", "redundant", "never", "unknown" */

#endif
