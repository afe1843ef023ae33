/*
 * Device rules, summed by the rule of the policy that they stand for: see hardware_rules.h.
 */
#include "nic/hardware_rules.h"

#include "classify/ruleset.h"
#include "nic/nic_private.h"

#include <errno.h>
#include <stdlib.h>

static bool decides(const struct plan_rule *rule)
{
	return rule->cause == PLAN_FOR_RULE &&
	       (rule->action == PLAN_MARK || rule->action == PLAN_DROP);
}

static void add(struct hardware_rules *rules, enum stage stage, uint16_t index, uint32_t at)
{
	const struct offload_rule *device = rules->device ? &rules->device[at] : NULL;
	const struct plan_rule *planned = &rules->plan->rules[at];
	struct hardware_rule *rule = &rules->of[stage][index];

	if (rule->planned++ == 0)
		rule->first = at;
	else
		rules->next[stage][rule->last] = at;
	rule->last = at;
	if (!device)
		return;
	rule->installed += device->installed;
	if (!device->installed && (device->pmd_error || device->blocked)) {
		rule->refused++;
		if (!rule->refusal || !rule->refusal->pmd_error)
			rule->refusal = device;
	}
	if (planned->action != PLAN_DROP)
		return;
	rule->uncounted += device->installed && !device->counted;
	rule->dropped += device->hits;
	if (device->last_hit > rule->last_drop)
		rule->last_drop = device->last_hit;
}

/* The rules that a packet meets, up to the one that decides: as software counts them. */
static void add_entry(struct hardware_rules *rules, uint32_t at)
{
	const struct plan_entry *entry = &rules->plan->entries[rules->plan->rules[at].entry];

	for (int i = 0; i < STAGES; i++) {
		enum stage stage = program_order[DIRECTION_INBOUND][i];

		if (entry->rule[stage] != UINT16_MAX)
			add(rules, stage, entry->rule[stage], at);
		if (entry->access == ACCESS_DENY && entry->stage == stage)
			return;
	}
}

static struct hardware_rules *rules_for(const struct plan *plan, const struct program *program)
{
	struct hardware_rules *rules = calloc(1, sizeof(*rules));

	if (!rules)
		return NULL;
	rules->plan = plan;
	for (int s = 0; s < STAGES; s++) {
		rules->of[s] = calloc(program->chain[DIRECTION_INBOUND][s].count + 1,
				      sizeof(*rules->of[s]));
		rules->next[s] = calloc(plan->rule_count + 1, sizeof(*rules->next[s]));
		if (!rules->of[s] || !rules->next[s]) {
			hardware_rules_free(rules);
			return NULL;
		}
	}
	return rules;
}

static void add_all(struct hardware_rules *rules)
{
	for (uint32_t i = 0; i < rules->plan->rule_count; i++) {
		if (decides(&rules->plan->rules[i]))
			add_entry(rules, i);
	}
}

/* --- from plan to plan --- */

static void add_carried(struct hardware_rules *rules, const struct hardware_carry *carry)
{
	for (int s = 0; s < STAGES; s++) {
		for (size_t i = 0; i < carry->count[s]; i++) {
			const struct hardware_carried *carried = &carry->of[s][i];
			struct hardware_rule *rule = &rules->of[s][i];

			rule->dropped += carried->dropped;
			if (carried->last_drop > rule->last_drop)
				rule->last_drop = carried->last_drop;
		}
	}
}

void hardware_rules_forget(struct nic *nic)
{
	for (int s = 0; s < STAGES; s++)
		free(nic->hardware.carry.of[s]);
	nic->hardware.carry = (struct hardware_carry){ 0 };
}

static int carry_stage(const struct hardware_rule *rules, size_t count,
		       struct hardware_carried **ret)
{
	struct hardware_carried *carried = calloc(count + 1, sizeof(*carried));

	if (!carried)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		carried[i].dropped = rules[i].dropped;
		carried[i].last_drop = rules[i].last_drop;
	}
	*ret = carried;
	return 0;
}

int hardware_rules_carry(struct nic *nic)
{
	const struct program *program = nic_snapshot(nic)->ruleset->program;
	struct hardware_carry *carry = &nic->hardware.carry;
	struct hardware_rules *rules;
	int r = hardware_rules_new(nic, &rules);

	if (r == 0 && !rules)
		return 0;
	hardware_rules_forget(nic);
	for (int s = 0; r == 0 && s < STAGES; s++) {
		const size_t count = program->chain[DIRECTION_INBOUND][s].count;

		r = carry_stage(rules->of[s], count, &carry->of[s]);
		carry->count[s] = r == 0 ? count : 0;
	}
	hardware_rules_free(rules);
	if (r < 0)
		hardware_rules_forget(nic);
	return r;
}

/* --- making them --- */

int hardware_rules_of_plan(const struct plan *plan, const struct program *program,
			   struct hardware_rules **ret)
{
	struct hardware_rules *rules = rules_for(plan, program);

	if (!rules)
		return -ENOMEM;
	add_all(rules);
	*ret = rules;
	return 0;
}

int hardware_rules_new(const struct nic *nic, struct hardware_rules **ret)
{
	const struct plan *plan = hardware_plan(nic);
	struct hardware_rules *rules;

	*ret = NULL;
	if (!plan)
		return 0;
	rules = rules_for(plan, nic_snapshot(nic)->ruleset->program);
	if (!rules)
		return -ENOMEM;
	rules->device_count = plan->rule_count;
	rules->device = calloc(plan->rule_count + 1, sizeof(*rules->device));
	if (!rules->device) {
		hardware_rules_free(rules);
		return -ENOMEM;
	}
	(void)offload_rules(nic->hardware.offload, rules->device, rules->device_count);
	add_all(rules);
	add_carried(rules, &nic->hardware.carry);
	*ret = rules;
	return 0;
}

void hardware_rules_free(struct hardware_rules *rules)
{
	if (!rules)
		return;
	for (int s = 0; s < STAGES; s++) {
		free(rules->of[s]);
		free(rules->next[s]);
	}
	free(rules->device);
	free(rules);
}

static void count_where(const struct hardware_rules *rules, enum stage stage, size_t index,
			struct hardware_split *split)
{
	const struct hardware_rule none = { 0 };
	const struct hardware_rule *rule = rules ? &rules->of[stage][index] : &none;
	enum hardware_where where = hardware_rule_where(rule);

	if (where == HARDWARE_IN || (where == HARDWARE_COMING && !rules->device))
		split->hardware++;
	else if (where == HARDWARE_REFUSED)
		split->refused++;
	else
		split->software++;
}

void hardware_split(const struct ruleset *ruleset, const struct hardware_rules *rules,
		    struct hardware_split *ret)
{
	*ret = (struct hardware_split){ 0 };
	for (int s = 0; ruleset->has_policy && s < STAGES; s++) {
		const struct program_chain *chain = &ruleset->program->chain[DIRECTION_INBOUND][s];

		for (size_t i = 0; i < chain->count; i++) {
			if (!chain->rules[i].rule->is_default)
				count_where(rules, (enum stage)s, i, ret);
		}
		chain = &ruleset->program->chain[DIRECTION_OUTBOUND][s];
		for (size_t i = 0; i < chain->count; i++)
			ret->software += !chain->rules[i].rule->is_default;
	}
}

enum hardware_where hardware_rule_where(const struct hardware_rule *rule)
{
	if (rule->planned == 0)
		return HARDWARE_NOT;
	if (rule->refused > 0)
		return HARDWARE_REFUSED;
	return rule->installed == rule->planned ? HARDWARE_IN : HARDWARE_COMING;
}
