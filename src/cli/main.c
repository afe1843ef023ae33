/*
 * accelnetctl: the client of accelnetd. Not here: what commands there are (control/methods.c) and
 * what they do (command_*.c).
 */
#include "cli/commands.h"
#include "cli/help.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const command_function commands[METHOD_COUNT] = {
#define COMMAND_ENTRY_(id, function) [METHOD_##id] = command_##function,
	COMMAND_METHODS(COMMAND_ENTRY_, COMMAND_ENTRY_)
#undef COMMAND_ENTRY_
};

static enum exit_status print_help(const struct arguments *arguments)
{
	struct accelnet_error err;

	if (help_print(stdout, arguments->topic))
		return EXIT_DONE;
	/* `policy apply file --help`: the command is what counts, not its arguments. */
	for (size_t length = strlen(arguments->topic); length > 0; length--) {
		char shorter[sizeof(arguments->topic)];

		snprintf(shorter, sizeof(shorter), "%.*s", (int)length, arguments->topic);
		if (arguments->topic[length] == ' ' && help_print(stdout, shorter))
			return EXIT_DONE;
	}
	(void)fail(&err, ACCELNET_E_USAGE, NULL, "no command \"%s\"; see accelnetctl --help",
		   arguments->topic);
	return fail_usage(arguments, &err);
}

/* The member is called as in the answer of `accelnetctl version`, which asks the daemon besides. */
static enum exit_status print_version(const struct arguments *arguments)
{
	const struct session session = { .arguments = arguments };
	JSON_CLEANUP struct json *json = json_new_object();

	json_add_string(json, "client", ACCELNET_VERSION);
	if (!session_print_json(&session, json))
		puts("accelnetctl " ACCELNET_VERSION);
	return EXIT_DONE;
}

static enum exit_status refuse_no_command(const struct arguments *arguments)
{
	struct accelnet_error err;

	if (!arguments->json) {
		help_print(stderr, "");
		return EXIT_USAGE;
	}
	(void)fail(&err, ACCELNET_E_USAGE, NULL, "no command; see accelnetctl --help");
	return fail_usage(arguments, &err);
}

static enum exit_status run(const struct arguments *arguments)
{
	struct session session;
	enum exit_status status;

	if (arguments->version)
		return print_version(arguments);
	if (arguments->help)
		return print_help(arguments);
	if (arguments->command == METHOD_COUNT)
		return refuse_no_command(arguments);
	session_init(&session, arguments);
	status = commands[arguments->command](&session);
	session_fini(&session);
	return status;
}

/* Words of the completion script and the build, not of users: they stand in no help. */
static bool run_hidden(int argc, char **argv)
{
	if (argc < 2)
		return false;
	if (strcmp(argv[1], "--complete") == 0)
		completion_print(stdout, argv + 2, argc - 2);
	else if (strcmp(argv[1], "--manual") == 0)
		manual_print(stdout);
	else
		return false;
	return true;
}

int main(int argc, char **argv)
{
	enum exit_status status = EXIT_DONE;
	struct arguments arguments;
	struct accelnet_error err;

	if (!run_hidden(argc, argv)) {
		if (arguments_parse(argc, argv, &arguments, &err) < 0)
			return fail_usage(&arguments, &err);
		status = run(&arguments);
	}
	if (fflush(stdout) == EOF) {
		fprintf(stderr, "accelnetctl: cannot write the output: %s\n", strerror(errno));
		return EXIT_FAILED;
	}
	if (ferror(stdout)) { /* some write before: errno is of a call since then */
		fputs("accelnetctl: cannot write the output\n", stderr);
		return EXIT_FAILED;
	}
	return status;
}
