/*
 * `azhost ctl`: turns a command line (ctl_line.h) into a request, sends it, prints the answer. The
 * commands stand in one table, from which the help is made.
 */
#include "azhost/launcher/ctl.h"

#include "azhost/host/faults.h"
#include "azhost/host/say.h"
#include "azhost/launcher/ctl_exchange.h"
#include "azhost/launcher/ctl_line.h"
#include "azhost/launcher/ctl_print.h"
#include "base/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How an option or argument goes into the request. */
enum value_type { VALUE_TEXT, VALUE_NUMBER, VALUE_ON_OFF };

struct ctl_option {
	const char *name; /* "--as" */
	const char *key;
	enum value_type type;
	const char *help;
};

struct ctl_command {
	const char *words[2]; /* "vf", "revoke" */
	const char *method;
	const char *arguments; /* in the help */
	const char *keys[3];   /* of the positional arguments that follow the words */
	const char *fixed;     /* a boolean that the words imply, NULL: none */
	int fixed_value;
	const struct ctl_option *options;
	unsigned optional; /* how many of `keys` may be absent, from the end */
	const char *help;
	void (*print)(const struct json_at *result);
};

static const struct ctl_option of_change[] = {
	{ "--order", "order", VALUE_TEXT,
	  "LIST of note,pci,uevent,fatal: these steps, in this order" },
	{ "--delay", "delayMs", VALUE_NUMBER, "MS between the steps" },
	{ NULL, NULL, VALUE_TEXT, NULL },
};

static const struct ctl_option of_assign[] = {
	{ "--as", "profile", VALUE_TEXT, "PROFILE: come back as this" },
	{ "--at", "pci", VALUE_TEXT, "PCI: come back at this address" },
	{ "--order", "order", VALUE_TEXT, "LIST of pci,uevent,note: these steps, in this order" },
	{ "--delay", "delayMs", VALUE_NUMBER, "MS between the steps" },
	{ NULL, NULL, VALUE_TEXT, NULL },
};

static const struct ctl_option of_datapath[] = {
	{ "--openers", "openersSynthetic", VALUE_ON_OFF,
	  "on|off: SYNs that open a connection take the synthetic path" },
	{ "--multicast", "multicastSynthetic", VALUE_ON_OFF,
	  "on|off: broadcast and multicast take the synthetic path" },
	{ NULL, NULL, VALUE_TEXT, NULL },
};

