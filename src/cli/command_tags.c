/*
 * tags load, tags show: service tags of the policy in force.
 *
 * The download stays here: only the tags that rules in force name go to the daemon.
 */
#include "cli/commands.h"
#include "cli/style.h"
#include "cli/table.h"
#include "policy/read.h"

#include <stdlib.h>

/* --- load --- */

/* The tags of the download that the rules of the document name: {"Storage":["20.38.0.0/17"]}. */
static struct json *select_tags(const struct json *document, const struct json *download)
{
	JSON_CLEANUP struct json *bare = json_copy(document), *renewed = NULL;
	struct json_at root, context, tags;
	size_t count;

	json_remove(bare, "context"); /* the tags that it has now are not to come back */
	renewed = policy_document_with_tags(bare, download, &count);
	root = json_root(renewed);
	if (!json_get(&root, "context", &context) || !json_get(&context, "serviceTags", &tags))
		return json_new_object();
	return json_copy(tags.value);
}

/* A number in the files, text from the API; in some copies null. */
static void add_change_number(struct json *params, const struct json *download)
{
	const struct json_at root = json_root(download);
	struct json_at number;
	int64_t value;

	if (!json_get(&root, "changeNumber", &number))
		return;
	if (json_string(&number))
		json_add_string(params, "changeNumber", json_string(&number));
	else if (json_integer(&number, &value))
		json_add_format(params, "changeNumber", "%lld", (long long)value);
}

static enum exit_status load(struct session *session, const struct json *download,
			     struct json **ret)
{
	JSON_CLEANUP struct json *shown = NULL;
	struct json *question = json_new_object(), *params;
	struct json_at root, policy;
	enum exit_status status;

	json_add_string(question, "nic", arguments_get(session->arguments, "--nic"));
	status = session_call(session, "policy.show", question, &shown);
	if (status != EXIT_DONE)
		return status;
	root = json_root(shown);
	part_of(&root, "policy", &policy);
	params = arguments_params(session->arguments);
	json_add(params, "tags", select_tags(policy.value, download));
	json_add_integer(params, "ifGeneration", number_of(&root, "generation"));
	add_change_number(params, download);
	return session_call(session, "tags.load", params, ret);
}

static void print_loaded(const struct session *session, const struct json *answer)
{
	const struct json_at root = json_root(answer);
	struct json_at loaded, tag, warnings;
	char *kept = list_of(&root, "kept");

	part_of(&root, "warnings", &warnings);
	session_warn(session, &warnings, number_of(&root, "notShown"));
	part_of(&root, "loaded", &loaded);
	foreach_in(tag, &loaded)
	{
		style_print(stdout, session->colour, STYLE_HEAD, text_of(&tag, "name"));
		printf(": %lld prefixes, %lld before\n", (long long)number_of(&tag, "prefixes"),
		       (long long)number_of(&tag, "before"));
	}
	if (!count_of(&loaded))
		puts("no rule in force names a tag of this file");
	if (*kept) {
		fputs("not in this file, left as they are: ", stdout);
		style_print(stdout, session->colour, STYLE_WARN, kept);
		putchar('\n');
	}
	free(kept);
	printf("%s: %sgeneration %lld %s\n", text_of(&root, "nic"),
	       flag_of(&root, "unchanged") ? "unchanged, " : "",
	       (long long)number_of(&root, "generation"),
	       flag_of(&root, "dryRun") ? "is still in force" : "is in force");
}

enum exit_status command_tags_load(struct session *session)
{
	const char *path = arguments_get(session->arguments, "FILE");
	JSON_CLEANUP struct json *download = NULL, *answer = NULL;
	struct accelnet_error err;
	enum exit_status status;

	if (service_tags_load(path, &download, &err) < 0)
		return session_fail(session, &err);
	status = load(session, download, &answer);
	if (status == EXIT_DONE && !session_print_json(session, answer))
		print_loaded(session, answer);
	return status;
}

/* --- show --- */

static void add_rows(struct table *table, const struct json_at *nic)
{
	struct json_at tags, tag;

	part_of(nic, "tags", &tags);
	foreach_in(tag, &tags)
	{
		table_add(table, text_of(nic, "nic"));
		table_add(table, text_of(&tag, "name"));
		table_addf(table, "%lld", (long long)number_of(&tag, "prefixes"));
		table_add(table, text_of(&tag, "source"));
		table_add(table, flag_of(&tag, "named") ? "yes" : "no");
	}
}

enum exit_status command_tags_show(struct session *session)
{
	JSON_CLEANUP struct json *answer = NULL;
	struct json_at root, nics, nic;
	struct table *table;
	enum exit_status status = session_call_command(session, &answer);

	if (status != EXIT_DONE || session_print_json(session, answer))
		return status;
	root = json_root(answer);
	part_of(&root, "nics", &nics);
	table = table_new("NIC|TAG|PREFIXES#|FROM|NAMED BY RULES");
	foreach_in(nic, &nics) add_rows(table, &nic);
	table_print(table, stdout, session->colour);
	table_free(table);
	return EXIT_DONE;
}
