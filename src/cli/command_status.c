/*
 * status, version, nic list, nic show, nic failover, log level.
 */
#include "cli/commands.h"
#include "cli/style.h"
#include "cli/table.h"

#include <stdlib.h>

static void print_nics(const struct session *session, const struct json_at *nics)
{
	struct table *table =
		table_new("NIC|MAC|UPLINK|PATH|POLICY|GENERATION#|HARDWARE#|SOFTWARE#|REFUSED#|"
			  "CONNECTIONS#");
	struct json_at nic, rules;

	foreach_in(nic, nics)
	{
		part_of(&nic, "rules", &rules);
		table_add(table, text_of(&nic, "name"));
		table_add(table, text_of(&nic, "mac"));
		table_add(table, text_of(&nic, "uplink"));
		table_add(table, text_of(&nic, "path"));
		table_add(table, text_of(&nic, "mode"));
		table_addf(table, "%lld", (long long)number_of(&nic, "generation"));
		table_addf(table, "%lld", (long long)number_of(&rules, "hardware"));
		table_addf(table, "%lld", (long long)number_of(&rules, "software"));
		table_addf(table, "%lld", (long long)number_of(&rules, "refused"));
		table_addf(table, "%lld", (long long)number_of(&nic, "connections"));
	}
	table_print(table, stdout, session->colour);
	table_free(table);
}

static void print_uptime(int64_t seconds)
{
	if (seconds >= 86400)
		printf("%lld d ", (long long)(seconds / 86400));
	printf("%02lld:%02lld:%02lld", (long long)(seconds / 3600 % 24),
	       (long long)(seconds / 60 % 60), (long long)(seconds % 60));
}

static const char *or_none(const char *text)
{
	return *text ? text : "not loaded";
}

enum exit_status command_status(struct session *session)
{
	JSON_CLEANUP struct json *answer = NULL;
	struct json_at root, daemon, versions, nics;
	enum exit_status status = session_call_command(session, &answer);

	if (status != EXIT_DONE || session_print_json(session, answer))
		return status;
	root = json_root(answer);
	part_of(&root, "daemon", &daemon);
	part_of(&root, "versions", &versions);
	part_of(&root, "nics", &nics);
	printf("accelnetd %s, pid %lld, up ", text_of(&versions, "accelnet"),
	       (long long)number_of(&daemon, "pid"));
	print_uptime(number_of(&daemon, "uptimeSeconds"));
	printf("\n%s, PMDs %s, rdma-core %s\n\n", text_of(&versions, "dpdk"),
	       text_of(&versions, "pmd"), or_none(text_of(&versions, "rdmaCore")));
	print_nics(session, &nics);
	return EXIT_DONE;
}

enum exit_status command_nic_list(struct session *session)
{
	JSON_CLEANUP struct json *answer = NULL;
	struct json_at root, nics;
	enum exit_status status = session_call_command(session, &answer);

	if (status != EXIT_DONE || session_print_json(session, answer))
		return status;
	root = json_root(answer);
	part_of(&root, "nics", &nics);
	print_nics(session, &nics);
	return EXIT_DONE;
}

/* Any answer as indented "name: value" lines. */
static void print_tree(const struct session *session, const struct json_at *at, int indent)
{
	struct json_at child;

	foreach_in(child, at)
	{
		const enum json_type type = json_type(&child);
		char *text;

		printf("%*s", indent, "");
		style_print(stdout, session->colour, STYLE_HEAD, child.key ? child.key : "-");
		if (type == JSON_OBJECT || type == JSON_ARRAY) {
			puts(json_count(&child) ? ":" : ": none");
			print_tree(session, &child, indent + 2);
			continue;
		}
		text = json_string(&child) ? NULL : json_print(child.value);
		fputs(": ", stdout);
		style_print(stdout, false, STYLE_PLAIN, text ? text : json_string(&child));
		putchar('\n');
		free(text);
	}
}

enum exit_status command_nic_show(struct session *session)
{
	JSON_CLEANUP struct json *answer = NULL;
	struct json_at root;
	enum exit_status status = session_call_command(session, &answer);

	if (status != EXIT_DONE || session_print_json(session, answer))
		return status;
	root = json_root(answer);
	print_tree(session, &root, 0);
	return EXIT_DONE;
}

enum exit_status command_nic_failover(struct session *session)
{
	JSON_CLEANUP struct json *answer = NULL;
	struct json_at root;
	enum exit_status status = session_call_command(session, &answer);

	if (status != EXIT_DONE || session_print_json(session, answer))
		return status;
	root = json_root(answer);
	printf("%s: path %s%s\n", text_of(&root, "nic"), text_of(&root, "path"),
	       flag_of(&root, "held") ? ", held on the synthetic path" : "");
	return EXIT_DONE;
}

enum exit_status command_version(struct session *session)
{
	JSON_CLEANUP struct json *answer = NULL;
	struct json_at root;
	enum exit_status status = session_call_command(session, &answer);

	if (status != EXIT_DONE)
		return status;
	json_add_string(answer, "client", ACCELNET_VERSION);
	if (session_print_json(session, answer))
		return EXIT_DONE;
	root = json_root(answer);
	printf("accelnetctl %s\naccelnetd %s\n%s\nPMDs %s\nrdma-core %s\n", ACCELNET_VERSION,
	       text_of(&root, "accelnet"), text_of(&root, "dpdk"), text_of(&root, "pmd"),
	       or_none(text_of(&root, "rdmaCore")));
	return EXIT_DONE;
}

static enum exit_status refuse_half(const struct session *session)
{
	struct accelnet_error err;

	(void)fail(&err, ACCELNET_E_USAGE, NULL,
		   "log level takes ROOM and LEVEL, or neither, and then shows all levels");
	return fail_usage(session->arguments, &err);
}

enum exit_status command_log_level(struct session *session)
{
	JSON_CLEANUP struct json *answer = NULL;
	struct json_at root, levels, level;
	struct table *table;
	enum exit_status status;

	if (arguments_get(session->arguments, "ROOM") &&
	    !arguments_get(session->arguments, "LEVEL"))
		return refuse_half(session);
	status = session_call_command(session, &answer);
	if (status != EXIT_DONE || session_print_json(session, answer))
		return status;
	root = json_root(answer);
	part_of(&root, "levels", &levels);
	table = table_new("ROOM|LEVEL");
	foreach_in(level, &levels)
	{
		table_add(table, level.key);
		table_add(table, json_string(&level));
	}
	table_print(table, stdout, session->colour);
	table_free(table);
	return EXIT_DONE;
}
