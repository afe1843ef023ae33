/*
 * policy diff: rules that differ, as the daemon tells them, and packets, which are compared here.
 */
#include "cli/commands.h"
#include "cli/source.h"
#include "cli/style.h"
#include "control/packet_diff.h"
#include "control/tuple_text.h"

#include <stdlib.h>
#include <string.h>

/* --- rules --- */

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

/* --- packets --- */

#define PACKETS_SHOWN 40

/* The daemon has built both, so only their size can be too much here: that is told, no failure. */
static void add_packets(const struct session *session, struct json *answer)
{
	POLICY_CLEANUP struct policy *before = NULL, *after = NULL;
	const struct json_at root = json_root(answer);
	struct accelnet_error err = { 0 };
	struct json_at documents;
	int r;

	part_of(&root, "documents", &documents);
	r = source_build_sent(&documents, "before", &before, &err);
	if (r == 0)
		r = source_build_sent(&documents, "after", &after, &err);
	if (r == 0)
		r = packet_diff_add(answer, before, after, &err);
	json_remove(answer, "documents");
	if (r < 0) {
		struct report report;

		report_init(&report);
		report_warning(&report, err.code, NULL, "packets are not compared: %s", err.detail);
		session_warn_report(session, &report);
		report_fini(&report);
	}
}

static void print_endpoint(const struct json_at *packet, const char *address, const char *port)
{
	const char *text = text_of(packet, address);
	struct json_at number;

	part_of(packet, port, &number);
	if (!number.value)
		printf("%s", text);
	else
		printf(strchr(text, ':') ? "[%s]:%lld" : "%s:%lld", text,
		       (long long)number_of(packet, port));
}

static void print_judged(const struct session *session, const struct json_at *packet,
			 const char *key)
{
	struct json_at verdict;

	part_of(packet, key, &verdict);
	style_print(stdout, session->colour, style_of_word(text_of(&verdict, "access")),
		    text_of(&verdict, "access"));
	printf(" (%s%s", text_of(&verdict, "nsg"), text_of(&verdict, "rule")[0] ? ": " : "");
	style_print(stdout, false, STYLE_PLAIN, text_of(&verdict, "rule"));
	putchar(')');
}

static void print_packet(const struct session *session, const struct json_at *packet)
{
	char buffer[8];

	printf("  %s %s ", text_of(packet, "direction"),
	       protocol_text((uint8_t)number_of(packet, "protocol"), buffer));
	print_endpoint(packet, "source", "sourcePort");
	fputs(" -> ", stdout);
	print_endpoint(packet, "destination", "destinationPort");
	fputs(": ", stdout);
	print_judged(session, packet, "before");
	fputs(" -> ", stdout);
	print_judged(session, packet, "after");
	putchar('\n');
}

static void print_packets(const struct session *session, const struct json_at *root)
{
	const bool complete = flag_of(root, "packetsComplete");
	struct json_at packets, packet;
	size_t shown = 0;

	part_of(root, "packets", &packets);
	if (!packets.value)
		return;
	if (count_of(&packets))
		printf("verdicts that change, by an example each%s:\n",
		       complete ? "" : " (there may be more)");
	else
		puts(complete ? "no packet's verdict changes"
			      : "of the packets that were tried none's verdict changes");
	foreach_in(packet, &packets)
	{
		if (shown++ == PACKETS_SHOWN) {
			printf("  and %zu more: --json has them all\n",
			       count_of(&packets) - PACKETS_SHOWN);
			break;
		}
		print_packet(session, &packet);
	}
}

/* --- both --- */

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
	print_packets(session, root);
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
	struct json *params;
	struct json_at root;

	if (has_from != has_to || has_file == has_from) {
		(void)fail(&err, ACCELNET_E_USAGE, NULL,
			   "policy diff compares either FILE with what is in force, or --from with "
			   "--to");
		return fail_usage(arguments, &err);
	}
	params = arguments_params(arguments);
	json_add_bool(params, "documents", true);
	if (has_file)
		status = source_call(session, "policy.diff", params, &answer);
	else
		status = session_call(session, "policy.diff", params, &answer);
	if (status == EXIT_DONE)
		add_packets(session, answer);
	if (status != EXIT_DONE || session_print_json(session, answer))
		return status;
	root = json_root(answer);
	print_diff(session, &root);
	return EXIT_DONE;
}
