/*
 * Putting rules in: see installer_round.h.
 */
#include "offload/installer_round.h"

#include "offload/match.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* After so many refusals the rest of the same sort is not tried: the device is full, or cannot. */
#define REFUSALS_IN_A_ROW 16

/* After so many rules that went in only without a counter there are none left. */
#define UNCOUNTED_IN_A_ROW 4

#define BACKOFF_MIN_MS 1000
#define BACKOFF_MAX_MS 60000

void round_begin(struct installer *installer, bool is_first)
{
	bool was_first = installer->round.running && installer->round.is_first;

	obstacles_fini(&installer->round.absent);
	installer->round = (struct round){ .running = true, .is_first = is_first || was_first };
	obstacles_init(&installer->round.absent, installer->layout.plan);
	installer->round_try_at = 0;
}

void round_end(struct installer *installer)
{
	obstacles_fini(&installer->round.absent);
	installer->round.running = false;
}

uint64_t round_backoff(unsigned failures)
{
	uint64_t ms = (uint64_t)BACKOFF_MIN_MS << (failures < 8 ? failures : 8);

	return ms < BACKOFF_MAX_MS ? ms : BACKOFF_MAX_MS;
}

static void finish(struct installer *installer, uint64_t now)
{
	if (installer->round.absent_count > 0) {
		installer->round_try_at = now + round_backoff(installer->rounds_failed++);
	} else {
		installer->rounds_failed = 0;
		installer->epoch += installer->round.is_first;
	}
	/* is_first outlives the round until everything is in */
	installer->round.is_first &= installer->round.absent_count > 0;
	round_end(installer);
}

/* --- what is not put in --- */

static void leave_out(struct installer *installer, uint32_t index, enum rule_wait wait)
{
	const struct plan_rule *rule = &installer->layout.plan->rules[index];
	struct round *round = &installer->round;

	layout_begin(&installer->layout, index)->wait = (uint8_t)wait;
	layout_end(&installer->layout, index);
	round->absent_count++;
	round->stages_missing |= match_is_stage(rule) && !match_is_entrance(rule);
	if (!match_is_stage(rule))
		obstacles_add(&round->absent, index);
}

static void refuse(struct installer *installer, uint32_t index, const struct flow_error *error)
{
	installer->refusal = refusals_add(&installer->refusals, error);
	installer->layout.states[index].refusal = installer->refusal;
	leave_out(installer, index, RULE_REFUSED);
}

static void refuse_ourselves(struct installer *installer, uint32_t index, int number,
			     const char *why)
{
	struct flow_error error = { .number = number };

	(void)snprintf(error.message, sizeof(error.message), "%s", why);
	refuse(installer, index, &error);
}

/* The device may hold both, and then a packet comes up twice, or refuse the second. */
static bool place_is_taken(const struct installer *installer, const struct plan_rule *rule)
{
	for (size_t i = 0; i < installer->leaving_count; i++) {
		if (match_same_place(&installer->leaving[i].rule, rule))
			return true;
	}
	return false;
}

/* Rules of one sort are accepted alike, but for want of room. */
static uint32_t sort_of(const struct plan_rule *rule)
{
	const struct plan_match *match = &rule->match;

	return rule->group << 8 | (uint32_t)rule->action << 6 | (uint32_t)match->family << 5 |
	       (uint32_t)match->has_kind << 4 | (uint32_t)match->kind;
}

/* Old rules behind the entrance that would do harm: drops, and what sets tags. */
static bool has_old_program(const struct installer *installer)
{
	for (size_t i = 0; i < installer->leaving_count; i++) {
		const struct plan_rule *rule = &installer->leaving[i].rule;

		if (rule->group > 0 && (rule->action == PLAN_DROP || match_is_stage(rule)))
			return true;
	}
	return false;
}

static bool is_blocked(struct installer *installer, const struct plan_rule *rule)
{
	if (match_is_entrance(rule))
		return installer->round.stages_missing || has_old_program(installer);
	return !match_is_stage(rule) && obstacles_bar(&installer->round.absent, rule);
}

/* True: it may be put in. */
static bool consider(struct installer *installer, uint32_t index)
{
	const struct plan_rule *rule = &installer->layout.plan->rules[index];
	const struct rule_state *state = &installer->layout.states[index];
	struct round *round = &installer->round;

	if (state->handle)
		return false;
	if (is_blocked(installer, rule))
		leave_out(installer, index, RULE_BLOCKED);
	else if (rule->action == PLAN_MARK && state->slot == SLOT_NONE)
		refuse_ourselves(installer, index, ENOSPC, "every mark is in use");
	else if (place_is_taken(installer, rule))
		refuse_ourselves(installer, index, EBUSY,
				 "the rule that stood here before does not go");
	else if (round->in_a_row >= REFUSALS_IN_A_ROW && round->sort == sort_of(rule))
		refuse(installer, index, &round->newest);
	else
		return true;
	return false;
}

static struct flow_call create_call(const struct installer *installer, uint32_t index)
{
	const struct plan_rule *rule = &installer->layout.plan->rules[index];
	const struct round *round = &installer->round;

	return (struct flow_call){
		.kind = FLOW_CREATE,
		.rule = rule,
		.mark = rule->action == PLAN_MARK
				? mark_of_slot(installer->layout.states[index].slot)
				: 0,
		.counted = installer->counts && !round->counters_out && !round->try_uncounted &&
			   rule->action == PLAN_DROP,
		.index = index,
	};
}

bool round_next(struct installer *installer, uint64_t now, struct flow_call *ret)
{
	struct round *round = &installer->round;

	if (!round->running) {
		if (installer->round_try_at == 0 || now < installer->round_try_at)
			return false;
		round_begin(installer, round->is_first);
		round->is_retry = true;
	}
	while (round->at < layout_count(&installer->layout)) {
		uint32_t index = installer->layout.order[round->at];

		/* half of a new program must not be met through an old entrance */
		if (installer_has_entrance(installer))
			refuse_ourselves(installer, index, EBUSY,
					 "the way into the groups of before does not go");
		else if (consider(installer, index)) {
			*ret = create_call(installer, index);
			/* whatever becomes of the call: its port may go before it returns */
			installer->layout.states[index].slot_used |= ret->mark != 0;
			return true;
		}
		round->at++;
	}
	finish(installer, now);
	return false;
}

static void put_in(struct installer *installer, const struct flow_call *call)
{
	struct rule_state *state = layout_begin(&installer->layout, call->index);
	struct round *round = &installer->round;

	state->handle = call->handle;
	state->counted = call->counted;
	state->wait = RULE_UNTRIED;
	layout_end(&installer->layout, call->index);
	round->uncounted = round->try_uncounted ? round->uncounted + 1 : 0;
	round->counters_out |= round->uncounted == UNCOUNTED_IN_A_ROW;
	round->try_uncounted = false;
	round->in_a_row = 0;
	round->at++;
}

void round_done(struct installer *installer, const struct flow_call *call, int r,
		const struct flow_error *error)
{
	struct round *round = &installer->round;

	if (r == 0) {
		put_in(installer, call);
		return;
	}
	if (call->counted) {
		round->try_uncounted = true;
		return;
	}
	round->try_uncounted = false;
	refuse(installer, (uint32_t)call->index, error);
	round->in_a_row = round->sort == sort_of(call->rule) ? round->in_a_row + 1 : 1;
	round->sort = sort_of(call->rule);
	round->newest = *error;
	round->at++;
}
