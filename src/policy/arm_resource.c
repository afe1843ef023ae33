/*
 * What the members of one resource come to: see arm_resource.h.
 */
#include "policy/arm_resource.h"

#include "policy/alloc.h"
#include "policy/source.h"

#include <strings.h>

bool arm_resource_is(const struct json_at *resource, const char *type)
{
	struct json_at child;

	return source_get(resource, "type", JSON_STRING, &child) &&
	       strcasecmp(json_string(&child), type) == 0;
}

int arm_resource_name(const struct arm_env *env, const struct json_at *resource, char **ret)
{
	struct arm_machine *machine = env->machine;
	struct json *value = NULL;
	struct json_at name, at;
	int r;

	if (!json_get_fold(resource, "name", &name)) {
		report_error(machine->report, ACCELNET_E_MISSING, resource,
			     "the resource has no \"name\"");
		return -error_errno(ACCELNET_E_MISSING);
	}
	machine->tolerant = true;
	machine->deployment_only = false;
	r = arm_evaluate(env, &name, &value);
	machine->tolerant = false;
	if (r < 0 && machine->deployment_only && json_string(&name)) {
		*ret = alloc_string(json_string(&name));
		return ARM_NAME_UNKNOWN;
	}
	if (r < 0)
		return r;
	at = json_root(value);
	if (json_string(&at)) {
		*ret = alloc_string(json_string(&at));
	} else {
		report_error(machine->report, ACCELNET_E_TYPE, &name, "a name is a string, not %s",
			     json_type_name(json_type(&at)));
		r = -error_errno(ACCELNET_E_TYPE);
	}
	json_free(value);
	return r;
}

char *arm_resource_written_name(const struct json_at *resource)
{
	struct json_at name;

	return alloc_string(source_get(resource, "name", JSON_STRING, &name) ? json_string(&name)
									     : "");
}

int arm_resource_condition(const struct arm_env *env, const struct json_at *resource, bool *ret)
{
	struct json_at condition, at;
	struct json *value = NULL;
	int r;

	*ret = true;
	if (source_get(resource, "existing", JSON_BOOL, &condition) && json_bool(&condition, ret) &&
	    *ret) {
		*ret = false; /* a reference to what another template deploys */
		return 0;
	}
	*ret = true;
	if (!json_get_fold(resource, "condition", &condition))
		return 0;
	r = arm_evaluate(env, &condition, &value);
	if (r < 0)
		return r;
	at = json_root(value);
	if (!json_bool(&at, ret)) {
		report_error(env->machine->report, ACCELNET_E_EXPRESSION, &condition,
			     "a condition is true or false, not %s",
			     json_type_name(json_type(&at)));
		r = -error_errno(ACCELNET_E_EXPRESSION);
	}
	json_free(value);
	return r;
}

int arm_resource_properties(const struct arm_env *env, const struct json_at *resource,
			    struct json **ret)
{
	struct json_at properties;

	if (!json_get_fold(resource, "properties", &properties)) {
		*ret = json_new_object();
		return 0;
	}
	return arm_evaluate(env, &properties, ret);
}
