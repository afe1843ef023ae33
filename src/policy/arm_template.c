/*
 * ARM templates: the NSGs in them, with rules inline and as child resources, in copy loops and in
 * nested deployments.
 *
 * Only what belongs to an NSG is evaluated. An NSG of which something cannot be evaluated stays in
 * the list, so that it can be named, and is marked as broken. Where it cannot be told which NSG is
 * concerned, every NSG of the template may lack rules, and the whole source is marked.
 *
 * https://learn.microsoft.com/azure/azure-resource-manager/templates/syntax
 */
#include "policy/alloc.h"
#include "policy/arm_gather.h"
#include "policy/arm_resource.h"
#include "policy/source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define NSG_TYPE        "Microsoft.Network/networkSecurityGroups"
#define RULE_TYPE       NSG_TYPE "/securityRules"
#define DEPLOYMENT_TYPE "Microsoft.Resources/deployments"

#define RESOURCES_MAX 20000
#define NESTING_MAX   16 /* deployments in deployments; deeper ones are not looked into */

bool source_is_template(const struct json_at *at)
{
	struct json_at child;

	return json_type(at) == JSON_OBJECT && json_get_fold(at, "resources", &child) &&
	       (json_type(&child) == JSON_ARRAY || json_type(&child) == JSON_OBJECT) &&
	       (json_get(at, "$schema", &child) || json_get_fold(at, "contentVersion", &child) ||
		json_get_fold(at, "parameters", &child) || json_get_fold(at, "variables", &child));
}

/* --- NSGs and rules --- */

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

/*
 * `group` is the NSG's name where the resource stands inside of it; else its own name says it.
 * `certain` is whether it is known that the rule is deployed.
 */
