/*
 * The installer's part in a change of plan: see installer.h and change.h.
 */
#include "offload/installer.h"
#include "offload/installer_round.h"
#include "offload/match.h"

#include <errno.h>
#include <stdlib.h>

/* Room for everything that may have to leave, so that adopting cannot fail. */
static int reserve_leaving(struct installer *installer)
{
	size_t count = installer->leaving_count;
	struct leaving_rule *grown;

	for (size_t i = 0; i < layout_count(&installer->layout); i++)
		count += installer->layout.states[i].handle != NULL;
	if (count <= installer->leaving_capacity)
		return 0;
	grown = reallocarray(installer->leaving, count, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	installer->leaving = grown;
	installer->leaving_capacity = count;
	return 0;
}

int installer_prepare(struct installer *installer, struct plan *plan, struct change *ret)
{
	if (reserve_leaving(installer) < 0) {
		plan_free(plan);
		return -ENOMEM;
	}
	return change_init(ret, &installer->layout, plan, &installer->slots);
}

static void move_kept(struct layout *old, struct change *change)
{
	for (size_t i = 0; i < layout_count(&change->next); i++) {
		struct rule_state *state = &change->next.states[i];
		struct rule_state *from;

		if (change->kept_from[i] == UINT32_MAX)
			continue;
		from = &old->states[change->kept_from[i]];
		*state = *from;
		state->hits_offset = -state->packets;
		state->last_hit = 0;
		layout_end(&change->next, i);
		from->handle = NULL;
		from->slot = SLOT_NONE;
	}
}

static void dismiss(struct installer *installer, uint32_t index)
{
	const struct rule_state *state = &installer->layout.states[index];
	struct leaving_rule *rule = &installer->leaving[installer->leaving_count++];

	*rule = (struct leaving_rule){
		.handle = state->handle,
		.slot = state->slot,
		.counted = state->counted,
		.packets = state->packets,
		.rule = installer->layout.plan->rules[index],
	};
	installer->leaving_uncounted += leaving_is_uncounted(rule);
}

static void dismiss_rest(struct installer *installer)
{
	struct layout *old = &installer->layout;

	for (size_t n = 0; n < layout_count(old); n++) {
		uint32_t index = old->order[n];
		struct rule_state *state = &old->states[index];

		if (state->handle)
			dismiss(installer, index);
		else if (state->slot_used)
			slot_return(&installer->slots, state->slot);
		else
			slot_cancel(&installer->slots, state->slot);
	}
}

void installer_adopt(struct installer *installer, struct change *change)
{
	round_end(installer);
	move_kept(&installer->layout, change);
	dismiss_rest(installer);
	layout_fini(&installer->layout);
	installer->layout = change->next;
	change->next = (struct layout){ 0 };
	change_fini(change);
	installer->refusals.count = 0;
	installer->read_at = 0;
}

void installer_abort(struct installer *installer, struct change *change)
{
	/* an edit that was completed by half has lost it: nobody goes on after that */
	bool withdrawn = installer->task != TASK_INSTALL && change->exposed;

	for (size_t i = 0; withdrawn && i < layout_count(&installer->layout); i++)
		installer->layout.states[i].is_tainted |= change->exposed[i];
	change_undo(change, &installer->slots);
	change_fini(change);
}

void installer_count(const struct installer *installer, struct installer_counts *ret)
{
	const struct layout *layout = &installer->layout;

	*ret = (struct installer_counts){
		.planned = layout_count(layout),
		.installed = layout->tally.installed,
		.refused = layout->tally.refused,
		.blocked = layout->tally.blocked,
		.leaving = installer->leaving_count,
		.uncounted = layout->tally.uncounted + installer->leaving_uncounted,
	};
	if (ret->refused > 0)
		ret->newest = &installer->refusals.list[installer->refusal];
	else if (ret->leaving > 0 && installer->leaving_stuck_count > 0)
		ret->newest = &installer->leaving_error;
}
