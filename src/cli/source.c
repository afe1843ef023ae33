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

static const char *name_of(const char *path)
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
		(void)fail(&named, err.code, NULL, "%s: %.400s", name_of(path), err.detail);
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

static enum exit_status load_context(struct source *source, const struct session *session,
				     const char *path)
{
	if (strcmp(path, "-") == 0 && strcmp(source->path, "-") == 0)
		return refuse(session, "only one file can come from standard input");
	source->context_directory = source_directory(path);
	return source_load(session, path, &source->context);
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
		return session_fail_report(session, name_of(source->path), report);
	session_warn_report(session, report);
	return source_check_parameters(session, source->policy);
}

static enum exit_status fail_choice(const struct source *source, const struct session *session,
				    const struct accelnet_error *err, const struct report *report)
{
	if (err->code == ACCELNET_E_EXPRESSION && report->errors)
		return session_fail_report(session, name_of(source->path), report);
	return session_fail(session, err);
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
	if (!source->context && source->policy->context)
		source->context = json_copy(source->policy->context);
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

/* Puts members of the given context into a document where it has none of its own. */
static void fill_context(struct json *document, const struct json *context)
{
	const struct json_at root = json_root(document), given = json_root(context);
	struct json_at own, member, present;
	struct json *merged;

	if (json_get(&root, "context", &own) && json_type(&own) == JSON_OBJECT) {
		merged = json_copy(own.value);
		json_foreach(member, &given) {
			if (!json_get(&own, member.key, &present))
				json_add(merged, member.key, json_copy(member.value));
		}
	} else {
		merged = json_copy(context);
	}
	json_remove(document, "context");
	json_add(document, "context", merged);
}

/*
 * A document in which nothing refers to a file any more: the given context is in it, and the tags
 * of both tag files.
 */
static int complete(const struct source *source, struct report *report, struct json **ret)
{
	JSON_CLEANUP struct json *document = make_document(source), *context = NULL;
	struct json *inlined;
	int r = policy_document_inline_tags(document, source->directory, report, &inlined);

	if (r < 0)
		return r;
	if (source->context) {
		r = policy_context_inline_tags(source->context, inlined,
					       source->context_directory ? source->context_directory
									 : source->directory,
					       report, &context);
		if (r == 0)
			fill_context(inlined, context);
	}
	if (r < 0)
		json_free(inlined);
	else
		*ret = inlined;
	return r;
}

static void copy_member(const struct json *from, const char *key, struct json *to,
			const char *new_key)
{
	const struct json_at root = json_root(from);
	struct json_at member;

	if (json_get(&root, key, &member))
		json_add(to, new_key, json_copy(member.value));
}

enum exit_status source_to_params(const struct source *source, struct session *session,
				  struct json *params)
{
	JSON_CLEANUP struct json *document = NULL;
	enum exit_status status = EXIT_DONE;
	struct report report;

	report_init(&report);
	if (complete(source, &report, &document) < 0) {
		status = session_fail_report(session, name_of(source->path), &report);
	} else if (!source->nsg) {
		session_warn_report(session, &report);
		json_add(params, "document", json_copy(document));
	} else {
		session_warn_report(session, &report);
		json_add(params, "nsg", json_copy(source->nsg->nsg));
		copy_member(document, "context", params, "context");
		json_remove(params, "level");
		json_add_string(params, "level", stage_name(source->level));
		session->nsg = source->nsg;
		session->level = source->level;
	}
	report_fini(&report);
	return status;
}

enum exit_status source_build(const struct source *source, const struct session *session,
			      struct policy **ret)
{
	JSON_CLEANUP struct json *document = NULL;
	enum exit_status status = EXIT_DONE;
	struct report report;
	int r;

	report_init(&report);
	r = complete(source, &report, &document);
	if (r == 0 && source->nsg) {
		const struct json_at root = json_root(document);
		struct policy_read_options options = { 0 };
		struct json_at context;

		if (json_get(&root, "context", &context))
			options.context = context.value;
		r = policy_source_build(source->policy, source->nsg, source->level, &options,
					&report, ret);
	} else if (r == 0) {
		r = policy_build(document, NULL, &report, ret);
	}
	if (r < 0)
		status = session_fail_report(session, name_of(source->path), &report);
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
