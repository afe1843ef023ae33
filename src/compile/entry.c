/*
 * Entries: see entry.h.
 */
#include "compile/entry.h"

#include <errno.h>
#include <stdlib.h>

#define NO_RULE UINT16_MAX

void entry_list_fini(struct entry_list *list)
{
	free(list->entries);
	*list = (struct entry_list){ 0 };
}

static int append_entry(struct entry_list *list, const struct entry *entry)
{
	if (list->count == ENTRIES_MAX) {
		list->too_many = true;
		return 0;
	}
	if (list->count == list->capacity) {
		size_t capacity = list->capacity ? list->capacity * 2 : 64;
		struct entry *grown = reallocarray(list->entries, capacity, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		list->entries = grown;
		list->capacity = capacity;
	}
	list->entries[list->count++] = *entry;
	return 0;
}

static bool groups_meet(const struct program *program, uint32_t a, uint32_t b,
			enum ip_family family)
{
	const struct address_group *x = &program->groups[a], *y = &program->groups[b];
	size_t i = 0, j = 0;

	while (i < x->range_count[family] && j < y->range_count[family]) {
		const struct ip_range *p = &x->ranges[family][i], *q = &y->ranges[family][j];

		if (p->first <= q->last && q->first <= p->last)
			return true;
		if (p->last < q->last)
			i++;
		else
			j++;
	}
	return false;
}

static bool ports_meet(const struct port_set *a, const struct port_set *b)
{
	if (a->any || b->any)
		return true;
	for (size_t i = 0; i < a->range_count; i++) {
		for (size_t j = 0; j < b->range_count; j++) {
			if (a->ranges[i].first <= b->ranges[j].last &&
			    b->ranges[j].first <= a->ranges[i].last)
				return true;
		}
	}
	return false;
}

static bool protocols_meet(const struct program_rule *a, const struct program_rule *b,
			   enum ip_family family)
{
	for (int w = 0; w < 4; w++) {
		if (a->protocols[family][w] & b->protocols[family][w])
			return true;
	}
	return false;
}

/* Whether a packet can match both rules: pairs that cannot make no entry. */
static bool rules_meet(const struct program *program, const struct program_rule *a,
		       const struct program_rule *b)
{
	if (!ports_meet(a->source_ports, b->source_ports) ||
	    !ports_meet(a->destination_ports, b->destination_ports))
		return false;
	for (int f = 0; f < IP_FAMILIES; f++) {
		enum ip_family family = (enum ip_family)f;

		if (protocols_meet(a, b, family) &&
		    groups_meet(program, a->source, b->source, family) &&
		    groups_meet(program, a->destination, b->destination, family))
			return true;
	}
	return false;
}

static bool meets_all(const struct program *program, const struct entry *entry,
		      const struct program_rule *rule)
{
	for (int s = 0; s < STAGES; s++) {
		if (entry->parts[s] && !rules_meet(program, entry->parts[s], rule))
			return false;
	}
	return true;
}

static int close_entry(struct entry_list *list, struct entry *entry, enum stage stage,
		       enum access access, enum entry_outcome outcome)
{
	entry->plan.stage = stage;
	entry->plan.access = access;
	entry->outcome = outcome;
	return append_entry(list, entry);
}

/* Every NSG that was read ends with DenyAll; one made otherwise denies what no rule matches. */
static bool ends_with_deny_all(const struct program_chain *chain)
{
	return chain->count > 0 && chain->rules[chain->count - 1].rule->is_default;
}

/*
 * One stage after the other, depth first: the entries of the stages before are in order, each is
 * followed by all that this stage makes of it, so the whole list is in order.
 */
static int add_stage(struct entry_list *list, const struct program *program, int position,
		     struct entry entry)
{
	enum stage stage;
	const struct program_chain *chain;

	while (position < STAGES &&
	       !program->chain[DIRECTION_INBOUND][program_order[DIRECTION_INBOUND][position]]
			.present)
		position++;
	if (position == STAGES)
		return close_entry(list, &entry, entry.plan.stage, ACCESS_ALLOW, ENTRY_MARK);
	stage = program_order[DIRECTION_INBOUND][position];
	chain = &program->chain[DIRECTION_INBOUND][stage];
	for (size_t i = 0; i < chain->count && !list->too_many; i++) {
		const struct program_rule *rule = &chain->rules[i];
		struct entry next = entry;
		int r;

		if (!meets_all(program, &entry, rule))
			continue;
		next.parts[stage] = rule;
		next.plan.rule[stage] = (uint16_t)i;
		next.plan.stage = stage;
		if (rule->access == ACCESS_DENY)
			r = close_entry(list, &next, stage, ACCESS_DENY,
					stage == STAGE_ACL ? ENTRY_DENY_ALWAYS : ENTRY_DENY);
		else if (rule->access == ACCESS_ALWAYS_ALLOW)
			r = close_entry(list, &next, stage, ACCESS_ALWAYS_ALLOW, ENTRY_MARK);
		else
			r = add_stage(list, program, position + 1, next);
		if (r < 0)
			return r;
	}
	if (stage == STAGE_ACL)
		return add_stage(list, program, position + 1, entry);
	return ends_with_deny_all(chain)
		       ? 0
		       : close_entry(list, &entry, stage, ACCESS_DENY, ENTRY_DENY);
}

int entry_list_build(const struct program *program, struct entry_list *ret)
{
	struct entry first = { .plan = { .rule = { NO_RULE, NO_RULE, NO_RULE },
					 .stage = STAGE_ACL } };

	*ret = (struct entry_list){ 0 };
	return add_stage(ret, program, 0, first);
}
