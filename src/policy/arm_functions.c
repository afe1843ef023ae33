/*
 * Template functions: what they share, those for ids, the table of all.
 */
#include "policy/arm_functions.h"

#include "policy/alloc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* --- arguments and results --- */

struct json_at arm_arg(const struct arm_call *call, size_t i)
{
	return json_root(call->args[i]);
}

int arm_arg_refused(const struct arm_call *call, size_t i)
{
	struct json_at at = arm_arg(call, i);

	return arm_fail(call->env->machine, "argument %zu of %s() cannot be %s", i + 1, call->name,
			json_type_name(json_type(&at)));
}

int arm_arg_text(const struct arm_call *call, size_t i, const char **ret)
{
	struct json_at at = arm_arg(call, i);

	*ret = json_string(&at);
	return *ret ? 0 : arm_arg_refused(call, i);
}

int arm_arg_integer(const struct arm_call *call, size_t i, int64_t *ret)
{
	struct json_at at = arm_arg(call, i);

	return json_integer(&at, ret) ? 0 : arm_arg_refused(call, i);
}

int arm_arg_bool(const struct arm_call *call, size_t i, bool *ret)
{
	struct json_at at = arm_arg(call, i);

	return json_bool(&at, ret) ? 0 : arm_arg_refused(call, i);
}

static struct json *literal(const char *text)
{
	struct json *json = NULL;

	if (json_parse(text, strlen(text), NULL, &json, NULL) < 0)
		abort(); /* only called with valid texts */
	return json;
}

struct json *arm_bool(bool value)
{
	return literal(value ? "true" : "false");
}

struct json *arm_null(void)
{
	return literal("null");
}

int arm_return_text(struct arm_call *call, char *text, struct json **ret)
{
	int r = arm_charge(call->env->machine, strlen(text));

	if (r == 0)
		*ret = json_new_string(text);
	free(text);
	return r;
}

/* --- ids: only their last segments mean something to a policy, and those are right --- */

#define SUBSCRIPTION "/subscriptions/00000000-0000-0000-0000-000000000000"

/* [...,] type, name, ...: type/a/b with names 1, 2 is /providers/type/1/../a/1/b/2 */
static int resource_id(struct arm_call *call, const char *scope, struct json **ret)
{
	struct arm_machine *machine = call->env->machine;
	const char *type = NULL, *text, *segment;
	size_t first = 0, used = 0;
	char *id = NULL;
	size_t size;
	FILE *out;
	int r = 0;

	for (; first < call->count && !type; first++) {
		r = arm_arg_text(call, first, &text);
		if (r < 0)
			return r;
		type = strchr(text, '/') ? text : NULL;
	}
	if (!type)
		return arm_fail(machine, "no argument of %s() is a resource type", call->name);
	out = open_memstream(&id, &size);
	if (!out)
		abort();
	segment = type + strcspn(type, "/");
	fprintf(out, "%s/providers/%.*s", scope, (int)(segment - type), type);
	while (r == 0 && *segment == '/') {
		size_t length = strcspn(++segment, "/");

		r = first + used < call->count
			    ? arm_arg_text(call, first + used, &text)
			    : arm_fail(machine, "%s() has too few names", call->name);
		if (r == 0)
			fprintf(out, "/%.*s/%s", (int)length, segment, text);
		segment += length;
		used++;
	}
	fclose(out);
	if (r == 0 && first + used != call->count)
		r = arm_fail(machine, "%s() has too many names", call->name);
	if (r < 0) {
		free(id);
		return r;
	}
	return arm_return_text(call, id, ret);
}

static int run_resource_id(struct arm_call *call, struct json **ret)
{
	return resource_id(call, SUBSCRIPTION "/resourceGroups/deployment", ret);
}

static int run_subscription_resource_id(struct arm_call *call, struct json **ret)
{
	return resource_id(call, SUBSCRIPTION, ret);
}

static int run_tenant_resource_id(struct arm_call *call, struct json **ret)
{
	return resource_id(call, "", ret);
}

static int run_deployment_only(struct arm_call *call, struct json **ret)
{
	(void)ret;
	return arm_fail_deployment(call->env->machine, call->name);
}

/* --- the table --- */

static const struct arm_function id_functions[] = {
	{ "resourceId", 2, ARM_ANY_NUMBER, run_resource_id },
	{ "subscriptionResourceId", 2, ARM_ANY_NUMBER, run_subscription_resource_id },
	{ "tenantResourceId", 2, ARM_ANY_NUMBER, run_tenant_resource_id },
	{ "dateTimeAdd", 0, ARM_ANY_NUMBER, run_deployment_only },
	{ "deployment", 0, ARM_ANY_NUMBER, run_deployment_only },
	{ "environment", 0, ARM_ANY_NUMBER, run_deployment_only },
	{ "extensionResourceId", 0, ARM_ANY_NUMBER, run_deployment_only },
	{ "getSecret", 0, ARM_ANY_NUMBER, run_deployment_only },
	{ "guid", 0, ARM_ANY_NUMBER, run_deployment_only },
	{ "listKeys", 0, ARM_ANY_NUMBER, run_deployment_only },
	{ "managementGroup", 0, ARM_ANY_NUMBER, run_deployment_only },
	{ "newGuid", 0, ARM_ANY_NUMBER, run_deployment_only },
	{ "pickZones", 0, ARM_ANY_NUMBER, run_deployment_only },
	{ "providers", 0, ARM_ANY_NUMBER, run_deployment_only },
	{ "reference", 0, ARM_ANY_NUMBER, run_deployment_only },
	{ "references", 0, ARM_ANY_NUMBER, run_deployment_only },
	{ "resourceGroup", 0, ARM_ANY_NUMBER, run_deployment_only },
	{ "subscription", 0, ARM_ANY_NUMBER, run_deployment_only },
	{ "tenant", 0, ARM_ANY_NUMBER, run_deployment_only },
	{ "uniqueString", 0, ARM_ANY_NUMBER, run_deployment_only },
	{ "utcNow", 0, ARM_ANY_NUMBER, run_deployment_only },
	{ NULL, 0, 0, NULL },
};

static const struct arm_function *find(const char *name)
{
	static const struct arm_function *const tables[] = {
		id_functions,       arm_logic_functions,  arm_text_functions, arm_search_functions,
		arm_list_functions, arm_object_functions, arm_set_functions,  arm_network_functions,
	};

	for (size_t t = 0; t < sizeof(tables) / sizeof(tables[0]); t++) {
		for (const struct arm_function *f = tables[t]; f->name; f++) {
			if (strcasecmp(f->name, name) == 0)
				return f;
		}
	}
	return NULL;
}

bool arm_function_known(const char *name)
{
	return find(name) != NULL;
}

int arm_function_call(struct arm_call *call, struct json **ret)
{
	const struct arm_function *function = find(call->name);

	if (call->count < function->least ||
	    (function->most != ARM_ANY_NUMBER && call->count > function->most))
		return arm_fail(call->env->machine, "%s() does not take %zu arguments",
				function->name, call->count);
	return function->run(call, ret);
}
