/*
 * Cutting the command line: see tokens.h.
 */
#include "cli/tokens.h"

#include "base/suggest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct global_option global_options[] = {
	{ "--socket", "PATH",
	  "the daemon's control socket; else $ACCELNET_SOCKET, else /run/accelnet/control.sock" },
	{ "--json", NULL, "one JSON object on standard output, errors too" },
	{ "--timeout", "S", "seconds to wait for the daemon; 30 by default" },
	{ "--no-color", NULL, "no colour, as with NO_COLOR in the environment" },
	{ "--help", NULL, "help, about a command where one is given" },
	{ "--version", NULL, "the client's version" },
};
const size_t global_option_count = sizeof(global_options) / sizeof(global_options[0]);

/* --- which command --- */

size_t command_words(const char *command)
{
	return strchr(command, ' ') ? 2 : 1;
}

/* True where the words begin with `command`. */
static bool words_match(const struct tokens *tokens, const char *command)
{
	const size_t count = command_words(command);
	char joined[64];

	if (tokens->word_count < count)
		return false;
	if (count == 1)
		return strcmp(tokens->words[0], command) == 0;
	snprintf(joined, sizeof(joined), "%s %s", tokens->words[0], tokens->words[1]);
	return strcmp(joined, command) == 0;
}

enum method_id tokens_command(const struct tokens *tokens)
{
	enum method_id found = METHOD_COUNT;

	for (int id = 0; id < METHOD_COUNT; id++) {
		const char *words = methods[id].words;

		if (!words || !words_match(tokens, words))
			continue;
		if (found == METHOD_COUNT ||
		    command_words(words) > command_words(methods[found].words))
			found = (enum method_id)id;
	}
	return found;
}

/* --- which options there are --- */

enum option_kind { OPTION_UNKNOWN, OPTION_FLAG, OPTION_VALUED };

/* An option takes a value or not, in whatever command it stands. */
static enum option_kind kind_of(const char *name)
{
	for (size_t i = 0; i < global_option_count; i++) {
		if (strcmp(global_options[i].option, name) == 0)
			return global_options[i].value ? OPTION_VALUED : OPTION_FLAG;
	}
	for (int id = 0; id < METHOD_COUNT; id++) {
		for (size_t i = 0; methods[id].words && i < methods[id].param_count; i++) {
			const struct method_param *param = &methods[id].params[i];

			if (param->option && strcmp(param->option, name) == 0)
				return param->value ? OPTION_VALUED : OPTION_FLAG;
		}
	}
	return OPTION_UNKNOWN;
}

static void offer_options(struct suggestion *best, const struct method *method)
{
	for (size_t i = 0; method->words && i < method->param_count; i++) {
		if (method->params[i].option)
			suggestion_offer(best, method->params[i].option);
	}
}

/* Of the command that stands before it, where one does, and of all where none does. */
static int refuse_option(const struct tokens *tokens, const char *name, struct accelnet_error *err)
{
	const enum method_id command = tokens_command(tokens);
	struct suggestion best;

	suggestion_init(&best, name);
	for (size_t i = 0; i < global_option_count; i++)
		suggestion_offer(&best, global_options[i].option);
	if (command != METHOD_COUNT)
		offer_options(&best, &methods[command]);
	for (int id = 0; command == METHOD_COUNT && id < METHOD_COUNT; id++)
		offer_options(&best, &methods[id]);
	return fail(err, ACCELNET_E_USAGE, NULL, "no option \"%.40s\"%s%s%s", name,
		    best.found ? "; did you mean " : "", best.found ? best.found : "",
		    best.found ? "?" : "; see accelnetctl --help");
}

/* --- cutting --- */

static int take_option(struct tokens *tokens, int argc, char **argv, int *at,
		       struct accelnet_error *err)
{
	const char *text = strcmp(argv[*at], "-h") == 0 ? "--help" : argv[*at];
	const char *equals = strchr(text, '=');
	size_t length = equals ? (size_t)(equals - text) : strlen(text);
	enum option_kind kind;
	char *name;

	if (tokens->option_count == TOKENS_MAX)
		return fail(err, ACCELNET_E_USAGE, NULL, "too many options");
	name = tokens->options[tokens->option_count].name;
	if (length >= sizeof(tokens->options[0].name))
		return refuse_option(tokens, text, err);
	memcpy(name, text, length);
	name[length] = '\0';
	kind = kind_of(name);
	if (kind == OPTION_UNKNOWN)
		return refuse_option(tokens, name, err);
	if (kind == OPTION_FLAG && equals)
		return fail(err, ACCELNET_E_USAGE, NULL, "%s takes no value", name);
	if (kind == OPTION_VALUED && !equals && *at + 1 >= argc)
		return fail(err, ACCELNET_E_USAGE, NULL, "%s needs a value", name);
	if (kind == OPTION_VALUED)
		tokens->options[tokens->option_count].value = equals ? equals + 1 : argv[++*at];
	else
		tokens->options[tokens->option_count].value = NULL;
	tokens->option_count++;
	return 0;
}

int tokens_cut(int argc, char **argv, struct tokens *ret, struct accelnet_error *err)
{
	bool options_end = false;
	int first_fault = 0;

	for (int i = 1; i < argc; i++) {
		const char *text = argv[i];
		int r = 0;

		if (!options_end && strcmp(text, "--") == 0)
			options_end = true;
		else if (!options_end && text[0] == '-' && text[1])
			r = take_option(ret, argc, argv, &i, first_fault ? NULL : err);
		else if (ret->word_count == TOKENS_MAX)
			r = fail(err, ACCELNET_E_USAGE, NULL, "too many arguments");
		else
			ret->words[ret->word_count++] = text;
		/* Read on: --json may come later, and says in what form to complain. */
		if (r < 0 && !first_fault)
			first_fault = r;
	}
	return first_fault;
}

/* --- global options --- */

static int read_timeout(const char *text, struct arguments *ret, struct accelnet_error *err)
{
	char *end;
	long seconds = strtol(text, &end, 10);

	if (end == text || *end || seconds < 1 || seconds > 86400)
		return fail(err, ACCELNET_E_USAGE, NULL,
			    "--timeout is \"%.20s\"; give seconds, 1 to 86400", text);
	ret->timeout = (int)seconds;
	return 0;
}

int tokens_take_globals(struct tokens *tokens, struct arguments *ret, struct accelnet_error *err)
{
	size_t kept = 0;
	int r = 0;

	for (size_t i = 0; i < tokens->option_count; i++) {
		const char *name = tokens->options[i].name;
		const char *value = tokens->options[i].value;

		if (strcmp(name, "--socket") == 0)
			ret->socket = value;
		else if (strcmp(name, "--json") == 0)
			ret->json = true;
		else if (strcmp(name, "--timeout") == 0)
			r = r < 0 ? r : read_timeout(value, ret, err);
		else if (strcmp(name, "--no-color") == 0)
			ret->no_color = true;
		else if (strcmp(name, "--help") == 0)
			ret->help = true;
		else if (strcmp(name, "--version") == 0)
			ret->version = true;
		else
			tokens->options[kept++] = tokens->options[i];
	}
	tokens->option_count = kept;
	return r;
}
