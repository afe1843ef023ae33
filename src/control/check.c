/*
 * `policy check`: see check.h.
 */
#include "control/check.h"

#include "control/analysis.h"
#include "control/rpc_error.h"

/* What becomes of the check, beside the report. */
struct check {
	struct json *analysis; /* NULL: not asked for */
	struct json *skipped;  /* of the analysis */
	size_t undecided;
};

/* `policy` is NULL where it could not be built whole: `name` is then told as left out. */
static void analyse(struct check *check, const struct policy *policy, const char *name)
{
	struct accelnet_error err;
	struct json *json;

	if (!check->analysis)
		return;
	(void)fail(&err, ACCELNET_E_NO_CONTEXT, NULL,
		   "it has errors, or names what the context does not define");
	if (policy && analysis_add(check->analysis, policy, &check->undecided, &err) == 0)
		return;
	json = json_add_object(check->skipped, NULL);
	json_add_string(json, "nsg", name);
	json_add_string(json, "reason", err.detail);
}

/* The context beside the file, with the tags that the document's rules name. */
static int complete_context(const struct json *document, const struct policy_read_options *options,
			    const struct check_directories *directories, struct report *report,
			    struct json **ret)
{
	if (!directories || !options->context)
		return 0;
	return policy_context_inline_tags(options->context, document, directories->context, report,
					  ret);
}

static void check_document(const struct policy_source *source,
			   const struct policy_read_options *options,
			   const struct check_directories *directories, struct report *report,
			   struct check *check)
{
	POLICY_CLEANUP struct policy *policy = NULL;
	JSON_CLEANUP struct json *complete = NULL, *context = NULL;
	struct policy_read_options with = *options;

	if (directories && policy_document_inline_tags(source->document, directories->document,
						       report, &complete) < 0)
		return; /* the report has it */
	if (complete_context(source->document, options, directories, report, &context) < 0)
		return; /* likewise */
	if (context)
		with.context = context;
	(void)policy_build(complete ? complete : source->document, &with, report, &policy);
	analyse(check, policy, NULL);
}

/* NULL where anything that it names is not defined: its rules would look idle. */
static struct policy *build_whole(const struct policy_source *source,
				  const struct policy_source_nsg *nsg,
				  const struct policy_read_options *options)
{
	struct policy_read_options strictly = *options;
	struct policy *policy = NULL;
	struct report report;

	strictly.unresolved_ok = false;
	report_init(&report);
	if (policy_source_build(source, nsg, nsg->level, &strictly, &report, &policy) < 0)
		policy = NULL;
	report_fini(&report);
	return policy;
}

static void check_nsg(const struct policy_source *source, const struct policy_source_nsg *nsg,
		      const struct policy_read_options *options,
		      const struct check_directories *directories, struct report *report,
		      struct check *check)
{
	POLICY_CLEANUP struct policy *policy = NULL, *whole = NULL;
	JSON_CLEANUP struct json *context = NULL, *document = NULL;
	struct policy_read_options with = *options;

	document = policy_document_with_nsg(NULL, nsg->level, nsg->nsg);
	if (complete_context(document, options, directories, report, &context) < 0)
		return; /* the report has it */
	if (context)
		with.context = context;
	with.unresolved_ok = true; /* the NIC's context may settle it */
	(void)policy_source_build(source, nsg, nsg->level, &with, report, &policy);
	if (check->analysis && !nsg->broken)
		whole = build_whole(source, nsg, &with);
	analyse(check, whole, nsg->name);
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

static void add_analysis(struct json *to, struct check *check)
{
	if (!check->analysis)
		return;
	json_add(to, "analysis", check->analysis);
	json_add(to, "notAnalysed", check->skipped);
	json_add_unsigned(to, "undecided", check->undecided);
}

struct json *policy_check_json(const struct policy_source *source,
			       const struct policy_read_options *options,
			       const struct check_directories *directories, bool wants_analysis,
			       struct report *report)
{
	struct json *json = json_new_object();
	struct check check = { 0 };

	if (wants_analysis) {
		check.analysis = json_new_array();
		check.skipped = json_new_array();
	}
	if (source && source->document)
		check_document(source, options, directories, report, &check);
	for (size_t i = 0; source && !source->document && i < source->count; i++)
		check_nsg(source, &source->nsgs[i], options, directories, report, &check);
	json_add_string(json, "form", source ? policy_form_name(source->form) : NULL);
	add_nsgs(json, source);
	json_add(json, "errors", report_errors_json(report));
	json_add(json, "warnings", report_warnings_json(report));
	if (report->suppressed)
		json_add_unsigned(json, "notShown", report->suppressed);
	add_analysis(json, &check);
	return json;
}
