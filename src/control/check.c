/*
 * `policy check`: see check.h.
 */
#include "control/check.h"

#include <stdio.h>
#include <string.h>

/* Finds the value that `wanted` is and fills in its pointer. */
static bool find_pointer(const struct json_at *at, const struct json *wanted, char *buffer,
			 size_t size)
{
	struct json_at child;

	if (at->value == wanted) {
		json_pointer(at, buffer, size);
		return true;
	}
	if (json_type(at) != JSON_ARRAY && json_type(at) != JSON_OBJECT)
		return false;
	json_foreach(child, at) {
		if (find_pointer(&child, wanted, buffer, size))
			return true;
	}
	return false;
}

/* What is found, as it is printed. */
struct findings {
	struct json *errors;
	struct json *warnings;
	size_t error_count;
};

static void add_finding(struct findings *to, const struct problem *problem, const char *from,
			const char *file, bool is_error)
{
	struct json *entry = json_add_object(is_error ? to->errors : to->warnings, NULL);
	const size_t length = strlen(from);

	if (length && strncmp(problem->pointer, from, length) == 0)
		json_add_format(entry, "pointer", "%s%s", file, problem->pointer + length);
	else
		json_add_string(entry, "pointer", problem->pointer);
	json_add_string(entry, "code", error_symbol(problem->code));
	json_add_string(entry, "detail", problem->detail);
	to->error_count += is_error;
}

/*
 * Takes over the problems of one built document. `from` is where the NSG stands in that document,
 * `file` where it stands in the file.
 */
static void take_over(struct findings *to, const struct report *report, const char *from,
		      const char *file)
{
	for (size_t i = 0; i < report->count; i++) {
		const struct problem *problem = &report->problems[i];

		add_finding(to, problem, from, file, !problem->is_warning);
	}
	/* Those that were only counted must not make a bad file look good. */
	if (report->suppressed)
		to->error_count += report->errors > 0;
}

static void check_document(const struct policy_source *source,
			   const struct policy_read_options *options, struct findings *findings)
{
	POLICY_CLEANUP struct policy *policy = NULL;
	struct report report;

	report_init(&report);
	(void)policy_build(source->document, options, &report, &policy); /* the report tells */
	take_over(findings, &report, "", "");
	report_fini(&report);
}

static void check_nsg(const struct policy_source *source, const struct policy_source_nsg *nsg,
		      const struct policy_read_options *options, struct findings *findings)
{
	struct policy_read_options lenient = *options;
	JSON_CLEANUP struct json *document = policy_document_with_nsg(NULL, STAGE_NIC, nsg->nsg);
	POLICY_CLEANUP struct policy *policy = NULL;
	struct json_at root = json_root(source->root);
	char place[ERROR_POINTER_MAX] = "";
	struct report report;

	(void)find_pointer(&root, nsg->nsg, place, sizeof(place));
	lenient.unresolved_ok = true; /* the NIC's context may settle it */
	report_init(&report);
	(void)policy_build(document, &lenient, &report, &policy); /* the report tells */
	take_over(findings, &report, "/nicNsg", place);
	report_fini(&report);
}

static void add_nsgs(struct json *to, const struct policy_source *source)
{
	struct json *nsgs = json_add_array(to, "nsgs");

	for (size_t i = 0; source && i < source->count; i++) {
		const struct policy_source_nsg *nsg = &source->nsgs[i];
		struct json *entry = json_add_object(nsgs, NULL);

		json_add_string(entry, "name", nsg->name);
		json_add_string(entry, "level", stage_name(nsg->level));
		json_add_unsigned(entry, "rules", nsg->user_rules);
	}
}

static void check_source(const struct policy_source *source,
			 const struct policy_read_options *options, struct findings *findings)
{
	if (source->document) {
		check_document(source, options, findings);
		return;
	}
	for (size_t i = 0; i < source->count; i++)
		check_nsg(source, &source->nsgs[i], options, findings);
}

void policy_check(struct json *root, const struct policy_read_options *options, struct json **ret,
		  size_t *ret_errors)
{
	struct findings findings = { .errors = json_new_array(), .warnings = json_new_array() };
	struct policy_source *source = NULL;
	struct json *json = json_new_object();
	struct report report;

	report_init(&report);
	(void)policy_source_read(root, options, &report, &source); /* the report tells */
	take_over(&findings, &report, "", "");
	if (source)
		check_source(source, options, &findings);
	json_add_string(json, "form", source ? policy_form_name(source->form) : NULL);
	add_nsgs(json, source);
	json_add(json, "errors", findings.errors);
	json_add(json, "warnings", findings.warnings);
	*ret = json;
	*ret_errors = findings.error_count;
	report_fini(&report);
	policy_source_free(source);
}
