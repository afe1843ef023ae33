/*
 * The reference interpreter: walks a policy's rules in order and takes the first that matches.
 *
 * The yardstick of every other engine, so it is written to be read: no index, no merging, no
 * shared code with the compiler. It works on the policy itself, not on the compiled program.
 * Thread: any; pure.
 */
#ifndef COMPILE_REFERENCE_H
#define COMPILE_REFERENCE_H

#include "compile/tuple.h"

void reference_judge(const struct policy *policy, const struct tuple *tuple, struct judgement *ret);

/* True where this rule alone matches the tuple; the rule's direction is not looked at. */
bool reference_rule_matches(const struct rule *rule, const struct tuple *tuple);

/* Which fields match, for `verify --explain`. */
struct rule_match {
	bool protocol;
	bool source;
	bool source_port;
	bool destination;
	bool destination_port;
};
struct rule_match reference_rule_fields(const struct rule *rule, const struct tuple *tuple);

#endif
