/*
 * policy apply, show, check, diff, history, rollback.
 */
#include "cli/commands.h"
#include "cli/source.h"
#include "cli/style.h"
#include "cli/table.h"
#include "control/check.h"

#include <stdlib.h>
#include <string.h>

/* --- apply and rollback --- */

static void print_applied(const struct session *session, const struct json_at *answer)
{
	struct json_at rules, where, warnings;
	const bool dry = flag_of(answer, "dryRun");

	part_of(answer, "rules", &rules);
	part_of(answer, "where", &where);
	part_of(answer, "warnings", &warnings);
	session_warn(session, &warnings);
	if (flag_of(answer, "unchanged")) {
		printf("%s: unchanged, generation %lld is in force\n", text_of(answer, "nic"),
		       (long long)number_of(answer, "generation"));
		return;
	}
	printf("%s: %sgeneration %lld %s\n", text_of(answer, "nic"), dry ? "dry run, " : "",
	       (long long)number_of(answer, "generation"),
	       dry ? "is still in force" : "is in force");
	if (number_of(answer, "restored"))
		printf("  content of generation %lld\n", (long long)number_of(answer, "restored"));
	printf("  rules: %lld added, %lld kept, %lld removed\n",
	       (long long)number_of(&rules, "added"), (long long)number_of(&rules, "kept"),
	       (long long)number_of(&rules, "removed"));
	printf("  where: %lld hardware, %lld software, %lld refused\n",
	       (long long)number_of(&where, "hardware"), (long long)number_of(&where, "software"),
	       (long long)number_of(&where, "refused"));
}

static enum exit_status finish_apply(const struct session *session, enum exit_status status,
				     const struct json *answer)
{
	struct json_at root;

	if (status != EXIT_DONE)
		return status;
	root = json_root(answer);
	if (!session_print_json(session, answer))
		print_applied(session, &root);
	return EXIT_DONE;
}

/* Calls a method with the policy of FILE among its parameters, which are consumed. */
static enum exit_status call_with_file(struct session *session, const char *method,
				       struct json *params, struct json **ret)
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

enum exit_status command_policy_apply(struct session *session)
{
	JSON_CLEANUP struct json *answer = NULL;
	enum exit_status status = call_with_file(session, "policy.apply",
						 arguments_params(session->arguments), &answer);

	return finish_apply(session, status, answer);
}

enum exit_status command_policy_rollback(struct session *session)
{
	JSON_CLEANUP struct json *answer = NULL;
	enum exit_status status = session_call_command(session, &answer);

	return finish_apply(session, status, answer);
}

/* --- show and history --- */

/* The policy itself in both forms of output: what is shown can be applied. */
enum exit_status command_policy_show(struct session *session)
{
	JSON_CLEANUP struct json *answer = NULL;
	struct json_at root, policy;
	enum exit_status status = session_call_command(session, &answer);
	char *text;

	if (status != EXIT_DONE)
		return status;
	root = json_root(answer);
	part_of(&root, "policy", &policy);
	if (session_print_json(session, policy.value))
		return EXIT_DONE;
	text = json_print_pretty(policy.value);
	puts(text);
	free(text);
	return EXIT_DONE;
}

enum exit_status command_policy_history(struct session *session)
{
	JSON_CLEANUP struct json *answer = NULL;
	struct json_at root, generations, generation;
	struct table *table;
	enum exit_status status = session_call_command(session, &answer);

	if (status != EXIT_DONE || session_print_json(session, answer))
		return status;
	root = json_root(answer);
	part_of(&root, "generations", &generations);
	table = table_new("GENERATION#| |TIME|RULES#|HASH|ORIGIN");
	foreach_in(generation, &generations)
	{
		table_addf(table, "%lld", (long long)number_of(&generation, "generation"));
		table_add(table, flag_of(&generation, "current") ? "*" : "");
		table_add(table, text_of(&generation, "time"));
		table_addf(table, "%lld", (long long)number_of(&generation, "rules"));
		table_add(table, text_of(&generation, "hash"));
		table_add(table, text_of(&generation, "origin"));
	}
	table_print(table, stdout, session->colour);
	table_free(table);
	return EXIT_DONE;
}

