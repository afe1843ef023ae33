/*
 * NSGs and rules among a template's resources, one at a time: see arm_gather.h.
 */
#include "policy/alloc.h"
#include "policy/arm_gather.h"
#include "policy/arm_resource.h"

#include <stdlib.h>
#include <string.h>

static char *pointer_of(const struct json_at *at)
{
	char pointer[ERROR_POINTER_MAX];

	json_pointer(at, pointer, sizeof(pointer));
	return alloc_string(pointer);
}

static const char *last_segment(const char *name)
{
	const char *slash = strrchr(name, '/');

	return slash ? slash + 1 : name;
}

static void warn_of_name(struct arm_reader *reader, const struct json_at *resource)
{
	struct json_at name;

	if (source_get(resource, "name", JSON_STRING, &name))
		report_warning(
			reader->machine.report, ACCELNET_E_EXPRESSION, &name,
			"\"%.200s\" is known only when it is deployed; it stands as the name",
			json_string(&name));
}

/* Takes over `group`, the NSG's name, and `value`: NULL for a rule that cannot be evaluated. */
static void add_rule(struct arm_reader *reader, const struct json_at *resource, char *group,
		     struct json *value)
{
	reader->rules = alloc_grow(reader->rules, reader->rule_count, sizeof(*reader->rules));
	reader->rules[reader->rule_count++] = (struct arm_rule){
		.group = group,
		.pointer = pointer_of(resource),
		.rule = value,
		.broken = !value,
	};
}

static void report_unknown_nsg(struct arm_reader *reader, const struct json_at *resource)
{
	struct json_at name;

	if (json_get_fold(resource, "name", &name))
		report_error(
			reader->machine.report, ACCELNET_E_EXPRESSION, &name,
			"\"%.200s\" is known only when it is deployed, so that it does not tell "
			"which NSG the rule belongs to",
			json_string(&name));
}

void arm_read_rule(struct arm_reader *reader, const struct arm_env *env,
		   const struct json_at *resource, const char *group, bool certain)
{
	char *name = NULL, *parent;
	struct json *properties = NULL, *rule = NULL;
	int named = arm_resource_name(env, resource, &name);
	int evaluated = certain ? arm_resource_properties(env, resource, &properties) : 0;

	if (!group && named != 0) {
		if (named == ARM_NAME_UNKNOWN)
			report_unknown_nsg(reader, resource);
		reader->incomplete = true;
		json_free(properties);
		free(name);
		return;
	}
	if (named == ARM_NAME_UNKNOWN)
		warn_of_name(reader, resource);
	parent = group ? alloc_string(group) : alloc_trimmed(name, name + strcspn(name, "/"));
	if (certain && named >= 0 && evaluated == 0) {
		rule = json_new_object();
		json_add_string(rule, "name", last_segment(name));
		json_add(rule, "properties", properties);
	} else {
		json_free(properties);
	}
	add_rule(reader, resource, parent, rule);
	free(name);
}

/* How many rules the template lists for an NSG that cannot be evaluated. */
static size_t written_rules(const struct json_at *resource)
{
	struct json_at properties, rules;

	return source_get(resource, "properties", JSON_OBJECT, &properties) &&
			       source_get(&properties, "securityRules", JSON_ARRAY, &rules)
		       ? json_count(&rules)
		       : 0;
}

/* Takes over `name`. The NSG is broken until it is known to be whole. */
static struct arm_group *add_group(struct arm_reader *reader, const struct json_at *resource,
				   char *name)
{
	struct arm_group *group;

	reader->groups = alloc_grow(reader->groups, reader->group_count, sizeof(*reader->groups));
	group = &reader->groups[reader->group_count++];
	*group = (struct arm_group){
		.name = name,
		.pointer = pointer_of(resource),
		.nsg = json_new_object(),
		.broken = true,
		.written_rules = written_rules(resource),
	};
	return group;
}

/* An NSG of which neither the number nor the name is known. */
static void add_unknown_nsg(struct arm_reader *reader, const struct json_at *resource)
{
	struct arm_group *group = add_group(reader, resource, arm_resource_written_name(resource));

	group->unnamed = true;
	(void)json_add_object(group->nsg, "properties");
}

char *arm_read_nsg(struct arm_reader *reader, const struct arm_env *env,
		   const struct json_at *resource, bool certain)
{
	struct json *properties = NULL;
	struct arm_group *group;
	char *name = NULL;
	int named = arm_resource_name(env, resource, &name);
	int evaluated = certain ? arm_resource_properties(env, resource, &properties) : 0;

	if (named < 0)
		name = arm_resource_written_name(resource);
	if (named == ARM_NAME_UNKNOWN)
		warn_of_name(reader, resource);
	group = add_group(reader, resource, name);
	group->broken = !certain || named < 0 || evaluated < 0;
	group->unnamed = named < 0;
	if (named == 0)
		json_add_string(group->nsg, "name", name);
	json_add(group->nsg, "properties", properties ? properties : json_new_object());
	return alloc_string(name);
}

void arm_read_unknown(struct arm_reader *reader, const struct json_at *resource, const char *group)
{
	if (group)
		add_rule(reader, resource, alloc_string(group), NULL);
	else if (arm_resource_is(resource, ARM_NSG_TYPE))
		add_unknown_nsg(reader, resource);
	else
		reader->incomplete = true;
}
