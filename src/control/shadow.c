/*
 * Rules behind rules: see shadow.h.
 */
#include "control/shadow.h"

/* Both lists are sorted, disjoint and not adjacent, so a covered range lies in one range. */
static bool ranges_cover(const struct address_group *outer, const struct address_group *inner,
			 enum ip_family family)
{
	size_t at = 0;

	for (size_t i = 0; i < inner->range_count[family]; i++) {
		const struct ip_range *range = &inner->ranges[family][i];

		while (at < outer->range_count[family] &&
		       outer->ranges[family][at].last < range->last)
			at++;
		if (at == outer->range_count[family] ||
		    outer->ranges[family][at].first > range->first)
			return false;
	}
	return true;
}

static bool ports_cover(const struct port_set *outer, const struct port_set *inner)
{
	size_t at = 0;

	if (outer->any)
		return true;
	if (inner->any)
		return false;
	for (size_t i = 0; i < inner->range_count; i++) {
		while (at < outer->range_count && outer->ranges[at].last < inner->ranges[i].last)
			at++;
		if (at == outer->range_count || outer->ranges[at].first > inner->ranges[i].first)
			return false;
	}
	return true;
}

static bool protocols_cover(const struct program_rule *outer, const struct program_rule *inner,
			    enum ip_family family)
{
	for (size_t i = 0; i < 4; i++) {
		if (inner->protocols[family][i] & ~outer->protocols[family][i])
			return false;
	}
	return true;
}

/* True where a side of the rule has no address of the family: it matches nothing there. */
static bool is_idle(const struct program *program, const struct program_rule *rule,
		    enum ip_family family)
{
	return program->groups[rule->source].range_count[family] == 0 ||
	       program->groups[rule->destination].range_count[family] == 0;
}

static bool covers(const struct program *program, const struct program_rule *outer,
		   const struct program_rule *inner)
{
	if (!ports_cover(outer->source_ports, inner->source_ports) ||
	    !ports_cover(outer->destination_ports, inner->destination_ports))
		return false;
	for (int family = 0; family < IP_FAMILIES; family++) {
		if (is_idle(program, inner, (enum ip_family)family))
			continue;
		if (!protocols_cover(outer, inner, (enum ip_family)family) ||
		    !ranges_cover(&program->groups[outer->source], &program->groups[inner->source],
				  (enum ip_family)family) ||
		    !ranges_cover(&program->groups[outer->destination],
				  &program->groups[inner->destination], (enum ip_family)family))
			return false;
	}
	return true;
}

const struct rule *shadow_find(const struct program *program, const struct program_chain *chain,
			       size_t index)
{
	for (size_t i = 0; i < index; i++) {
		if (covers(program, &chain->rules[i], &chain->rules[index]))
			return chain->rules[i].rule;
	}
	return NULL;
}
