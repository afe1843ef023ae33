/*
 * One rule more, one less, or another, by chance: what an operator does with `apply` most days.
 *
 * At any stage that the policy has, in both directions, with any of the policy's address sets or a
 * new one, so that borders of ranges come and go.
 */
#ifndef TESTS_SUPPORT_CHANGE_RULE_H
#define TESTS_SUPPORT_CHANGE_RULE_H

#include "policy/policy.h"
#include "testpmd/random.h"

void change_rule(struct policy *policy, struct random *random);

#endif
