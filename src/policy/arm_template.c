/*
 * ARM templates.
 */
#include "policy/source.h"

bool source_is_template(const struct json_at *at)
{
	struct json_at child;

	return json_type(at) == JSON_OBJECT && source_get(at, "resources", JSON_ARRAY, &child) &&
	       (json_get(at, "$schema", &child) || json_get(at, "contentVersion", &child));
}

int source_read_template(struct source_reader *reader, const struct json_at *at)
{
	report_error(reader->report, ACCELNET_E_UNSUPPORTED, at, "templates cannot be read yet");
	return -error_errno(ACCELNET_E_UNSUPPORTED);
}
