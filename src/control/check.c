/*
 * `policy check`: see check.h.
 */
#include "control/check.h"

#include "control/rpc_error.h"

static void check_document(const struct policy_source *source,
			   const struct policy_read_options *options,
			   const struct check_directories *directories, struct report *report)
{
	POLICY_CLEANUP struct policy *policy = NULL;
	JSON_CLEANUP struct json *complete = NULL;

	if (directories && policy_document_inline_tags(source->document, directories->document,
						       report, &complete) < 0)
		return; /* the report has it */
	(void)policy_build(complete ? complete : source->document, options, report, &policy);
}

/* The context beside the file, with the tags that this NSG's rules name. */
static int complete_context(const struct policy_source_nsg *nsg,
			    const struct policy_read_options *options,
			    const struct check_directories *directories, struct report *report,
			    struct json **ret)
{
	struct json *document;
	int r;

	if (!directories || !options->context)
		return 0;
	document = policy_document_with_nsg(NULL, nsg->level, nsg->nsg);
	r = policy_context_inline_tags(options->context, document, directories->context, report,
				       ret);
	json_free(document);
	return r;
}

static void check_nsg(const struct policy_source *source, const struct policy_source_nsg *nsg,
		      const struct policy_read_options *options,
		      const struct check_directories *directories, struct report *report)
{
	POLICY_CLEANUP struct policy *policy = NULL;
	JSON_CLEANUP struct json *context = NULL;
	struct policy_read_options with = *options;

	if (complete_context(nsg, options, directories, report, &context) < 0)
		return; /* the report has it */
	if (context)
		with.context = context;
	with.unresolved_ok = true; /* the NIC's context may settle it */
	(void)policy_source_build(source, nsg, nsg->level, &with, report, &policy);
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

struct json *policy_check_json(const struct policy_source *source,
			       const struct policy_read_options *options,
			       const struct check_directories *directories, struct report *report)
{
	struct json *json = json_new_object();

	if (source && source->document)
		check_document(source, options, directories, report);
	for (size_t i = 0; source && !source->document && i < source->count; i++)
		check_nsg(source, &source->nsgs[i], options, directories, report);
	json_add_string(json, "form", source ? policy_form_name(source->form) : NULL);
	add_nsgs(json, source);
	json_add(json, "errors", report_errors_json(report));
	json_add(json, "warnings", report_warnings_json(report));
	if (report->suppressed)
		json_add_unsigned(json, "notShown", report->suppressed);
	return json;
}
