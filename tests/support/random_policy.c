/*
 * The dice behind random_policy.h.
 */
#include "support/random_policy.h"

#include "testpmd/synthetic.h"

#include <stdio.h>

struct maker {
	struct random *random;
	const struct random_policy_options *options;
	struct policy *policy;
	const struct address_set *any;
	const struct address_set *virtual_network;
	const struct address_set *tags[4]; /* VirtualNetwork, Internet and two of the context */
	const struct address_set *asgs[3];
};

static struct ip_prefix random_prefix4(struct random *random)
{
	static const uint32_t bases[] = { 0x0a010000, 0x0a018000, 0xcb007100, 0xa83f8100,
					  0xfffff000, 0x00000000, 0xc0a80000, 0x80000000 };
	static const uint8_t lengths[] = {
		0, 1, 8, 15, 16, 17, 20, 23, 24, 25, 27, 30, 31, 32, 32
	};
	uint8_t length = lengths[random_below(random, sizeof(lengths))];
	uint32_t number = bases[random_below(random, 8)];

	/* few values in the low and in the middle bits */
	number ^= random_below(random, 4) << random_below(random, 18);
	number ^= random_below(random, 6);
	return (struct ip_prefix){
		.family = IP_FAMILY_V4,
		.length = length,
		.number = number & ~(uint32_t)ip_low_mask(32U - length),
	};
}

static struct ip_prefix random_prefix6(struct random *random)
{
	static const uint64_t bases[] = { 0x20010db800000000, 0x20010db800010000,
					  0xfd00000000000000, 0xfe80000000000000,
					  0xffffffffffffffff, 0x0000000000000000 };
	static const uint8_t lengths[] = { 0,  3,  7,  16, 31,  32,  33,  48,  56,
					   63, 64, 65, 96, 120, 126, 127, 128, 128 };
	uint8_t length = lengths[random_below(random, sizeof(lengths))];
	ip_number number = (ip_number)bases[random_below(random, 6)] << 64;

	number ^= (ip_number)random_below(random, 4) << random_below(random, 100);
	number ^= random_below(random, 6);
	if (random_percent(random, 10))
		number |= ip_low_mask(64);
	return (struct ip_prefix){
		.family = IP_FAMILY_V6,
		.length = length,
		.number = number & ~ip_low_mask(128U - length),
	};
}

/* From /16 (IPv6: /32) on. */
static struct ip_prefix spread_prefix(struct random *random, enum ip_family family)
{
	unsigned bits = ip_family_bits(family);
	unsigned length = random_between(random, family == IP_FAMILY_V4 ? 16 : 32, bits);
	ip_number number = (ip_number)random_next(random) << 64 | random_next(random);

	return (struct ip_prefix){
		.family = family,
		.length = (uint8_t)length,
		.number = number & ip_low_mask(bits) & ~ip_low_mask(bits - length),
	};
}

static struct ip_prefix random_prefix(struct maker *maker)
{
	enum ip_family family = random_percent(maker->random, 60) ? IP_FAMILY_V4 : IP_FAMILY_V6;

	if (maker->options->spread)
		return spread_prefix(maker->random, family);
	return family == IP_FAMILY_V4 ? random_prefix4(maker->random)
				      : random_prefix6(maker->random);
}

static const struct address_set *random_prefixes(struct maker *maker, const char *name,
						 unsigned least)
{
	struct ip_prefix prefixes[6];
	size_t count = least + random_below(maker->random, 4);

	for (size_t i = 0; i < count; i++)
		prefixes[i] = random_prefix(maker);
	return synthetic_set(maker->policy, ADDRESS_PREFIXES, name, prefixes, count);
}

static void make_named_sets(struct maker *maker)
{
	static const struct ip_prefix platform = { .family = IP_FAMILY_V4,
						   .length = 32,
						   .number = SYNTHETIC_PLATFORM_ADDRESS };
	struct ip_prefix network[3] = { random_prefix4(maker->random),
					random_prefix6(maker->random), platform };

	/* a virtual network of everything would leave nothing to the other tags */
	for (int i = 0; i < 2; i++) {
		if (network[i].length < 8)
			network[i].length = 8;
		network[i].number &=
			~ip_low_mask(ip_family_bits(network[i].family) - network[i].length);
	}
	maker->any = synthetic_set(maker->policy, ADDRESS_ANY, NULL, NULL, 0);
	maker->virtual_network =
		synthetic_set(maker->policy, ADDRESS_PREFIXES, "VirtualNetwork", network, 3);
	maker->tags[0] = maker->virtual_network;
	maker->tags[1] = synthetic_set(maker->policy, ADDRESS_INTERNET, "Internet", network, 3);
	maker->tags[2] = random_prefixes(maker, "TagA", 0);
	maker->tags[3] = random_prefixes(maker, "TagB", 1);
	maker->asgs[0] = random_prefixes(maker, "asg-a", 0);
	maker->asgs[1] = random_prefixes(maker, "asg-b", 1);
	maker->asgs[2] = random_prefixes(maker, "asg-c", 1);
}

