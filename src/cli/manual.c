/*
 * The manual page from the table of methods: see help.h. `make`-time output is
 * docs/man/accelnetctl.1, and a test holds the two together.
 */
#include "cli/arguments.h"
#include "cli/help.h"

#include <stdlib.h>
#include <string.h>

/* man(7): a backslash, and a dot or quote at the beginning of a line, mean something. */
static void print_escaped(FILE *file, const char *text)
{
	bool line_begins = true;

	for (; *text; text++) {
		if (line_begins && (*text == '.' || *text == '\''))
			fputs("\\&", file);
		line_begins = *text == '\n';
		if (*text == '\\')
			fputs("\\e", file);
		else if (*text == '-')
			fputs("\\-", file);
		else
			fputc(*text, file);
	}
}

static void print_paragraphs(FILE *file, const char *text)
{
	while (*text) {
		const char *end = strstr(text, "\n\n");
		size_t length = end ? (size_t)(end - text) : strlen(text);

		fputs(".PP\n", file);
		print_escaped(file, strndupa(text, length));
		fputc('\n', file);
		text += length + (end ? 2 : 0);
	}
}

static void print_item(FILE *file, const char *option, const char *value, const char *help)
{
	fputs(".TP\n", file);
	if (option) {
		fputs(".B ", file);
		print_escaped(file, option);
		if (value) {
			fputs(" \\fI", file);
			print_escaped(file, value);
			fputs("\\fR", file);
		}
	} else {
		fputs(".I ", file);
		print_escaped(file, value);
	}
	fputc('\n', file);
	print_escaped(file, help);
	fputc('\n', file);
}

static void print_lines(FILE *file, const char *lines, const char *before)
{
	fputs(".PP\n.nf\n.RS 4\n", file);
	while (*lines) {
		size_t length = strcspn(lines, "\n");

		print_escaped(file, before);
		print_escaped(file, strndupa(lines, length));
		fputc('\n', file);
		lines += length + (lines[length] == '\n');
	}
	fputs(".RE\n.fi\n", file);
}

static void print_command(FILE *file, const struct method *method)
{
	char *synopsis = help_synopsis(method);

	fputs(".SS ", file);
	print_escaped(file, method->words);
	fputc('\n', file);
	print_escaped(file, method->summary);
	fputs(method->summary[strlen(method->summary) - 1] == '?' ? "\n" : ".\n", file);
	print_lines(file, synopsis, "accelnetctl ");
	free(synopsis);
	if (method->details)
		print_paragraphs(file, method->details);
	for (size_t i = 0; i < method->param_count; i++) {
		const struct method_param *param = &method->params[i];

		if (param_word(param))
			print_item(file, param->option, param->value, param->help);
	}
	if (method->examples)
		print_lines(file, method->examples, "");
}

static const char head[] =
	".TH ACCELNETCTL 1 \"\" \"accelnet " ACCELNET_VERSION "\" \"accelnet\"\n"
	".SH NAME\n"
	"accelnetctl \\- policies, rules, connections and counters of accelnetd\n"
	".SH SYNOPSIS\n"
	".B accelnetctl\n"
	".I COMMAND\n"
	"[\\fIARGUMENTS\\fR] [\\fIOPTIONS\\fR]\n"
	".SH DESCRIPTION\n"
	"accelnetctl talks to the daemon over its control socket, and works without it on files:\n"
	"policy check, policy compile, and verify with \\-\\-policy.\n"
	".PP\n"
	"Output is for people unless \\-\\-json is given: then it is one JSON object on standard\n"
	"output, {\"error\":{...}} where the command fails. Warnings and progress are on standard\n"
	"error only.\n";

static const char tail[] =
	".SH EXIT STATUS\n"
	".TP\n.B 0\ndone, whatever the verdict\n"
	".TP\n.B 1\nfailed\n"
	".TP\n.B 2\nwrong usage\n"
	".TP\n.B 3\nrefused: bad input or policy; nothing was changed\n"
	".TP\n.B 4\nthe daemon cannot be reached\n"
	".SH CONTROL SOCKET\n"
	"JSON\\-RPC 2.0, one object a line, over a Unix stream socket: requests of at most 4 MiB,\n"
	"parameters by name, no batches. Each command above is the method of the same name with a\n"
	"dot for the blank (policy apply: policy.apply), but for what needs no daemon:\n";

static const char tail_methods[] =
	"Two methods are for programs alone:\n"
	"rpc.list tells all methods with their parameters, and events.subscribe sends the\n"
	"notification \\(lqevent\\(rq for each event from then on.\n"
	".PP\n"
	"An error has code, message and data {symbol, pointer, nic, rule, pmd, retryable}. Programs go\n"
	"by the symbol. The pointer (RFC 6901) of a fault in a policy leads into the policy document,\n"
	"where an NSG that was sent alone stands at /nicNsg or /subnetNsg; other pointers lead into\n"
	"params. Where a policy has several faults, data.problems lists them all.\n"
	".PP\n"
	"root, the daemon's user and members of the group accelnet may connect. A client that ends no\n"
	"request within 10 seconds of beginning it, or does not read a response within 30, is\n"
	"dropped.\n"
	".SH ENVIRONMENT\n"
	".TP\n.B ACCELNET_SOCKET\nthe control socket, where \\-\\-socket does not say\n"
	".TP\n.B NO_COLOR\nno colour\n"
	".SH FILES\n"
	".TP\n.I /run/accelnet/control.sock\nthe control socket\n"
	".SH SEE ALSO\n"
	".BR accelnetd (8),\n"
	".BR accelnetd.json (5),\n"
	".BR accelnet\\-policy (5)\n";

/* Commands that are no methods, in one sentence. */
static void print_offline(FILE *file)
{
	const char *glue = "";

	for (int id = 0; id < METHOD_COUNT; id++) {
		if (methods[id].name || !methods[id].words)
			continue;
		fputs(glue, file);
		print_escaped(file, methods[id].words);
		glue = ", ";
	}
	fputs(".\n", file);
}

void manual_print(FILE *file)
{
	fputs(head, file);
	fputs(".SH OPTIONS\nThese stand anywhere on the command line.\n", file);
	for (size_t i = 0; i < global_option_count; i++)
		print_item(file, global_options[i].option, global_options[i].value,
			   global_options[i].help);
	fputs(".SH COMMANDS\n", file);
	for (int id = 0; id < METHOD_COUNT; id++) {
		if (methods[id].words)
			print_command(file, &methods[id]);
	}
	fputs(tail, file);
	print_offline(file);
	fputs(tail_methods, file);
}
