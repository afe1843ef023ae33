/*
 * Tables of what marks mean: see marks.h.
 */
#include "offload/marks.h"

#include "offload/match.h"
#include "offload/obstacles.h"

#include <errno.h>
#include <stdlib.h>

static uint32_t table_size(const struct layout *layout)
{
	uint32_t size = 0;

	for (size_t i = 0; i < layout_count(layout); i++) {
		uint32_t slot = layout->states[i].slot;

		if (slot != SLOT_NONE && slot >= size)
			size = slot + 1;
	}
	return size;
}

static struct mark_slot slot_of(const struct plan *plan, const struct plan_rule *rule)
{
	const struct plan_slot *slot = &plan->slots[rule->slot];
	const struct plan_entry *entry = &plan->entries[slot->entry];
	struct mark_slot ret = {
		.verdict = { .access = (uint8_t)entry->access, .stage = (uint8_t)entry->stage },
		.kind = slot->settled ? MARK_SETTLED : MARK_VERDICT,
	};

	_Static_assert(CLASSIFIER_NO_RULE == UINT16_MAX, "the same absence");
	for (int s = 0; s < STAGES; s++)
		ret.verdict.rule[s] = entry->rule[s];
	return ret;
}

int marks_of(const struct layout *layout, struct mark_table **ret)
{
	uint32_t count = table_size(layout);
	struct mark_table *table =
		calloc(1, sizeof(*table) + (size_t)count * sizeof(table->slots[0]));

	if (!table)
		return -ENOMEM;
	_Static_assert(MARK_VOID == 0, "what is not written is void");
	table->count = count;
	for (size_t i = 0; i < layout_count(layout); i++) {
		uint32_t slot = layout->states[i].slot;

		if (slot != SLOT_NONE)
			table->slots[slot] = slot_of(layout->plan, &layout->plan->rules[i]);
	}
	*ret = table;
	return 0;
}

/* Drops that are not in the device once those of `leaving` have left it, by rank. */
static int find_missing(const struct layout *layout, const uint32_t *leaving, size_t count,
			struct obstacles *missing, size_t *ret_missing)
{
	bool *leaves = calloc(layout_count(layout) + 1, sizeof(*leaves));
	int r = leaves ? 0 : -ENOMEM;

	*ret_missing = 0;
	for (size_t n = 0; r == 0 && n < count; n++)
		leaves[leaving[n]] = true;
	for (uint32_t i = 0; r == 0 && i < layout_count(layout); i++) {
		if (layout->plan->rules[i].action != PLAN_DROP ||
		    (layout->states[i].handle && !leaves[i]))
			continue;
		obstacles_add(missing, i);
		(*ret_missing)++;
	}
	free(leaves);
	return r;
}

static size_t void_below(const struct layout *layout, struct obstacles *missing,
			 struct mark_table *table)
{
	size_t voided = 0;

	for (size_t i = 0; i < layout_count(layout); i++) {
		const struct rule_state *state = &layout->states[i];

		if (state->slot == SLOT_NONE || !state->handle ||
		    !obstacles_bar(missing, &layout->plan->rules[i]))
			continue;
		table->slots[state->slot].kind = MARK_VOID;
		voided++;
	}
	return voided;
}

int marks_without(const struct layout *layout, const uint32_t *leaving, size_t count,
		  struct mark_table **ret)
{
	struct mark_table *table = NULL;
	struct obstacles missing;
	size_t drops, voided = 0;
	int r;

	*ret = NULL;
	obstacles_init(&missing, layout->plan);
	r = find_missing(layout, leaving, count, &missing, &drops);
	if (r == 0 && drops > 0)
		r = marks_of(layout, &table);
	if (table)
		voided = void_below(layout, &missing, table);
	obstacles_fini(&missing);
	if (voided == 0) {
		free(table);
		return r;
	}
	*ret = table;
	return r;
}
