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

/* Drops that are not in the device once those of `leaving` have left it. */
static int find_missing(const struct layout *layout, const uint32_t *leaving, size_t count,
			struct obstacles *missing)
{
	bool *leaves = calloc(layout_count(layout) + 1, sizeof(*leaves));

	if (!leaves)
		return -ENOMEM;
	for (size_t n = 0; n < count; n++)
		leaves[leaving[n]] = true;
	for (uint32_t i = 0; i < layout_count(layout); i++) {
		if (layout->plan->rules[i].action == PLAN_DROP &&
		    (!layout->states[i].handle || leaves[i]))
			obstacles_add(missing, i);
	}
	free(leaves);
	return 0;
}

static size_t find_exposed(const struct layout *layout, struct obstacles *missing, bool *exposed)
{
	size_t count = 0;

	for (size_t i = 0; i < layout_count(layout); i++) {
		const struct rule_state *state = &layout->states[i];

		exposed[i] = state->slot != SLOT_NONE &&
			     (state->is_tainted ||
			      (state->handle && obstacles_bar(missing, &layout->plan->rules[i])));
		count += exposed[i];
	}
	return count;
}

int marks_without(const struct layout *layout, const uint32_t *leaving, size_t count, bool *exposed,
		  struct mark_table **ret)
{
	struct mark_table *table;
	struct obstacles missing;
	size_t found = 0;
	int r;

	*ret = NULL;
	obstacles_init(&missing, layout->plan);
	r = find_missing(layout, leaving, count, &missing);
	if (r == 0)
		found = find_exposed(layout, &missing, exposed);
	obstacles_fini(&missing);
	if (found == 0)
		return r;
	r = marks_of(layout, &table);
	if (r < 0)
		return r;
	for (size_t i = 0; i < layout_count(layout); i++) {
		if (exposed[i])
			table->slots[layout->states[i].slot].kind = MARK_VOID;
	}
	*ret = table;
	return 0;
}
