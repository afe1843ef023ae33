/*
 * Small changes to a policy: see mutate_policy.h.
 */
#include "support/mutate_policy.h"

#include "support/border.h"

#include <stdlib.h>
#include <string.h>

static size_t own_rules(const struct rule_list *list)
{
	size_t count = 0;

	while (count < list->count && !list->rules[count].is_default)
		count++;
	return count;
}

/* Inbound, with rules of its own; NULL: there is none. */
static struct rule_list *pick_list(struct policy *policy, struct random *random,
				   enum stage *ret_stage)
{
	uint32_t first = random_below(random, STAGES);

	for (uint32_t i = 0; i < STAGES; i++) {
		enum stage stage = (enum stage)((first + i) % STAGES);
		struct rule_list *list = &policy->stage[stage].list[DIRECTION_INBOUND];

		if (own_rules(list) > 0) {
			*ret_stage = stage;
			return list;
		}
	}
	return NULL;
}

static void turn_access(struct rule *rule, enum stage stage, struct random *random)
{
	if (stage == STAGE_ACL)
		rule->access = (enum access)random_below(random, 3);
	else
		rule->access = rule->access == ACCESS_ALLOW ? ACCESS_DENY : ACCESS_ALLOW;
}

static void remove_rule(struct rule_list *list, size_t at)
{
	rule_fini(&list->rules[at]);
	memmove(&list->rules[at], &list->rules[at + 1],
		(list->count - at - 1) * sizeof(*list->rules));
	list->count--;
}

static void exchange(struct rule_list *list, size_t a, size_t b)
{
	struct rule rule = list->rules[a];

	list->rules[a] = list->rules[b];
	list->rules[b] = rule;
}

/* The last range grows or shrinks at its end, where it stays a range. */
static void move_port(struct port_set *ports, struct random *random)
{
	struct port_range *range;

	if (ports->range_count == 0)
		return;
	range = &ports->ranges[ports->range_count - 1];
	if (range->last > range->first && random_percent(random, 50))
		range->last--;
	else if (range->last < UINT16_MAX - 1)
		range->last++;
}

static void turn_guard(struct policy *policy, struct random *random)
{
	free(policy->addresses);
	policy->addresses = NULL;
	policy->address_count = 0;
	policy->source_guard = !policy->source_guard;
	if (!policy->source_guard)
		return;
	policy->addresses = calloc(1, sizeof(*policy->addresses));
	policy->addresses[0] = border_tuple(policy, random).source;
	policy->address_count = 1;
}

static void shrink_set(struct policy *policy, struct random *random)
{
	struct address_set *set = policy->sets[random_below(random, (uint32_t)policy->set_count)];

	if (set->kind == ADDRESS_PREFIXES && set->prefix_count > 1)
		set->prefix_count--;
}

void mutate_policy(struct policy *policy, struct random *random)
{
	uint32_t what = random_below(random, 100);
	enum stage stage;
	struct rule_list *list = pick_list(policy, random, &stage);
	size_t count = list ? own_rules(list) : 0;
	uint32_t at = count ? random_below(random, (uint32_t)count) : 0;

	if (what < 6)
		turn_guard(policy, random);
	else if (what < 10)
		policy->mode = policy->mode == POLICY_AUDIT ? POLICY_ENFORCE : POLICY_AUDIT;
	else if (what < 18 && policy->set_count > 0)
		shrink_set(policy, random);
	else if (count == 0)
		return;
	else if (what < 50)
		turn_access(&list->rules[at], stage, random);
	else if (what < 65)
		remove_rule(list, at);
	else if (what < 85)
		exchange(list, at, random_below(random, (uint32_t)count));
	else
		move_port(&list->rules[at].destination_ports, random);
}
