/*
 * flow list, show, kill.
 */
#include "cli/commands.h"
#include "cli/style.h"
#include "cli/table.h"

#include <string.h>
#include <time.h>

static void add_seconds(struct table *table, const struct json_at *flow, const char *key)
{
	struct json_at value;

	part_of(flow, key, &value);
	table_addf(table, "%.1f s", value.value ? json_double(&value) : 0.0);
}

static void print_flows(const struct session *session, const struct json_at *root)
{
	struct table *table =
		table_new("PROTOCOL|LOCAL|REMOTE|DIRECTION|STATE|IDLE#|EXPIRES IN#|OFFLOADED");
	struct json_at flows, flow;

	part_of(root, "flows", &flows);
	foreach_in(flow, &flows)
	{
		table_add(table, text_of(&flow, "protocol"));
		table_add(table, text_of(&flow, "local"));
		table_add(table, text_of(&flow, "remote"));
		table_add(table, text_of(&flow, "direction"));
		table_add(table, text_of(&flow, "state"));
		add_seconds(table, &flow, "idleSeconds");
		add_seconds(table, &flow, "expiresSeconds");
		table_add(table, flag_of(&flow, "offloaded") ? "yes" : "no");
	}
	table_print(table, stdout, session->colour);
	table_free(table);
	printf("\n%lld shown, %lld in the table%s\n", (long long)number_of(root, "shown"),
	       (long long)number_of(root, "total"),
	       flag_of(root, "more") ? "; more match (--limit)" : "");
}

enum exit_status command_flow_list(struct session *session)
{
	JSON_CLEANUP struct json *answer = NULL;
	struct json_at root;
	enum exit_status status = session_call_command(session, &answer);

	if (status != EXIT_DONE || session_print_json(session, answer))
		return status;
	root = json_root(answer);
	print_flows(session, &root);
	return EXIT_DONE;
}

static void print_flow(const struct session *session, const struct json_at *flow)
{
	struct json_at verdict, idle, expires, generation;

	part_of(flow, "verdictNow", &verdict);
	part_of(flow, "idleSeconds", &idle);
	part_of(flow, "expiresSeconds", &expires);
	style_print(stdout, session->colour, STYLE_HEAD, text_of(flow, "protocol"));
	printf(" %s %s %s\n", text_of(flow, "local"),
	       text_of(flow, "direction")[0] == 'I' ? "<-" : "->", text_of(flow, "remote"));
	printf("  state       %s%s%s\n", text_of(flow, "state"),
	       flag_of(flow, "replied") ? ", replied" : ", no reply yet",
	       flag_of(flow, "auditOnly") ? ", only audit mode lets it through" : "");
	printf("  idle        %.1f s, expires in %.1f s\n", idle.value ? json_double(&idle) : 0.0,
	       expires.value ? json_double(&expires) : 0.0);
	part_of(flow, "generation", &generation);
	if (generation.value && json_type(&generation) == JSON_NUMBER)
		printf("  generation  %lld judged it last\n",
		       (long long)number_of(flow, "generation"));
	printf("  offloaded   %s\n", flag_of(flow, "offloaded") ? "yes: found by its mark" : "no");
	if (!verdict.value)
		return;
	printf("  rules now   %s", text_of(&verdict, "access"));
	if (text_of(&verdict, "rule")[0]) {
		fputs(" by ", stdout);
		style_print(stdout, false, STYLE_PLAIN, text_of(&verdict, "rule"));
	}
	putchar('\n');
}

enum exit_status command_flow_show(struct session *session)
{
	JSON_CLEANUP struct json *answer = NULL;
	struct json_at root, flows, flow;
	enum exit_status status = session_call_command(session, &answer);

	if (status != EXIT_DONE || session_print_json(session, answer))
		return status;
	root = json_root(answer);
	part_of(&root, "flows", &flows);
	foreach_in(flow, &flows) print_flow(session, &flow);
	if (!count_of(&flows))
		puts("no such connection");
	else if (flag_of(&root, "more"))
		puts("more match (--limit)");
	return EXIT_DONE;
}

/* The daemon cuts as many at a time as its workers take; the rest is asked for again. */
static enum exit_status kill_all(struct session *session, const char **ret_nic, int64_t *ret_killed,
				 struct json **ret_last)
{
	const time_t end = time(NULL) + session->arguments->timeout;
	const struct timespec pause = { .tv_nsec = 5 * 1000 * 1000 };
	struct json_at root;

	for (;;) {
		struct json *answer;
		enum exit_status status = session_call_command(session, &answer);

		if (status != EXIT_DONE)
			return status;
		json_free(*ret_last);
		*ret_last = answer;
		root = json_root(answer);
		*ret_nic = text_of(&root, "nic");
		*ret_killed += number_of(&root, "killed");
		if (!flag_of(&root, "more") || time(NULL) >= end ||
		    arguments_get(session->arguments, "--limit"))
			return EXIT_DONE;
		nanosleep(&pause, NULL);
	}
}

/* --all is one: it says which connections are meant. */
static bool has_filter(const struct arguments *arguments)
{
	const struct method *method = &methods[METHOD_FLOW_KILL];

	for (size_t i = 0; i < method->param_count; i++) {
		const char *option = method->params[i].option;

		if (option && strcmp(option, "--nic") != 0 && strcmp(option, "--limit") != 0 &&
		    arguments_flag(arguments, option))
			return true;
	}
	return false;
}

enum exit_status command_flow_kill(struct session *session)
{
	JSON_CLEANUP struct json *last = NULL, *result = NULL;
	struct accelnet_error err;
	enum exit_status status;
	struct json_at root;
	int64_t killed = 0;
	const char *nic;

	if (!has_filter(session->arguments)) {
		(void)fail(&err, ACCELNET_E_USAGE, NULL,
			   "no filter was given: say --all to cut every connection");
		return fail_usage(session->arguments, &err);
	}
	status = kill_all(session, &nic, &killed, &last);
	if (status != EXIT_DONE)
		return status;
	root = json_root(last);
	result = json_new_object();
	json_add_string(result, "nic", nic);
	json_add_integer(result, "killed", killed);
	json_add_bool(result, "more", flag_of(&root, "more"));
	if (!session_print_json(session, result))
		printf("%s: %lld connections cut%s\n", nic, (long long)killed,
		       flag_of(&root, "more") ? ", more are left" : "");
	return EXIT_DONE;
}
