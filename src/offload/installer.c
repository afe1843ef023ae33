/*
 * What is in a device and what is to be: tasks, and what calls lead to. See installer.h.
 */
#include "offload/installer.h"

#include "offload/installer_round.h"
#include "offload/match.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* All counters are read once in so long, at most so many at a time, with a pause between. */
#define SWEEP_INTERVAL_MS 1000
#define READ_BATCH        256
#define READ_PAUSE_MS     100

void installer_init(struct installer *installer)
{
	*installer = (struct installer){ .task = TASK_INSTALL };
	slot_pool_init(&installer->slots);
}

void installer_fini(struct installer *installer)
{
	round_end(installer);
	layout_fini(&installer->layout);
	slot_pool_fini(&installer->slots);
	free(installer->leaving);
	*installer = (struct installer){ 0 };
}

/* --- out of the device --- */

bool installer_has_entrance(const struct installer *installer)
{
	for (size_t i = 0; i < installer->leaving_count; i++) {
		if (match_is_entrance(&installer->leaving[i].rule))
			return true;
	}
	return false;
}

static void lose_rule(struct layout *layout, size_t index)
{
	struct rule_state *state = layout_begin(layout, index);

	state->handle = NULL;
	state->counted = false;
	state->wait = RULE_UNTRIED;
	state->hits_offset += state->packets;
	state->packets = 0;
	layout_end(layout, index);
}

/* What a counter of drops says is read once more: nobody else has counted them. */
static struct flow_call farewell(const struct installer *installer, const struct plan_rule *rule,
				 bool counted, void *handle)
{
	const bool reads = counted && rule->action == PLAN_DROP && installer->read_last != handle;

	return (struct flow_call){
		.kind = reads ? FLOW_QUERY : FLOW_DESTROY,
		.rule = rule,
		.handle = handle,
		.is_farewell = reads,
	};
}

static bool destroy_call(struct installer *installer, uint32_t index, struct flow_call *ret)
{
	const struct plan_rule *rule = &installer->layout.plan->rules[index];
	const struct rule_state *state = &installer->layout.states[index];

	if (!state->handle)
		return false;
	*ret = farewell(installer, rule, state->counted, state->handle);
	ret->index = index;
	return true;
}

/* An old way into the groups is still there: what stands at their ends must be, too. */
static bool is_needed_still(const struct installer *installer, const struct plan_rule *rule)
{
	return match_is_stage(rule) && !match_is_entrance(rule) &&
	       installer_has_entrance(installer);
}

/* The stuck one stands below, and would then decide what the other one decides. */
static bool shields(const struct plan_rule *rule, const struct plan_rule *stuck)
{
	if (match_is_entrance(rule))
		return false;
	if (match_is_entrance(stuck) && match_is_stage(rule))
		return true;
	return match_rank(stuck) > match_rank(rule) && !match_is_stage(stuck) &&
	       match_overlaps(&stuck->match, &rule->match) && !match_may_stand_in(stuck, rule);
}

static bool shields_leaving(const struct installer *installer, const struct plan_rule *rule)
{
	for (size_t i = 0; i < installer->leaving_stuck_count; i++) {
		if (shields(rule, &installer->leaving_stuck[i]))
			return true;
	}
	return false;
}

static bool shields_stuck(const struct installer *installer, uint32_t index)
{
	const struct plan_rule *rules = installer->layout.plan->rules;

	for (size_t i = 0; i < installer->stuck_count; i++) {
		if (shields(&rules[index], &rules[installer->stuck[i]]))
			return true;
	}
	return shields_leaving(installer, &rules[index]);
}

/* With no room to remember another failure, those that failed before are tried alone. */
static bool may_leave(const struct installer *installer, const struct leaving_rule *rule)
{
	if (is_needed_still(installer, &rule->rule) || shields_leaving(installer, &rule->rule))
		return false;
	return rule->is_stuck || installer->leaving_stuck_count < STUCK_MAX;
}