static const struct ctl_command commands[] = {
	{ { "nics", NULL },
	  "nics",
	  "",
	  { NULL },
	  NULL,
	  0,
	  NULL,
	  0,
	  "NICs: GUID, PCI address, interface, state",
	  ctl_print_nics },
	{ { "vf", "revoke" },
	  "vf.revoke",
	  "NIC",
	  { "nic" },
	  NULL,
	  0,
	  of_change,
	  0,
	  "take the VF away",
	  NULL },
	{ { "vf", "assign" },
	  "vf.assign",
	  "NIC",
	  { "nic" },
	  NULL,
	  0,
	  of_assign,
	  0,
	  "give the VF back",
	  NULL },
	{ { "vf", "fatal" },
	  "vf.fatal",
	  "NIC",
	  { "nic" },
	  NULL,
	  0,
	  NULL,
	  0,
	  "the VF's device dies, and no more is said",
	  NULL },
	{ { "vf", "query" },
	  "vf.query",
	  "NIC",
	  { "nic" },
	  NULL,
	  0,
	  NULL,
	  0,
	  "what the emulated VF says of itself",
	  ctl_print_flat },
	{ { "link", "up" }, "link", "NIC", { "nic" }, "up", 1, NULL, 0, "plug the cable in", NULL },
	{ { "link", "down" }, "link", "NIC", { "nic" }, "up", 0, NULL, 0, "pull the cable", NULL },
	{ { "datapath", NULL },
	  "datapath",
	  "NIC",
	  { "nic" },
	  NULL,
	  0,
	  of_datapath,
	  0,
	  "which path unicast takes; what stays synthetic",
	  ctl_print_flat },
	{ { "stats", NULL },
	  "stats",
	  "",
	  { NULL },
	  NULL,
	  0,
	  NULL,
	  0,
	  "counters of every path, drop and fault",
	  ctl_print_flat },
	{ { "fault", NULL },
	  "fault",
	  "NIC FAULT [VALUE]",
	  { "nic", "fault", "value" },
	  NULL,
	  0,
	  NULL,
	  1,
	  "break something (below)",
	  NULL },
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void print_help(void)
{
	printf("Usage: azhost ctl [--socket PATH] [--json] COMMAND\n\n"
	       "Control the host of a running VM. --socket: else $AZHOST_SOCKET, which `azhost run`\n"
	       "sets in the environment of its command.\n\nCommands:\n");
	for (unsigned i = 0; i < COMMANDS; i++) {
		const struct ctl_command *c = &commands[i];
		char left[48];

		snprintf(left, sizeof(left), "%s%s%s %s", c->words[0],
			 c->words[1] != NULL ? " " : "", c->words[1] != NULL ? c->words[1] : "",
			 c->arguments);
		printf("  %-24s %s\n", left, c->help);
		for (const struct ctl_option *o = c->options; o != NULL && o->name != NULL; o++)
			printf("      %-20s %s\n", o->name, o->help);
	}
	printf("\nFaults (VALUE is 0 where it is left out):\n");
	for (const struct fault *fault = faults; fault->name != NULL; fault++)
		printf("  %-15s %s\n", fault->name, fault->help);
	printf("\nExit status: 0 done, 1 failed, 2 wrong usage, 3 refused, 4 the host does not "
	       "answer.\n\n"
	       "Examples:\n"
	       "  azhost ctl vf revoke nic0 --order fatal,pci,uevent --delay 100\n"
	       "  azhost ctl vf assign nic0 --as cx4lx-vf --at 0000:3b:01.0\n"
	       "  azhost ctl fault nic0 loss 10000\n");
}

static const struct ctl_command *find_command(const struct ctl_line *line, int *ret_used)
{
	for (unsigned i = 0; i < COMMANDS; i++) {
		const struct ctl_command *c = &commands[i];

		if (strcmp(c->words[0], line->words[0]) != 0)
			continue;
		if (c->words[1] == NULL) {
			*ret_used = 1;
			return c;
		}
		if (line->count > 1 && strcmp(c->words[1], line->words[1]) == 0) {
			*ret_used = 2;
			return c;
		}
	}
	return NULL;
}

static int add_value(const struct ctl_line *line, struct json *params, const char *key,
		     enum value_type type, const char *text)
{
	char *end;
	long long number;

	switch (type) {
	case VALUE_TEXT:
		json_add_string(params, key, text);
		return 0;
	case VALUE_NUMBER:
		number = strtoll(text, &end, 10);
		if (end == text || *end != '\0' || number < 0)
			return ctl_usage(line, "not a number", text);
		json_add_integer(params, key, number);
		return 0;
	case VALUE_ON_OFF:
		if (strcmp(text, "on") != 0 && strcmp(text, "off") != 0)
			return ctl_usage(line, "neither on nor off", text);
		json_add_bool(params, key, strcmp(text, "on") == 0);
		return 0;
	}
	return CTL_USAGE;
}

static int add_options(const struct ctl_command *c, const struct ctl_line *line,
		       struct json *params)
{
	for (int i = 0; i < line->option_count; i += 2) {
		const struct ctl_option *o = c->options;
		int rc;

		while (o != NULL && o->name != NULL && strcmp(o->name, line->options[i]) != 0)
			o++;
		if (o == NULL || o->name == NULL)
			return ctl_usage(line, "unknown option", line->options[i]);
		rc = add_value(line, params, o->key, o->type, line->options[i + 1]);
		if (rc != 0)
			return rc;
	}
	return 0;
}

static int add_words(const struct ctl_command *c, const struct ctl_line *line, int used,
		     struct json *params)
{
	int wanted = 0;

	while (wanted < 3 && c->keys[wanted] != NULL)
		wanted++;
	if (line->count - used > wanted || line->count - used < wanted - (int)c->optional)
		return ctl_usage(line, "wrong number of arguments", c->words[0]);
	for (int i = 0; used + i < line->count; i++) {
		enum value_type type = strcmp(c->keys[i], "value") == 0 ? VALUE_NUMBER : VALUE_TEXT;
		int rc = add_value(line, params, c->keys[i], type, line->words[used + i]);

		if (rc != 0)
			return rc;
	}
	if (c->fixed != NULL)
		json_add_bool(params, c->fixed, c->fixed_value);
	return 0;
}

static void print_json(const struct json_at *at, const char *wrap)
{
	struct json *object JSON_CLEANUP = NULL;
	char *text;

	if (wrap != NULL) {
		object = json_new_object();
		(void)json_add(object, wrap, json_copy(at->value));
	} else {
		object = json_copy(at->value);
	}
	text = json_print(object);
	puts(text);
	free(text);
}

static int print_error(const struct json_at *error, const struct ctl_line *line)
{
	struct json_at at;

	if (line->as_json)
		print_json(error, "error");
	else
		say("%s", json_get(error, "message", &at) && json_string(&at) != NULL
				  ? json_string(&at)
				  : "refused");
	return CTL_REFUSED;
}

static int unreadable(const struct ctl_line *line, const char *why)
{
	struct accelnet_error err;

	(void)fail(&err, ACCELNET_E_INTERNAL, NULL, "the host's answer cannot be read: %s", why);
	ctl_tell(line, &err);
	return CTL_FAILED;
}

static int print_answer(const struct ctl_command *c, const struct ctl_line *line, const char *text)
{
	struct json *json JSON_CLEANUP = NULL;
	struct accelnet_error err = { 0 };
	struct json_at root, at;

	if (json_parse(text, strlen(text), NULL, &json, &err) < 0)
		return unreadable(line, err.detail);
	root = json_root(json);
	if (json_get(&root, "error", &at))
		return print_error(&at, line);
	if (!json_get(&root, "result", &at))
		return unreadable(line, "it has no result");
	if (line->as_json)
		print_json(&at, NULL);
	else if (c->print != NULL)
		c->print(&at);
	return CTL_DONE;
}

static int unreachable(const struct ctl_line *line, int rc)
{
	struct accelnet_error err;

	(void)fail(&err, ACCELNET_E_UNREACHABLE, NULL, "%s: %s", line->socket, strerror(-rc));
	ctl_tell(line, &err);
	return CTL_UNREACHABLE;
}

int ctl_main(int argc, char **argv)
{
	struct json *request JSON_CLEANUP = json_new_object();
	const struct ctl_command *c;
	struct ctl_line line;
	struct json *params;
	char *answer;
	int used, rc;

	if (ctl_line_read(argc, argv, &line) == CTL_LINE_HELP) {
		print_help();
		return CTL_DONE;
	}
	if (line.wrong != NULL)
		return ctl_usage(&line, line.wrong, line.wrong_word);
	c = find_command(&line, &used);
	if (c == NULL)
		return ctl_usage(&line, "unknown command", line.words[0]);
	json_add_string(request, "jsonrpc", "2.0");
	json_add_integer(request, "id", 1);
	json_add_string(request, "method", c->method);
	params = json_add_object(request, "params");
	rc = add_words(c, &line, used, params);
	if (rc == 0)
		rc = add_options(c, &line, params);
	if (rc != 0)
		return rc;
	if (line.socket == NULL)
		return ctl_usage(&line, "no socket: give --socket or set AZHOST_SOCKET", NULL);
	rc = ctl_ask(line.socket, request, params, &answer);
	if (rc < 0)
		return unreachable(&line, rc);
	rc = print_answer(c, &line, answer);
	free(answer);
	return rc;
}
