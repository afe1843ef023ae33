/*
 * NSGs: see nsg.h.
 */
#include "policy/nsg.h"

#include "policy/alloc.h"
#include "policy/member.h"

#include <stdlib.h>
#include <strings.h>

#define RULES_ARM_MAX 1000

/* --- rules against each other --- */

static int compare_priority(const void *left, const void *right)
{
	const struct rule_reading *a = *(const struct rule_reading *const *)left;
	const struct rule_reading *b = *(const struct rule_reading *const *)right;

	if (a->rule.direction != b->rule.direction)
		return a->rule.direction < b->rule.direction ? -1 : 1;
	if (a->rule.priority != b->rule.priority)
		return a->rule.priority < b->rule.priority ? -1 : 1;
	return a < b ? -1
		     : a > b; /* all stand in one array: the order in which they were written */
}

static int compare_name(const void *left, const void *right)
{
	const struct rule_reading *a = *(const struct rule_reading *const *)left;
	const struct rule_reading *b = *(const struct rule_reading *const *)right;
	int order = strcasecmp(a->name, b->name);

	return order ? order : a < b ? -1 : a > b;
}

static void report_conflicts(struct reader *reader, struct rule_reading **sorted, size_t count)
{
	for (size_t i = 1; i < count; i++) {
		const struct rule_reading *a = sorted[i - 1], *b = sorted[i];

		if (a->rule.direction != b->rule.direction || a->rule.priority != b->rule.priority)
			continue;
		reader_error(reader, ACCELNET_E_RULE_CONFLICT, &b->priority_at,
			     "SecurityRuleConflict",
			     "rules \"%.80s\" and \"%.80s\" are both %s with priority %u; a "
			     "priority stands once in a direction",
			     a->name ? a->name : "", b->name ? b->name : "",
			     direction_name(a->rule.direction), a->rule.priority);
	}
}

static void report_repeated_names(struct reader *reader, struct rule_reading **sorted, size_t count)
{
	for (size_t i = 1; i < count; i++) {
		if (strcasecmp(sorted[i - 1]->name, sorted[i]->name) == 0)
			reader_arm(reader, &sorted[i]->name_at, "DuplicateResourceName",
				   "two rules are called \"%.80s\"; answers that name a rule "
				   "cannot tell them apart",
				   sorted[i]->name);
	}
}

static void compare_all(struct reader *reader, struct rule_reading *readings, size_t count)
{
	struct rule_reading **sorted = alloc_zero(count, sizeof(struct rule_reading *));
	size_t n = 0;

	for (size_t i = 0; i < count; i++) {
		if (readings[i].has_priority && readings[i].has_direction)
			sorted[n++] = &readings[i];
	}
	qsort(sorted, n, sizeof(struct rule_reading *), compare_priority);
	report_conflicts(reader, sorted, n);
	n = 0;
	for (size_t i = 0; i < count; i++) {
		if (readings[i].name)
			sorted[n++] = &readings[i];
	}
	qsort(sorted, n, sizeof(struct rule_reading *), compare_name);
	report_repeated_names(reader, sorted, n);
	free(sorted);
}

void rules_settle(struct reader *reader, struct rule_table *table, struct rule_reading *readings,
		  size_t count)
{
	struct rule_reading **sorted = alloc_zero(count, sizeof(struct rule_reading *));

	compare_all(reader, readings, count);
	for (size_t i = 0; i < count; i++)
		sorted[i] = &readings[i];
	qsort(sorted, count, sizeof(struct rule_reading *), compare_priority);
	for (size_t i = 0; i < count; i++) {
		struct rule_list *list = &table->list[sorted[i]->rule.direction];

		if (!sorted[i]->ok) {
			rule_fini(&sorted[i]->rule);
			continue;
		}
		list->rules = alloc_grow(list->rules, list->count, sizeof(*list->rules));
		list->rules[list->count++] = sorted[i]->rule;
		table->user_rules++;
	}
	free(sorted);
}

/* --- the NSG --- */

