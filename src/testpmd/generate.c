/*
 * The dice and weights behind generate.h.
 */
#include "testpmd/generate.h"

#include "testpmd/random.h"
#include "testpmd/synthetic.h"

#include <stdio.h>
#include <stdlib.h>

/* One of a list of choices, each with its weight. */
struct choice {
	unsigned value;
	unsigned weight;
};

struct shape {
	const char *name;
	struct choice source_length[12];
	struct choice destination_length[12];
	unsigned rules_per_source; /* how many rules share a neighbourhood of sources */
	unsigned rules_per_destination;
	unsigned near_source_bits; /* how far apart neighbours stand */
	unsigned near_destination_bits;
	unsigned far_percent;      /* rules whose sides stand further apart */
	unsigned one_port_percent; /* the rest: range_percent ranges, then any port */
	unsigned range_percent;
	unsigned high_ports_percent; /* 1024-65535 */
	bool own_ports;              /* most single ports are the rule's own */
	unsigned source_port_percent;
	struct choice protocol[4];
};

static const struct shape shapes[] = {
	[GENERATE_NSG] = {
		.name = "nsg",
		.source_length = { { 0, 12 }, { 8, 4 }, { 12, 4 }, { 16, 12 }, { 24, 28 },
				   { 28, 10 }, { 32, 30 } },
		.destination_length = { { 0, 10 }, { 16, 12 }, { 24, 40 }, { 26, 10 }, { 28, 10 },
					{ 32, 18 } },
		.rules_per_source = 12,
		.rules_per_destination = 25,
		.near_source_bits = 12,
		.near_destination_bits = 8,
		.one_port_percent = 60,
		.range_percent = 25,
		.source_port_percent = 5,
		.protocol = { { IP_PROTOCOL_TCP, 72 }, { IP_PROTOCOL_UDP, 18 }, { 256, 10 } },
	},
	[GENERATE_ACL1] = {
		.name = "acl1",
		.source_length = { { 0, 5 }, { 8, 1 }, { 16, 4 }, { 20, 4 }, { 24, 22 }, { 27, 5 },
				   { 28, 7 }, { 29, 7 }, { 30, 9 }, { 31, 3 }, { 32, 33 } },
		.destination_length = { { 0, 2 }, { 16, 4 }, { 20, 2 }, { 23, 4 }, { 24, 18 },
					{ 26, 4 }, { 28, 6 }, { 30, 6 }, { 31, 4 }, { 32, 50 } },
		.rules_per_source = 12,
		.rules_per_destination = 25,
		.near_source_bits = 10,
		.near_destination_bits = 8,
		.far_percent = 20,
		.one_port_percent = 45,
		.range_percent = 15,
		.high_ports_percent = 8,
		.own_ports = true,
		.protocol = { { IP_PROTOCOL_TCP, 70 }, { IP_PROTOCOL_UDP, 12 }, { 256, 18 } },
	},
};

/* What a rule is about, small enough to be compared. */
struct draft {
	struct ip_prefix source;
	struct ip_prefix destination;
	struct port_range source_ports;
	struct port_range destination_ports;
	int protocol;
};

struct generator {
	const struct shape *shape;
	struct random random;
	uint32_t *sources;
	uint32_t source_count;
	uint32_t *destinations;
	uint32_t destination_count;
	struct draft *drafts;
	size_t count;
};

static void *checked(void *memory)
{
	if (!memory)
		abort();
	return memory;
}

const char *generate_kind_name(enum generate_kind kind)
{
	return shapes[kind].name;
}

static unsigned choose(struct random *random, const struct choice *choices)
{
	unsigned total = 0, dice, i;

	for (i = 0; choices[i].weight; i++)
		total += choices[i].weight;
	dice = random_below(random, total);
	for (i = 0; dice >= choices[i].weight; i++)
		dice -= choices[i].weight;
	return choices[i].value;
}

static struct ip_prefix prefix_near(struct generator *g, uint32_t base, unsigned near_bits,
				    unsigned length)
{
	unsigned bits =
		random_percent(&g->random, g->shape->far_percent) ? near_bits * 2 : near_bits;
	uint32_t number = base ^ (uint32_t)(random_next(&g->random) & ip_low_mask(bits));

	return (struct ip_prefix){
		.family = IP_FAMILY_V4,
		.length = (uint8_t)length,
		.number = number & ~(uint32_t)ip_low_mask(32 - length),
	};
}