/* --- check --- */

static void print_findings(const struct session *session, const char *path,
			   const struct json_at *findings, const char *label, enum style style)
{
	struct json_at finding;

	foreach_in(finding, findings)
	{
		style_print(stdout, session->colour, style, label);
		printf(" %s", path);
		style_print(stdout, session->colour, STYLE_HEAD, text_of(&finding, "pointer"));
		fputs(": ", stdout);
		style_print(stdout, false, STYLE_PLAIN, text_of(&finding, "detail"));
		printf(" (%s)\n", text_of(&finding, "code"));
	}
}

static void print_check(const struct session *session, const char *path, const struct json *result)
{
	const struct json_at root = json_root(result);
	struct json_at errors, warnings, nsgs, nsg;

	part_of(&root, "errors", &errors);
	part_of(&root, "warnings", &warnings);
	part_of(&root, "nsgs", &nsgs);
	print_findings(session, path, &errors, "error", STYLE_BAD);
	print_findings(session, path, &warnings, "warning", STYLE_WARN);
	foreach_in(nsg, &nsgs)
	{
		fputs("NSG ", stdout);
		style_print(stdout, false, STYLE_PLAIN,
			    text_of(&nsg, "name")[0] ? text_of(&nsg, "name") : "(no name)");
		printf(", level %s: %lld rules\n", text_of(&nsg, "level"),
		       (long long)number_of(&nsg, "rules"));
	}
	printf("%s: %s, errors: %zu, warnings: %zu\n", path,
	       text_of(&root, "form")[0] ? text_of(&root, "form") : "unknown form",
	       count_of(&errors), count_of(&warnings));
}

/* The answer on the source, or the exit status of what could not be read at all. */
static enum exit_status check_file(const struct session *session, const char *path,
				   const struct policy_read_options *options,
				   const struct check_directories *directories,
				   struct report *report, struct json **ret)
{
	struct policy_source *source = NULL;
	struct accelnet_error err;

	if (policy_source_load(path, options, report, &source) < 0 &&
	    report_result(report, &err) < 0 && err.code == ACCELNET_E_IO)
		return session_fail(session, &err);
	if (source && source_check_parameters(session, source) != EXIT_DONE) {
		policy_source_free(source);
		return EXIT_USAGE;
	}
	*ret = policy_check_json(source, options, directories, report);
	policy_source_free(source);
	return report->errors ? EXIT_REFUSED : EXIT_DONE;
}

enum exit_status command_policy_check(struct session *session)
{
	const char *path = arguments_get(session->arguments, "FILE");
	const char *context_path = arguments_get(session->arguments, "--context");
	struct policy_read_options options = {
		.strict = arguments_flag(session->arguments, "--strict"),
	};
	JSON_CLEANUP struct json *context = NULL, *parameters = NULL, *result = NULL;
	enum exit_status status;
	struct report report;
	char *directories[2];

	status = source_load_parameters(session, path, &parameters);
	if (status == EXIT_DONE && context_path)
		status = source_load(session, context_path, &context);
	if (status != EXIT_DONE)
		return status;
	options.context = context;
	options.parameters = parameters;
	directories[0] = source_directory(path);
	directories[1] = source_directory(context_path ? context_path : path);
	report_init(&report);
	status = check_file(session, path, &options,
			    &(struct check_directories){ directories[0], directories[1] }, &report,
			    &result);
	if (result && !session_print_json(session, result))
		print_check(session, strcmp(path, "-") == 0 ? "(standard input)" : path, result);
	report_fini(&report);
	free(directories[0]);
	free(directories[1]);
	return status;
}

/* --- diff --- */

