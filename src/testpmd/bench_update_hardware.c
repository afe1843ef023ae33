/*
 * An edit against a plan that is in the device: see bench_update_hardware.h.
 */
#include "testpmd/bench_update_hardware.h"

#include "nic/hardware_edit.h"
#include "offload/change_edit.h"
#include "testpmd/bench.h"

#include <errno.h>
#include <stdlib.h>

#include <rte_cycles.h>

/* As if every rule were in, each mark with a slot. */
static void pretend_installed(struct layout *layout)
{
	uint32_t slot = 0;

	for (size_t i = 0; i < layout_count(layout); i++) {
		layout->states[i].handle = layout;
		if (layout->plan->rules[i].action == PLAN_MARK)
			layout->states[i].slot = slot++;
	}
}

static bool *find_touched(const struct layout *layout, struct hardware_edit *edit)
{
	bool *touched = calloc(layout_count(layout) + 1, sizeof(*touched));

	for (size_t i = 0; touched && i < layout_count(layout); i++) {
		const struct plan_rule *rule = &layout->plan->rules[i];

		touched[i] = (rule->action == PLAN_MARK || rule->action == PLAN_DROP) &&
			     hardware_edit_touches(edit, layout->plan, rule);
	}
	return touched;
}

static int choose(const struct layout *layout, const struct ruleset *old, const struct ruleset *new,
		  size_t *ret_withdrawn)
{
	struct hardware_edit *edit;
	bool *touched = NULL;
	struct change change;
	int r = hardware_edit_new(old, new, &edit);

	if (r < 0 || !edit)
		return r < 0 ? r : -EINVAL;
	touched = find_touched(layout, edit);
	r = touched ? change_init_edit(&change, layout, touched) : -ENOMEM;
	if (r == 0) {
		hardware_edit_translate(edit, change.after);
		*ret_withdrawn = change.withdraw_count;
		change_fini(&change);
	}
	free(touched);
	hardware_edit_free(edit);
	return r;
}

int bench_hardware_cost(const struct ruleset *old, const struct ruleset *new, enum plan_tier tier,
			struct bench_hardware_cost *ret)
{
	const struct plan_options options = { .tier = tier, .drops = true };
	struct layout layout;
	struct plan *plan;
	uint64_t since;
	int r = plan_new(old->policy, old->program, &options, &plan, NULL);

	if (r == 0)
		r = layout_init(&layout, plan);
	if (r < 0)
		return r;
	pretend_installed(&layout);
	since = rte_rdtsc();
	r = choose(&layout, old, new, &ret->withdrawn);
	ret->microseconds = bench_seconds(rte_rdtsc() - since) * 1e6;
	ret->device_rules = layout_count(&layout);
	layout_fini(&layout);
	return r;
}
