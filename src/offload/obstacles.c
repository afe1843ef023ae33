/*
 * Rules that are not in the device and should be: see obstacles.h.
 */
#include "offload/obstacles.h"

#include "offload/match.h"

#include <stdlib.h>

/* About 0.2 s; a change of that size is as well made anew. */
#define COMPARISONS_MAX 40000000

void obstacles_init(struct obstacles *obstacles, const struct plan *plan)
{
	*obstacles = (struct obstacles){ .plan = plan, .budget = COMPARISONS_MAX };
}

void obstacles_fini(struct obstacles *obstacles)
{
	for (int f = 0; f < IP_FAMILIES; f++) {
		for (int k = 0; k < PLAN_KINDS; k++)
			free(obstacles->lists[f][k].rules);
	}
	*obstacles = (struct obstacles){ 0 };
}

static bool append(struct obstacle_list *list, uint32_t rule)
{
	if (list->count == list->capacity) {
		size_t capacity = list->capacity ? list->capacity * 2 : 64;
		uint32_t *grown = reallocarray(list->rules, capacity, sizeof(*grown));

		if (!grown)
			return false;
		list->rules = grown;
		list->capacity = capacity;
	}
	list->rules[list->count++] = rule;
	return true;
}

static bool concerns(const struct plan_match *match, int kind)
{
	return !match->has_kind || (int)match->kind == kind;
}

void obstacles_add(struct obstacles *obstacles, uint32_t rule)
{
	const struct plan_match *match = &obstacles->plan->rules[rule].match;

	for (int k = 0; k < PLAN_KINDS; k++) {
		if (concerns(match, k) && !append(&obstacles->lists[match->family][k], rule))
			obstacles->bar_all = true;
	}
}

static bool list_bars(struct obstacles *obstacles, const struct obstacle_list *list,
		      const struct plan_rule *rule)
{
	uint64_t rank = match_rank(rule);

	if (obstacles->budget < list->count)
		return true;
	obstacles->budget -= list->count;
	for (size_t i = 0; i < list->count; i++) {
		const struct plan_rule *upper = &obstacles->plan->rules[list->rules[i]];

		if (match_rank(upper) < rank && match_overlaps(&upper->match, &rule->match) &&
		    !match_may_stand_in(rule, upper))
			return true;
	}
	return false;
}

bool obstacles_bar(struct obstacles *obstacles, const struct plan_rule *rule)
{
	if (rule->action == PLAN_UNMARKED)
		return false;
	if (obstacles->bar_all)
		return true;
	for (int k = 0; k < PLAN_KINDS; k++) {
		if (concerns(&rule->match, k) &&
		    list_bars(obstacles, &obstacles->lists[rule->match.family][k], rule))
			return true;
	}
	return false;
}
