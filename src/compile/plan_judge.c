/*
 * The interpreter of plans: what a device of the tier would do with a packet.
 *
 * Written from the device's rules (plan.h), not from the forms' files: groups in turn, priority
 * first, then the last layer of the match; several rules of one rank are all looked at, so that a
 * tie cannot hide.
 */
#include "compile/plan.h"

#include "compile/region.h"

#define FIN 0x01
#define SYN 0x02
#define RST 0x04
#define ACK 0x10

static bool kind_matches(enum plan_kind kind, const struct plan_packet *packet)
{
	if (packet->fragment || packet->protocol != plan_kind_protocol(kind, packet->family))
		return false;
	switch (kind) {
	case PLAN_TCP_SETTLED:
		return (packet->tcp_flags & (FIN | SYN | RST | ACK)) == ACK;
	case PLAN_TCP_OPENER:
		return (packet->tcp_flags & (SYN | ACK)) == SYN;
	default:
		return true;
	}
}

static bool prefix_matches(const struct ip_prefix *prefix, ip_number address)
{
	struct ip_range range;

	if (prefix->length == 0)
		return true;
	range = ip_prefix_range(prefix);
	return range.first <= address && address <= range.last;
}

static bool ports_match(const struct plan_match *match, const struct plan_packet *packet)
{
	return ((packet->source_port ^ match->source_port) & match->source_port_mask) == 0 &&
	       ((packet->destination_port ^ match->destination_port) &
		match->destination_port_mask) == 0;
}

static bool matches(const struct plan_match *match, const struct plan_packet *packet,
		    const uint32_t tags[PLAN_TAGS])
{
	if (match->family != packet->family)
		return false;
	if (match->has_kind && (!ports_match(match, packet) || !kind_matches(match->kind, packet)))
		return false;
	for (int t = 0; t < PLAN_TAGS; t++) {
		if ((tags[t] & match->tags[t]) != match->tags[t])
			return false;
	}
	return prefix_matches(&match->source, packet->source) &&
	       prefix_matches(&match->destination, packet->destination);
}

/* Lower is looked at first: priority, then depth. */
static uint64_t rank(const struct plan_rule *rule)
{
	return (uint64_t)rule->priority << 1 | !rule->match.has_kind;
}

static bool agree(const struct plan_rule *a, const struct plan_rule *b)
{
	if (a->action != b->action)
		return false;
	if (a->action == PLAN_MARK)
		return a->slot == b->slot;
	if (a->action == PLAN_DROP)
		return a->entry == b->entry; /* their counters say which rule denied */
	return a->action != PLAN_NEXT || (a->tags[0] == b->tags[0] && a->tags[1] == b->tags[1]);
}

static const struct plan_rule *best_of_group(const struct plan *plan, uint32_t group,
					     const struct plan_packet *packet,
					     const uint32_t tags[PLAN_TAGS], bool *ret_tie)
{
	const struct plan_rule *best = NULL;

	for (size_t i = 0; i < plan->rule_count; i++) {
		const struct plan_rule *rule = &plan->rules[i];

		if (rule->group != group || (best && rank(rule) > rank(best)) ||
		    !matches(&rule->match, packet, tags))
			continue;
		if (!best || rank(rule) < rank(best)) {
			best = rule;
			*ret_tie = false;
		} else if (!agree(rule, best)) {
			*ret_tie = true;
		}
	}
	return best;
}

void plan_judge(const struct plan *plan, const struct plan_packet *packet, struct plan_answer *ret)
{
	uint32_t tags[PLAN_TAGS] = { 0 };
	uint32_t group = 0;

	*ret = (struct plan_answer){ .action = PLAN_UNMARKED, .rule = UINT32_MAX };
	for (;;) {
		bool tie = false;
		const struct plan_rule *rule = best_of_group(plan, group, packet, tags, &tie);

		ret->tie |= tie;
		if (!rule) {
			/* the root's miss goes to the queues; above it a miss is a drop */
			ret->action = group ? PLAN_DROP : PLAN_UNMARKED;
			return;
		}
		ret->rule = (uint32_t)(rule - plan->rules);
		if (rule->action != PLAN_NEXT) {
			ret->action = rule->action;
			ret->slot = rule->slot;
			return;
		}
		for (int t = 0; t < PLAN_TAGS; t++)
			tags[t] |= rule->tags[t];
		group++;
	}
}
