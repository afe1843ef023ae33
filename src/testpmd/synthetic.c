/*
 * Building of struct policy by hand: see synthetic.h.
 */
#include "testpmd/synthetic.h"

#include <stdlib.h>
#include <string.h>

static void *checked(void *memory)
{
	if (!memory)
		abort();
	return memory;
}

static void *copy(const void *from, size_t count, size_t size)
{
	if (count == 0)
		return NULL;
	return memcpy(checked(malloc(count * size)), from, count * size);
}

/* Room for one more in an array whose capacity is the power of two at or above its count. */
static void *grow(void *array, size_t count, size_t size)
{
	if (count & (count - 1))
		return array;
	return checked(reallocarray(array, count ? count * 2 : 1, size));
}

const struct address_set *synthetic_set(struct policy *policy, enum address_kind kind,
					const char *name, const struct ip_prefix *prefixes,
					size_t count)
{
	struct address_set *set = checked(calloc(1, sizeof(*set)));

	set->name = name ? checked(strdup(name)) : NULL;
	set->kind = kind;
	set->prefixes = copy(prefixes, count, sizeof(*prefixes));
	set->prefix_count = count;
	policy->sets = grow(policy->sets, policy->set_count, sizeof(*policy->sets));
	policy->sets[policy->set_count++] = set;
	return set;
}

static struct rule_side copy_side(const struct synthetic_side *side)
{
	return (struct rule_side){
		.sets = copy(side->sets, side->set_count, sizeof(*side->sets)),
		.set_count = side->set_count,
	};
}

static struct port_set copy_ports(const struct synthetic_side *side)
{
	return (struct port_set){
		.any = !side->ports,
		.ranges = side->ports ? copy(side->ports, side->port_count, sizeof(*side->ports))
				      : NULL,
		.range_count = side->ports ? side->port_count : 0,
	};
}

void synthetic_rule(struct policy *policy, enum stage stage, enum direction direction,
		    const struct synthetic_rule *rule)
{
	struct rule_table *table = &policy->stage[stage];
	struct rule_list *list = &table->list[direction];

	table->present = true;
	table->user_rules += !rule->is_default;
	list->rules = grow(list->rules, list->count, sizeof(*list->rules));
	list->rules[list->count++] = (struct rule){
		.name = checked(strdup(rule->name)),
		.priority = rule->priority,
		.direction = direction,
		.access = rule->access,
		.protocol = rule->protocol,
		.source = copy_side(&rule->source),
		.destination = copy_side(&rule->destination),
		.source_ports = copy_ports(&rule->source),
		.destination_ports = copy_ports(&rule->destination),
		.is_default = rule->is_default,
		.matches_nothing = rule->matches_nothing,
	};
}

void synthetic_defaults(struct policy *policy, enum stage stage,
			const struct address_set *virtual_network)
{
	static const struct ip_prefix platform = { .family = IP_FAMILY_V4,
						   .length = 32,
						   .number = SYNTHETIC_PLATFORM_ADDRESS };
	const struct address_set *any = synthetic_set(policy, ADDRESS_ANY, NULL, NULL, 0);
	const struct address_set *balancer =
		synthetic_set(policy, ADDRESS_PREFIXES, "AzureLoadBalancer", &platform, 1);
	const struct address_set *internet =
		synthetic_set(policy, ADDRESS_INTERNET, "Internet", virtual_network->prefixes,
			      virtual_network->prefix_count);
	const struct {
		const char *name;
		const struct address_set *source, *destination;
		enum direction direction;
		uint16_t priority;
		enum access access;
	} defaults[] = {
		{ "AllowVnetInBound", virtual_network, virtual_network, DIRECTION_INBOUND, 65000,
		  ACCESS_ALLOW },
		{ "AllowAzureLoadBalancerInBound", balancer, any, DIRECTION_INBOUND, 65001,
		  ACCESS_ALLOW },
		{ "DenyAllInBound", any, any, DIRECTION_INBOUND, 65500, ACCESS_DENY },
		{ "AllowVnetOutBound", virtual_network, virtual_network, DIRECTION_OUTBOUND, 65000,
		  ACCESS_ALLOW },
		{ "AllowInternetOutBound", any, internet, DIRECTION_OUTBOUND, 65001, ACCESS_ALLOW },
		{ "DenyAllOutBound", any, any, DIRECTION_OUTBOUND, 65500, ACCESS_DENY },
	};

	for (size_t i = 0; i < sizeof(defaults) / sizeof(*defaults); i++) {
		struct synthetic_rule rule = {
			.name = defaults[i].name,
			.priority = defaults[i].priority,
			.access = defaults[i].access,
			.protocol = RULE_PROTOCOL_ANY,
			.source = { .sets = &defaults[i].source, .set_count = 1 },
			.destination = { .sets = &defaults[i].destination, .set_count = 1 },
			.is_default = true,
		};

		synthetic_rule(policy, stage, defaults[i].direction, &rule);
	}
}
