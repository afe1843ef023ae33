/*
 * A program out of another one, by the rules that differ: see program.h.
 */
#include "compile/program_build.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Every rule that is added may bring two groups. */
#define NEW_GROUPS_MAX (2 * POLICY_EDIT_MAX)

static bool same_group(const struct address_group *a, const struct address_group *b)
{
	if (a->hash != b->hash)
		return false;
	for (int family = 0; family < IP_FAMILIES; family++) {
		size_t count = a->range_count[family];

		/* two numbers without padding: bytes are values */
		if (count != b->range_count[family] ||
		    (count > 0 && memcmp(a->ranges[family], b->ranges[family],
					 count * sizeof(struct ip_range)) != 0))
			return false;
	}
	return true;
}

/* Group numbers of the added rules' own table, as the program has them. */
struct renumbering {
	struct address_group *groups;
	size_t count;
	uint32_t *number;
};

static bool is_needed(const struct program_rule *rules, size_t count, uint32_t group)
{
	for (size_t i = 0; i < count; i++) {
		if (rules[i].source == group || rules[i].destination == group)
			return true;
	}
	return false;
}

/* Finds each group in the program, or moves it there; there is room. */
static void adopt_groups(struct program *program, struct renumbering *renumbering,
			 const struct program_rule *rules, size_t rule_count)
{
	for (size_t i = 0; i < renumbering->count; i++) {
		struct address_group *group = &renumbering->groups[i];
		size_t at = 0;

		/* a side of several sets has left the groups of each in the table, too */
		if (!is_needed(rules, rule_count, (uint32_t)i))
			continue;
		while (at < program->group_count && !same_group(&program->groups[at], group))
			at++;
		if (at == program->group_count) {
			program->groups[program->group_count++] = *group;
			*group = (struct address_group){ 0 };
		}
		renumbering->number[i] = (uint32_t)at;
	}
}

static void renumbering_fini(struct renumbering *renumbering)
{
	for (size_t i = 0; i < renumbering->count; i++)
		address_group_fini(&renumbering->groups[i]);
	free(renumbering->groups);
	free(renumbering->number);
}

static int init_added(struct group_table *groups, const struct policy *policy,
		      const struct policy_edit *edit, struct program_rule *rules)
{
	int r = 0;

	for (size_t i = 0; i < edit->added_count && r == 0; i++) {
		const struct policy_edit_rule *at = &edit->added[i];

		r = program_rule_init(
			&rules[i], groups,
			&policy->stage[at->stage].list[at->direction].rules[at->index]);
	}
	return r;
}

static int build_added(struct program *program, const struct policy *policy,
		       const struct policy_edit *edit, struct program_rule *rules)
{
	struct renumbering renumbering = { 0 };
	struct group_table *groups = group_table_new();
	int r = groups ? init_added(groups, policy, edit, rules) : -ENOMEM;

	if (r == 0) {
		renumbering.groups = group_table_take(groups, &renumbering.count);
		renumbering.number = calloc(renumbering.count, sizeof(*renumbering.number));
		r = renumbering.number ? 0 : -ENOMEM;
	}
	if (r == 0)
		adopt_groups(program, &renumbering, rules, edit->added_count);
	for (size_t i = 0; i < edit->added_count && r == 0; i++) {
		rules[i].source = renumbering.number[rules[i].source];
		rules[i].destination = renumbering.number[rules[i].destination];
	}
	renumbering_fini(&renumbering);
	group_table_free(groups);
	return r;
}

/* The next rule of the list that the edit names, from `*at` on, or SIZE_MAX. */
static size_t next_of(const struct policy_edit_rule *list, size_t count, enum stage stage,
		      enum direction direction, size_t *at)
{
	while (*at < count && (list[*at].stage != stage || list[*at].direction != direction))
		++*at;
	return *at < count ? list[*at].index : SIZE_MAX;
}

/* The rules of the base in the places they have now, and the added ones in theirs. */
static int edit_chain(const struct program_chain *base, const struct rule_table *table,
		      const struct policy_edit *edit, const struct program_rule *added,
		      enum stage stage, enum direction direction, struct program_chain *ret)
{
	const struct rule_list *list = &table->list[direction];
	size_t removed_at = 0, added_at = 0, from = 0;

	ret->present = table->present;
	if (!table->present || list->count == 0)
		return 0;
	ret->rules = malloc(list->count * sizeof(*ret->rules));
	if (!ret->rules)
		return -ENOMEM;
	ret->count = list->count;
	for (size_t i = 0; i < list->count; i++) {
		struct program_rule *rule = &ret->rules[i];

		if (next_of(edit->added, edit->added_count, stage, direction, &added_at) == i) {
			*rule = added[added_at++];
			continue;
		}
		while (next_of(edit->removed, edit->removed_count, stage, direction, &removed_at) ==
		       from) {
			removed_at++;
			from++;
		}
		*rule = base->rules[from++];
		rule->rule = &list->rules[i];
		rule->source_ports = &list->rules[i].source_ports;
		rule->destination_ports = &list->rules[i].destination_ports;
	}
	return 0;
}

static int edit_program(struct program *program, const struct policy *policy,
			const struct policy_edit *edit)
{
	const struct program *base = program->base;
	struct program_rule added[POLICY_EDIT_MAX];
	int r;

	program->groups = malloc((base->group_count + NEW_GROUPS_MAX) * sizeof(*program->groups));
	if (!program->groups)
		return -ENOMEM;
	memcpy(program->groups, base->groups, base->group_count * sizeof(*program->groups));
	program->group_count = program->own_groups = base->group_count;
	r = build_added(program, policy, edit, added);
	for (int stage = 0; stage < STAGES && r == 0; stage++) {
		for (int direction = 0; direction < DIRECTIONS && r == 0; direction++)
			r = edit_chain(&base->chain[direction][stage], &policy->stage[stage], edit,
				       added, (enum stage)stage, (enum direction)direction,
				       &program->chain[direction][stage]);
	}
	return r;
}

int program_new_edited(struct program *base, const struct policy *policy,
		       const struct policy_edit *edit, struct program **ret,
		       struct accelnet_error *err)
{
	struct program *program;
	int r = program_check_size(policy, err);

	if (r < 0)
		return r;
	if (base->edits == PROGRAM_EDITS_MAX)
		return PROGRAM_TOO_MANY_EDITS;
	program = calloc(1, sizeof(*program));
	if (!program)
		return fail(err, ACCELNET_E_MEMORY, NULL, "no memory to compile the policy");
	program->users = 1;
	program->edits = base->edits + 1;
	program->base = base;
	base->users++;
	if (edit_program(program, policy, edit) < 0) {
		program_free(program);
		return fail(err, ACCELNET_E_MEMORY, NULL, "no memory to compile the policy");
	}
	*ret = program;
	return PROGRAM_EDITED;
}
