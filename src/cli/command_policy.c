/*
 * policy apply, show, check, history, rollback. Not here: policy compile, policy diff.
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
	session_warn(session, &warnings, number_of(answer, "notShown"));
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

enum exit_status command_policy_apply(struct session *session)
{
	JSON_CLEANUP struct json *answer = NULL;
	enum exit_status status =
		source_call(session, "policy.apply", arguments_params(session->arguments), &answer);

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

static void print_idle(const struct session *session, const struct json_at *rule)
{
	const char *shadow = text_of(rule, "shadowedBy");
	const bool never = strcmp(text_of(rule, "reach"), "never") == 0;

	style_print(stdout, session->colour, STYLE_WARN, never ? "never decides" : "could go");
	printf(": %s %s ", text_of(rule, "level"), text_of(rule, "direction"));
	style_print(stdout, false, STYLE_PLAIN, text_of(rule, "rule"));
	if (flag_of(rule, "matchesNothing")) {
		puts(", which matches nothing");
	} else if (*shadow) {
		fputs(", behind ", stdout);
		style_print(stdout, false, STYLE_PLAIN, shadow);
		putchar('\n');
	} else {
		puts(never ? ", behind several rules before it" : ", rules after it say the same");
	}
}

static void print_analysis(const struct session *session, const struct json_at *root)
{
	struct json_at rules, rule, skipped, nsg;

	part_of(root, "analysis", &rules);
	part_of(root, "notAnalysed", &skipped);
	foreach_in(rule, &rules) print_idle(session, &rule);
	foreach_in(nsg, &skipped)
	{
		fputs("not analysed: ", stdout);
		style_print(stdout, false, STYLE_PLAIN, text_of(&nsg, "nsg"));
		printf("%s%s\n", text_of(&nsg, "nsg")[0] ? ": " : "", text_of(&nsg, "reason"));
	}
	if (number_of(root, "undecided"))
		printf("%lld rules have too many packets to find out\n",
		       (long long)number_of(root, "undecided"));
}

static void print_check(const struct session *session, const char *path, const struct json *result,
			const struct report *report)
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
	print_analysis(session, &root);
	if (report->suppressed)
		printf("and %zu more errors and warnings\n", report->suppressed);
	printf("%s: %s, errors: %zu, warnings: %zu\n", path,
	       text_of(&root, "form")[0] ? text_of(&root, "form") : "unknown form", report->errors,
	       report->warnings);
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
	*ret = policy_check_json(source, options, directories,
				 arguments_flag(session->arguments, "--analyse"), report);
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
		status = source_load_context(session, path, context_path, &context);
	if (status != EXIT_DONE)
		return status;
	options.context = context;
	options.context_name = context_path ? source_name(context_path) : NULL;
	options.parameters = parameters;
	directories[0] = source_directory(path);
	directories[1] = source_directory(context_path ? context_path : path);
	report_init(&report);
	status = check_file(session, path, &options,
			    &(struct check_directories){ directories[0], directories[1] }, &report,
			    &result);
	if (result && !session_print_json(session, result))
		print_check(session, strcmp(path, "-") == 0 ? "(standard input)" : path, result,
			    &report);
	report_fini(&report);
	free(directories[0]);
	free(directories[1]);
	return status;
}
