/*
 * Policy files: see source.h.
 */
#include "cli/source.h"

#include <libgen.h>
#include <stdlib.h>
#include <string.h>

char *source_directory(const char *path)
{
	char *copy, *directory;

	if (strcmp(path, "-") == 0)
		return strdup(".");
	copy = strdup(path);
	directory = copy ? strdup(dirname(copy)) : NULL;
	free(copy);
	if (!directory)
		abort();
	return directory;
}

const char *source_name(const char *path)
{
	return strcmp(path, "-") == 0 ? "standard input" : path;
}

enum exit_status source_load(const struct session *session, const char *path, struct json **ret)
{
	const struct json_limits limits = { .bytes = POLICY_SOURCE_BYTES };
	struct accelnet_error err, named;

	if (json_load(path, &limits, ret, &err) == 0)
		return EXIT_DONE;
	named = err;
	if (err.code != ACCELNET_E_IO) /* those have the name in them */
		(void)fail(&named, err.code, NULL, "%s: %.400s", source_name(path), err.detail);
	memcpy(named.pointer, err.pointer, sizeof(named.pointer));
	return session_fail(session, &named);
}

static enum exit_status refuse(const struct session *session, const char *detail)
{
	struct accelnet_error err;

	(void)fail(&err, ACCELNET_E_USAGE, NULL, "%s", detail);
	return session_fail(session, &err);
}

/* --- reading --- */

enum exit_status source_load_context(const struct session *session, const char *policy_path,
				     const char *path, struct json **ret)
{
	JSON_CLEANUP struct json *loaded = NULL;
	struct accelnet_error err;
	struct json_at root, inner;
	enum exit_status status;

	if (strcmp(path, "-") == 0 && strcmp(policy_path, "-") == 0)
		return refuse(session, "only one file can come from standard input");
	status = source_load(session, path, &loaded);
	if (status != EXIT_DONE)
		return status;
	root = json_root(loaded);
	if (json_type(&root) != JSON_OBJECT) {
		(void)fail(&err, ACCELNET_E_TYPE, NULL, "%s: a context is an object, not %s",
			   source_name(path), json_type_name(json_type(&root)));
		return session_fail(session, &err);
	}
	if (json_get(&root, "context", &inner) && json_type(&inner) == JSON_OBJECT)
		*ret = json_copy(inner.value); /* as it stands in a policy document */
	else
		*ret = json_copy(loaded);
	return EXIT_DONE;
}

static enum exit_status load_context(struct source *source, const struct session *session,
				     const char *path)
{
	source->context_directory = source_directory(path);
	source->context_name = source_name(path);
	return source_load_context(session, source->path, path, &source->context);
}

enum exit_status source_load_parameters(const struct session *session, const char *path,
					struct json **ret)
{
	const char *parameters = arguments_get(session->arguments, "--parameters");

	if (!parameters)
		return EXIT_DONE;
	if (strcmp(parameters, "-") == 0 && strcmp(path, "-") == 0)
		return refuse(session, "only one file can come from standard input");
	return source_load(session, parameters, ret);
}

enum exit_status source_check_parameters(const struct session *session,
					 const struct policy_source *policy)
{
	if (policy->form == POLICY_FORM_ARM || !arguments_get(session->arguments, "--parameters"))
		return EXIT_DONE;
	return refuse(session, "--parameters is for an ARM template; this is none");
}

/* What cannot be evaluated is in the report: the choice tells whether that matters. */
static enum exit_status load_policy(struct source *source, const struct session *session,
				    struct report *report)
{
	const struct policy_read_options options = { .parameters = source->parameters };

	if (policy_source_load(source->path, &options, report, &source->policy) < 0)
		return session_fail_report(session, source_name(source->path), report);
	session_warn_report(session, report);
	return source_check_parameters(session, source->policy);
}

static enum exit_status fail_choice(const struct source *source, const struct session *session,
				    const struct accelnet_error *err, const struct report *report)
{
	if (err->code == ACCELNET_E_EXPRESSION && report->errors)
		return session_fail_report(session, source_name(source->path), report);
	return session_fail(session, err);
}

/* A dump of effective rules brings its tags along; what --context says comes first. */
static void take_dump_context(struct source *source)
{
	struct json *given = source->context;

	if (!source->policy->context)
		return;
	source->context = given ? policy_context_merge(given, source->policy->context)
				: json_copy(source->policy->context);
	json_free(given);
}

static enum exit_status choose(struct source *source, const struct session *session,
			       const struct report *report)
{
	const char *level = arguments_get(session->arguments, "--level");
	const char *name = arguments_get(session->arguments, "--nsg");
	struct accelnet_error err;

	if (source->policy->document && name)
		return refuse(session, "--nsg chooses among NSGs; this is a policy document");
	if (source->policy->document && level)
		return refuse(session, "--level is for a bare NSG; this is a policy document");
	if (source->policy->document)
		return EXIT_DONE;
	if (policy_source_pick(source->policy, name, &source->nsg, &err) < 0)
		return fail_choice(source, session, &err, report);
	source->level = source->nsg->level;
	if (level)
		source->level = strcmp(level, "subnet") == 0 ? STAGE_SUBNET : STAGE_NIC;
	take_dump_context(source);
	return EXIT_DONE;
}

