/*
 * A policy to a staged program: see program.h.
 */
#include "compile/program.h"

#include "compile/groups.h"
#include "compile/program_build.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

bool address_group_holds(const struct address_group *group, const struct ip_addr *addr)
{
	const struct ip_range *ranges = group->ranges[addr->family];
	size_t low = 0, high = group->range_count[addr->family];

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (addr->number < ranges[middle].first)
			high = middle;
		else if (addr->number > ranges[middle].last)
			low = middle + 1;
		else
			return true;
	}
	return false;
}

static void set_protocol(uint64_t bits[4], uint8_t protocol)
{
	bits[protocol / 64] |= UINT64_C(1) << (protocol % 64);
}

static void rule_protocols(const struct rule *rule, enum ip_family family, uint64_t bits[4])
{
	uint64_t with_ports[4] = { 0 };

	memset(bits, 0, 4 * sizeof(*bits));
	if (rule->matches_nothing)
		return;
	if (rule->protocol == RULE_PROTOCOL_ANY)
		memset(bits, 0xff, 4 * sizeof(*bits));
	else if (rule->protocol == RULE_PROTOCOL_ICMP)
		set_protocol(bits, family == IP_FAMILY_V4 ? IP_PROTOCOL_ICMP : IP_PROTOCOL_ICMPV6);
	else
		set_protocol(bits, (uint8_t)rule->protocol);

	if (rule->source_ports.any && rule->destination_ports.any)
		return;
	set_protocol(with_ports, IP_PROTOCOL_TCP);
	set_protocol(with_ports, IP_PROTOCOL_UDP);
	set_protocol(with_ports, IP_PROTOCOL_SCTP);
	for (int i = 0; i < 4; i++)
		bits[i] &= with_ports[i];
}

int program_rule_init(struct program_rule *ret, struct group_table *groups, const struct rule *rule)
{
	int r = group_table_side(groups, &rule->source, &ret->source);

	if (r == 0)
		r = group_table_side(groups, &rule->destination, &ret->destination);
	ret->rule = rule;
	for (int family = 0; family < IP_FAMILIES; family++)
		rule_protocols(rule, (enum ip_family)family, ret->protocols[family]);
	ret->source_ports = &rule->source_ports;
	ret->destination_ports = &rule->destination_ports;
	ret->access = rule->access;
	return r;
}

static int build_chain(struct group_table *groups, const struct rule_table *table,
		       enum direction direction, struct program_chain *chain)
{
	const struct rule_list *list = &table->list[direction];
	int r = 0;

	chain->present = table->present;
	if (!table->present || list->count == 0)
		return 0;
	chain->rules = calloc(list->count, sizeof(*chain->rules));
	if (!chain->rules)
		return -ENOMEM;
	chain->count = list->count;
	for (size_t i = 0; i < list->count && r == 0; i++)
		r = program_rule_init(&chain->rules[i], groups, &list->rules[i]);
	return r;
}

int program_check_size(const struct policy *policy, struct accelnet_error *err)
{
	for (int stage = 0; stage < STAGES; stage++) {
		for (int direction = 0; direction < DIRECTIONS; direction++) {
			size_t count = policy->stage[stage].list[direction].count;

			if (count > PROGRAM_CHAIN_MAX)
				return fail(err, ACCELNET_E_LIMIT, NULL,
					    "%zu %s rules at level %s; at most %d are supported",
					    count, direction_name((enum direction)direction),
					    stage_name((enum stage)stage), PROGRAM_CHAIN_MAX);
		}
	}
	return 0;
}

static int build(const struct policy *policy, struct program *program)
{
	struct group_table *groups = group_table_new();
	int r = groups ? 0 : -ENOMEM;

	for (int stage = 0; stage < STAGES && r == 0; stage++) {
		for (int direction = 0; direction < DIRECTIONS && r == 0; direction++)
			r = build_chain(groups, &policy->stage[stage], (enum direction)direction,
					&program->chain[direction][stage]);
	}
	if (r == 0)
		program->groups = group_table_take(groups, &program->group_count);
	group_table_free(groups);
	return r;
}

int program_new(const struct policy *policy, struct program **ret, struct accelnet_error *err)
{
	struct program *program;
	int r = program_check_size(policy, err);

	if (r < 0)
		return r;
	program = calloc(1, sizeof(*program));
	if (program)
		program->users = 1;
	if (!program || build(policy, program) < 0) {
		program_free(program);
		return fail(err, ACCELNET_E_MEMORY, NULL, "no memory to compile the policy");
	}
	*ret = program;
	return 0;
}

void program_free(struct program *program)
{
	if (!program || --program->users > 0)
		return;
	for (int direction = 0; direction < DIRECTIONS; direction++) {
		for (int stage = 0; stage < STAGES; stage++)
			free(program->chain[direction][stage].rules);
	}
	for (size_t i = program->own_groups; i < program->group_count; i++)
		address_group_fini(&program->groups[i]);
	free(program->groups);
	program_free(program->base);
	free(program);
}