static const struct address_set *random_tag(struct maker *maker)
{
	return maker->tags[random_below(maker->random, 4)];
}

/* Fills `sets` with the sets of one side and returns how many there are. */
static size_t random_side(struct maker *maker, enum stage stage, const struct address_set **sets)
{
	unsigned dice = random_below(maker->random, 100);

	if (maker->options->spread && random_percent(maker->random, 90))
		dice = 59; /* mostly literal prefixes */
	if (dice < 30) {
		sets[0] = maker->any;
	} else if (dice < 60) {
		sets[0] = random_prefixes(maker, NULL, 1);
	} else if (dice < 80 || stage == STAGE_ACL) {
		sets[0] = random_tag(maker);
	} else if (dice < 90 || maker->options->readable) {
		sets[0] = maker->asgs[random_below(maker->random, 3)];
	} else {
		sets[0] = random_prefixes(maker, NULL, 1);
		sets[1] = random_tag(maker);
		sets[2] = maker->asgs[random_below(maker->random, 3)];
		return 3;
	}
	return 1;
}

/* Sorted, disjoint, not adjacent; may cover everything and be concrete nevertheless. */
static size_t random_ports(struct random *random, struct port_range *ranges)
{
	static const uint16_t starts[] = {
		0, 1, 22, 80, 443, 1024, 8080, 32767, 32768, 65534, 65535
	};
	uint32_t next = 0;
	size_t count = 0;

	for (size_t i = 0; i < sizeof(starts) / sizeof(*starts) && count < 4; i++) {
		uint32_t first = starts[i];
		uint32_t last = first;

		if (first < next || random_percent(random, 60))
			continue;
		if (random_percent(random, 50))
			last += random_percent(random, 10) ? 65535 : random_below(random, 900);
		if (last > 65535)
			last = 65535;
		ranges[count++] = (struct port_range){ (uint16_t)first, (uint16_t)last };
		next = last + 2;
	}
	if (count == 0)
		ranges[count++] = (struct port_range){ 53, 53 };
	return count;
}

static void random_match(struct maker *maker, struct synthetic_rule *rule,
			 struct port_range *source, struct port_range *destination)
{
	static const int protocols[] = { RULE_PROTOCOL_ANY,  RULE_PROTOCOL_ANY, IP_PROTOCOL_TCP,
					 IP_PROTOCOL_TCP,    IP_PROTOCOL_TCP,   IP_PROTOCOL_UDP,
					 RULE_PROTOCOL_ICMP, IP_PROTOCOL_ESP,   IP_PROTOCOL_AH };
	struct random *random = maker->random;

	rule->protocol = protocols[random_below(random, 9)];
	if (rule->protocol == RULE_PROTOCOL_ICMP || rule->protocol == IP_PROTOCOL_ESP ||
	    rule->protocol == IP_PROTOCOL_AH) {
		rule->matches_nothing = !maker->options->readable && random_percent(random, 20);
		return;
	}
	if (random_percent(random, 25)) {
		rule->source.port_count = random_ports(random, source);
		rule->source.ports = source;
	}
	if (random_percent(random, 70)) {
		rule->destination.port_count = random_ports(random, destination);
		rule->destination.ports = destination;
	}
}

static enum access random_access(struct random *random, enum stage stage)
{
	if (stage == STAGE_ACL && random_percent(random, 30))
		return ACCESS_ALWAYS_ALLOW;
	return random_percent(random, 50) ? ACCESS_ALLOW : ACCESS_DENY;
}

static void random_list(struct maker *maker, enum stage stage, enum direction direction)
{
	unsigned most = maker->options->rules_max ? maker->options->rules_max : 12;
	unsigned count = random_below(maker->random, most + 1);

	for (unsigned i = 0; i < count; i++) {
		const struct address_set *source[3], *destination[3];
		struct port_range source_ports[4], destination_ports[4];
		char name[48];
		struct synthetic_rule rule = {
			.name = name,
			.priority = (uint16_t)(100 + i * 3),
			.access = random_access(maker->random, stage),
			.source = { .sets = source },
			.destination = { .sets = destination },
		};

		(void)snprintf(name, sizeof(name), "%s-%s-%u", stage_name(stage),
			       direction_name(direction), i);
		rule.source.set_count = random_side(maker, stage, source);
		rule.destination.set_count = random_side(maker, stage, destination);
		random_match(maker, &rule, source_ports, destination_ports);
		synthetic_rule(maker->policy, stage, direction, &rule);
	}
}

struct policy *random_policy(struct random *random, const struct random_policy_options *options)
{
	struct maker maker = {
		.random = random,
		.options = options,
		.policy = policy_new_empty(),
	};

	make_named_sets(&maker);
	for (int stage = 0; stage < STAGES; stage++) {
		if (random_percent(random, 25))
			continue;
		for (int direction = 0; direction < DIRECTIONS; direction++)
			random_list(&maker, (enum stage)stage, (enum direction)direction);
		if (stage != STAGE_ACL && (options->readable || random_percent(random, 80)))
			synthetic_defaults(maker.policy, (enum stage)stage, maker.virtual_network);
	}
	return maker.policy;
}