static bool leaving_call(struct installer *installer, struct flow_call *ret)
{
	while (installer->leaving_at > 0) {
		const struct leaving_rule *rule = &installer->leaving[installer->leaving_at - 1];

		if (!may_leave(installer, rule)) {
			installer->leaving_at--;
			continue;
		}
		*ret = farewell(installer, &rule->rule, rule->counted, rule->handle);
		ret->is_leaving = true;
		ret->index = installer->leaving_at - 1;
		return true;
	}
	return false;
}

static bool next_withdrawal(struct installer *installer, struct flow_call *ret)
{
	while (installer->task_at < installer->withdraw_count) {
		if (destroy_call(installer, installer->withdraw[installer->task_at], ret))
			return true;
		installer->task_at++;
	}
	return false;
}

/* The order in which rules went in, backwards; then what is left of earlier plans. */
static bool next_retreat(struct installer *installer, struct flow_call *ret)
{
	size_t count = layout_count(&installer->layout);

	while (installer->task_at < count && installer->stuck_count < STUCK_MAX) {
		uint32_t index = installer->layout.order[count - 1 - installer->task_at];

		if (!shields_stuck(installer, index) && destroy_call(installer, index, ret))
			return true;
		installer->task_at++;
	}
	return leaving_call(installer, ret);
}

/* The rest keeps its order: it is a safe one out. */
static void leaving_remove(struct installer *installer, size_t index)
{
	struct leaving_rule *rule = &installer->leaving[index];
	bool was_stuck = rule->is_stuck;

	installer->leaving_uncounted -= leaving_is_uncounted(rule);
	installer->leaving_count--;
	memmove(rule, rule + 1, (installer->leaving_count - index) * sizeof(*rule));
	if (!was_stuck)
		return;
	installer->leaving_stuck_count = 0;
	for (size_t i = 0; i < installer->leaving_count; i++) {
		if (installer->leaving[i].is_stuck)
			installer->leaving_stuck[installer->leaving_stuck_count++] =
				installer->leaving[i].rule;
	}
}

static void leaving_done(struct installer *installer, size_t index, int r,
			 const struct flow_error *error, uint64_t now)
{
	installer->leaving_at--;
	if (r < 0)
		installer->leaving_error = *error;
	if (r == 0) {
		slot_return(&installer->slots, installer->leaving[index].slot);
		leaving_remove(installer, index);
	} else if (!installer->leaving[index].is_stuck) {
		installer->leaving[index].is_stuck = true;
		installer->leaving_stuck[installer->leaving_stuck_count++] =
			installer->leaving[index].rule;
	}
	if (installer->leaving_at > 0)
		return;
	if (installer->leaving_count > 0)
		return;
	installer->leaving_failed = 0;
	if (installer->round_try_at > 0)
		installer->round_try_at = now; /* perhaps they were in the way */
}

static void destroy_done(struct installer *installer, uint32_t index, int r)
{
	if (r == 0) {
		lose_rule(&installer->layout, index);
		return;
	}
	if (installer->task == TASK_WITHDRAW) {
		installer_retreat(installer);
		return;
	}
	installer->stuck[installer->stuck_count++] = index;
	installer->task_at++;
}

/* --- counters --- */

static bool next_reading(struct installer *installer, uint64_t now, struct flow_call *ret)
{
	if (now < installer->read_next)
		return false;
	if (installer->read_at == 0)
		installer->sweep_next = now + SWEEP_INTERVAL_MS;
	while (installer->read_at < layout_count(&installer->layout)) {
		size_t index = installer->read_at++;
		const struct rule_state *state = &installer->layout.states[index];

		if (!state->handle || !state->counted)
			continue;
		if (++installer->read_count % READ_BATCH == 0)
			installer->read_next = now + READ_PAUSE_MS;
		*ret = (struct flow_call){
			.kind = FLOW_QUERY,
			.rule = &installer->layout.plan->rules[index],
			.handle = state->handle,
			.index = index,
		};
		return true;
	}
	installer->read_at = 0;
	installer->read_next = installer->sweep_next;
	return false;
}

