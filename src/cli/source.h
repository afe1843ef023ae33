/*
 * Policy files for commands: any form in, what the daemon or an engine takes out.
 *
 * Failures are told to the user here; the caller only passes the exit status on.
 */
#ifndef CLI_SOURCE_H
#define CLI_SOURCE_H

#include "cli/session.h"
#include "policy/read.h"

/* A policy file and what the command line says about it. source_fini() whatever became of it. */
struct source {
	const char *path;
	struct json *context;     /* of --context, or of the file; NULL: none */
	struct json *parameters;  /* of --parameters; NULL: none */
	char *directory;          /* of the file */
	const char *context_name; /* of the file of --context */
	char *context_directory;
	struct policy_source *policy;
	const struct policy_source_nsg *nsg; /* the chosen one; NULL: a document */
	enum stage level;
};

/* Reads the file `path`, --context, --parameters, and the choice of --nsg and --level. */
enum exit_status source_init(struct source *source, struct session *session, const char *path);
void source_fini(struct source *source, struct session *session);

/*
 * Adds to `params` what policy.apply and policy.diff take: `document`, or `nsg` with `context`.
 * From then on pointers in the daemon's errors are told as pointers into the file.
 */
enum exit_status source_to_params(const struct source *source, struct session *session,
				  struct json *params);

/*
 * Calls a method of the daemon with the policy of the argument FILE among its parameters, which are
 * consumed. The caller frees *ret.
 */
enum exit_status source_call(struct session *session, const char *method, struct json *params,
			     struct json **ret);

/* The policy of the file alone. The caller frees it. */
enum exit_status source_build(const struct source *source, const struct session *session,
			      struct policy **ret);

/*
 * The policy of the document `key` among `documents`, as the daemon sends them, with the NIC's
 * context; one without rules where the daemon sent none. The caller frees *ret.
 */
int source_build_sent(const struct json_at *documents, const char *key, struct policy **ret,
		      struct accelnet_error *err);

/* Loads a file of JSON, or fails with its name in the detail. The caller frees *ret. */
enum exit_status source_load(const struct session *session, const char *path, struct json **ret);

/*
 * The same for the file of --context, beside the policies in `policy_path`: the object, alone or as
 * the `context` of a document.
 */
enum exit_status source_load_context(const struct session *session, const char *policy_path,
				     const char *path, struct json **ret);
/* Loads --parameters, if it was given, for a file `path` of policies. The caller frees *ret. */
enum exit_status source_load_parameters(const struct session *session, const char *path,
					struct json **ret);
/* Refuses --parameters where the policies are no template's. */
enum exit_status source_check_parameters(const struct session *session,
					 const struct policy_source *policy);

/* What a file is called in messages. */
const char *source_name(const char *path);
/* The directory that names in `path` are relative to. The caller frees it. */
char *source_directory(const char *path);

#endif
