/*
 * Reading the command line: see arguments.h.
 */
#include "cli/arguments.h"

#include "base/suggest.h"
#include "cli/tokens.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *param_word(const struct method_param *param)
{
	return param->option ? param->option : param->value;
}

/* --- the command --- */

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
	if (param->type == JSON_NUMBER)
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
	size_t word = command_words(method->words);

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
	r = tokens_cut(argc, argv, &tokens, err);
	globals = tokens_take_globals(&tokens, ret, r < 0 ? NULL : err);
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
	ret->command = tokens_command(&tokens);
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
