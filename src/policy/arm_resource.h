/*
 * What the members of one resource of a template come to.
 *
 * Internal to the policy room. What cannot be evaluated is reported, and the answer is negative.
 */
#ifndef POLICY_ARM_RESOURCE_H
#define POLICY_ARM_RESOURCE_H

#include "policy/arm_evaluate.h"

bool arm_resource_is(const struct json_at *resource, const char *type);

/* Positive answer of arm_resource_name(). */
enum { ARM_NAME_UNKNOWN = 1 };

/*
 * The name, or ARM_NAME_UNKNOWN and what the template says where only a deployment knows it, which
 * is not reported. The caller frees *ret.
 */
int arm_resource_name(const struct arm_env *env, const struct json_at *resource, char **ret);
/* The name as it stands in the template, for one that cannot be evaluated. The caller frees it. */
char *arm_resource_written_name(const struct json_at *resource);
/* Whether the resource is deployed at all. */
int arm_resource_condition(const struct arm_env *env, const struct json_at *resource, bool *ret);
/* Its properties, or an empty object where it has none. The caller frees *ret. */
int arm_resource_properties(const struct arm_env *env, const struct json_at *resource,
			    struct json **ret);

#endif
