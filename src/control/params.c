/*
 * Parameters of a request against the table of methods: see methods.h.
 */
#include "control/methods.h"

#include <stdio.h>
#include <string.h>

enum method_id method_find(const char *name)
{
	enum method_id id;

	for (id = 0; id < METHOD_COUNT; id++) {
		if (methods[id].name && strcmp(methods[id].name, name) == 0)
			break;
	}
	return id;
}

static const struct method_param *find_param(const struct method *method, const char *name)
{
	for (size_t i = 0; i < method->param_count; i++) {
		if (method->params[i].name && strcmp(method->params[i].name, name) == 0)
			return &method->params[i];
	}
	return NULL;
}

static void list_params(const struct method *method, char *buffer, size_t size)
{
	size_t used = 0;

	snprintf(buffer, size, "none");
	for (size_t i = 0; i < method->param_count; i++) {
		if (!method->params[i].name || used >= size)
			continue;
		used += (size_t)snprintf(buffer + used, size - used, "%s%s", used ? ", " : "",
					 method->params[i].name);
	}
}

static int refuse_unknown(const struct method *method, const struct json_at *member,
			  struct accelnet_error *err)
{
	char known[256];

	list_params(method, known, sizeof(known));
	return fail(err, ACCELNET_E_PARAMS, member,
		    "\"%.60s\" is no parameter of %s; those it takes: %s", member->key,
		    method->name, known);
}

/* True where `text` is one of the words that `choices` holds between bars. */
static bool choice_matches(const char *choices, const char *text)
{
	size_t length = strlen(text);

	for (const char *word = choices; word; word = strchr(word, '|')) {
		word += *word == '|';
		if (strncmp(word, text, length) == 0 &&
		    (word[length] == '|' || word[length] == '\0'))
			return length > 0;
	}
	return false;
}

static int check_number(const struct method_param *param, const struct json_at *at,
			struct accelnet_error *err)
{
	const int64_t max = param->min || param->max ? param->max : (int64_t)1 << 53;
	int64_t value;

	if (!json_integer(at, &value))
		return fail(err, ACCELNET_E_PARAMS, at, "%s must be a whole number", param->name);
	if (value < param->min || value > max)
		return fail(err, ACCELNET_E_PARAMS, at, "%s is %lld; it may be %lld to %lld",
			    param->name, (long long)value, (long long)param->min, (long long)max);
	return 0;
}

static int check_value(const struct method_param *param, const struct json_at *at,
		       struct accelnet_error *err)
{
	if (json_type(at) != param->type)
		return fail(err, ACCELNET_E_PARAMS, at, "%s must be %s, not %s", param->name,
			    json_type_name(param->type), json_type_name(json_type(at)));
	if (param->type == JSON_NUMBER)
		return check_number(param, at, err);
	if (param->choices && !choice_matches(param->choices, json_string(at)))
		return fail(err, ACCELNET_E_PARAMS, at, "%s is \"%.60s\"; it may be %s",
			    param->name, json_string(at), param->choices);
	return 0;
}

int method_check_params(const struct method *method, const struct json_at *params,
			struct accelnet_error *err)
{
	struct json_at member;
	int r;

	json_foreach(member, params) {
		const struct method_param *param = find_param(method, member.key);

		if (!param)
			return refuse_unknown(method, &member, err);
		r = check_value(param, &member, err);
		if (r < 0)
			return r;
	}
	for (size_t i = 0; i < method->param_count; i++) {
		const struct method_param *param = &method->params[i];

		if (!param->name || !(param->flags & (PARAM_REQUIRED | PARAM_SOCKET_REQUIRED)))
			continue;
		if (!json_get(params, param->name, &member))
			return fail(err, ACCELNET_E_PARAMS, params, "%s needs the parameter %s: %s",
				    method->name, param->name, param->help);
	}
	return 0;
}
