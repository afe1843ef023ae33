/*
 * The dice behind change_rule.h.
 */
#include "support/change_rule.h"

#include "testpmd/synthetic.h"
#include "testpmd/synthetic_change.h"

#include <string.h>

/* A list of a stage that there is; NULL: the policy has none. */
static struct rule_list *pick_list(struct policy *policy, struct random *random,
				   enum stage *ret_stage, enum direction *ret_direction)
{
	uint32_t first = random_below(random, STAGES);

	*ret_direction = (enum direction)random_below(random, DIRECTIONS);
	for (uint32_t i = 0; i < STAGES; i++) {
		*ret_stage = (enum stage)((first + i) % STAGES);
		if (policy->stage[*ret_stage].present)
			return &policy->stage[*ret_stage].list[*ret_direction];
	}
	return NULL;
}

/* Default rules stay, and behind the others. */
static uint32_t own_rules(const struct rule_list *list)
{
	uint32_t count = 0;

	while (count < list->count && !list->rules[count].is_default)
		count++;
	return count;
}

static const struct address_set *pick_set(struct policy *policy, struct random *random)
{
	struct ip_prefix prefix = { .family = random_percent(random, 60) ? IP_FAMILY_V4
									 : IP_FAMILY_V6 };
	unsigned bits = ip_family_bits(prefix.family);

	if (policy->set_count > 0 && random_percent(random, 50))
		return policy->sets[random_below(random, (uint32_t)policy->set_count)];
	prefix.length = (uint8_t)random_below(random, bits + 1);
	/* near the other sets' */
	prefix.number = prefix.family == IP_FAMILY_V4
				? (ip_number)(0x0a010000 + random_below(random, 1 << 17))
				: (ip_number)(0x20010db800000000 + random_below(random, 4)) << 64;
	prefix.number &= ~ip_low_mask(bits - prefix.length);
	return synthetic_set(policy, ADDRESS_PREFIXES, NULL, &prefix, 1);
}

static enum access pick_access(struct random *random, enum stage stage)
{
	if (stage == STAGE_ACL && random_percent(random, 30))
		return ACCESS_ALWAYS_ALLOW;
	return random_percent(random, 50) ? ACCESS_ALLOW : ACCESS_DENY;
}

/* Between those of its neighbours: one of theirs where there is no other. */
static uint16_t priority_for(const struct rule_list *list, size_t at)
{
	uint16_t priority = at > 0 ? (uint16_t)(list->rules[at - 1].priority + 1) : 99;

	if (at < list->count && list->rules[at].priority < priority)
		priority = list->rules[at].priority;
	return priority;
}

static void insert(struct policy *policy, struct random *random, enum stage stage,
		   enum direction direction, size_t at)
{
	static const int protocols[] = { RULE_PROTOCOL_ANY, IP_PROTOCOL_TCP, IP_PROTOCOL_UDP,
					 RULE_PROTOCOL_ICMP };
	const struct rule_list *list = &policy->stage[stage].list[direction];
	const struct address_set *source = pick_set(policy, random);
	const struct address_set *destination = pick_set(policy, random);
	struct port_range ports = { .first = (uint16_t)random_below(random, 1100) };
	char name[] = "changed";
	struct rule rule = {
		.name = name,
		.priority = priority_for(list, at),
		.access = pick_access(random, stage),
		.protocol = protocols[random_below(random, 4)],
		.source = { &source, 1 },
		.destination = { &destination, 1 },
		.source_ports = { .any = true },
		.destination_ports = { .any = true },
	};

	ports.last = (uint16_t)(ports.first + random_below(random, 900));
	if (rule.protocol != RULE_PROTOCOL_ICMP && random_percent(random, 60))
		rule.destination_ports = (struct port_set){ .ranges = &ports, .range_count = 1 };
	synthetic_insert(policy, stage, direction, at, &rule);
}

void change_rule(struct policy *policy, struct random *random)
{
	uint32_t what = random_below(random, 100), own, at;
	enum direction direction;
	enum stage stage;
	struct rule_list *list = pick_list(policy, random, &stage, &direction);

	if (!list)
		return;
	own = own_rules(list);
	if (what < 40 || own == 0) {
		insert(policy, random, stage, direction, random_below(random, own + 1));
		return;
	}
	at = random_below(random, own);
	if (what < 60) {
		list->rules[at].access = pick_access(random, stage);
		return;
	}
	synthetic_remove(policy, stage, direction, at);
	if (what < 75)
		insert(policy, random, stage, direction, at);
}
