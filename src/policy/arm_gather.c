/*
 * Putting the NSGs of a template together: see arm_gather.h.
 */
#include "policy/arm_gather.h"

#include "policy/alloc.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

static struct arm_group *group_named(struct arm_reader *reader, const char *name)
{
	for (size_t i = 0; i < reader->group_count; i++) {
		if (strcasecmp(reader->groups[i].name, name) == 0)
			return &reader->groups[i];
	}
	return NULL;
}

/* An NSG that the template has under a name that is not known may be the one. */
static bool has_unnamed(const struct arm_reader *reader)
{
	for (size_t i = 0; i < reader->group_count; i++) {
		if (reader->groups[i].unnamed)
			return true;
	}
	return false;
}

static struct arm_group *group_for(struct arm_reader *reader, const struct arm_rule *rule)
{
	struct arm_group *group = group_named(reader, rule->group);
	bool broken;

	if (group)
		return group;
	broken = has_unnamed(reader);
	reader->groups = alloc_grow(reader->groups, reader->group_count, sizeof(*reader->groups));
	group = &reader->groups[reader->group_count++];
	*group = (struct arm_group){
		.name = alloc_string(rule->group),
		.pointer = alloc_string(rule->pointer),
		.nsg = json_new_object(),
		.broken = broken,
	};
	json_add_string(group->nsg, "name", group->name);
	(void)json_add_object(group->nsg, "properties");
	return group;
}

/* Makes the list that rules are appended to: what the NSG has inline, copied once. */
static void open_rules(struct arm_group *group)
{
	struct json_at root = json_root(group->nsg), properties, rules;
	struct json *fresh = json_new_object();

	group->rules = json_new_array();
	if (source_get(&root, "properties", JSON_OBJECT, &properties)) {
		struct json_at child;

		json_foreach(child, &properties) {
			if (strcasecmp(child.key, "securityRules") != 0)
				json_add(fresh, child.key, json_copy(child.value));
		}
		if (source_get(&properties, "securityRules", JSON_ARRAY, &rules)) {
			json_free(group->rules);
			group->rules = json_copy(rules.value);
			group->rule_count = json_count(&rules);
		}
	}
	json_add(fresh, "securityRules", group->rules);
	json_remove(group->nsg, "properties");
	json_add(group->nsg, "properties", fresh);
}

/* Takes over `rule`; returns its place in the list. */
static size_t append_rule(struct arm_group *group, struct json *rule)
{
	if (!group->rules)
		open_rules(group);
	json_add(group->rules, NULL, rule);
	return group->rule_count++;
}

void arm_place_rules(struct arm_reader *reader)
{
	for (size_t i = 0; i < reader->rule_count; i++) {
		struct arm_rule *rule = &reader->rules[i];
		struct arm_group *group = group_for(reader, rule);
		char from[60];

		group->broken |= rule->broken;
		if (!rule->rule)
			continue;
		(void)snprintf(from, sizeof(from), "/properties/securityRules/%zu",
			       append_rule(group, rule->rule));
		rule->rule = NULL;
		group->map = alloc_grow(group->map, group->map_count, sizeof(*group->map));
		group->map[group->map_count++] = (struct pointer_map){
			.from = alloc_string(from),
			.to = alloc_string(rule->pointer),
		};
	}
}

void arm_hand_over(struct arm_reader *reader)
{
	struct policy_source *source = reader->source->source;

	if (!source->made)
		source->made = json_new_array();
	for (size_t i = 0; i < reader->group_count; i++) {
		struct arm_group *group = &reader->groups[i];
		struct policy_source_nsg *added;

		json_add(source->made, NULL, group->nsg);
		added = source_add_at(reader->source, group->pointer, group->name, group->nsg);
		added->broken = group->broken;
		if (group->broken && group->written_rules > added->user_rules)
			added->user_rules = group->written_rules;
		for (size_t k = 0; k < group->map_count; k++) {
			added->map = alloc_grow(added->map, added->map_count, sizeof(*added->map));
			added->map[added->map_count++] = group->map[k];
		}
		free(group->map);
		free(group->pointer);
		free(group->name);
	}
	free(reader->groups);
	for (size_t i = 0; i < reader->rule_count; i++) {
		free(reader->rules[i].group);
		free(reader->rules[i].pointer);
	}
	free(reader->rules);
}
