/*
 * What can be said of a template's resources before anything is evaluated: see arm_gather.h.
 *
 * Azure refuses a resource whose type is absent or an expression, and we could not tell whether it
 * is a rule. A deployment whose template is elsewhere is told, because rules may be in it.
 */
#include "policy/arm_gather.h"
#include "policy/arm_resource.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct survey {
	struct arm_reader *reader;
	/* deployments whose templates are elsewhere */
	size_t linked;
	char names[160];
};

static void check_list(struct survey *survey, const struct json_at *list, unsigned depth);

static void refuse(struct survey *survey, const struct json_at *at, enum accelnet_code code,
		   const char *detail)
{
	report_error(survey->reader->machine.report, code, at, "%s", detail);
	survey->reader->incomplete = true;
}

/* False where the rest of the resource cannot be looked at. */
static bool check_type(struct survey *survey, const struct json_at *resource)
{
	struct json_at type;

	if (json_type(resource) != JSON_OBJECT) {
		refuse(survey, resource, ACCELNET_E_TYPE, "a resource is an object");
		return false;
	}
	if (!source_get(resource, "type", JSON_STRING, &type)) {
		refuse(survey, resource, ACCELNET_E_MISSING, "the resource has no \"type\"");
		return false;
	}
	if (!arm_is_expression(json_string(&type)))
		return true;
	report_error(survey->reader->machine.report, ACCELNET_E_EXPRESSION, &type,
		     "\"%.200s\": a type cannot be an expression, in Azure neither",
		     json_string(&type));
	survey->reader->incomplete = true;
	return false;
}

static void note_link(struct survey *survey, const struct json_at *resource)
{
	char *name = arm_resource_written_name(resource);
	size_t used = strlen(survey->names);

	survey->linked++;
	if (used + strlen(name) + 8 < sizeof(survey->names))
		(void)snprintf(survey->names + used, sizeof(survey->names) - used, "%s\"%s\"",
			       used ? ", " : "", name);
	else if (used && survey->names[used - 1] != '.')
		(void)snprintf(survey->names + used, sizeof(survey->names) - used, ", ...");
	free(name);
}

static void check_deployment(struct survey *survey, const struct json_at *resource, unsigned depth)
{
	struct json_at properties, template, list;

	if (!source_get(resource, "properties", JSON_OBJECT, &properties))
		return;
	if (json_get_fold(&properties, "templateLink", &template)) {
		note_link(survey, resource);
	} else if (json_get_fold(&properties, "template", &template)) {
		if (json_type(&template) != JSON_OBJECT)
			note_link(survey, resource);
		else if (!json_get_fold(&template, "resources", &list))
			return;
		else if (depth == 0)
			refuse(survey, resource, ACCELNET_E_LIMIT,
			       "deployments are nested too deeply");
		else
			check_list(survey, &list, depth - 1);
	}
}

static void check_nsg(struct survey *survey, const struct json_at *nsg)
{
	struct json_at list;

	if (!json_get_fold(nsg, "resources", &list) || json_type(&list) == JSON_NULL)
		return;
	if (json_type(&list) == JSON_ARRAY)
		check_list(survey, &list, 0);
	else
		refuse(survey, &list, ACCELNET_E_TYPE, "\"resources\" of an NSG is a list");
}

static void check_list(struct survey *survey, const struct json_at *list, unsigned depth)
{
	struct json_at resource;

	json_foreach(resource, list) {
		if (!check_type(survey, &resource))
			continue;
		if (arm_resource_is(&resource, ARM_DEPLOYMENT_TYPE))
			check_deployment(survey, &resource, depth);
		else if (arm_resource_is(&resource, ARM_NSG_TYPE))
			check_nsg(survey, &resource);
	}
}

void arm_survey(struct arm_reader *reader, const struct json_at *resources)
{
	struct survey survey = { .reader = reader };

	check_list(&survey, resources, ARM_NESTING_MAX);
	if (survey.linked)
		report_warning(reader->machine.report, ACCELNET_E_EXPRESSION, resources,
			       "deployments whose templates are elsewhere: %zu (%s); NSGs and "
			       "rules in those are not seen",
			       survey.linked, survey.names);
}