enum exit_status source_init(struct source *source, struct session *session, const char *path)
{
	const char *context = arguments_get(session->arguments, "--context");
	enum exit_status status = EXIT_DONE;
	struct report report;

	*source = (struct source){ .path = path, .level = STAGE_NIC };
	source->directory = source_directory(path);
	report_init(&report);
	if (context)
		status = load_context(source, session, context);
	if (status == EXIT_DONE)
		status = source_load_parameters(session, path, &source->parameters);
	if (status == EXIT_DONE)
		status = load_policy(source, session, &report);
	if (status == EXIT_DONE)
		status = choose(source, session, &report);
	report_fini(&report);
	return status;
}

void source_fini(struct source *source, struct session *session)
{
	session->nsg = NULL;
	policy_source_free(source->policy);
	json_free(source->context);
	json_free(source->parameters);
	free(source->directory);
	free(source->context_directory);
}

/* --- what comes out --- */

/* The document, or one with the chosen NSG in it. The caller frees it. */
static struct json *make_document(const struct source *source)
{
	if (!source->nsg)
		return json_copy(source->policy->document);
	return policy_document_with_nsg(NULL, source->level, source->nsg->nsg);
}

/*
 * The document and the context beside it (NULL: none), neither of which refers to a file any more.
 * The caller frees both.
 */
static int complete(const struct source *source, struct report *report, struct json **ret_document,
		    struct json **ret_context)
{
	JSON_CLEANUP struct json *document = make_document(source);
	const char *directory =
		source->context_directory ? source->context_directory : source->directory;
	struct json *inlined, *context = NULL;
	int r = policy_document_inline_tags(document, source->directory, report, &inlined);

	if (r < 0)
		return r;
	if (source->context)
		r = policy_context_inline_tags(source->context, inlined, directory, report,
					       &context);
	if (r < 0) {
		json_free(inlined);
		return r;
	}
	*ret_document = inlined;
	*ret_context = context;
	return 0;
}

/* The daemon takes a context beside an NSG only: in a document it fills in what that leaves out. */
static void add_document(struct json *params, const struct json *document,
			 const struct json *context)
{
	struct json *copy = json_add(params, "document", json_copy(document)), *merged;
	const struct json_at root = json_root(document);
	struct json_at own;

	if (!context)
		return;
	if (json_get(&root, "context", &own) && json_type(&own) == JSON_OBJECT)
		merged = policy_context_merge(own.value, context);
	else
		merged = json_copy(context);
	json_remove(copy, "context");
	json_add(copy, "context", merged);
}

static void add_nsg(struct json *params, const struct source *source, const struct json *context)
{
	json_add(params, "nsg", json_copy(source->nsg->nsg));
	if (context)
		json_add(params, "context", json_copy(context));
	json_remove(params, "level");
	json_add_string(params, "level", stage_name(source->level));
}

enum exit_status source_to_params(const struct source *source, struct session *session,
				  struct json *params)
{
	JSON_CLEANUP struct json *document = NULL, *context = NULL;
	enum exit_status status = EXIT_DONE;
	struct report report;

	report_init(&report);
	if (complete(source, &report, &document, &context) < 0) {
		status = session_fail_report(session, source_name(source->path), &report);
	} else if (!source->nsg) {
		session_warn_report(session, &report);
		add_document(params, document, context);
	} else {
		session_warn_report(session, &report);
		add_nsg(params, source, context);
		session->nsg = source->nsg;
		session->level = source->level;
	}
	report_fini(&report);
	return status;
}

enum exit_status source_build(const struct source *source, const struct session *session,
			      struct policy **ret)
{
	JSON_CLEANUP struct json *document = NULL, *context = NULL;
	struct policy_read_options options = { 0 };
	enum exit_status status = EXIT_DONE;
	struct report report;
	int r;

	report_init(&report);
	r = complete(source, &report, &document, &context);
	options.context = context;
	options.context_name = source->context_name;
	if (r == 0 && source->nsg)
		r = policy_source_build(source->policy, source->nsg, source->level, &options,
					&report, ret);
	else if (r == 0)
		r = policy_build(document, &options, &report, ret);
	if (r < 0)
		status = session_fail_report(session, source_name(source->path), &report);
	else
		session_warn_report(session, &report);
	report_fini(&report);
	return status;
}

enum exit_status source_call(struct session *session, const char *method, struct json *params,
			     struct json **ret)
{
	struct source source;
	enum exit_status status =
		source_init(&source, session, arguments_get(session->arguments, "FILE"));

	if (status == EXIT_DONE)
		status = source_to_params(&source, session, params);
	if (status == EXIT_DONE)
		status = session_call(session, method, params, ret);
	else
		json_free(params);
	source_fini(&source, session);
	return status;
}

int source_build_sent(const struct json_at *documents, const char *key, struct policy **ret,
		      struct accelnet_error *err)
{
	struct policy_read_options options = { 0 };
	struct json_at document, context;
	struct report report;
	int r;

	part_of(documents, "context", &context);
	part_of(documents, key, &document);
	options.context = context.value;
	if (!document.value) {
		*ret = policy_new_empty();
		return *ret ? 0 : fail(err, ACCELNET_E_MEMORY, NULL, "out of memory");
	}
	report_init(&report);
	r = policy_build(document.value, &options, &report, ret);
	if (r < 0)
		(void)report_result(&report, err);
	report_fini(&report);
	return r;
}
