/*
 * Edits of a policy against the plan in force: see hardware_edit.h.
 */
#include "nic/hardware_edit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define GONE    0xfffe /* above every index, below CLASSIFIER_NO_RULE */
#define NO_RULE CLASSIFIER_NO_RULE
_Static_assert(PROGRAM_CHAIN_MAX < GONE, "no rule's index");

struct hardware_edit {
	const struct ruleset *new;
	/* Of inbound rules: the new index by the old one, or GONE. */
	uint16_t *moved[STAGES];
	size_t count[STAGES];
};

/* --- life --- */

/* What else a plan is made from: see plan_new(), and its options. */
static bool plan_alike(const struct policy *a, const struct policy *b)
{
	if (a->mode != b->mode || a->offload != b->offload || a->source_guard != b->source_guard ||
	    a->icmp_errors != b->icmp_errors || a->address_count != b->address_count ||
	    memcmp(a->names_platform, b->names_platform, sizeof(a->names_platform)) != 0)
		return false;
	for (size_t i = 0; i < a->address_count; i++) {
		if (!ip_addr_equal(&a->addresses[i], &b->addresses[i]))
			return false;
	}
	return true;
}

static bool is_listed(const struct policy_edit_rule *list, size_t count, enum stage stage,
		      size_t index)
{
	for (size_t i = 0; i < count; i++) {
		if (list[i].direction == DIRECTION_INBOUND && list[i].stage == stage &&
		    list[i].index == index)
			return true;
	}
	return false;
}

static int move_chain(struct hardware_edit *edit, const struct ruleset *old, enum stage stage)
{
	const struct policy_edit *rules = &edit->new->edit;
	size_t count = old->program->chain[DIRECTION_INBOUND][stage].count;
	uint16_t present = 0;

	edit->count[stage] = count;
	edit->moved[stage] = malloc((count + 1) * sizeof(*edit->moved[stage]));
	if (!edit->moved[stage])
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		if (is_listed(rules->removed, rules->removed_count, stage, i)) {
			edit->moved[stage][i] = GONE;
			continue;
		}
		while (is_listed(rules->added, rules->added_count, stage, present))
			present++;
		edit->moved[stage][i] = present++;
	}
	return 0;
}

int hardware_edit_new(const struct ruleset *old, const struct ruleset *new,
		      struct hardware_edit **ret)
{
	struct hardware_edit *edit;
	int r = 0;

	*ret = NULL;
	if (!plan_alike(old->policy, new->policy))
		return 0;
	edit = calloc(1, sizeof(*edit));
	if (!edit)
		return -ENOMEM;
	edit->new = new;
	for (int stage = 0; stage < STAGES && r == 0; stage++)
		r = move_chain(edit, old, (enum stage)stage);
	if (r < 0)
		hardware_edit_free(edit);
	else
		*ret = edit;
	return r;
}

void hardware_edit_free(struct hardware_edit *edit)
{
	if (!edit)
		return;
	for (int stage = 0; stage < STAGES; stage++)
		free(edit->moved[stage]);
	free(edit);
}

/* --- where rules meet --- */

static bool group_meets(const struct address_group *group, const struct ip_prefix *prefix,
			enum ip_family family)
{
	const struct ip_range *ranges = group->ranges[family];
	struct ip_range wanted = { 0, ip_low_mask(ip_family_bits(family)) };
	size_t low = 0, high = group->range_count[family];

	if (prefix->length > 0)
		wanted = ip_prefix_range(prefix);
	/* the first range that does not end before it */
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (ranges[middle].last < wanted.first)
			low = middle + 1;
		else
			high = middle;
	}
	return low < group->range_count[family] && ranges[low].first <= wanted.last;
}

/* A mask may have holes: then this takes in more than it matches. */
static bool ports_meet(const struct port_set *ports, uint16_t value, uint16_t mask)
{
	uint16_t first = value & mask, last = first | (uint16_t)~mask;

	if (ports->any)
		return true;
	for (size_t i = 0; i < ports->range_count; i++) {
		if (ports->ranges[i].first <= last && ports->ranges[i].last >= first)
			return true;
	}
	return false;
}

