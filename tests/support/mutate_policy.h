/*
 * Small changes to a policy, by chance: what an operator does between two applies.
 */
#ifndef TESTS_SUPPORT_MUTATE_POLICY_H
#define TESTS_SUPPORT_MUTATE_POLICY_H

#include "policy/policy.h"
#include "testpmd/random.h"

/*
 * One of: an access turned, a rule removed, two exchanged, a port moved, an address taken out of a
 * set, guard or mode turned.
 */
void mutate_policy(struct policy *policy, struct random *random);

#endif
