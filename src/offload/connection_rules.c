/*
 * Exact rules for long flows: see connection_rules.h.
 */
#include "offload/connection_rules.h"

#include "offload/installer_round.h"
#include "offload/match.h"

#include <errno.h>
#include <stdlib.h>

#define READ_INTERVAL_MS 1000
/* For so long a device that was full is taken to be. */
#define ROOM_MS 60000

int connection_rules_init(struct connection_rules *rules)
{
	*rules = (struct connection_rules){ .room = SIZE_MAX };
	rules->list = calloc(CONNECTION_RULES_MAX, sizeof(*rules->list));
	if (!rules->list)
		return -ENOMEM;
	rules->count[CONNECTION_RULE_FREE] = CONNECTION_RULES_MAX;
	slot_pool_init(&rules->slots);
	return 0;
}

void connection_rules_fini(struct connection_rules *rules)
{
	slot_pool_fini(&rules->slots);
	free(rules->list);
	rules->list = NULL;
}

static void set_state(struct connection_rules *rules, struct connection_rule *rule,
		      enum connection_rule_state state)
{
	rules->count[rule->state]--;
	rules->count[state]++;
	rule->state = (uint8_t)state;
}

/* --- what is wanted --- */

static struct connection_rule *find_free(struct connection_rules *rules)
{
	for (size_t i = 0; i < rules->used; i++) {
		if (rules->list[i].state == CONNECTION_RULE_FREE)
			return &rules->list[i];
	}
	return rules->used < CONNECTION_RULES_MAX ? &rules->list[rules->used++] : NULL;
}

static bool has_room(const struct connection_rules *rules, uint64_t now)
{
	const size_t taken = CONNECTION_RULES_MAX - rules->count[CONNECTION_RULE_FREE];

	return !rules->is_yielding && taken < CONNECTION_RULES_MAX &&
	       (taken < rules->room || now >= rules->room_until);
}

int connection_rules_add(struct connection_rules *rules, const struct plan_rule *rule, uint64_t now,
			 uint32_t *ret_slot)
{
	struct connection_rule *to;
	uint32_t slot;

	if (!has_room(rules, now))
		return -ENOSPC;
	slot = slot_take(&rules->slots);
	if (slot == SLOT_NONE)
		return -ENOSPC;
	if (slot >= MARK_CONNECTION_SLOTS_MAX) {
		slot_cancel(&rules->slots, slot);
		return -ENOSPC;
	}
	to = find_free(rules);
	*to = (struct connection_rule){ .slot = slot, .rule = *rule };
	set_state(rules, to, CONNECTION_RULE_WANTED);
	*ret_slot = slot;
	return 0;
}

/* Its mark is in the device no more, or never was. */
static void set_free(struct connection_rules *rules, struct connection_rule *rule, bool was_in)
{
	if (was_in)
		slot_return(&rules->slots, rule->slot);
	else
		slot_cancel(&rules->slots, rule->slot);
	rule->handle = NULL;
	set_state(rules, rule, CONNECTION_RULE_FREE);
	while (rules->used > 0 && rules->list[rules->used - 1].state == CONNECTION_RULE_FREE)
		rules->used--;
}

static void send_away(struct connection_rules *rules, struct connection_rule *rule)
{
	if (rule->state == CONNECTION_RULE_WANTED)
		set_free(rules, rule, false);
	else if (rule->state == CONNECTION_RULE_PRESENT)
		set_state(rules, rule, CONNECTION_RULE_LEAVING);
}

void connection_rules_remove(struct connection_rules *rules, uint32_t slot)
{
	for (size_t i = 0; i < rules->used; i++) {
		struct connection_rule *rule = &rules->list[i];

		if (rule->state != CONNECTION_RULE_FREE && rule->slot == slot) {
			send_away(rules, rule);
			return;
		}
	}
}

void connection_rules_clear(struct connection_rules *rules)
{
	for (size_t i = rules->used; i-- > 0;)
		send_away(rules, &rules->list[i]);
	rules->leave_at = 0;
}

void connection_rules_yield(struct connection_rules *rules, uint64_t now)
{
	const size_t present = rules->count[CONNECTION_RULE_PRESENT];

	if (present + rules->count[CONNECTION_RULE_LEAVING] == 0 || rules->is_yielding)
		return;
	rules->room = present / 2;
	rules->room_until = now + ROOM_MS;
	rules->is_yielding = true;
	connection_rules_clear(rules);
}

void connection_rules_forget(struct connection_rules *rules)
{
	for (size_t i = rules->used; i-- > 0;) {
		struct connection_rule *rule = &rules->list[i];

		if (rule->state != CONNECTION_RULE_FREE)
			set_free(rules, rule, rule->handle != NULL);
	}
	rules->is_yielding = false;
	rules->leave_at = 0;
	rules->leave_failed = 0;
	rules->room = SIZE_MAX;
}

/* --- calls --- */