static void read_rule(struct arm_reader *reader, const struct arm_env *env,
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

static void read_children(struct arm_reader *reader, const struct arm_env *env,
			  const struct json_at *nsg, const char *name);

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

/* `certain` is whether it is known that the NSG is deployed. */
static void read_nsg(struct arm_reader *reader, const struct arm_env *env,
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
	read_children(reader, env, resource, name);
}

static void read_child(struct arm_reader *reader, const struct arm_env *env,
		       const struct json_at *resource, const char *group);

static void read_children(struct arm_reader *reader, const struct arm_env *env,
			  const struct json_at *nsg, const char *name)
{
	struct json_at list, child;
	char *own_name = alloc_string(name); /* reader->groups may move meanwhile */

	if (source_get(nsg, "resources", JSON_ARRAY, &list)) {
		json_foreach(child, &list)
			read_child(reader, env, &child, own_name);
	}
	free(own_name);
}

/* --- walking resources --- */

static void read_resources(struct arm_reader *reader, const struct arm_env *env,
			   const struct json_at *list);

static bool is_inner_scope(const struct json_at *properties)
{
	struct json_at options, scope;

	return source_get(properties, "expressionEvaluationOptions", JSON_OBJECT, &options) &&
	       source_get(&options, "scope", JSON_STRING, &scope) &&
	       strcasecmp(json_string(&scope), "inner") == 0;
}

static void read_deployment(struct arm_reader *reader, const struct arm_env *env,
			    const struct json_at *resource)
{
	struct arm_machine *machine = &reader->machine;
	struct json_at properties, template, list, passed;
	struct arm_scope scope;
	struct arm_env inner = *env;

	if (!source_get(resource, "properties", JSON_OBJECT, &properties) ||
	    !source_get(&properties, "template", JSON_OBJECT, &template) ||
	    !json_get_fold(&template, "resources", &list))
		return; /* a linked template is another file */
	if (is_inner_scope(&properties)) {
		scope = (struct arm_scope){
			.template = arm_keep(machine, &template),
			.passed_in = env->scope,
			.passed = source_get(&properties, "parameters", JSON_OBJECT, &passed)
					  ? arm_keep(machine, &passed)
					  : NULL,
		};
		inner.scope = &scope;
		inner.loops = NULL;
	}
	read_resources(reader, &inner, &list);
}

/* Whether a resource is, or deploys, an NSG or a rule: nothing else needs to be evaluated. */
static bool is_of_interest(const struct json_at *resource, unsigned depth)
{
	struct json_at properties, template, list, child;

	if (json_type(resource) != JSON_OBJECT)
		return false;
	if (arm_resource_is(resource, NSG_TYPE) || arm_resource_is(resource, RULE_TYPE))
		return true;
	if (depth == 0 || !arm_resource_is(resource, DEPLOYMENT_TYPE) ||
	    !source_get(resource, "properties", JSON_OBJECT, &properties) ||
	    !source_get(&properties, "template", JSON_OBJECT, &template) ||
	    !json_get_fold(&template, "resources", &list))
		return false;
	json_foreach(child, &list) {
		if (is_of_interest(&child, depth - 1))
			return true;
	}
	return false;
}

/* `group` is as in read_rule(). */
static void read_instance(struct arm_reader *reader, const struct arm_env *env,
			  const struct json_at *resource, const char *group)
{
	bool deployed = true;
	bool certain = arm_resource_condition(env, resource, &deployed) == 0;

	if (certain && !deployed)
		return;
	if (group || arm_resource_is(resource, RULE_TYPE))
		read_rule(reader, env, resource, group, certain);
	else if (arm_resource_is(resource, NSG_TYPE))
		read_nsg(reader, env, resource, certain);
	else if (certain)
		read_deployment(reader, env, resource);
	else
		reader->incomplete = true;
}

/* What a loop makes is not known. */
static void skip_loop(struct arm_reader *reader, const struct json_at *resource, const char *group)
{
	if (group)
		add_rule(reader, resource, alloc_string(group), NULL);
	else if (arm_resource_is(resource, NSG_TYPE))
		add_unknown_nsg(reader, resource);
	else
		reader->incomplete = true;
}

/* Reads the resource, or each round of its copy loop. */
static void read_copies(struct arm_reader *reader, const struct arm_env *env,
			const struct json_at *resource, const char *group)
{
	struct json_at copy;
	const char *name = NULL;
	int64_t count = 1;
	bool looped = source_get(resource, "copy", JSON_OBJECT, &copy);

	if (looped && arm_copy_count(env, &copy, &count, &name) < 0) {
		skip_loop(reader, resource, group);
		return;
	}
	for (int64_t i = 0; i < count; i++) {
		const struct arm_loop here = {
			.name = name,
			.index = i,
			.of_resource = true,
			.outer = env->loops,
		};
		struct arm_env inner = *env;

		if (looped)
			inner.loops = &here;
		if (++reader->resources > RESOURCES_MAX) {
			if (reader->resources == RESOURCES_MAX + 1)
				report_error(reader->machine.report, ACCELNET_E_LIMIT, resource,
					     "more than %d resources", RESOURCES_MAX);
			reader->incomplete = true;
			return;
		}
		read_instance(reader, &inner, resource, group);
	}
}

/* A resource inside an NSG: its type may be relative. */
static void read_child(struct arm_reader *reader, const struct arm_env *env,
		       const struct json_at *resource, const char *group)
{
	if (arm_resource_is(resource, "securityRules") || arm_resource_is(resource, RULE_TYPE))
		read_copies(reader, env, resource, group);
}

/* A list, or from language version 2.0 on an object with a name for each. */
static void read_resources(struct arm_reader *reader, const struct arm_env *env,
			   const struct json_at *list)
{
	struct json_at resource;

	json_foreach(resource, list) {
		if (is_of_interest(&resource, NESTING_MAX))
			read_copies(reader, env, &resource, NULL);
	}
}

int source_read_template(struct source_reader *reader, const struct json_at *at)
{
	const struct policy_read_options *options = reader->options;
	struct arm_reader arm = {
		.source = reader,
		.machine = { .report = reader->report },
	};
	const struct arm_scope scope = {
		.template = at,
		.given = options ? options->parameters : NULL,
	};
	const struct arm_env env = { .machine = &arm.machine, .scope = &scope };
	size_t errors_before = reader->report->errors;
	struct json_at list;

	if (json_get_fold(at, "resources", &list))
		read_resources(&arm, &env, &list);
	arm_place_rules(&arm);
	if (arm.incomplete)
		(void)report_result(reader->report, &reader->source->missing); /* the first */
	arm_hand_over(&arm);
	arm_machine_fini(&arm.machine);
	if (reader->source->count || reader->report->errors > errors_before)
		return 0;
	report_error(reader->report, ACCELNET_E_FORM, at,
		     "the template deploys no network security group: no resource of type " NSG_TYPE
		     " or " RULE_TYPE);
	return -error_errno(ACCELNET_E_FORM);
}
