/*
 * Comparing two policies rule by rule: see edit.h.
 */
#include "policy/edit.h"

#include <string.h>

/*
 * Large sets, a tag's, are shared by many rules: those found to be the same are remembered, so that
 * each is compared once.
 */
#define KNOWN_SETS   64
#define SET_IS_LARGE 16

struct comparison {
	struct policy_edit *edit;
	struct {
		const struct address_set *old;
		const struct address_set *new;
	} known[KNOWN_SETS];
};

static bool same_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool same_prefixes(const struct address_set *old, const struct address_set *new)
{
	for (size_t i = 0; i < old->prefix_count; i++) {
		const struct ip_prefix *a = &old->prefixes[i], *b = &new->prefixes[i];

		if (a->number != b->number || a->length != b->length || a->family != b->family)
			return false;
	}
	return true;
}

static bool same_set(struct comparison *comparison, const struct address_set *old,
		     const struct address_set *new)
{
	size_t at = ((uintptr_t)old >> 4) % KNOWN_SETS;

	if (old->kind != new->kind || old->prefix_count != new->prefix_count)
		return false;
	if (comparison->known[at].old == old && comparison->known[at].new == new)
		return true;
	if (!same_text(old->name, new->name) || !same_prefixes(old, new))
		return false;
	if (old->prefix_count >= SET_IS_LARGE) {
		comparison->known[at].old = old;
		comparison->known[at].new = new;
	}
	return true;
}

static bool same_side(struct comparison *comparison, const struct rule_side *old,
		      const struct rule_side *new)
{
	if (old->set_count != new->set_count)
		return false;
	for (size_t i = 0; i < old->set_count; i++) {
		if (!same_set(comparison, old->sets[i], new->sets[i]))
			return false;
	}
	return true;
}

static bool same_ports(const struct port_set *old, const struct port_set *new)
{
	return old->any == new->any && old->range_count == new->range_count &&
	       (old->range_count == 0 ||
		memcmp(old->ranges, new->ranges, old->range_count * sizeof(*old->ranges)) == 0);
}

static bool same_rule(struct comparison *comparison, const struct rule *old, const struct rule *new)
{
	return old->access == new->access && old->protocol == new->protocol &&
	       old->is_default == new->is_default &&
	       old->matches_nothing == new->matches_nothing &&same_ports(&old->destination_ports,
									 &new->destination_ports) &&
	       same_ports(&old->source_ports, &new->source_ports) &&
	       same_side(comparison, &old->source, &new->source) &&
	       same_side(comparison, &old->destination, &new->destination);
}

static bool note(struct policy_edit_rule *list, size_t *count, enum stage stage,
		 enum direction direction, size_t index)
{
	if (*count == POLICY_EDIT_MAX)
		return false;
	list[(*count)++] = (struct policy_edit_rule){ stage, direction, index };
	return true;
}

static void keep(struct policy_edit *edit, const struct rule *old, const struct rule *new)
{
	if (old->is_default)
		return;
	if (same_text(old->name, new->name))
		edit->kept++;
	else
		edit->renamed++;
}

static const struct rule *rule_at(const struct rule_list *list, size_t at)
{
	return at < list->count ? &list->rules[at] : NULL;
}

static bool same_place(struct comparison *comparison, const struct rule *old,
		       const struct rule *new)
{
	return old && new && old->priority == new->priority &&same_rule(comparison, old, new);
}

/* Two rules that are next in their lists and not the same: which of them to pass over. */
struct passed {
	bool old;
	bool new;
};

/* An acl may use one priority twice; then the rule behind tells which of the two is extra. */
static struct passed pass(struct comparison *comparison, const struct rule_list *old, size_t i,
			  const struct rule_list *new, size_t j)
{
	const struct rule *x = rule_at(old, i), *y = rule_at(new, j);

	if (!x || !y || x->priority != y->priority)
		return (struct passed){ .old = x && (!y || x->priority < y->priority),
					.new = y && (!x || y->priority < x->priority) };
	return (struct passed){ .old = !same_place(comparison, x, rule_at(new, j + 1)),
				.new = !same_place(comparison, rule_at(old, i + 1), y) };
}

static bool compare_lists(struct comparison *comparison, const struct policy *old,
			  const struct policy *new, enum stage stage, enum direction direction)
{
	const struct rule_list *a = &old->stage[stage].list[direction];
	const struct rule_list *b = &new->stage[stage].list[direction];
	struct policy_edit *edit = comparison->edit;
	size_t i = 0, j = 0;

	while (i < a->count || j < b->count) {
		struct passed passed;

		if (same_place(comparison, rule_at(a, i), rule_at(b, j))) {
			keep(edit, &a->rules[i++], &b->rules[j++]);
			continue;
		}
		passed = pass(comparison, a, i, b, j);
		/* two that changed places: neither is extra, and one must give way */
		passed.old |= !passed.new;
		if (passed.old && !note(edit->removed, &edit->removed_count, stage, direction, i++))
			return false;
		if (passed.new && !note(edit->added, &edit->added_count, stage, direction, j++))
			return false;
	}
	return true;
}

enum policy_edit_answer policy_edit_find(const struct policy *old, const struct policy *new,
					 struct policy_edit *ret)
{
	struct comparison comparison = { .edit = ret };

	ret->removed_count = ret->added_count = ret->kept = ret->renamed = 0;
	for (int stage = 0; stage < STAGES; stage++) {
		if (old->stage[stage].present != new->stage[stage].present)
			return POLICY_EDIT_MANY;
		for (int direction = 0; direction < DIRECTIONS; direction++) {
			if (!compare_lists(&comparison, old, new, (enum stage)stage,
					   (enum direction)direction))
				return POLICY_EDIT_MANY;
		}
	}
	return POLICY_EDIT_FEW;
}
