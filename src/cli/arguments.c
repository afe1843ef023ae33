/*
 * Reading the command line: see arguments.h.
 */
#include "cli/arguments.h"

#include "cli/suggest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TOKENS_MAX 64

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

/* The command line, cut into options with their values and words. */
struct tokens {
	struct {
		char name[32];
		const char *value; /* NULL: none was given */
	} options[TOKENS_MAX];
	size_t option_count;
	const char *words[TOKENS_MAX];
	size_t word_count;
};

const char *param_word(const struct method_param *param)
{
	return param->option ? param->option : param->value;
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

static int refuse_option(const char *name, struct accelnet_error *err)
{
	struct suggestion best;

	suggestion_init(&best, name);
	for (size_t i = 0; i < global_option_count; i++)
		suggestion_offer(&best, global_options[i].option);
	for (int id = 0; id < METHOD_COUNT; id++) {
		for (size_t i = 0; methods[id].words && i < methods[id].param_count; i++) {
			if (methods[id].params[i].option)
				suggestion_offer(&best, methods[id].params[i].option);
		}
	}
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
		return refuse_option(text, err);
	memcpy(name, text, length);
	name[length] = '\0';
	kind = kind_of(name);
	if (kind == OPTION_UNKNOWN)
		return refuse_option(name, err);
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

static int cut(int argc, char **argv, struct tokens *ret, struct accelnet_error *err)
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

/* Takes the global options out of `tokens`. */
static int read_globals(struct tokens *tokens, struct arguments *ret, struct accelnet_error *err)
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

/* --- the command --- */

static size_t words_of(const char *command)
{
	return strchr(command, ' ') ? 2 : 1;
}

/* True where the words begin with `command`. */
static bool words_match(const struct tokens *tokens, const char *command)
{
	const size_t count = words_of(command);
	char joined[64];

	if (tokens->word_count < count)
		return false;
	if (count == 1)
		return strcmp(tokens->words[0], command) == 0;
	snprintf(joined, sizeof(joined), "%s %s", tokens->words[0], tokens->words[1]);
	return strcmp(joined, command) == 0;
}

/* The command with most words that fits; METHOD_COUNT where none does. */
static enum method_id find_command(const struct tokens *tokens)
{
	enum method_id found = METHOD_COUNT;

	for (int id = 0; id < METHOD_COUNT; id++) {
		const char *words = methods[id].words;

		if (!words || !words_match(tokens, words))
			continue;
		if (found == METHOD_COUNT || words_of(words) > words_of(methods[found].words))
			found = (enum method_id)id;
	}
	return found;
}

/* "policy" alone: what may follow it. */
static bool list_group(const char *group, char *buffer, size_t size)
{
	const size_t length = strlen(group);
	size_t used = 0;

	for (int id = 0; id < METHOD_COUNT; id++) {
		const char *words = methods[id].words;

		if (!words || strncmp(words, group, length) != 0 || words[length] != ' ' ||
		    used >= size)
			continue;
		used += (size_t)snprintf(buffer + used, size - used, "%s%s", used ? ", " : "",
					 words + length + 1);
	}
	return used > 0;
}

static int refuse_command(const struct tokens *tokens, struct accelnet_error *err)
{
	char typed[80], group[128];
	struct suggestion best;

	snprintf(typed, sizeof(typed), "%.38s%s%.38s", tokens->words[0],
		 tokens->word_count > 1 ? " " : "", tokens->word_count > 1 ? tokens->words[1] : "");
	if (list_group(tokens->words[0], group, sizeof(group)) && tokens->word_count == 1)
		return fail(err, ACCELNET_E_USAGE, NULL, "%s what? there is: %s", tokens->words[0],
			    group);
	suggestion_init(&best, typed);
	for (int id = 0; id < METHOD_COUNT; id++) {
		if (methods[id].words)
			suggestion_offer(&best, methods[id].words);
	}
	if (!best.found) {
		suggestion_init(&best, tokens->words[0]);
		for (int id = 0; id < METHOD_COUNT; id++) {
			if (methods[id].words)
				suggestion_offer(&best, methods[id].words);
		}
	}
	return fail(err, ACCELNET_E_USAGE, NULL, "no command \"%s\"%s%s%s", typed,
		    best.found ? "; did you mean " : "", best.found ? best.found : "",
		    best.found ? "?" : "; see accelnetctl --help");
}

/* --- its parameters --- */

static int check_choice(const struct method_param *param, const char *text,
			struct accelnet_error *err)
{
	const size_t length = strlen(text);

	for (const char *word = param->choices; word; word = strchr(word, '|')) {
		word += *word == '|';
		if (length && strncmp(word, text, length) == 0 &&
		    (word[length] == '|' || word[length] == '\0'))
			return 0;
	}
	return fail(err, ACCELNET_E_USAGE, NULL, "%s is \"%.40s\"; it may be %s", param_word(param),
		    text, param->choices);
}

static int check_number(const struct method_param *param, const char *text,
			struct accelnet_error *err)
{
	const int64_t max = param->min || param->max ? param->max : (int64_t)1 << 53;
	char *end;
	long long number = strtoll(text, &end, 10);

	if (end == text || *end || number < param->min || number > max)
		return fail(err, ACCELNET_E_USAGE, NULL,
			    "%s is \"%.40s\"; give a whole number, %lld to %lld", param_word(param),
			    text, (long long)param->min, (long long)max);
	return 0;
}

static int check_value(const struct method_param *param, const char *text,
		       struct accelnet_error *err)
{
	if (param->choices)
		return check_choice(param, text, err);
	if (param->type == JSON_NUMBER && param->name)
		return check_number(param, text, err);
	return 0;
}

static int take_options(const struct tokens *tokens, const struct method *method,
			struct arguments *ret, struct accelnet_error *err)
{
	for (size_t i = 0; i < tokens->option_count; i++) {
		const char *name = tokens->options[i].name;
		const char *value = tokens->options[i].value;
		size_t p = 0;

		while (p < method->param_count &&
		       !(method->params[p].option && strcmp(method->params[p].option, name) == 0))
			p++;
		if (p == method->param_count)
			return fail(err, ACCELNET_E_USAGE, NULL,
				    "%s is no option of %s; see accelnetctl %s --help", name,
				    method->words, method->words);
		if (ret->values[p])
			return fail(err, ACCELNET_E_USAGE, NULL, "%s is given twice", name);
		if (value && check_value(&method->params[p], value, err) < 0)
			return -error_errno(ACCELNET_E_USAGE);
		ret->values[p] = value ? value : "";
	}
	return 0;
}

static bool is_argument(const struct method_param *param)
{
	return !param->option && param->value;
}

static int take_arguments(const struct tokens *tokens, const struct method *method,
			  struct arguments *ret, struct accelnet_error *err)
{
	size_t word = words_of(method->words);

	for (size_t p = 0; p < method->param_count && word < tokens->word_count; p++) {
		if (!is_argument(&method->params[p]))
			continue;
		if (check_value(&method->params[p], tokens->words[word], err) < 0)
			return -error_errno(ACCELNET_E_USAGE);
		ret->values[p] = tokens->words[word++];
	}
	if (word < tokens->word_count)
		return fail(err, ACCELNET_E_USAGE, NULL,
			    "\"%.60s\" is one argument too many for %s", tokens->words[word],
			    method->words);
	return 0;
}

static int check_required(const struct method *method, const struct arguments *arguments,
			  struct accelnet_error *err)
{
	for (size_t p = 0; p < method->param_count; p++) {
		const struct method_param *param = &method->params[p];

		if (!(param->flags & PARAM_REQUIRED) || !param_word(param) || arguments->values[p])
			continue;
		return fail(err, ACCELNET_E_USAGE, NULL, "%s needs %s%s%s (%s)", method->words,
			    param_word(param), param->option ? " " : "",
			    param->option ? param->value : "", param->help);
	}
	return 0;
}

static void set_topic(struct arguments *ret, const struct tokens *tokens, size_t from)
{
	size_t used = 0;

	for (size_t i = from; i < tokens->word_count && used < sizeof(ret->topic); i++)
		used += (size_t)snprintf(ret->topic + used, sizeof(ret->topic) - used, "%s%s",
					 used ? " " : "", tokens->words[i]);
}

int arguments_parse(int argc, char **argv, struct arguments *ret, struct accelnet_error *err)
{
	struct tokens tokens = { 0 };
	const struct method *method;
	int r, globals;

	*ret = (struct arguments){ .command = METHOD_COUNT, .timeout = TIMEOUT_DEFAULT };
	r = cut(argc, argv, &tokens, err);
	globals = read_globals(&tokens, ret, r < 0 ? NULL : err);
	if (r < 0 || globals < 0)
		return r < 0 ? r : globals;
	if (ret->version)
		return 0;
	if (tokens.word_count && strcmp(tokens.words[0], "help") == 0) {
		ret->help = true;
		set_topic(ret, &tokens, 1);
		return 0;
	}
	if (ret->help || tokens.word_count == 0) {
		set_topic(ret, &tokens, 0);
		return 0;
	}
	ret->command = find_command(&tokens);
	if (ret->command == METHOD_COUNT)
		return refuse_command(&tokens, err);
	method = &methods[ret->command];
	r = take_options(&tokens, method, ret, err);
	if (r == 0)
		r = take_arguments(&tokens, method, ret, err);
	return r < 0 ? r : check_required(method, ret, err);
}

/* --- what was given --- */

const char *arguments_get(const struct arguments *arguments, const char *option_or_value)
{
	const struct method *method = &methods[arguments->command];

	for (size_t p = 0; p < method->param_count; p++) {
		const char *word = param_word(&method->params[p]);

		if (word && strcmp(word, option_or_value) == 0)
			return arguments->values[p];
	}
	return NULL;
}

bool arguments_flag(const struct arguments *arguments, const char *option)
{
	return arguments_get(arguments, option) != NULL;
}

static void add_value(struct json *to, const struct method_param *param, const char *text)
{
	switch (param->type) {
	case JSON_BOOL:
		json_add_bool(to, param->name, true);
		break;
	case JSON_NUMBER:
		json_add_integer(to, param->name, strtoll(text, NULL, 10));
		break;
	default:
		json_add_string(to, param->name, text);
	}
}

struct json *arguments_params(const struct arguments *arguments)
{
	const struct method *method = &methods[arguments->command];
	struct json *params = json_new_object();

	for (size_t p = 0; p < method->param_count; p++) {
		if (method->params[p].name && arguments->values[p])
			add_value(params, &method->params[p], arguments->values[p]);
	}
	return params;
}
