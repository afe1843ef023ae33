/*
 * The reference interpreter: see reference.h.
 */
#include "compile/reference.h"

#include "policy/special_use.h"

static bool prefix_holds(const struct ip_prefix *prefix, const struct ip_addr *addr)
{
	unsigned host_bits = ip_family_bits(prefix->family) - prefix->length;

	if (prefix->family != addr->family)
		return false;
	if (prefix->length == 0)
		return true;
	return prefix->number >> host_bits == addr->number >> host_bits;
}

static bool prefixes_hold(const struct ip_prefix *prefixes, size_t count,
			  const struct ip_addr *addr)
{
	for (size_t i = 0; i < count; i++) {
		if (prefix_holds(&prefixes[i], addr))
			return true;
	}
	return false;
}

static bool set_holds(const struct address_set *set, const struct ip_addr *addr)
{
	switch (set->kind) {
	case ADDRESS_ANY:
		return true;
	case ADDRESS_PREFIXES:
		return prefixes_hold(set->prefixes, set->prefix_count, addr);
	case ADDRESS_INTERNET:
		return !prefixes_hold(set->prefixes, set->prefix_count, addr) &&
		       !prefixes_hold(special_use, SPECIAL_USE_COUNT, addr);
	}
	return false;
}

static bool side_matches(const struct rule_side *side, const struct ip_addr *addr)
{
	for (size_t i = 0; i < side->set_count; i++) {
		if (set_holds(side->sets[i], addr))
			return true;
	}
	return false;
}

static bool protocol_matches(int wanted, const struct tuple *tuple)
{
	switch (wanted) {
	case RULE_PROTOCOL_ANY:
		return true;
	case RULE_PROTOCOL_ICMP:
		return tuple->protocol == (tuple->source.family == IP_FAMILY_V4
						   ? IP_PROTOCOL_ICMP
						   : IP_PROTOCOL_ICMPV6);
	default:
		return tuple->protocol == wanted;
	}
}

static bool port_matches(const struct port_set *ports, uint8_t protocol, uint16_t port)
{
	if (ports->any)
		return true;
	if (!ip_protocol_has_ports(protocol))
		return false;
	for (size_t i = 0; i < ports->range_count; i++) {
		if (ports->ranges[i].first <= port && port <= ports->ranges[i].last)
			return true;
	}
	return false;
}

struct rule_match reference_rule_fields(const struct rule *rule, const struct tuple *tuple)
{
	return (struct rule_match){
		.protocol = protocol_matches(rule->protocol, tuple),
		.source = side_matches(&rule->source, &tuple->source),
		.source_port =
			port_matches(&rule->source_ports, tuple->protocol, tuple->source_port),
		.destination = side_matches(&rule->destination, &tuple->destination),
		.destination_port = port_matches(&rule->destination_ports, tuple->protocol,
						 tuple->destination_port),
	};
}

/* The cheap fields first: a stream of packets through a long policy spends its time here. */
bool reference_rule_matches(const struct rule *rule, const struct tuple *tuple)
{
	return !rule->matches_nothing && protocol_matches(rule->protocol, tuple) &&
	       port_matches(&rule->destination_ports, tuple->protocol, tuple->destination_port) &&
	       port_matches(&rule->source_ports, tuple->protocol, tuple->source_port) &&
	       side_matches(&rule->destination, &tuple->destination) &&
	       side_matches(&rule->source, &tuple->source);
}

static const struct rule *first_match(const struct rule_list *list, const struct tuple *tuple)
{
	for (size_t i = 0; i < list->count; i++) {
		if (reference_rule_matches(&list->rules[i], tuple))
			return &list->rules[i];
	}
	return NULL;
}

void reference_judge(const struct policy *policy, const struct tuple *tuple, struct judgement *ret)
{
	*ret = (struct judgement){ .access = ACCESS_ALLOW, .stage = STAGE_ACL };

	for (int i = 0; i < STAGES; i++) {
		enum stage stage = program_order[tuple->direction][i];
		const struct rule_table *table = &policy->stage[stage];
		const struct rule *rule;

		if (!table->present)
			continue;
		rule = first_match(&table->list[tuple->direction], tuple);
		if (!rule && stage == STAGE_ACL)
			continue;
		ret->access = rule ? rule->access : ACCESS_DENY;
		ret->decided = true;
		ret->stage = stage;
		ret->rule = rule;
		ret->matched[stage] = rule;
		if (ret->access != ACCESS_ALLOW)
			return;
	}
}