static void read_rules(struct reader *reader, struct rule_table *table, const struct json_at *at)
{
	size_t count = json_count(at), i = 0;
	struct rule_reading *readings;
	struct json_at item;

	if (count > POLICY_RULES_MAX) {
		reader_error(reader, ACCELNET_E_LIMIT, at, NULL,
			     "%zu rules; at most %d are accepted in one NSG", count,
			     POLICY_RULES_MAX);
		return;
	}
	if (count > RULES_ARM_MAX)
		reader_arm(reader, at, NULL, "%zu rules; Azure takes %d in one NSG", count,
			   RULES_ARM_MAX);
	readings = alloc_zero(count, sizeof(*readings));
	json_foreach(item, at) {
		struct rule_reading *reading = &readings[i++];

		reading->at = item;
		rule_read(reader, reading);
		if (reading->name && default_rule_named(reading->name))
			reader_arm(reader, &reading->name_at, "SecurityRuleConflict",
				   "\"%.80s\" is the name of a default rule", reading->name);
	}
	rules_settle(reader, table, readings, count);
	free(readings);
}

static void read_name(struct reader *reader, struct rule_table *table, const struct json_at *at)
{
	if (!member_is(reader, at, JSON_STRING))
		return;
	table->name = alloc_string(json_string(at));
	if (*table->name)
		rule_check_name(reader, at, table->name);
}

enum { RULES, DEFAULTS, FLUSH, NSG_PROPERTIES };

static const char *const property_names[NSG_PROPERTIES] = {
	[RULES] = "securityRules",
	[DEFAULTS] = "defaultSecurityRules",
	[FLUSH] = "flushConnection",
};

/* What Azure's answers have besides; not read. */
static const char *const among_properties[] = { "provisioningState", "resourceGuid", "subnets",
						"networkInterfaces", "flowLogs",     NULL };
static const char *const beside_properties[] = {
	"name", "id", "etag", "type", "location", "tags", "resourceGroup", NULL,
};
/* What a mistyped member of the NSG itself may have meant. */
static const char *const meant_names[] = { "properties", "securityRules", "defaultSecurityRules",
					   "flushConnection" };
#define MEANT_NAMES (sizeof(meant_names) / sizeof(meant_names[0]))

static void read_properties(struct reader *reader, struct rule_table *table,
			    const struct json_at *at)
{
	struct member member[NSG_PROPERTIES] = { 0 };

	for (size_t i = 0; i < NSG_PROPERTIES; i++)
		member[i].name = property_names[i];
	members_find(reader, at, member, NSG_PROPERTIES);
	if (member[FLUSH].present && member_is(reader, &member[FLUSH].at, JSON_BOOL))
		(void)json_bool(&member[FLUSH].at, &table->flush_connection); /* it is one */
	if (member[RULES].present && member_is(reader, &member[RULES].at, JSON_ARRAY))
		read_rules(reader, table, &member[RULES].at);
	else if (!member[RULES].present && json_count(at) > 0)
		reader_warning(reader, ACCELNET_E_MISSING, at,
			       "no \"securityRules\": the default rules alone are in force");
	if (member[DEFAULTS].present && member_is(reader, &member[DEFAULTS].at, JSON_ARRAY))
		default_rules_check(reader, &member[DEFAULTS].at);
}

void nsg_read(struct reader *reader, enum stage stage, const struct json_at *at)
{
	struct rule_table *table = &reader->policy->stage[stage];
	enum { NAME, PROPERTIES, NSG_MEMBERS };
	struct member member[NSG_MEMBERS] = {
		[NAME] = { .name = "name" },
		[PROPERTIES] = { .name = "properties" },
	};

	if (!member_is(reader, at, JSON_OBJECT))
		return;
	table->present = true;
	members_find(reader, at, member, NSG_MEMBERS);
	members_mistyped(reader, at, meant_names, MEANT_NAMES, beside_properties);
	if (member[NAME].present)
		read_name(reader, table, &member[NAME].at);
	if (!member[PROPERTIES].present) {
		read_properties(reader, table, at);
	} else if (member_is(reader, &member[PROPERTIES].at, JSON_OBJECT)) {
		(void)members_none(reader, at, property_names, NSG_PROPERTIES); /* reported */
		members_unknown(reader, &member[PROPERTIES].at, property_names, NSG_PROPERTIES,
				among_properties);
		read_properties(reader, table, &member[PROPERTIES].at);
	}
	default_rules_append(reader, table);
}
