/*
 * A plan with the state of each of its device rules: see layout.h.
 */
#include "offload/layout.h"

#include "offload/match.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum turn { TURN_STAGE, TURN_RULE, TURN_ENTRANCE };

static enum turn turn_of(const struct plan_rule *rule)
{
	if (match_is_entrance(rule))
		return TURN_ENTRANCE;
	return match_is_stage(rule) ? TURN_STAGE : TURN_RULE;
}

static int by_turn(const void *a, const void *b, void *context)
{
	const struct plan_rule *rules = context;
	uint32_t i = *(const uint32_t *)a, j = *(const uint32_t *)b;
	enum turn x = turn_of(&rules[i]), y = turn_of(&rules[j]);

	if (x != y)
		return x < y ? -1 : 1;
	if (match_rank(&rules[i]) != match_rank(&rules[j]))
		return match_rank(&rules[i]) < match_rank(&rules[j]) ? -1 : 1;
	return (i > j) - (i < j);
}

/* Where two rules stand in the same place the device holds one; in a sound plan they agree. */
static int remove_repeated(struct plan *plan)
{
	size_t size = 16, kept = 0;
	uint32_t *table;

	while (size < plan->rule_count * 2)
		size *= 2;
	table = malloc(size * sizeof(*table));
	if (!table)
		return -ENOMEM;
	memset(table, 0xff, size * sizeof(*table));
	for (size_t i = 0; i < plan->rule_count; i++) {
		const struct plan_rule *rule = &plan->rules[i];
		size_t at = match_hash(rule) & (size - 1);

		while (table[at] != UINT32_MAX && !match_same_place(&plan->rules[table[at]], rule))
			at = (at + 1) & (size - 1);
		if (table[at] != UINT32_MAX)
			continue;
		table[at] = (uint32_t)kept;
		plan->rules[kept++] = *rule;
	}
	plan->rule_count = kept;
	free(table);
	return 0;
}

int layout_init(struct layout *layout, struct plan *plan)
{
	*layout = (struct layout){ .plan = plan };
	if (!plan)
		return 0;
	layout->states = calloc(plan->rule_count + 1, sizeof(*layout->states));
	layout->order = calloc(plan->rule_count + 1, sizeof(*layout->order));
	if (!layout->states || !layout->order || remove_repeated(plan) < 0) {
		layout_fini(layout);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < plan->rule_count; i++) {
		layout->states[i].slot = SLOT_NONE;
		layout->order[i] = i;
	}
	qsort_r(layout->order, plan->rule_count, sizeof(*layout->order), by_turn, plan->rules);
	return 0;
}

/* Takes a rule into the tally, or out of it. */
static void weigh(struct layout *layout, size_t index, size_t by)
{
	const struct rule_state *state = &layout->states[index];
	struct layout_tally *tally = &layout->tally;

	if (state->handle) {
		tally->installed += by;
		if (!state->counted && layout->plan->rules[index].action == PLAN_DROP)
			tally->uncounted += by;
	} else if (state->wait == RULE_BLOCKED) {
		tally->blocked += by;
	} else if (state->wait == RULE_REFUSED) {
		tally->refused += by;
	}
}

struct rule_state *layout_begin(struct layout *layout, size_t index)
{
	weigh(layout, index, (size_t)-1);
	return &layout->states[index];
}

void layout_end(struct layout *layout, size_t index)
{
	weigh(layout, index, 1);
}

void layout_fini(struct layout *layout)
{
	plan_free(layout->plan);
	free(layout->states);
	free(layout->order);
	*layout = (struct layout){ 0 };
}