static bool protocol_meets(const struct program_rule *rule, const struct plan_match *match)
{
	static const uint8_t protocols[PLAN_KINDS][IP_FAMILIES] = {
		[PLAN_TCP_SETTLED] = { IP_PROTOCOL_TCP, IP_PROTOCOL_TCP },
		[PLAN_TCP_OPENER] = { IP_PROTOCOL_TCP, IP_PROTOCOL_TCP },
		[PLAN_UDP] = { IP_PROTOCOL_UDP, IP_PROTOCOL_UDP },
		[PLAN_ICMP] = { IP_PROTOCOL_ICMP, IP_PROTOCOL_ICMPV6 },
	};

	if (!match->has_kind)
		return true;
	if (!program_rule_has_protocol(rule, match->family, protocols[match->kind][match->family]))
		return false;
	return match->kind == PLAN_ICMP ||
	       (ports_meet(rule->destination_ports, match->destination_port,
			   match->destination_port_mask) &&
		ports_meet(rule->source_ports, match->source_port, match->source_port_mask));
}

/* Tags are not looked at, so that two may be said to meet that do not. */
static bool rules_meet(const struct program *program, const struct program_rule *rule,
		       const struct plan_match *match)
{
	return protocol_meets(rule, match) &&
	       group_meets(&program->groups[rule->destination], &match->destination,
			   match->family) &&
	       group_meets(&program->groups[rule->source], &match->source, match->family);
}

/* --- what is touched --- */

static uint16_t move(const struct hardware_edit *edit, enum stage stage, uint16_t index)
{
	return index < edit->count[stage] ? edit->moved[stage][index] : NO_RULE;
}

/* May a rule that came change what becomes of packets which `entry` drops, or marks? */
static bool matters(const struct program_rule *rule, enum stage stage,
		    const struct plan_entry *entry)
{
	if (entry->access != ACCESS_DENY)
		return true;
	if (rule->access == ACCESS_DENY)
		return false;
	/* a packet that passes an earlier stage some other way still meets the stage that denies */
	return stage == entry->stage || rule->access == ACCESS_ALWAYS_ALLOW;
}

static bool stage_is_touched(const struct hardware_edit *edit, enum stage stage,
			     const struct plan_entry *entry, const struct plan_match *match)
{
	const struct program *program = edit->new->program;
	const struct policy_edit *rules = &edit->new->edit;
	uint16_t present = move(edit, stage, entry->rule[stage]);

	if (present == GONE)
		return true;
	for (size_t i = 0; i < rules->added_count; i++) {
		const struct policy_edit_rule *at = &rules->added[i];
		const struct program_rule *rule;

		if (at->direction != DIRECTION_INBOUND || at->stage != stage || at->index > present)
			continue;
		rule = &program->chain[DIRECTION_INBOUND][stage].rules[at->index];
		if (matters(rule, stage, entry) && rules_meet(program, rule, match))
			return true;
	}
	return false;
}

bool hardware_edit_touches(void *context, const struct plan *plan, const struct plan_rule *rule)
{
	const struct hardware_edit *edit = context;
	const struct plan_entry *entry;

	if (rule->entry == UINT32_MAX)
		return false;
	entry = &plan->entries[rule->entry];
	for (int i = 0; i < STAGES; i++) {
		enum stage stage = program_order[DIRECTION_INBOUND][i];

		if (stage_is_touched(edit, stage, entry, &rule->match))
			return true;
		if (entry->access != ACCESS_ALLOW && stage == entry->stage)
			return false;
	}
	return false;
}

void hardware_edit_translate(const struct hardware_edit *edit, struct mark_table *table)
{
	for (uint32_t i = 0; i < table->count; i++) {
		struct mark_slot *slot = &table->slots[i];

		for (int stage = 0; stage < STAGES; stage++) {
			uint16_t present = move(edit, (enum stage)stage, slot->verdict.rule[stage]);

			if (present == GONE)
				slot->kind = MARK_VOID;
			slot->verdict.rule[stage] = present == GONE ? NO_RULE : present;
		}
	}
}
