/*
 * ARM templates: walking through their resources, copy loops and nested deployments.
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

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define RESOURCES_MAX 20000

bool source_is_template(const struct json_at *at)
{
	struct json_at child;

	return json_type(at) == JSON_OBJECT && json_get_fold(at, "resources", &child) &&
	       (json_type(&child) == JSON_ARRAY || json_type(&child) == JSON_OBJECT) &&
	       (json_get(at, "$schema", &child) || json_get_fold(at, "contentVersion", &child) ||
		json_get_fold(at, "parameters", &child) || json_get_fold(at, "variables", &child));
}

/* --- walking resources --- */

static void read_resources(struct arm_reader *reader, const struct arm_env *env,
			   const struct json_at *list);
static void read_child(struct arm_reader *reader, const struct arm_env *env,
		       const struct json_at *resource, const char *group);

static void read_nsg(struct arm_reader *reader, const struct arm_env *env,
		     const struct json_at *resource, bool certain)
{
	char *name = arm_read_nsg(reader, env, resource, certain);
	struct json_at list, child;

	if (source_get(resource, "resources", JSON_ARRAY, &list)) {
		json_foreach(child, &list)
			read_child(reader, env, &child, name);
	}
	free(name);
}

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
		return; /* arm_survey() told of those that are elsewhere */
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
	if (arm_resource_is(resource, ARM_NSG_TYPE) || arm_resource_is(resource, ARM_RULE_TYPE))
		return true;
	if (depth == 0 || !arm_resource_is(resource, ARM_DEPLOYMENT_TYPE) ||
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

/* `group` is as in arm_read_rule(). */
static void read_instance(struct arm_reader *reader, const struct arm_env *env,
			  const struct json_at *resource, const char *group)
{
	bool deployed = true;
	bool certain = arm_resource_condition(env, resource, &deployed) == 0;

	if (certain && !deployed)
		return;
	if (group || arm_resource_is(resource, ARM_RULE_TYPE))
		arm_read_rule(reader, env, resource, group, certain);
	else if (arm_resource_is(resource, ARM_NSG_TYPE))
		read_nsg(reader, env, resource, certain);
	else if (certain)
		read_deployment(reader, env, resource);
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
		arm_read_unknown(reader, resource, group);
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
	if (arm_resource_is(resource, "securityRules") || arm_resource_is(resource, ARM_RULE_TYPE))
		read_copies(reader, env, resource, group);
}

/* A list, or from language version 2.0 on an object with a name for each. */
static void read_resources(struct arm_reader *reader, const struct arm_env *env,
			   const struct json_at *list)
{
	struct json_at resource;

	json_foreach(resource, list) {
		if (is_of_interest(&resource, ARM_NESTING_MAX))
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

	if (scope.given && arm_check_given(&env) < 0)
		arm.incomplete = true; /* what was meant is not known */
	if (json_get_fold(at, "resources", &list)) {
		arm_survey(&arm, &list);
		read_resources(&arm, &env, &list);
	}
	arm_place_rules(&arm);
	if (arm.incomplete)
		(void)report_result(reader->report, &reader->source->missing); /* the first */
	arm_hand_over(&arm);
	arm_machine_fini(&arm.machine);
	if (reader->source->count || reader->report->errors > errors_before)
		return 0;
	report_error(
		reader->report, ACCELNET_E_FORM, at,
		"the template deploys no network security group: no resource of type " ARM_NSG_TYPE
		" or " ARM_RULE_TYPE);
	return -error_errno(ACCELNET_E_FORM);
}