static struct port_range some_ports(struct generator *g)
{
	static const uint16_t known[] = { 80,   443,  22,   3389, 53,   1433, 5432,
					  6379, 8080, 8443, 9092, 2379, 5986, 27017 };
	static const uint16_t starts[] = { 5000, 8000, 9000, 30000, 49152, 1024, 2000, 20000 };
	static const uint16_t widths[] = { 1, 9, 50, 100, 767, 2767 };
	const struct shape *shape = g->shape;
	struct random *random = &g->random;
	unsigned dice = random_below(random, 100);
	uint32_t first, last;

	if (dice < shape->one_port_percent) {
		first = known[random_below(random, 14)];
		if (shape->own_ports && random_percent(random, 60))
			first = random_between(random, 1024, 9000);
		return (struct port_range){ (uint16_t)first, (uint16_t)first };
	}
	dice -= shape->one_port_percent;
	if (dice < shape->range_percent) {
		first = starts[random_below(random, 8)] + random_below(random, 200);
		last = first + widths[random_below(random, 6)];
		return (struct port_range){ (uint16_t)first, (uint16_t)last };
	}
	dice -= shape->range_percent;
	if (dice < shape->high_ports_percent)
		return (struct port_range){ 1024, UINT16_MAX };
	return (struct port_range){ 0, UINT16_MAX };
}

static bool is_any(struct port_range range)
{
	return range.first == 0 && range.last == UINT16_MAX;
}

static struct draft make_draft(struct generator *g)
{
	const struct shape *shape = g->shape;
	uint32_t source = g->sources[random_below(&g->random, g->source_count)];
	uint32_t destination = g->destinations[random_below(&g->random, g->destination_count)];
	struct draft draft = {
		.source = prefix_near(g, source, shape->near_source_bits,
				      choose(&g->random, shape->source_length)),
		.destination = prefix_near(g, destination, shape->near_destination_bits,
					   choose(&g->random, shape->destination_length)),
		.source_ports = { 0, UINT16_MAX },
		.destination_ports = some_ports(g),
		.protocol = (int)choose(&g->random, shape->protocol),
	};

	if (random_percent(&g->random, shape->source_port_percent))
		draft.source_ports.first = 1024;
	if (draft.protocol == 256)
		draft.protocol = is_any(draft.destination_ports) && is_any(draft.source_ports)
					 ? RULE_PROTOCOL_ANY
					 : IP_PROTOCOL_TCP;
	return draft;
}

static bool same_prefix(const struct ip_prefix *a, const struct ip_prefix *b)
{
	return a->length == b->length && a->number == b->number;
}

static bool same_draft(const struct draft *a, const struct draft *b)
{
	return same_prefix(&a->source, &b->source) &&
	       same_prefix(&a->destination, &b->destination) &&
	       a->source_ports.first == b->source_ports.first &&
	       a->destination_ports.first == b->destination_ports.first &&
	       a->destination_ports.last == b->destination_ports.last && a->protocol == b->protocol;
}

/* A rule that is there already, or that covers all, would make what follows it pointless. */
static bool is_useful(const struct generator *g, const struct draft *draft)
{
	if (draft->source.length == 0 && draft->destination.length == 0 &&
	    is_any(draft->destination_ports))
		return false;
	for (size_t i = 0; i < g->count; i++) {
		if (same_draft(draft, &g->drafts[i]))
			return false;
	}
	return true;
}

static uint32_t *neighbourhoods(struct generator *g, uint32_t count, uint32_t network,
				unsigned bits)
{
	uint32_t *bases = checked(calloc(count, sizeof(*bases)));

	for (uint32_t i = 0; i < count; i++)
		bases[i] = network | (uint32_t)(random_next(&g->random) & ip_low_mask(bits));
	return bases;
}

