/*
 * Members of accelnetd.json by type: see config_private.h.
 */
#include "daemon/config_private.h"

#include <stdlib.h>
#include <string.h>

char *config_copy(const char *text)
{
	char *string = strdup(text);

	if (!string)
		abort(); /* before start: nothing to save */
	return string;
}

bool config_get(const struct json_at *at, const char *key, enum json_type type, struct json_at *ret)
{
	struct json_at member;

	if (!json_get(at, key, &member) || json_type(&member) != type)
		return false;
	*ret = member;
	return true;
}

const char *config_string(const struct json_at *at, const char *key)
{
	struct json_at member;

	return json_get(at, key, &member) ? json_string(&member) : NULL;
}

void config_replace(char **string, const struct json_at *at, const char *key)
{
	const char *text = config_string(at, key);

	if (!text)
		return;
	free(*string);
	*string = config_copy(text);
}

bool config_integer(const struct json_at *at, const char *key, int64_t min, int64_t max,
		    int64_t *value, struct report *report)
{
	struct json_at member;
	int64_t number;
	char *found;

	if (!json_get(at, key, &member))
		return true;
	if (json_type(&member) != JSON_NUMBER)
		return false;
	if (json_integer(&member, &number) && number >= min && number <= max) {
		*value = number;
		return true;
	}
	found = json_print(member.value);
	report_error(report, ACCELNET_E_RANGE, &member,
		     "expected an integer from %lld to %lld, found %.40s", (long long)min,
		     (long long)max, found);
	free(found);
	return false;
}

void config_warn_unused(const struct json_at *at, const char *key, struct report *report)
{
	struct json_at member;

	if (json_get(at, key, &member))
		report_warning(report, ACCELNET_E_UNSUPPORTED, &member,
			       "\"%s\" is accepted and not used by this version", key);
}