/* One of that state, taking turns; there is one. */
static struct connection_rule *find(struct connection_rules *rules,
				    enum connection_rule_state state)
{
	for (;;) {
		struct connection_rule *rule = &rules->list[rules->at++ % rules->used];

		if (rule->state == state)
			return rule;
	}
}

static struct flow_call call_of(const struct connection_rules *rules, struct connection_rule *rule,
				enum flow_call_kind kind)
{
	return (struct flow_call){
		.kind = kind,
		.rule = &rule->rule,
		.mark = mark_of_connection(rule->slot),
		.handle = rule->handle,
		.index = (size_t)(rule - rules->list),
	};
}

static bool next_reading(struct connection_rules *rules, uint64_t now, struct flow_call *ret)
{
	if (now < rules->read_next || rules->count[CONNECTION_RULE_PRESENT] == 0)
		return false;
	while (rules->read_at < rules->used) {
		struct connection_rule *rule = &rules->list[rules->read_at++];

		if (rule->state != CONNECTION_RULE_PRESENT || !rule->counted)
			continue;
		*ret = call_of(rules, rule, FLOW_QUERY);
		return true;
	}
	rules->read_at = 0;
	rules->read_next = now + READ_INTERVAL_MS;
	return false;
}

bool connection_rules_next(struct connection_rules *rules, bool creates, bool counts, uint64_t now,
			   struct flow_call *ret)
{
	if (rules->count[CONNECTION_RULE_LEAVING] > 0 && now >= rules->leave_at) {
		*ret = call_of(rules, find(rules, CONNECTION_RULE_LEAVING), FLOW_DESTROY);
		return true;
	}
	if (creates && rules->count[CONNECTION_RULE_WANTED] > 0) {
		struct connection_rule *rule = find(rules, CONNECTION_RULE_WANTED);

		*ret = call_of(rules, rule, FLOW_CREATE);
		ret->counted = counts && !rule->try_uncounted;
		return true;
	}
	return next_reading(rules, now, ret);
}

static bool is_full(int r)
{
	return r == -ENOSPC || r == -ENOMEM;
}

static void create_done(struct connection_rules *rules, struct connection_rule *rule,
			const struct flow_call *call, int r, const struct flow_error *error,
			uint64_t now)
{
	if (r == 0) {
		rule->handle = call->handle;
		rule->counted = call->counted;
		set_state(rules, rule, CONNECTION_RULE_PRESENT);
		return;
	}
	if (call->counted) {
		rule->try_uncounted = true;
		return;
	}
	rules->newest = *error;
	set_free(rules, rule, false);
	if (is_full(r)) {
		rules->room = rules->count[CONNECTION_RULE_PRESENT];
		rules->room_until = now + ROOM_MS;
	}
}

static void destroy_done(struct connection_rules *rules, struct connection_rule *rule, int r,
			 uint64_t now)
{
	if (r < 0) {
		rules->leave_at = now + round_backoff(rules->leave_failed++);
		return;
	}
	rules->leave_failed = 0;
	set_free(rules, rule, true);
}

void connection_rules_done(struct connection_rules *rules, const struct flow_call *call, int r,
			   const struct flow_error *error, uint64_t now)
{
	struct connection_rule *rule = &rules->list[call->index];

	switch (call->kind) {
	case FLOW_CREATE:
		create_done(rules, rule, call, r, error, now);
		break;
	case FLOW_DESTROY:
		destroy_done(rules, rule, r, now);
		break;
	case FLOW_QUERY:
		rule->packets = r < 0 ? rule->packets : call->count.packets;
		break;
	}
}

uint64_t connection_rules_wakeup(const struct connection_rules *rules)
{
	uint64_t at = UINT64_MAX;

	if (rules->count[CONNECTION_RULE_LEAVING] > 0)
		at = rules->leave_at;
	if (rules->count[CONNECTION_RULE_PRESENT] > 0 && rules->read_next < at)
		at = rules->read_next;
	return at;
}

/* --- where --- */

/* Rules of connections look as deep as L4, and so win over those of their priority that do not. */
static bool place_above(const struct plan *plan, uint32_t group, uint32_t *ret_priority)
{
	const struct plan_rule *first = NULL;

	for (size_t i = 0; i < plan->rule_count; i++) {
		const struct plan_rule *rule = &plan->rules[i];

		if (rule->group == group && (!first || match_rank(rule) < match_rank(first)))
			first = rule;
	}
	if (!first || (first->match.has_kind && first->priority == 0))
		return false;
	*ret_priority = first->priority - first->match.has_kind;
	return true;
}

bool connection_rules_place(const struct plan *plan, uint32_t *ret_group, uint32_t *ret_priority)
{
	uint32_t last = 0;

	if (plan->tier < TIER_T2)
		return false;
	for (size_t i = 0; i < plan->rule_count; i++)
		last = plan->rules[i].group > last ? plan->rules[i].group : last;
	if (plan->tier == TIER_T3 && last == 0)
		return false;
	*ret_group = last;
	return place_above(plan, last, ret_priority);
}
