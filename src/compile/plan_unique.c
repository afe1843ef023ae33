/*
 * One device rule for each match: see plan_builder.h.
 *
 * Regions that overlap may come to the same match, where the port ranges are cut into masks or
 * widened to one. A device refuses the second of them (EEXIST on a root table).
 */
#include "compile/plan_builder.h"

#include <errno.h>
#include <stdlib.h>

/* FNV-1a, over 64 bits at a time. */
#define HASH_START 0xcbf29ce484222325U
#define HASH_PRIME 0x100000001b3U

static uint64_t mix(uint64_t hash, uint64_t value)
{
	return (hash ^ value) * HASH_PRIME;
}

static uint64_t mix_prefix(uint64_t hash, const struct ip_prefix *prefix)
{
	hash = mix(hash, prefix->length);
	hash = mix(hash, (uint64_t)prefix->number);
	return mix(hash, (uint64_t)(prefix->number >> 64));
}

static uint64_t hash_of(const struct plan_rule *rule)
{
	const struct plan_match *m = &rule->match;
	uint64_t hash = mix(HASH_START, (uint64_t)rule->group << 32 | rule->priority);

	hash = mix(hash, (uint64_t)m->family << 8 | (m->has_kind ? m->kind + 1U : 0));
	hash = mix_prefix(mix_prefix(hash, &m->source), &m->destination);
	hash = mix(hash, (uint64_t)m->source_port << 48 | (uint64_t)m->source_port_mask << 32 |
				 (uint64_t)m->destination_port << 16 | m->destination_port_mask);
	hash = mix(hash, (uint64_t)m->tags[0] << 32 | m->tags[1]);
	return hash ^ hash >> 32;
}

static bool same_prefix(const struct ip_prefix *a, const struct ip_prefix *b)
{
	return a->length == b->length && a->number == b->number;
}

bool plan_rules_have_one_match(const struct plan_rule *a, const struct plan_rule *b)
{
	const struct plan_match *m = &a->match, *n = &b->match;

	return a->group == b->group && a->priority == b->priority && m->family == n->family &&
	       m->has_kind == n->has_kind && (!m->has_kind || m->kind == n->kind) &&
	       same_prefix(&m->source, &n->source) &&
	       same_prefix(&m->destination, &n->destination) && m->source_port == n->source_port &&
	       m->source_port_mask == n->source_port_mask &&
	       m->destination_port == n->destination_port &&
	       m->destination_port_mask == n->destination_port_mask && m->tags[0] == n->tags[0] &&
	       m->tags[1] == n->tags[1];
}

int plan_drop_repeated(struct plan *plan)
{
	size_t size = 64, kept = 0;
	uint32_t *table;

	while (size < plan->rule_count * 2)
		size *= 2;
	table = malloc(size * sizeof(*table));
	if (!table)
		return -ENOMEM;
	for (size_t i = 0; i < size; i++)
		table[i] = UINT32_MAX;
	for (size_t i = 0; i < plan->rule_count; i++) {
		size_t at = hash_of(&plan->rules[i]) & (size - 1);

		while (table[at] != UINT32_MAX &&
		       !plan_rules_have_one_match(&plan->rules[table[at]], &plan->rules[i]))
			at = (at + 1) & (size - 1);
		if (table[at] != UINT32_MAX)
			continue;
		table[at] = (uint32_t)kept;
		plan->rules[kept++] = plan->rules[i];
	}
	plan->rule_count = kept;
	free(table);
	return 0;
}
