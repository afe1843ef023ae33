/*
 * How device rules stand to each other: see match.h.
 */
#include "offload/match.h"

static bool prefixes_overlap(const struct ip_prefix *a, const struct ip_prefix *b)
{
	unsigned bits = ip_family_bits(a->family);
	unsigned shorter = a->length < b->length ? a->length : b->length;

	return shorter == 0 || (a->number ^ b->number) >> (bits - shorter) == 0;
}

bool match_overlaps(const struct plan_match *a, const struct plan_match *b)
{
	if (a->family != b->family)
		return false;
	if (!prefixes_overlap(&a->source, &b->source) ||
	    !prefixes_overlap(&a->destination, &b->destination))
		return false;
	if (!a->has_kind || !b->has_kind)
		return true;
	return a->kind == b->kind &&
	       ((a->source_port ^ b->source_port) & a->source_port_mask & b->source_port_mask) ==
		       0 &&
	       ((a->destination_port ^ b->destination_port) & a->destination_port_mask &
		b->destination_port_mask) == 0;
}

bool match_may_stand_in(const struct plan_rule *lower, const struct plan_rule *upper)
{
	if (lower->action == PLAN_UNMARKED)
		return true;
	if (lower->action != upper->action)
		return false;
	return lower->action == PLAN_DROP || lower->slot == upper->slot;
}

static bool same_prefix(const struct ip_prefix *a, const struct ip_prefix *b)
{
	return a->length == b->length && (a->length == 0 || a->number == b->number);
}

static bool same_match(const struct plan_match *a, const struct plan_match *b)
{
	if (a->family != b->family || a->has_kind != b->has_kind ||
	    !same_prefix(&a->source, &b->source) || !same_prefix(&a->destination, &b->destination))
		return false;
	for (int t = 0; t < PLAN_TAGS; t++) {
		if (a->tags[t] != b->tags[t])
			return false;
	}
	return !a->has_kind || (a->kind == b->kind && a->source_port == b->source_port &&
				a->source_port_mask == b->source_port_mask &&
				a->destination_port == b->destination_port &&
				a->destination_port_mask == b->destination_port_mask);
}

bool match_same_place(const struct plan_rule *a, const struct plan_rule *b)
{
	return match_rank(a) == match_rank(b) && same_match(&a->match, &b->match);
}

bool match_same(const struct plan_rule *a, const struct plan_rule *b)
{
	if (a->action != b->action || !match_same_place(a, b))
		return false;
	return a->action != PLAN_NEXT || (a->tags[0] == b->tags[0] && a->tags[1] == b->tags[1]);
}

static uint64_t mix(uint64_t hash, uint64_t value)
{
	hash ^= value;
	hash *= 0x9e3779b97f4a7c15;
	return hash ^ hash >> 29;
}

static uint64_t mix_prefix(uint64_t hash, const struct ip_prefix *prefix)
{
	if (prefix->length == 0)
		return mix(hash, 0);
	hash = mix(hash, (uint64_t)(prefix->number >> 64));
	return mix(mix(hash, (uint64_t)prefix->number), prefix->length);
}

uint64_t match_hash(const struct plan_rule *rule)
{
	const struct plan_match *match = &rule->match;
	uint64_t hash = mix(match_rank(rule), (uint64_t)match->family << 8 | rule->action);

	hash = mix_prefix(mix_prefix(hash, &match->source), &match->destination);
	for (int t = 0; t < PLAN_TAGS; t++)
		hash = mix(hash, match->tags[t]);
	if (!match->has_kind)
		return hash;
	return mix(hash, (uint64_t)match->kind << 63 ^ (uint64_t)match->source_port << 48 ^
				 (uint64_t)match->source_port_mask << 32 ^
				 (uint64_t)match->destination_port << 16 ^
				 match->destination_port_mask);
}
