/*
 * Differences between two policies: see diff.h.
 */
#include "control/diff.h"

#include "control/rule_json.h"

#include <stdlib.h>
#include <string.h>

/* --- rules --- */

/* A rule and whether the other policy's rules have one to go with it. */
struct entry {
	const struct rule *rule;
	bool paired;
};

struct side {
	const struct policy *policy;
	struct entry *entries; /* sorted by name, then priority */
	size_t count;
};

static int compare_entries(const void *a, const void *b)
{
	const struct rule *left = ((const struct entry *)a)->rule;
	const struct rule *right = ((const struct entry *)b)->rule;
	int order = strcmp(left->name, right->name);

	return order ? order : (int)left->priority - (int)right->priority;
}

static struct side side_of(const struct policy *policy, enum stage stage, enum direction direction)
{
	const struct rule_table *table = &policy->stage[stage];
	const struct rule_list *list = &table->list[direction];
	struct side side = { .policy = policy };

	if (!table->present || list->count == 0)
		return side;
	side.entries = calloc(list->count, sizeof(*side.entries));
	if (!side.entries)
		abort(); /* as everywhere where a response is made */
	side.count = list->count;
	for (size_t i = 0; i < list->count; i++)
		side.entries[i].rule = &list->rules[i];
	qsort(side.entries, side.count, sizeof(*side.entries), compare_entries);
	return side;
}

static void add_field(struct json *fields, const char *name, const struct json_at *from,
		      const struct json_at *to)
{
	struct json *field = json_add_object(fields, NULL);

	json_add_string(field, "name", name);
	json_add(field, "from", json_copy(from->value));
	json_add(field, "to", json_copy(to->value));
}

/* Adds the members in which two rules differ as text. */
static void add_fields(struct json *fields, const struct json *before, const struct json *after)
{
	const struct json_at old = json_root(before), new = json_root(after);

	for (const char *const *key = rule_json_meaning; *key; key++) {
		struct json_at from, to;
		char *left, *right;

		if (!json_get(&old, *key, &from) || !json_get(&new, *key, &to))
			continue;
		left = json_print(from.value);
		right = json_print(to.value);
		if (strcmp(left, right) != 0)
			add_field(fields, *key, &from, &to);
		free(left);
		free(right);
	}
}

/* Sides that name the same tag or group, which stands for other addresses now. */
static void add_side_field(struct json *fields, const char *name, const struct rule_side *from,
			   const struct rule_side *to)
{
	struct json *field;

	if (rule_sides_equal(from, to))
		return;
	field = json_add_object(fields, NULL);
	json_add_string(field, "name", name);
	json_add_string(field, "note", "the addresses behind a tag or group changed");
}

static bool has_field(const struct json *fields, const char *name)
{
	const struct json_at root = json_root(fields);
	struct json_at field, text;

	json_foreach(field, &root) {
		if (json_get(&field, "name", &text) && strcmp(json_string(&text), name) == 0)
			return true;
	}
	return false;
}

static void compare_rules(const struct side *before, const struct rule *old,
			  const struct side *after, const struct rule *new, enum stage stage,
			  struct json *changed)
{
	JSON_CLEANUP struct json *from = rule_json(before->policy, stage, old);
	JSON_CLEANUP struct json *to = rule_json(after->policy, stage, new);
	struct json *fields = json_new_array();
	struct json_at root = json_root(fields);
	struct json *entry;

	add_fields(fields, from, to);
	if (!has_field(fields, "source"))
		add_side_field(fields, "source", &old->source, &new->source);
	if (!has_field(fields, "destination"))
		add_side_field(fields, "destination", &old->destination, &new->destination);
	if (json_count(&root) == 0) {
		json_free(fields);
		return;
	}
	entry = json_add_object(changed, NULL);
	json_add_string(entry, "name", new->name);
	json_add_string(entry, "level", stage_name(stage));
	json_add_string(entry, "direction", direction_name(new->direction));
	json_add_integer(entry, "priority", new->priority);
	json_add(entry, "fields", fields);
}

/* Walks two sorted lists side by side and pairs rules of the same name, in order of priority. */
static void pair_rules(struct side *before, struct side *after, enum stage stage,
		       struct json *changed)
{
	size_t i = 0, j = 0;

	while (i < before->count && j < after->count) {
		struct entry *old = &before->entries[i], *new = &after->entries[j];
		int order = strcmp(old->rule->name, new->rule->name);

		if (order < 0) {
			i++;
		} else if (order > 0) {
			j++;
		} else {
			old->paired = new->paired = true;
			compare_rules(before, old->rule, after, new->rule, stage, changed);
			i++;
			j++;
		}
	}
}

