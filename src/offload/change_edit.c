/*
 * Changes of policy before their plan: see change_edit.h.
 */
#include "offload/change_edit.h"

#include "offload/marks.h"
#include "offload/match.h"

#include <errno.h>
#include <stdlib.h>

/* Above so many drops that go, it is not looked for those below them: all go. */
#define SEARCHED_MAX 64

static bool is_drop(const struct layout *layout, uint32_t i)
{
	const struct plan_rule *rule = &layout->plan->rules[i];

	/* isolation stands whatever the rules are */
	return rule->action == PLAN_DROP && rule->cause == PLAN_FOR_RULE;
}

/* The drops that must not be in the device. */
struct suspects {
	uint32_t *rules;
	size_t count;
	bool *known; /* by rule */
};

static int suspects_init(struct suspects *suspects, size_t count)
{
	*suspects = (struct suspects){
		.rules = calloc(count + 1, sizeof(*suspects->rules)),
		.known = calloc(count + 1, sizeof(*suspects->known)),
	};
	return suspects->rules && suspects->known ? 0 : -ENOMEM;
}

static void suspects_fini(struct suspects *suspects)
{
	free(suspects->rules);
	free(suspects->known);
}

static void suspect(struct suspects *suspects, uint32_t i)
{
	suspects->known[i] = true;
	suspects->rules[suspects->count++] = i;
}

/*
 * A drop below one that goes would get its packets, or has them already where that one is not in
 * the device; and the policy may give them to a rule between the two. So it goes, too.
 */
static void suspect_below(struct suspects *suspects, const struct layout *layout, uint32_t upper)
{
	const struct plan_rule *rules = layout->plan->rules;
	bool all = suspects->count > SEARCHED_MAX;

	for (uint32_t i = 0; i < layout_count(layout); i++) {
		if (is_drop(layout, i) && !suspects->known[i] &&
		    (all || (match_rank(&rules[i]) >= match_rank(&rules[upper]) &&
			     match_overlaps(&rules[i].match, &rules[upper].match))))
			suspect(suspects, i);
	}
}

static int choose_withdrawn(struct change *change, const struct layout *layout, const bool *touched)
{
	size_t count = layout_count(layout);
	struct suspects suspects;
	int r = suspects_init(&suspects, count);

	change->withdraw = calloc(count + 1, sizeof(*change->withdraw));
	if (r < 0 || !change->withdraw) {
		suspects_fini(&suspects);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < count; i++) {
		if (touched[i] && is_drop(layout, i))
			suspect(&suspects, i);
	}
	for (size_t n = 0; n < suspects.count; n++)
		suspect_below(&suspects, layout, suspects.rules[n]);
	for (size_t n = 0; n < suspects.count; n++) {
		if (layout->states[suspects.rules[n]].handle)
			change->withdraw[change->withdraw_count++] = suspects.rules[n];
	}
	suspects_fini(&suspects);
	return 0;
}

void change_void_touched(const struct layout *layout, const bool *touched, struct mark_table *table)
{
	for (size_t i = 0; i < layout_count(layout); i++) {
		if (touched[i] && layout->states[i].slot != SLOT_NONE)
			table->slots[layout->states[i].slot].kind = MARK_VOID;
	}
}

static int make_tables(struct change *change, const struct layout *layout, const bool *touched)
{
	int r;

	change->exposed = calloc(layout_count(layout) + 1, sizeof(*change->exposed));
	if (!change->exposed)
		return -ENOMEM;
	r = marks_of(layout, &change->after);
	if (r == 0)
		r = marks_without(layout, change->withdraw, change->withdraw_count, change->exposed,
				  &change->before);
	if (r < 0)
		return r;
	change_void_touched(layout, touched, change->after);
	change_void_touched(layout, change->exposed, change->after);
	return 0;
}

int change_init_edit(struct change *change, const struct layout *layout, const bool *touched)
{
	int r;

	*change = (struct change){ 0 };
	r = choose_withdrawn(change, layout, touched);
	if (r == 0)
		r = make_tables(change, layout, touched);
	if (r < 0)
		change_fini(change);
	return r;
}
