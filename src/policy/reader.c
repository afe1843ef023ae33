/*
 * Reporting with the rule's name in front: see reader.h.
 */
#include "policy/reader.h"

#include "policy/alloc.h"
#include "policy/prefixes.h"

#include <stdio.h>
#include <string.h>

struct address_set *reader_own_set(struct reader *reader, struct address_set *set)
{
	struct policy *policy = reader->policy;

	if (set->kind == ADDRESS_PREFIXES)
		set->families = prefix_families(set->prefixes, set->prefix_count);
	else
		set->families = 1U << IP_FAMILY_V4 | 1U << IP_FAMILY_V6;
	policy->sets = alloc_grow(policy->sets, policy->set_count, sizeof(*policy->sets));
	policy->sets[policy->set_count++] = set;
	return set;
}

static void compose(const struct reader *reader, const char *arm, const char *format, va_list args,
		    char detail[ERROR_DETAIL_MAX])
{
	int used = 0;

	if (arm)
		used = snprintf(detail, ERROR_DETAIL_MAX, "%s: ", arm);
	if (reader->rule)
		used += snprintf(detail + used, ERROR_DETAIL_MAX - (size_t)used,
				 "rule \"%.80s\": ", reader->rule);
	(void)vsnprintf(detail + used, ERROR_DETAIL_MAX - (size_t)used, format, args);
}

void reader_error(struct reader *reader, enum accelnet_code code, const struct json_at *at,
		  const char *arm, const char *format, ...)
{
	char detail[ERROR_DETAIL_MAX];
	va_list args;

	va_start(args, format);
	compose(reader, reader->strict ? arm : NULL, format, args, detail);
	va_end(args);
	report_error(reader->report, code, at, "%s", detail);
}

void reader_arm(struct reader *reader, const struct json_at *at, const char *arm,
		const char *format, ...)
{
	char detail[ERROR_DETAIL_MAX];
	va_list args;

	va_start(args, format);
	compose(reader, arm, format, args, detail);
	va_end(args);
	if (reader->strict)
		report_error(reader->report, ACCELNET_E_STRICT, at, "%s", detail);
	else
		report_warning(reader->report, ACCELNET_E_STRICT, at, "%s", detail);
}

void reader_warning(struct reader *reader, enum accelnet_code code, const struct json_at *at,
		    const char *format, ...)
{
	char detail[ERROR_DETAIL_MAX];
	va_list args;

	va_start(args, format);
	compose(reader, NULL, format, args, detail);
	va_end(args);
	report_warning(reader->report, code, at, "%s", detail);
}

static bool already_told(const struct report *report, enum accelnet_code code, const char *name)
{
	char quoted[120];

	/* as those who call say it; the name alone may be that of a rule */
	(void)snprintf(quoted, sizeof(quoted), "\"%.100s\" is not ", name);
	for (size_t i = 0; i < report->count; i++) {
		const struct problem *problem = &report->problems[i];

		if (problem->code == code && strcasestr(problem->detail, quoted))
			return true;
	}
	return false;
}

void reader_unresolved(struct reader *reader, enum accelnet_code code, const struct json_at *at,
		       const char *name, const char *format, ...)
{
	char detail[ERROR_DETAIL_MAX];
	va_list args;

	if ((reader->unresolved_ok || code == ACCELNET_E_NO_CONTEXT) &&
	    already_told(reader->report, code, name))
		return;
	va_start(args, format);
	compose(reader, NULL, format, args, detail);
	va_end(args);
	if (reader->unresolved_ok)
		report_warning(reader->report, code, at, "%s", detail);
	else
		report_error(reader->report, code, at, "%s", detail);
}
