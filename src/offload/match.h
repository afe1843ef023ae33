/*
 * How device rules stand to each other: which of two a device looks at first, whether a packet can
 * match both, whether it then matters which one decides. Pure.
 *
 * The same order as plan_judge() has: group, priority, then depth. Tags are not looked at, so two
 * rules may be said to overlap that do not; the answers err on that side only.
 */
#ifndef OFFLOAD_MATCH_H
#define OFFLOAD_MATCH_H

#include "compile/plan.h"

#include <stdbool.h>

/* A device looks at rules of a lower rank first. */
static inline uint64_t match_rank(const struct plan_rule *rule)
{
	return (uint64_t)rule->group << 33 | (uint64_t)rule->priority << 1 | !rule->match.has_kind;
}

/* It moves packets between groups, or ends a group: what is in the groups hangs on it. */
static inline bool match_is_stage(const struct plan_rule *rule)
{
	return rule->cause == PLAN_FOR_STAGE;
}

/* The way into the other groups. */
static inline bool match_is_entrance(const struct plan_rule *rule)
{
	return rule->action == PLAN_NEXT && rule->group == 0;
}

bool match_overlaps(const struct plan_match *a, const struct plan_match *b);

/*
 * With `upper` not in the device, may `lower` decide the packets of both? Never asked of stage
 * rules.
 */
bool match_may_stand_in(const struct plan_rule *lower, const struct plan_rule *upper);

/* The same place in the device: a device cannot hold both. */
bool match_same_place(const struct plan_rule *a, const struct plan_rule *b);
/* The same device rule, whatever its mark says. */
bool match_same(const struct plan_rule *a, const struct plan_rule *b);
uint64_t match_hash(const struct plan_rule *rule);

#endif
