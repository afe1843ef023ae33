/*
 * Help: see help.h.
 */
#include "cli/help.h"

#include "cli/arguments.h"

#include <stdlib.h>
#include <string.h>

#define WIDTH       96
#define PARAM_WIDTH 24

/* --- the pieces --- */

static void add_param(FILE *file, const struct method_param *param)
{
	const bool required = param->flags & PARAM_REQUIRED;

	if (!param_word(param))
		return;
	fprintf(file, required ? " " : " [");
	if (param->option)
		fprintf(file, "%s%s", param->option, param->value ? " " : "");
	fprintf(file, "%s%s%s", param->value ? param->value : "",
		!param->option && strcmp(param->value, "FILE") == 0 ? "|-" : "",
		required ? "" : "]");
}

char *help_synopsis(const struct method *method)
{
	char *text = NULL;
	size_t size;
	FILE *file;

	if (method->synopsis)
		return strdup(method->synopsis);
	file = open_memstream(&text, &size);
	if (!file)
		abort();
	fputs(method->words, file);
	for (size_t i = 0; i < method->param_count; i++)
		add_param(file, &method->params[i]);
	fputc('\n', file);
	fclose(file);
	return text;
}

/*
 * Text in paragraphs, broken at blanks. `indent` blanks in front of each line but the first, which
 * begins at `column`.
 */
static void print_wrapped(FILE *file, const char *text, int indent, int column)
{
	bool line_begins = true;

	while (*text) {
		const size_t word = strcspn(text, " \n");

		if (!line_begins && column + 1 + (int)word > WIDTH) {
			fprintf(file, "\n%*s", indent, "");
			column = indent;
		} else if (!line_begins) {
			fputc(' ', file);
			column++;
		}
		fwrite(text, 1, word, file);
		column += (int)word;
		text += word;
		line_begins = *text == '\n';
		if (line_begins) {
			fputc('\n', file);
			if (text[1] != '\n')
				fprintf(file, "%*s", indent, "");
			column = indent;
		}
		text += *text != '\0';
	}
	fputc('\n', file);
}

static void print_lines(FILE *file, const char *lines, const char *before)
{
	while (*lines) {
		size_t length = strcspn(lines, "\n");

		fprintf(file, "    %s", before);
		print_wrapped(file, strndupa(lines, length), 8, 4 + (int)strlen(before));
		lines += length + (lines[length] == '\n');
	}
}

static void print_option(FILE *file, const char *option, const char *value, const char *help)
{
	char left[64];
	int width;

	snprintf(left, sizeof(left), "%s%s%s", option ? option : "", option && value ? " " : "",
		 value ? value : "");
	width = fprintf(file, "    %-*s  ", PARAM_WIDTH, left);
	if (width > PARAM_WIDTH + 6)
		width = fprintf(file, "\n%*s", PARAM_WIDTH + 6, "") - 1;
	print_wrapped(file, help, PARAM_WIDTH + 6, width);
}

static void print_globals(FILE *file)
{
	fputs("\nglobal options, anywhere:\n", file);
	for (size_t i = 0; i < global_option_count; i++)
		print_option(file, global_options[i].option, global_options[i].value,
			     global_options[i].help);
}

/* --- about a command, a group, everything --- */

static void print_command(FILE *file, const struct method *method)
{
	char *synopsis = help_synopsis(method);

	fprintf(file, "accelnetctl %s: %s\n\nusage:\n", method->words, method->summary);
	print_lines(file, synopsis, "accelnetctl ");
	free(synopsis);
	if (method->details) {
		fputc('\n', file);
		print_wrapped(file, method->details, 0, 0);
	}
	if (method->param_count)
		fputc('\n', file);
	for (size_t i = 0; i < method->param_count; i++) {
		const struct method_param *param = &method->params[i];

		if (param_word(param))
			print_option(file, param->option, param->value, param->help);
	}
	if (method->examples) {
		fputs("\nexamples:\n", file);
		print_lines(file, method->examples, "");
	}
}

static void print_summaries(FILE *file, const char *group)
{
	const size_t length = strlen(group);

	for (int id = 0; id < METHOD_COUNT; id++) {
		const char *words = methods[id].words;

		if (!words || strncmp(words, group, length) != 0 ||
		    (length && words[length] != ' ' && words[length] != '\0'))
			continue;
		fprintf(file, "    %-16s  ", words);
		print_wrapped(file, methods[id].summary, 22, 22);
	}
}

static void print_everything(FILE *file)
{
	fputs("accelnetctl: policies, rules, connections and counters of accelnetd\n\n"
	      "usage:\n    accelnetctl COMMAND [ARGUMENTS] [OPTIONS]\n\ncommands:\n",
	      file);
	print_summaries(file, "");
	print_globals(file);
	fputs("\nexit status: 0 done, 1 failed, 2 wrong usage, 3 refused (bad input or policy), "
	      "4 daemon unreachable\n"
	      "\nto begin with:\n"
	      "    accelnetctl policy check web.json             is this policy sound?\n"
	      "    accelnetctl policy apply web.json --nic eth1  put it in force\n"
	      "    accelnetctl rule list --nic eth1              what decided how often?\n"
	      "    accelnetctl COMMAND --help                    more about a command\n",
	      file);
}

bool help_print(FILE *file, const char *topic)
{
	const size_t length = strlen(topic);
	bool is_group = false;

	if (!*topic) {
		print_everything(file);
		return true;
	}
	for (int id = 0; id < METHOD_COUNT; id++) {
		const char *words = methods[id].words;

		if (words && strcmp(words, topic) == 0) {
			print_command(file, &methods[id]);
			print_globals(file);
			return true;
		}
		is_group |= words && strncmp(words, topic, length) == 0 && words[length] == ' ';
	}
	if (is_group)
		print_summaries(file, topic);
	return is_group;
}
