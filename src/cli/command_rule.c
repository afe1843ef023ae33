/*
 * rule list, rule explain.
 */
#include "cli/commands.h"
#include "cli/source.h"
#include "cli/style.h"
#include "cli/table.h"
#include "compile/reach.h"

#include <stdlib.h>
#include <string.h>

static void add_list(struct table *table, const struct json_at *rule, const char *key)
{
	char *text = list_of(rule, key);

	table_add(table, text);
	free(text);
}

/* A count that nobody keeps is not zero. */
static void add_hits(struct table *table, const struct json_at *rule)
{
	struct json_at hits;

	part_of(rule, "hits", &hits);
	if (hits.value && json_type(&hits) == JSON_NUMBER)
		table_addf(table, "%lld", (long long)number_of(rule, "hits"));
	else
		table_add(table, "not counted");
}

static void print_rules(const struct session *session, const struct json_at *rules)
{
	struct table *table =
		table_new("DIRECTION|LEVEL|PRIORITY#|NAME|ACCESS|PROTOCOL|SOURCE|SPORTS|"
			  "DESTINATION|DPORTS|WHERE|HITS#|LAST HIT");
	struct json_at rule;

	foreach_in(rule, rules)
	{
		table_add(table, text_of(&rule, "direction"));
		table_add(table, text_of(&rule, "level"));
		table_addf(table, "%lld", (long long)number_of(&rule, "priority"));
		table_add(table, text_of(&rule, "name"));
		table_add(table, text_of(&rule, "access"));
		table_add(table, text_of(&rule, "protocol"));
		add_list(table, &rule, "source");
		add_list(table, &rule, "sourcePorts");
		add_list(table, &rule, "destination");
		add_list(table, &rule, "destinationPorts");
		table_add(table, text_of(&rule, "where"));
		add_hits(table, &rule);
		table_add(table,
			  text_of(&rule, "lastHit")[0] ? text_of(&rule, "lastHit") : "never");
	}
	table_print(table, stdout, session->colour);
	table_free(table);
}

static void print_addresses(const struct session *session, const struct json_at *addresses)
{
	struct json_at side;

	foreach_in(side, addresses)
	{
		char *text = list_of(addresses, side.key);

		style_print(stdout, session->colour, STYLE_HEAD, side.key);
		fputs(" = ", stdout);
		style_print(stdout, false, STYLE_PLAIN, *text ? text : "no address at all");
		putchar('\n');
		free(text);
	}
}

static void print_reason(const struct json_at *rule)
{
	struct json_at pmd;

	part_of(rule, "pmd", &pmd);
	printf("%s: ", text_of(rule, "where"));
	style_print(stdout, false, STYLE_PLAIN, text_of(rule, "reason"));
	if (*text_of(&pmd, "message")) {
		fputs("; the driver says: ", stdout);
		style_print(stdout, false, STYLE_PLAIN, text_of(&pmd, "message"));
	}
	putchar('\n');
}

/* Reasons once for all rules in a row that share one; those in hardware need none. */
static void print_reasons(const struct json_at *rules)
{
	const char *last = "";
	struct json_at rule;

	foreach_in(rule, rules)
	{
		const char *reason = text_of(&rule, "reason");

		if (strcmp(text_of(&rule, "where"), "hardware") == 0)
			continue;
		if (*reason && strcmp(reason, last) != 0)
			print_reason(&rule);
		last = reason;
	}
}

enum exit_status command_rule_list(struct session *session)
{
	JSON_CLEANUP struct json *answer = NULL;
	struct json_at root, rules, addresses;
	enum exit_status status = session_call_command(session, &answer);

	if (status != EXIT_DONE || session_print_json(session, answer))
		return status;
	root = json_root(answer);
	part_of(&root, "rules", &rules);
	part_of(&root, "addresses", &addresses);
	print_rules(session, &rules);
	if (count_of(&rules) || count_of(&addresses))
		putchar('\n');
	print_reasons(&rules);
	print_addresses(session, &addresses);
	return EXIT_DONE;
}

static void print_text(const char *label, const char *text)
{
	if (!*text)
		return;
	printf("  %-14s ", label);
	style_print(stdout, false, STYLE_PLAIN, text);
	putchar('\n');
}

static void print_list(const char *label, const struct json_at *rule, const char *key)
{
	char *text = list_of(rule, key);

	print_text(label, text);
	free(text);
}

static void print_shadow(const struct session *session, const struct json_at *rule)
{
	const char *shadow = text_of(rule, "shadowedBy"), *reach = text_of(rule, "reach");

	if (!*shadow && !flag_of(rule, "matchesNothing")) {
		if (strcmp(reach, "never") == 0)
			puts("  never decides: rules before it match all that it matches");
		else if (strcmp(reach, "redundant") == 0)
			puts("  could go: where it decides, rules after it say the same");
	}
	if (*shadow) {
		fputs("  ", stdout);
		style_print(stdout, session->colour, STYLE_WARN, "never decides:");
		fputs(" rule ", stdout);
		style_print(stdout, false, STYLE_PLAIN, shadow);
		puts(" before it matches all that it matches");
	}
	if (flag_of(rule, "matchesNothing"))
		puts("  matches nothing: concrete ports on a protocol without ports");
}

