/*
 * The policy model's life and names: see policy.h.
 */
#include "policy/policy.h"

#include "policy/alloc.h"

#include <stdlib.h>

void rule_fini(struct rule *rule)
{
	free(rule->name);
	free(rule->description);
	free(rule->source.sets);
	free(rule->destination.sets);
	free(rule->source_ports.ranges);
	free(rule->destination_ports.ranges);
}

static void table_fini(struct rule_table *table)
{
	free(table->name);
	for (size_t d = 0; d < DIRECTIONS; d++) {
		for (size_t i = 0; i < table->list[d].count; i++)
			rule_fini(&table->list[d].rules[i]);
		free(table->list[d].rules);
	}
}

static void set_free(struct address_set *set)
{
	free(set->name);
	free(set->prefixes);
	free(set);
}

void policy_free(struct policy *policy)
{
	if (!policy)
		return;
	for (size_t i = 0; i < STAGES; i++)
		table_fini(&policy->stage[i]);
	for (size_t i = 0; i < policy->set_count; i++)
		set_free(policy->sets[i]);
	free(policy->sets);
	free(policy->addresses);
	free(policy);
}

void policy_freep(struct policy **policy)
{
	policy_free(*policy);
}

struct policy *policy_new_empty(void)
{
	struct policy *policy = alloc_zero(1, sizeof(*policy));

	policy->source_guard = true;
	return policy;
}

const char *direction_name(enum direction direction)
{
	return direction == DIRECTION_INBOUND ? "Inbound" : "Outbound";
}

const char *access_name(enum access access)
{
	static const char *const names[] = {
		[ACCESS_DENY] = "Deny",
		[ACCESS_ALLOW] = "Allow",
		[ACCESS_ALWAYS_ALLOW] = "AlwaysAllow",
	};

	return names[access];
}

const char *stage_name(enum stage stage)
{
	static const char *const names[] = {
		[STAGE_ACL] = "acl",
		[STAGE_SUBNET] = "subnet",
		[STAGE_NIC] = "nic",
	};

	return names[stage];
}
