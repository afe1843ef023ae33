/*
 * The interpreter of plans: what a device of the tier would do with a packet.
 *
 * Written from the device's rules (plan.h), not from the forms' files: groups in turn, priority
 * first, then the last layer of the match; several rules of one rank are all looked at, so that a
 * tie cannot hide.
 */
#include "compile/plan_builder.h"

#include <errno.h>
#include <stdlib.h>

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

/*
 * --- the rules that can match ---
 *
 * A packet is of one kind or none, so most of a group's rules need not be looked at.
 */

#define NO_KIND PLAN_KINDS /* of rules: L3 only; of packets: only those rules match */
#define KINDS   (PLAN_KINDS + 1)

struct plan_lookup {
	uint32_t groups;
	uint32_t *first; /* by group, family and kind: where its rules begin; one entry more */
	uint32_t *rules; /* ascending within a part */
};

static size_t part_of(uint32_t group, enum ip_family family, unsigned kind)
{
	return ((size_t)group * IP_FAMILIES + family) * KINDS + kind;
}

static size_t part_of_rule(const struct plan_rule *rule)
{
	return part_of(rule->group, rule->match.family,
		       rule->match.has_kind ? rule->match.kind : NO_KIND);
}

static void fill_lookup(struct plan_lookup *lookup, const struct plan *plan, size_t parts)
{
	uint32_t *at = lookup->first + 1; /* while filling: where the next of a part goes */

	for (size_t i = 0; i < plan->rule_count; i++)
		at[part_of_rule(&plan->rules[i]) + 1]++;
	for (size_t p = 0; p < parts; p++)
		at[p + 1] += at[p];
	for (size_t i = 0; i < plan->rule_count; i++)
		lookup->rules[at[part_of_rule(&plan->rules[i])]++] = (uint32_t)i;
}

int plan_lookup_new(const struct plan *plan, struct plan_lookup **ret)
{
	struct plan_lookup *lookup = calloc(1, sizeof(*lookup));
	size_t parts;

	if (!lookup)
		return -ENOMEM;
	for (size_t i = 0; i < plan->rule_count; i++) {
		if (plan->rules[i].group >= lookup->groups)
			lookup->groups = plan->rules[i].group + 1;
	}
	parts = part_of(lookup->groups, IP_FAMILY_V4, 0);
	lookup->first = calloc(parts + 2, sizeof(*lookup->first));
	lookup->rules = calloc(plan->rule_count + 1, sizeof(*lookup->rules));
	if (!lookup->first || !lookup->rules) {
		plan_lookup_free(lookup);
		return -ENOMEM;
	}
	fill_lookup(lookup, plan, parts);
	*ret = lookup;
	return 0;
}

void plan_lookup_free(struct plan_lookup *lookup)
{
	if (!lookup)
		return;
	free(lookup->first);
	free(lookup->rules);
	free(lookup);
}

/* --- judging --- */

struct search {
	const struct plan *plan;
	const struct plan_packet *packet;
	uint32_t tags[PLAN_TAGS];
	const struct plan_rule *best; /* of the group that is looked at; NULL: none yet */
	bool tie;                     /* with the best */
};

static void consider(struct search *search, const struct plan_rule *rule)
{
	if ((search->best && rank(rule) > rank(search->best)) ||
	    !matches(&rule->match, search->packet, search->tags))
		return;
	if (!search->best || rank(rule) < rank(search->best)) {
		search->best = rule;
		search->tie = false;
	} else if (!agree(rule, search->best)) {
		search->tie = true;
	}
}

static void consider_part(struct search *search, size_t part)
{
	const struct plan_lookup *lookup = search->plan->lookup;

	for (uint32_t i = lookup->first[part]; i < lookup->first[part + 1]; i++)
		consider(search, &search->plan->rules[lookup->rules[i]]);
}

static void consider_all(struct search *search, uint32_t group)
{
	for (size_t i = 0; i < search->plan->rule_count; i++) {
		if (search->plan->rules[i].group == group)
			consider(search, &search->plan->rules[i]);
	}
}

static void look_at_group(struct search *search, uint32_t group)
{
	enum ip_family family = search->packet->family;

	search->best = NULL;
	search->tie = false;
	if (!search->plan->lookup) {
		consider_all(search, group);
		return;
	}
	if (group >= search->plan->lookup->groups)
		return;
	for (unsigned kind = 0; kind < PLAN_KINDS; kind++) {
		if (kind_matches((enum plan_kind)kind, search->packet))
			consider_part(search, part_of(group, family, kind));
	}
	consider_part(search, part_of(group, family, NO_KIND));
}

void plan_judge(const struct plan *plan, const struct plan_packet *packet, struct plan_answer *ret)
{
	struct search search = { .plan = plan, .packet = packet };
	uint32_t group = 0;

	*ret = (struct plan_answer){ .action = PLAN_UNMARKED, .rule = UINT32_MAX };
	for (;;) {
		const struct plan_rule *rule;

		look_at_group(&search, group);
		ret->tie |= search.tie;
		rule = search.best;
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
			search.tags[t] |= rule->tags[t];
		group++;
	}
}