static void print_hits(const struct json_at *rule)
{
	const char *last = text_of(rule, "lastHit");
	struct json_at hits;

	part_of(rule, "hits", &hits);
	if (hits.value && json_type(&hits) == JSON_NUMBER)
		printf("  %-14s %lld, last %s\n", "hits", (long long)number_of(rule, "hits"),
		       *last ? last : "never");
	else
		printf("  %-14s not counted, last %s\n", "hits", *last ? last : "never");
	if (number_of(rule, "settled"))
		printf("  %-14s %lld segments\n", "settled", (long long)number_of(rule, "settled"));
}

static void explain(const struct session *session, const struct json_at *rule)
{
	struct json_at addresses, pmd, lines, line;

	style_print(stdout, session->colour, STYLE_HEAD, text_of(rule, "name"));
	printf(": %s %s at level %s, priority %lld, rule %lld of %lld\n",
	       text_of(rule, "direction"), text_of(rule, "access"), text_of(rule, "level"),
	       (long long)number_of(rule, "priority"), (long long)number_of(rule, "position"),
	       (long long)number_of(rule, "of"));
	print_text("description", text_of(rule, "description"));
	print_text("NSG", text_of(rule, "nsg"));
	print_text("protocol", text_of(rule, "protocol"));
	print_list("source", rule, "source");
	print_list("source ports", rule, "sourcePorts");
	print_list("destination", rule, "destination");
	print_list("ports", rule, "destinationPorts");
	print_text("where", text_of(rule, "where"));
	print_text("reason", text_of(rule, "reason"));
	part_of(rule, "pmd", &pmd);
	print_text("driver says", text_of(&pmd, "message"));
	print_hits(rule);
	print_shadow(session, rule);
	part_of(rule, "testpmd", &lines);
	foreach_in(line, &lines) print_text("testpmd", json_string(&line));
	part_of(rule, "addresses", &addresses);
	fputs(count_of(&addresses) ? "  addresses\n" : "", stdout);
	print_addresses(session, &addresses);
}

/* --- what a rule is good for --- */

/* The place that an answer tells, in the policy that the same answer brought. */
static bool find_place(const struct json_at *rule, enum direction *ret_direction,
		       enum stage *ret_stage)
{
	for (int at = 0; at < DIRECTIONS * STAGES; at++) {
		const enum direction direction = (enum direction)(at / STAGES);
		const enum stage stage = (enum stage)(at % STAGES);

		if (strcmp(text_of(rule, "direction"), direction_name(direction)) != 0 ||
		    strcmp(text_of(rule, "level"), stage_name(stage)) != 0)
			continue;
		*ret_direction = direction;
		*ret_stage = stage;
		return true;
	}
	return false;
}

static const char *reach_of(const struct program *program, const struct json_at *rule)
{
	const int64_t position = number_of(rule, "position");
	enum rule_reach reach = REACH_UNKNOWN;
	enum direction direction;
	enum stage stage;

	if (find_place(rule, &direction, &stage) && position >= 1 &&
	    (size_t)position <= program->chain[direction][stage].count)
		(void)reach_of_rule(program, direction, stage, (size_t)position - 1, REACH_BUDGET,
				    &reach, NULL); /* too large to tell: unknown */
	return reach_name(reach);
}

/* The rules of the answer, each with its reach. */
static struct json *with_reach(const struct json_at *rules, const struct program *program)
{
	struct json *list = json_new_array(), *copy;
	struct json_at rule;

	foreach_in(rule, rules)
	{
		copy = json_add(list, NULL, json_copy(rule.value));
		json_add_string(copy, "reach", reach_of(program, &rule));
	}
	return list;
}

static int add_reach(struct json *answer, struct accelnet_error *err)
{
	const struct json_at root = json_root(answer);
	POLICY_CLEANUP struct policy *policy = NULL;
	struct json_at documents, rules;
	struct program *program = NULL;
	struct json *list;
	int r;

	part_of(&root, "documents", &documents);
	part_of(&root, "rules", &rules);
	r = source_build_sent(&documents, "document", &policy, err);
	if (r == 0)
		r = program_new(policy, &program, err);
	if (r < 0)
		return r;
	list = with_reach(&rules, program);
	program_free(program);
	json_remove(answer, "rules");
	json_remove(answer, "documents");
	json_add(answer, "rules", list);
	return 0;
}

enum exit_status command_rule_explain(struct session *session)
{
	JSON_CLEANUP struct json *answer = NULL;
	struct json_at root, rules, rule;
	struct json *params = arguments_params(session->arguments);
	struct accelnet_error err;
	enum exit_status status;

	json_add_bool(params, "documents", true);
	status = session_call(session, "rule.explain", params, &answer);
	if (status != EXIT_DONE)
		return status;
	if (add_reach(answer, &err) < 0)
		return session_fail(session, &err);
	if (session_print_json(session, answer))
		return EXIT_DONE;
	root = json_root(answer);
	part_of(&root, "rules", &rules);
	foreach_in(rule, &rules) explain(session, &rule);
	return EXIT_DONE;
}
