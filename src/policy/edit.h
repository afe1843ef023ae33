/*
 * The few rules in which one policy differs from another: what a change of a rule or two comes to,
 * so that what was compiled from the old policy can be patched instead of compiled anew.
 *
 * Rules are compared by what they match and do, not by their names. Exact: whatever is not named
 * here is the same rule in both, in the same order. Pure; thread: any.
 */
#ifndef POLICY_EDIT_H
#define POLICY_EDIT_H

#include "policy/policy.h"

#define POLICY_EDIT_MAX 8

/* A rule of policy->stage[stage].list[direction]. */
struct policy_edit_rule {
	enum stage stage;
	enum direction direction;
	size_t index;
};

/* Both lists ascend within a stage and direction. A rule that was changed is in both. */
struct policy_edit {
	struct policy_edit_rule removed[POLICY_EDIT_MAX]; /* of the old policy */
	size_t removed_count;
	struct policy_edit_rule added[POLICY_EDIT_MAX]; /* of the new policy */
	size_t added_count;
	/* User rules that are in both under the same name, and under another. */
	size_t kept;
	size_t renamed;
};

enum policy_edit_answer {
	POLICY_EDIT_FEW,
	POLICY_EDIT_MANY, /* more than POLICY_EDIT_MAX either way, or a stage comes or goes */
};

enum policy_edit_answer policy_edit_find(const struct policy *old, const struct policy *new,
					 struct policy_edit *ret);

#endif