static void add_rule(struct policy *policy, const struct draft *draft, unsigned number)
{
	const struct address_set *source =
		synthetic_set(policy, ADDRESS_PREFIXES, NULL, &draft->source, 1);
	const struct address_set *destination =
		synthetic_set(policy, ADDRESS_PREFIXES, NULL, &draft->destination, 1);
	char name[24];
	struct synthetic_rule rule = {
		.name = name,
		.priority = (uint16_t)(100 + number),
		.access = number % 2 ? ACCESS_DENY : ACCESS_ALLOW,
		.protocol = draft->protocol,
		.source = { .sets = &source, .set_count = 1, .port_count = 1 },
		.destination = { .sets = &destination, .set_count = 1, .port_count = 1 },
	};

	(void)snprintf(name, sizeof(name), "rule-%u", number);
	if (!is_any(draft->source_ports))
		rule.source.ports = &draft->source_ports;
	if (!is_any(draft->destination_ports))
		rule.destination.ports = &draft->destination_ports;
	synthetic_rule(policy, STAGE_NIC, DIRECTION_INBOUND, &rule);
}

struct policy *generate_policy(enum generate_kind kind, unsigned rules, unsigned seed)
{
	const struct ip_prefix network = { .family = IP_FAMILY_V4,
					   .length = 8,
					   .number = UINT32_C(10) << 24 };
	struct generator g = { .shape = &shapes[kind],
			       .random = { 7 * rules + kind + ((uint64_t)seed << 32) } };
	struct policy *policy = checked(policy_new_empty());
	const struct address_set *virtual_network =
		synthetic_set(policy, ADDRESS_PREFIXES, "VirtualNetwork", &network, 1);
	size_t user_rules = rules > 3 ? rules - 3 : 0;

	g.source_count = 8 + rules / g.shape->rules_per_source;
	g.sources = neighbourhoods(&g, g.source_count, 0, 32);
	g.destination_count = 4 + rules / g.shape->rules_per_destination;
	g.destinations = neighbourhoods(&g, g.destination_count, (uint32_t)network.number, 24);
	g.drafts = checked(calloc(user_rules + 1, sizeof(*g.drafts)));
	while (g.count < user_rules) {
		struct draft draft = make_draft(&g);

		if (!is_useful(&g, &draft))
			continue;
		g.drafts[g.count] = draft;
		add_rule(policy, &draft, (unsigned)g.count++);
	}
	synthetic_defaults(policy, STAGE_NIC, virtual_network);
	free(g.sources);
	free(g.destinations);
	free(g.drafts);
	return policy;
}

static struct ip_addr address_in(struct random *random, const struct rule_side *side)
{
	struct ip_prefix all = { .family = IP_FAMILY_V4 };
	const struct ip_prefix *prefix = side ? &side->sets[0]->prefixes[0] : &all;
	ip_number host = random_next(random) & ip_low_mask(32U - prefix->length);

	return (struct ip_addr){ IP_FAMILY_V4, prefix->number | host };
}

static uint16_t port_in(struct random *random, const struct port_set *ports)
{
	if (!ports || ports->any)
		return (uint16_t)random_next(random);
	return (uint16_t)random_between(random, ports->ranges[0].first, ports->ranges[0].last);
}

struct tuple *generate_trace(const struct policy *policy, size_t count)
{
	const struct rule_table *table = &policy->stage[STAGE_NIC];
	const struct rule *rules = table->list[DIRECTION_INBOUND].rules;
	struct tuple *trace = checked(calloc(count, sizeof(*trace)));
	struct random random = { 99 };

	for (size_t i = 0; i < count; i++) {
		const struct rule *rule =
			table->user_rules > 0 && random_percent(&random, 90)
				? &rules[random_below(&random, (uint32_t)table->user_rules)]
				: NULL;
		bool udp = rule && rule->protocol != RULE_PROTOCOL_ANY
				   ? rule->protocol == IP_PROTOCOL_UDP
				   : random_percent(&random, 50);

		trace[i] = (struct tuple){
			.direction = DIRECTION_INBOUND,
			.source = address_in(&random, rule ? &rule->source : NULL),
			.destination = address_in(&random, rule ? &rule->destination : NULL),
			.source_port = port_in(&random, rule ? &rule->source_ports : NULL),
			.destination_port =
				port_in(&random, rule ? &rule->destination_ports : NULL),
			.protocol = udp ? IP_PROTOCOL_UDP : IP_PROTOCOL_TCP,
		};
	}
	return trace;
}
