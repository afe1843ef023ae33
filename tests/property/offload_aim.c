/*
 * Where the probes of an offload_world go: to the borders of policies, and to where rules meet.
 */
#include "compile/region.h"
#include "offload/match.h"
#include "offload_world.h"
#include "support/border.h"

#include <stdlib.h>

#define SYN 0x02
#define ACK 0x10

static struct world_probe make_probe(const struct tuple *tuple, uint8_t flags, bool fragment)
{
	return (struct world_probe){
		.tuple = *tuple,
		.packet = {
			.family = tuple->source.family,
			.source = tuple->source.number,
			.destination = tuple->destination.number,
			.protocol = tuple->protocol,
			.source_port = tuple->source_port,
			.destination_port = tuple->destination_port,
			.tcp_flags = tuple->protocol == IP_PROTOCOL_TCP ? flags : 0,
			.fragment = fragment,
		},
	};
}

/* `b` may be NULL, and a prefix of length 0 may be of any family. */
static struct ip_addr inside(enum ip_family family, const struct ip_prefix *a,
			     const struct ip_prefix *b, struct random *random)
{
	struct ip_prefix longer = b && b->length > a->length ? *b : *a;
	ip_number any = (ip_number)random_next(random) << 64 | random_next(random);
	struct ip_range range;

	longer.family = family;
	if (longer.length == 0)
		longer.number = 0;
	range = ip_prefix_range(&longer);
	if (random_percent(random, 50))
		range.first += any & (range.last - range.first);
	return (struct ip_addr){ .family = family, .number = range.first };
}

static uint16_t port_inside(uint16_t value, uint16_t mask, uint16_t other, uint16_t other_mask,
			    struct random *random)
{
	uint16_t any = (uint16_t)random_next(random);

	return (uint16_t)((value & mask) | (other & other_mask) | (any & ~(mask | other_mask)));
}

/* A packet that both rules match, where any does; `other` may be NULL. */
static struct world_probe probe_inside(const struct plan_rule *rule, const struct plan_rule *other,
				       struct random *random)
{
	static const struct plan_match nothing;
	const struct plan_match *a = &rule->match, *b = other ? &other->match : &nothing;
	enum plan_kind kind = a->has_kind   ? a->kind
			      : b->has_kind ? b->kind
					    : (enum plan_kind)random_below(random, PLAN_KINDS);
	const struct tuple tuple = {
		.direction = DIRECTION_INBOUND,
		.source = inside(a->family, &a->source, other ? &b->source : NULL, random),
		.destination =
			inside(a->family, &a->destination, other ? &b->destination : NULL, random),
		.protocol = plan_kind_protocol(kind, a->family),
		.source_port = port_inside(a->source_port, a->source_port_mask, b->source_port,
					   b->source_port_mask, random),
		.destination_port =
			port_inside(a->destination_port, a->destination_port_mask,
				    b->destination_port, b->destination_port_mask, random),
	};
	struct tuple sent = tuple;

	if (!ip_protocol_has_ports(tuple.protocol))
		sent.source_port = sent.destination_port = 0;
	return make_probe(&sent, kind == PLAN_TCP_OPENER ? SYN : ACK, false);
}

/* Where two rules of a plan meet; one of them is `rule`, or by chance. */
static bool aim_at_plan(struct world *world, const struct plan *plan, const struct plan_rule *rule,
			struct world_probe *ret)
{
	if (!plan || plan->rule_count == 0)
		return false;
	if (!rule)
		rule = &plan->rules[random_below(&world->random, (uint32_t)plan->rule_count)];
	for (int tries = 0; tries < 40; tries++) {
		const struct plan_rule *other =
			&plan->rules[random_below(&world->random, (uint32_t)plan->rule_count)];

		if (other == rule || !match_overlaps(&rule->match, &other->match) ||
		    other->action == rule->action)
			continue;
		*ret = probe_inside(rule, other, &world->random);
		return true;
	}
	*ret = probe_inside(rule, NULL, &world->random);
	return true;
}

void world_aim_at_rule(struct world *world, const struct plan *plan, const struct plan_rule *rule)
{
	for (int i = 0; i < WORLD_PROBES / 3; i++)
		(void)aim_at_plan(world, plan, rule,
				  &world->probes[random_below(&world->random, WORLD_PROBES)]);
}

/* Look-ups first: of those there are few, and everything hangs on them. */
static const struct plan_rule *gone_rule(struct world *world, const bool *stays)
{
	const struct plan *plan = world->installer.layout.plan;
	const struct plan_rule *found = NULL;
	bool only_stages = random_percent(&world->random, 50);
	uint32_t from = random_below(&world->random, (uint32_t)plan->rule_count);

	for (uint32_t n = 0; n < plan->rule_count; n++) {
		uint32_t i = (from + n) % (uint32_t)plan->rule_count;

		if (stays[i])
			continue;
		found = &plan->rules[i];
		if (!only_stages || match_is_stage(found))
			break;
	}
	return found;
}

void world_aim_at_gone(struct world *world, const struct change *change)
{
	const struct plan *plan = world->installer.layout.plan;
	size_t count = layout_count(&world->installer.layout);
	bool *stays = calloc(count + 1, sizeof(*stays));

	for (size_t i = 0; i < layout_count(&change->next); i++) {
		if (change->kept_from[i] != UINT32_MAX)
			stays[change->kept_from[i]] = true;
	}
	for (int i = 0; count > 0 && i < WORLD_PROBES / 3; i++) {
		const struct plan_rule *rule = gone_rule(world, stays);

		if (rule)
			(void)aim_at_plan(
				world, plan, rule,
				&world->probes[random_below(&world->random, WORLD_PROBES)]);
	}
	free(stays);
}

void world_aim(struct world *world, const struct policy *other, const struct plan *coming)
{
	static const uint8_t flags[] = { SYN, ACK, ACK, SYN, ACK | SYN, ACK | 1 };

	for (int i = 0; i < WORLD_PROBES; i++) {
		const struct plan *plan = i % 4 ? coming : world->installer.layout.plan;

		if (i % 2 && aim_at_plan(world, plan, NULL, &world->probes[i]))
			continue;
		const struct policy *policy =
			other && random_percent(&world->random, 50) ? other : world->policy;
		struct tuple tuple = border_tuple(policy, &world->random);

		tuple.direction = DIRECTION_INBOUND;
		if (random_percent(&world->random, 60))
			tuple.protocol = random_percent(&world->random, 75) ? IP_PROTOCOL_TCP
									    : IP_PROTOCOL_UDP;
		world->probes[i] = make_probe(&tuple, flags[random_below(&world->random, 6)],
					      random_percent(&world->random, 3));
	}
}
