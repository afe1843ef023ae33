/*
 * Border tuples: see border.h.
 */
#include "support/border.h"

#include "policy/special_use.h"

#include <stdio.h>

static const struct rule *pick_rule(const struct policy *policy, struct random *random)
{
	const struct rule_list *lists[STAGES * DIRECTIONS];
	unsigned count = 0;

	for (int stage = 0; stage < STAGES; stage++) {
		for (int direction = 0; direction < DIRECTIONS; direction++) {
			if (policy->stage[stage].list[direction].count > 0)
				lists[count++] = &policy->stage[stage].list[direction];
		}
	}
	if (count == 0)
		return NULL;
	count = random_below(random, count);
	return &lists[count]->rules[random_below(random, (uint32_t)lists[count]->count)];
}

static ip_number at_border(struct ip_range range, enum ip_family family, struct random *random)
{
	ip_number width = ip_low_mask(ip_family_bits(family));

	switch (random_below(random, 5)) {
	case 0:
		return (range.first - 1) & width;
	case 1:
		return range.first;
	case 2:
		return range.last;
	case 3:
		return (range.last + 1) & width;
	default:
		return range.first + (range.last - range.first) / 2;
	}
}

static ip_number any_address(enum ip_family family, struct random *random)
{
	ip_number number = (ip_number)random_next(random) << 64 | random_next(random);

	return number & ip_low_mask(ip_family_bits(family));
}

static ip_number side_border(const struct rule_side *side, enum ip_family family,
			     struct random *random)
{
	const struct address_set *set = side->sets[random_below(random, (uint32_t)side->set_count)];
	const struct ip_prefix *prefixes = set->prefixes;
	uint32_t count = (uint32_t)set->prefix_count;

	if (set->kind == ADDRESS_INTERNET && random_percent(random, 50)) {
		prefixes = special_use;
		count = SPECIAL_USE_COUNT;
	}
	/* a few tries to find one of the family */
	for (int i = 0; i < 4 && count > 0; i++) {
		const struct ip_prefix *prefix = &prefixes[random_below(random, count)];

		if (prefix->family == family)
			return at_border(ip_prefix_range(prefix), family, random);
	}
	return any_address(family, random);
}

static uint16_t port_border(const struct port_set *ports, struct random *random)
{
	static const uint16_t others[] = { 0, 1, 65534, 65535 };
	const struct port_range *range;

	if (ports->range_count == 0)
		return random_percent(random, 40) ? others[random_below(random, 4)]
						  : (uint16_t)random_next(random);
	range = &ports->ranges[random_below(random, (uint32_t)ports->range_count)];
	switch (random_below(random, 4)) {
	case 0:
		return (uint16_t)(range->first - 1);
	case 1:
		return range->first;
	case 2:
		return range->last;
	default:
		return (uint16_t)(range->last + 1);
	}
}

static uint8_t some_protocol(int wanted, enum ip_family family, struct random *random)
{
	static const uint8_t all[] = { IP_PROTOCOL_TCP,
				       IP_PROTOCOL_UDP,
				       IP_PROTOCOL_SCTP,
				       IP_PROTOCOL_ICMP,
				       IP_PROTOCOL_ESP,
				       IP_PROTOCOL_AH,
				       IP_PROTOCOL_ICMPV6,
				       0,
				       47,
				       255 };

	if (wanted == RULE_PROTOCOL_ANY || random_percent(random, 15))
		return all[random_below(random, sizeof(all))];
	if (wanted == RULE_PROTOCOL_ICMP)
		return family == IP_FAMILY_V4 ? IP_PROTOCOL_ICMP : IP_PROTOCOL_ICMPV6;
	return (uint8_t)wanted;
}

struct tuple border_tuple(const struct policy *policy, struct random *random)
{
	enum ip_family family = random_percent(random, 60) ? IP_FAMILY_V4 : IP_FAMILY_V6;
	const struct rule *rule = pick_rule(policy, random);
	bool aimed = random_percent(random, 70);
	struct tuple tuple = {
		.direction = (enum direction)random_below(random, DIRECTIONS),
		.source = { family, any_address(family, random) },
		.destination = { family, any_address(family, random) },
		.protocol = some_protocol(RULE_PROTOCOL_ANY, family, random),
	};

	if (!rule)
		return tuple;
	if (aimed)
		tuple.direction = rule->direction;
	tuple.protocol = some_protocol(rule->protocol, family, random);
	tuple.source.number = side_border(&rule->source, family, random);
	tuple.source_port = port_border(&rule->source_ports, random);
	if (!aimed)
		rule = pick_rule(policy, random);
	tuple.destination.number = side_border(&rule->destination, family, random);
	tuple.destination_port = port_border(&rule->destination_ports, random);
	return tuple;
}

char *tuple_text(const struct tuple *tuple, char *buffer)
{
	char source[IP_TEXT_MAX], destination[IP_TEXT_MAX];

	(void)snprintf(buffer, TUPLE_TEXT_MAX, "%s protocol %u %s port %u to %s port %u",
		       direction_name(tuple->direction), tuple->protocol,
		       ip_addr_format(&tuple->source, source), tuple->source_port,
		       ip_addr_format(&tuple->destination, destination), tuple->destination_port);
	return buffer;
}