static void count_drops(struct installer *installer, const struct plan_rule *rule,
			uint64_t *packets, uint64_t now_are)
{
	if (rule->action == PLAN_DROP && now_are > *packets)
		installer->dropped += now_are - *packets;
	*packets = now_are;
}

static void reading_done(struct installer *installer, const struct flow_call *call, int r)
{
	uint64_t packets = call->count.packets;
	struct rule_state *state;

	if (call->is_farewell)
		installer->read_last = call->handle;
	if (r < 0)
		return; /* the next one may tell */
	if (call->is_leaving) {
		count_drops(installer, call->rule, &installer->leaving[call->index].packets,
			    packets);
		return;
	}
	state = &installer->layout.states[call->index];
	if (packets > state->packets)
		state->last_hit = (uint64_t)time(NULL);
	count_drops(installer, call->rule, &state->packets, packets);
}

/* --- tasks --- */

static bool leaving_is_due(struct installer *installer, uint64_t now)
{
	if (installer->leaving_at == 0 && installer->leaving_count > 0 &&
	    now >= installer->leaving_try_at) {
		installer->leaving_at = installer->leaving_count;
		installer->leaving_try_at = now + round_backoff(installer->leaving_failed++);
	}
	return installer->leaving_at > 0;
}

bool installer_next(struct installer *installer, uint64_t now, struct flow_call *ret)
{
	switch (installer->task) {
	case TASK_WITHDRAW:
		return next_withdrawal(installer, ret);
	case TASK_RETREAT:
		return next_retreat(installer, ret);
	case TASK_INSTALL:
		break;
	}
	if (leaving_is_due(installer, now) && leaving_call(installer, ret))
		return true;
	if (!installer->is_wanted)
		return false;
	return round_next(installer, now, ret) || next_reading(installer, now, ret);
}

void installer_done(struct installer *installer, const struct flow_call *call, int r,
		    const struct flow_error *error, uint64_t now)
{
	if (call->kind != FLOW_QUERY)
		installer->read_last = NULL;
	switch (call->kind) {
	case FLOW_CREATE:
		round_done(installer, call, r, error);
		break;
	case FLOW_DESTROY:
		if (call->is_leaving)
			leaving_done(installer, call->index, r, error, now);
		else
			destroy_done(installer, (uint32_t)call->index, r);
		break;
	case FLOW_QUERY:
		reading_done(installer, call, r);
		break;
	}
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

uint64_t installer_wakeup(const struct installer *installer)
{
	uint64_t at = UINT64_MAX;

	if (installer->task != TASK_INSTALL)
		return at;
	if (installer->leaving_count > 0)
		at = earlier(at, installer->leaving_try_at);
	if (!installer->is_wanted)
		return at;
	if (installer->round_try_at > 0)
		at = earlier(at, installer->round_try_at);
	if (installer->counts && layout_count(&installer->layout) > 0)
		at = earlier(at, installer->read_next);
	return at;
}

void installer_withdraw(struct installer *installer, const struct change *change)
{
	installer->task = TASK_WITHDRAW;
	installer->withdraw = change->withdraw;
	installer->withdraw_count = change->withdraw_count;
	installer->task_at = 0;
}

void installer_retreat(struct installer *installer)
{
	installer->task = TASK_RETREAT;
	installer->task_at = 0;
	installer->stuck_count = 0;
	installer->leaving_at = installer->leaving_count;
}

void installer_install(struct installer *installer)
{
	installer->task = TASK_INSTALL;
	installer->withdraw = NULL;
	installer->rounds_failed = installer->leaving_failed = 0;
	installer->leaving_at = 0;
	installer->leaving_try_at = 0;
	round_begin(installer, true);
}

void installer_forget(struct installer *installer)
{
	for (size_t i = 0; i < layout_count(&installer->layout); i++)
		lose_rule(&installer->layout, i);
	for (size_t i = 0; i < installer->leaving_count; i++)
		slot_return(&installer->slots, installer->leaving[i].slot);
	installer->leaving_count = installer->leaving_at = 0;
	installer->leaving_stuck_count = installer->leaving_uncounted = 0;
	installer->read_last = NULL;
	round_end(installer);
}
