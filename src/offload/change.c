/*
 * From one plan to the next: see change.h.
 */
#include "offload/change.h"

#include "offload/marks.h"
#include "offload/match.h"
#include "offload/obstacles.h"
#include "offload/priorities.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NOT_FOUND UINT32_MAX

/* The rules of the old layout that may stay, by content. */
struct index {
	const struct layout *layout;
	uint32_t *table;
	size_t mask;
};

static int index_init(struct index *index, const struct layout *layout)
{
	size_t count = layout_count(layout), size = 16;

	while (size < count * 2)
		size *= 2;
	*index = (struct index){ .layout = layout, .mask = size - 1 };
	index->table = malloc(size * sizeof(*index->table));
	if (!index->table)
		return -ENOMEM;
	memset(index->table, 0xff, size * sizeof(*index->table));
	for (uint32_t i = 0; i < count; i++) {
		size_t at = match_hash(&layout->plan->rules[i]) & index->mask;

		if (!layout->states[i].handle || layout->states[i].is_tainted)
			continue;
		while (index->table[at] != NOT_FOUND)
			at = (at + 1) & index->mask;
		index->table[at] = i;
	}
	return 0;
}

static uint32_t index_find(const struct index *index, const struct plan_rule *rule)
{
	size_t at = match_hash(rule) & index->mask;

	while (index->table[at] != NOT_FOUND) {
		uint32_t i = index->table[at];

		if (match_same(&index->layout->plan->rules[i], rule))
			return i;
		at = (at + 1) & index->mask;
	}
	return NOT_FOUND;
}

/* --- what stays --- */

static bool same_stages(const struct change *change, const struct index *index)
{
	size_t in_device = 0, wanted = 0;

	for (size_t i = 0; i < layout_count(index->layout); i++)
		in_device += index->layout->states[i].handle &&
			     match_is_stage(&index->layout->plan->rules[i]);
	for (size_t i = 0; i < layout_count(&change->next); i++) {
		const struct plan_rule *rule = &change->next.plan->rules[i];

		if (!match_is_stage(rule))
			continue;
		wanted++;
		if (index_find(index, rule) == NOT_FOUND)
			return false;
	}
	return in_device == wanted;
}

static void keep_rules(struct change *change, const struct index *index)
{
	const struct plan *plan = change->next.plan;
	struct obstacles added;

	obstacles_init(&added, plan);
	for (size_t n = 0; n < layout_count(&change->next); n++) {
		uint32_t i = change->next.order[n];
		uint32_t from = index_find(index, &plan->rules[i]);

		if (match_is_stage(&plan->rules[i]) ||
		    (from != NOT_FOUND && !obstacles_bar(&added, &plan->rules[i]))) {
			change->kept_from[i] = from;
			change->kept++;
		} else {
			obstacles_add(&added, i);
		}
	}
	obstacles_fini(&added);
}

/* --- what goes first --- */

/* Without an entrance nothing meets the drops behind it. */
static bool goes_first(const struct plan_rule *rule, bool same)
{
	if (match_is_entrance(rule))
		return true;
	return rule->action == PLAN_DROP && (same || rule->group == 0);
}

static int choose_withdrawn(struct change *change, const struct layout *old, bool same)
{
	size_t count = layout_count(old);
	bool *stays = calloc(count + 1, sizeof(*stays));

	change->withdraw = calloc(count + 1, sizeof(*change->withdraw));
	if (!stays || !change->withdraw) {
		free(stays);
		return -ENOMEM;
	}
	for (size_t i = 0; i < layout_count(&change->next); i++) {
		if (change->kept_from[i] != NOT_FOUND)
			stays[change->kept_from[i]] = true;
	}
	for (uint32_t i = 0; i < count; i++) {
		if (old->states[i].handle && !stays[i] && goes_first(&old->plan->rules[i], same))
			change->withdraw[change->withdraw_count++] = i;
	}
	free(stays);
	return 0;
}

/* --- slots and tables --- */

static void assign_slots(struct change *change, const struct layout *old, struct slot_pool *slots)
{
	for (size_t n = 0; n < layout_count(&change->next); n++) {
		uint32_t i = change->next.order[n], from = change->kept_from[i];
		struct rule_state *state = &change->next.states[i];

		if (change->next.plan->rules[i].action != PLAN_MARK)
			continue;
		state->slot = from != NOT_FOUND ? old->states[from].slot : slot_take(slots);
	}
}

static int make_tables(struct change *change, const struct layout *old)
{
	int r = marks_of(&change->next, &change->after);

	if (r < 0 || !old->plan)
		return r;
	change->exposed = calloc(layout_count(old) + 1, sizeof(*change->exposed));
	if (!change->exposed)
		return -ENOMEM;
	return marks_without(old, change->withdraw, change->withdraw_count, change->exposed,
			     &change->before);
}

static int fill(struct change *change, const struct layout *old, struct slot_pool *slots)
{
	size_t count = layout_count(&change->next);
	struct index index;
	bool same;
	int r;

	change->kept_from = malloc((count + 1) * sizeof(*change->kept_from));
	if (!change->kept_from)
		return -ENOMEM;
	memset(change->kept_from, 0xff, (count + 1) * sizeof(*change->kept_from));
	r = index_init(&index, old);
	if (r < 0)
		return r;
	same = same_stages(change, &index);
	if (same)
		keep_rules(change, &index);
	free(index.table);
	r = choose_withdrawn(change, old, same);
	if (r == 0) {
		assign_slots(change, old, slots);
		r = make_tables(change, old);
	}
	return r;
}

int change_init(struct change *change, const struct layout *old, struct plan *plan,
		struct slot_pool *slots)
{
	int r;

	*change = (struct change){ 0 };
	if (plan && priorities_keep(plan, old) < 0) {
		plan_free(plan);
		return -ENOMEM;
	}
	r = layout_init(&change->next, plan);
	if (r == 0)
		r = fill(change, old, slots);
	if (r < 0) {
		change_undo(change, slots);
		change_fini(change);
	}
	return r;
}

void change_undo(struct change *change, struct slot_pool *slots)
{
	for (size_t i = 0; change->kept_from && i < layout_count(&change->next); i++) {
		if (change->kept_from[i] == NOT_FOUND)
			slot_cancel(slots, change->next.states[i].slot);
		change->next.states[i].slot = SLOT_NONE;
	}
}

void change_fini(struct change *change)
{
	layout_fini(&change->next);
	free(change->kept_from);
	free(change->withdraw);
	free(change->exposed);
	free(change->before);
	free(change->after);
	*change = (struct change){ 0 };
}
