/*
 * Shell completion from the table of methods: see help.h.
 */
#include "cli/arguments.h"
#include "cli/help.h"
#include "cli/tokens.h"

#include <stdlib.h>
#include <string.h>

static bool begins(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* The words typed before the last, options and their values apart. */
struct typed {
	char command[64];    /* the first two */
	size_t words;        /* all */
	const char *pending; /* an option that waits for its value; NULL: none */
};

static bool takes_value(const char *option)
{
	for (size_t i = 0; i < global_option_count; i++) {
		if (strcmp(global_options[i].option, option) == 0)
			return global_options[i].value;
	}
	for (int id = 0; id < METHOD_COUNT; id++) {
		for (size_t i = 0; i < methods[id].param_count; i++) {
			const struct method_param *param = &methods[id].params[i];

			if (param->option && strcmp(param->option, option) == 0)
				return param->value;
		}
	}
	return false;
}

static void read_typed(char **words, int count, struct typed *ret)
{
	size_t used = 0;

	*ret = (struct typed){ 0 };
	for (int i = 0; i + 1 < count; i++) {
		if (ret->pending) {
			ret->pending = NULL;
		} else if (words[i][0] == '-' && words[i][1]) {
			ret->pending = takes_value(words[i]) ? words[i] : NULL;
		} else if (ret->words++ < 2 && used < sizeof(ret->command)) {
			used += (size_t)snprintf(ret->command + used, sizeof(ret->command) - used,
						 "%s%s", used ? " " : "", words[i]);
		}
	}
}

static const struct method *method_of(const struct typed *typed)
{
	const struct method *found = NULL;

	for (int id = 0; id < METHOD_COUNT; id++) {
		const char *words = methods[id].words;

		if (words && begins(typed->command, words) &&
		    (!found || strlen(words) > strlen(found->words)))
			found = &methods[id];
	}
	return found;
}

static void print_choices(FILE *file, const char *choices, const char *last)
{
	while (*choices) {
		size_t length = strcspn(choices, "|");

		if (strncmp(choices, last, strlen(last)) == 0)
			fprintf(file, "%.*s\n", (int)length, choices);
		choices += length + (choices[length] == '|');
	}
}

static void print_values(FILE *file, const struct method *method, const struct typed *typed,
			 const char *last)
{
	for (size_t i = 0; method && i < method->param_count; i++) {
		const struct method_param *param = &method->params[i];

		if (param->option && strcmp(param->option, typed->pending) == 0 && param->choices)
			print_choices(file, param->choices, last);
	}
}

/* The choices of the argument whose turn it is. */
static void print_arguments(FILE *file, const struct method *method, const struct typed *typed,
			    const char *last)
{
	size_t at = method ? command_words(method->words) : 0;

	for (size_t i = 0; method && i < method->param_count; i++) {
		const struct method_param *param = &method->params[i];

		if (param->option || !param->value)
			continue;
		if (at++ == typed->words && param->choices)
			print_choices(file, param->choices, last);
	}
}

static void print_options(FILE *file, const struct method *method, const char *last)
{
	for (size_t i = 0; method && i < method->param_count; i++) {
		if (method->params[i].option && begins(method->params[i].option, last))
			fprintf(file, "%s\n", method->params[i].option);
	}
	for (size_t i = 0; i < global_option_count; i++) {
		if (begins(global_options[i].option, last))
			fprintf(file, "%s\n", global_options[i].option);
	}
}

/* The word of each command that comes after those that are typed, each once. */
static void print_words(FILE *file, const struct typed *typed, const char *last)
{
	const size_t length = strlen(typed->command);
	char before[64] = "";

	for (int id = 0; id < METHOD_COUNT; id++) {
		const char *words = methods[id].words, *next;
		char word[64];

		if (!words || !begins(words, typed->command) || (length && words[length] != ' '))
			continue;
		next = words + length + (length > 0);
		snprintf(word, sizeof(word), "%.*s", (int)strcspn(next, " "), next);
		if (*word && begins(word, last) && strcmp(word, before) != 0)
			fprintf(file, "%s\n", word);
		strcpy(before, word);
	}
}

void completion_print(FILE *file, char **words, int count)
{
	const char *last = count ? words[count - 1] : "";
	const struct method *method;
	struct typed typed;

	read_typed(words, count, &typed);
	method = method_of(&typed);
	if (typed.pending) {
		print_values(file, method, &typed, last);
	} else if (last[0] == '-') {
		print_options(file, method, last);
	} else {
		print_words(file, &typed, last);
		print_arguments(file, method, &typed, last);
	}
}