static void add_unpaired(const struct side *side, enum stage stage, struct json *to)
{
	for (size_t i = 0; i < side->count; i++) {
		const struct entry *entry = &side->entries[i];

		if (!entry->paired && !entry->rule->is_default)
			json_add(to, NULL, rule_json(side->policy, stage, entry->rule));
	}
}

/* --- settings --- */

static void add_text_setting(struct json *settings, const char *prefix, const char *name,
			     const char *from, const char *to)
{
	struct json *entry;

	if (from && to ? strcmp(from, to) == 0 : from == to)
		return;
	entry = json_add_object(settings, NULL);
	json_add_format(entry, "name", "%s%s", prefix, name);
	json_add_string(entry, "from", from);
	json_add_string(entry, "to", to);
}

static const char *flag_text(bool flag)
{
	return flag ? "true" : "false";
}

static void add_table_settings(struct json *settings, enum stage stage,
			       const struct rule_table *old, const struct rule_table *new)
{
	static const char *const prefixes[STAGES] = {
		[STAGE_ACL] = "acl.",
		[STAGE_SUBNET] = "subnetNsg.",
		[STAGE_NIC] = "nicNsg.",
	};
	const char *prefix = prefixes[stage];

	add_text_setting(settings, prefix, "present", flag_text(old->present),
			 flag_text(new->present));
	if (!old->present || !new->present)
		return;
	add_text_setting(settings, prefix, "name", old->name, new->name);
	add_text_setting(settings, prefix, "flushConnection", flag_text(old->flush_connection),
			 flag_text(new->flush_connection));
}

static char *addresses_text(const struct policy *policy)
{
	struct json *array = json_new_array();
	char text[IP_TEXT_MAX], *printed;

	for (size_t i = 0; i < policy->address_count; i++)
		json_add_string(array, NULL, ip_addr_format(&policy->addresses[i], text));
	printed = json_print(array);
	json_free(array);
	return printed;
}

static void add_settings(struct json *settings, const struct policy *old, const struct policy *new)
{
	static const char *const modes[] = { "enforce", "audit" };
	static const char *const icmp_errors[] = { "related", "rules" };
	static const char *const offload[] = { "auto", "off" };
	char *from = addresses_text(old), *to = addresses_text(new);

	for (int stage = 0; stage < STAGES; stage++)
		add_table_settings(settings, (enum stage)stage, &old->stage[stage],
				   &new->stage[stage]);
	add_text_setting(settings, "context.", "addresses", from, to);
	add_text_setting(settings, "isolation.", "sourceGuard", flag_text(old->source_guard),
			 flag_text(new->source_guard));
	add_text_setting(settings, "options.", "mode", modes[old->mode], modes[new->mode]);
	add_text_setting(settings, "options.", "strict", flag_text(old->strict),
			 flag_text(new->strict));
	add_text_setting(settings, "options.", "icmpErrors", icmp_errors[old->icmp_errors],
			 icmp_errors[new->icmp_errors]);
	add_text_setting(settings, "options.", "offload", offload[old->offload],
			 offload[new->offload]);
	free(from);
	free(to);
}

struct json *policy_diff_json(const struct policy *before, const struct policy *after)
{
	struct json *json = json_new_object();
	struct json *added = json_new_array(), *removed = json_new_array();
	struct json *changed = json_new_array(), *settings = json_new_array();
	const struct json_at lists[] = { json_root(added), json_root(removed), json_root(changed),
					 json_root(settings) };
	size_t differences = 0;

	for (int stage = 0; stage < STAGES; stage++) {
		for (int direction = 0; direction < DIRECTIONS; direction++) {
			struct side old =
				side_of(before, (enum stage)stage, (enum direction)direction);
			struct side new =
				side_of(after, (enum stage)stage, (enum direction)direction);

			pair_rules(&old, &new, (enum stage)stage, changed);
			add_unpaired(&new, (enum stage)stage, added);
			add_unpaired(&old, (enum stage)stage, removed);
			free(old.entries);
			free(new.entries);
		}
	}
	add_settings(settings, before, after);
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		differences += json_count(&lists[i]);
	json_add_bool(json, "identical", differences == 0);
	json_add(json, "added", added);
	json_add(json, "removed", removed);
	json_add(json, "changed", changed);
	json_add(json, "settings", settings);
	return json;
}