static void print_rules(const struct session *session, const struct json_at *rules,
			const char *mark, enum style style)
{
	struct json_at rule;

	foreach_in(rule, rules)
	{
		char *source = list_of(&rule, "source"),
		     *destination = list_of(&rule, "destination");
		char *ports = list_of(&rule, "destinationPorts");
		char *line;

		if (asprintf(&line, "%s %s %s %s %lld: %s %s, %s -> %s port %s", mark,
			     text_of(&rule, "level"), text_of(&rule, "direction"),
			     text_of(&rule, "name"), (long long)number_of(&rule, "priority"),
			     text_of(&rule, "access"), text_of(&rule, "protocol"), source,
			     destination, ports) < 0)
			abort();
		style_print(stdout, session->colour, style, line);
		putchar('\n');
		free(line);
		free(source);
		free(destination);
		free(ports);
	}
}

static char *value_text(const struct json_at *at, const char *key)
{
	struct json_at value;

	part_of(at, key, &value);
	if (!value.value)
		return strdup("");
	if (json_type(&value) == JSON_ARRAY)
		return list_of(at, key);
	return json_string(&value) ? strdup(json_string(&value)) : json_print(value.value);
}

static void print_field(const struct session *session, const struct json_at *field,
			const char *indent)
{
	char *from = value_text(field, "from"), *to = value_text(field, "to");

	fputs(indent, stdout);
	style_print(stdout, false, STYLE_PLAIN, text_of(field, "name"));
	fputs(": ", stdout);
	if (text_of(field, "note")[0]) {
		style_print(stdout, false, STYLE_PLAIN, text_of(field, "note"));
	} else {
		style_print(stdout, session->colour, STYLE_BAD, from);
		fputs(" -> ", stdout);
		style_print(stdout, session->colour, STYLE_GOOD, to);
	}
	putchar('\n');
	free(from);
	free(to);
}

static void print_changed(const struct session *session, const struct json_at *changed)
{
	struct json_at rule, fields, field;

	foreach_in(rule, changed)
	{
		style_print(stdout, session->colour, STYLE_WARN, "~ ");
		printf("%s %s ", text_of(&rule, "level"), text_of(&rule, "direction"));
		style_print(stdout, false, STYLE_PLAIN, text_of(&rule, "name"));
		putchar('\n');
		part_of(&rule, "fields", &fields);
		foreach_in(field, &fields) print_field(session, &field, "    ");
	}
}

static void print_diff(const struct session *session, const struct json_at *root)
{
	struct json_at added, removed, changed, settings, setting;

	if (flag_of(root, "identical")) {
		puts("identical");
		return;
	}
	part_of(root, "added", &added);
	part_of(root, "removed", &removed);
	part_of(root, "changed", &changed);
	part_of(root, "settings", &settings);
	print_rules(session, &removed, "-", STYLE_BAD);
	print_rules(session, &added, "+", STYLE_GOOD);
	print_changed(session, &changed);
	foreach_in(setting, &settings) print_field(session, &setting, "~ ");
	printf("%zu added, %zu removed, %zu changed, %zu settings\n", count_of(&added),
	       count_of(&removed), count_of(&changed), count_of(&settings));
}

enum exit_status command_policy_diff(struct session *session)
{
	const struct arguments *arguments = session->arguments;
	const bool has_file = arguments_get(arguments, "FILE");
	const bool has_from = arguments_get(arguments, "--from");
	const bool has_to = arguments_get(arguments, "--to");
	JSON_CLEANUP struct json *answer = NULL;
	struct accelnet_error err;
	enum exit_status status;
	struct json_at root;

	if (has_from != has_to || has_file == has_from) {
		(void)fail(&err, ACCELNET_E_USAGE, NULL,
			   "policy diff compares either FILE with what is in force, or --from with "
			   "--to");
		return fail_usage(arguments, &err);
	}
	if (has_file)
		status = call_with_file(session, "policy.diff", arguments_params(arguments),
					&answer);
	else
		status = session_call_command(session, &answer);
	if (status != EXIT_DONE || session_print_json(session, answer))
		return status;
	root = json_root(answer);
	print_diff(session, &root);
	return EXIT_DONE;
}
