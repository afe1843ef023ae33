/*
 * Policies that differ by a rule, for benches and tests of what such a change costs and does.
 *
 * Any policy that is not shared with others may be changed. Memory exhaustion aborts. Not
 * thread-safe.
 */
#ifndef TESTPMD_SYNTHETIC_CHANGE_H
#define TESTPMD_SYNTHETIC_CHANGE_H

#include "policy/policy.h"

/* Shares nothing with the original. policy_free(). */
struct policy *synthetic_copy(const struct policy *policy);

/* Before rule `at` of the list, or at its end: a copy of `rule` that names the same sets. */
void synthetic_insert(struct policy *policy, enum stage stage, enum direction direction, size_t at,
		      const struct rule *rule);
void synthetic_remove(struct policy *policy, enum stage stage, enum direction direction, size_t at);

#endif
