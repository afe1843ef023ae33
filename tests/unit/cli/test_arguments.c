/*
 * The command line: options anywhere, one table, refusals that say what would be accepted.
 */
#include "cli/arguments.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define WORDS_MAX 24

/* Cuts `line` at blanks; the words live in `buffer`. */
static int parse(const char *line, char *buffer, struct arguments *arguments,
		 struct accelnet_error *err)
{
	char *argv[WORDS_MAX] = { (char *)(uintptr_t) "accelnetctl" }, *save = NULL;
	int argc = 1;

	strcpy(buffer, line);
	for (char *word = strtok_r(buffer, " ", &save); word; word = strtok_r(NULL, " ", &save))
		argv[argc++] = word;
	return arguments_parse(argc, argv, arguments, err);
}

static void takes_options_anywhere(void **state)
{
	static const char *const lines[] = {
		"policy apply f.json --nic eth1 --dry-run --if-generation 7 --json --socket /s",
		"--json --socket=/s policy apply --nic=eth1 --dry-run --if-generation=7 f.json",
		"--nic eth1 policy --json apply --socket /s --if-generation 7 f.json --dry-run",
		"--socket /s --json --dry-run --if-generation 7 --nic eth1 -- policy apply f.json",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct arguments arguments;
		struct accelnet_error err;
		char buffer[256], *text;
		struct json *params;

		if (parse(lines[i], buffer, &arguments, &err) < 0)
			fail_msg("%s: %s", lines[i], err.detail);
		assert_int_equal(arguments.command, METHOD_POLICY_APPLY);
		assert_true(arguments.json);
		assert_string_equal(arguments.socket, "/s");
		assert_string_equal(arguments_get(&arguments, "FILE"), "f.json");
		assert_true(arguments_flag(&arguments, "--dry-run"));
		assert_null(arguments_get(&arguments, "--nsg"));
		params = arguments_params(&arguments);
		text = json_print(params);
		assert_string_equal(text, "{\"nic\":\"eth1\",\"dryRun\":true,\"ifGeneration\":7}");
		free(text);
		json_free(params);
	}
}

static void prefers_the_longer_command(void **state)
{
	struct arguments arguments;
	char buffer[128];

	(void)state;
	assert_int_equal(parse("stats", buffer, &arguments, NULL), 0);
	assert_int_equal(arguments.command, METHOD_STATS);
	assert_int_equal(parse("stats clear", buffer, &arguments, NULL), 0);
	assert_int_equal(arguments.command, METHOD_STATS_CLEAR);
}

static void takes_a_dash_as_a_file(void **state)
{
	struct arguments arguments;
	char buffer[128];

	(void)state;
	assert_int_equal(parse("policy check - --strict", buffer, &arguments, NULL), 0);
	assert_string_equal(arguments_get(&arguments, "FILE"), "-");
}

static void refuses_with_a_hint(void **state)
{
	static const struct {
		const char *line;
		const char *hint; /* stands in the detail */
	} cases[] = {
		{ "polcy appply", "did you mean policy apply?" },
		{ "policy appply f --nic e", "did you mean policy apply?" },
		{ "statsu", "did you mean status?" },
		{ "frobnicate", "see accelnetctl --help" },
		{ "policy", "apply, show, check, compile, diff, history, rollback" },
		{ "status --jsno", "did you mean --json?" },
		{ "status --nic eth1", "--nic is no option of status" },
		{ "status --json=1", "--json takes no value" },
		{ "nic show", "needs NIC" },
		{ "nic show a b", "\"b\" is one argument too many" },
		{ "policy apply f", "needs --nic NIC" },
		{ "policy apply f --nic", "--nic needs a value" },
		{ "policy apply f --nic a --nic b", "--nic is given twice" },
		{ "policy apply f --nic a --level vnet", "it may be nic|subnet" },
		{ "policy apply f --nic a --if-generation x", "whole number" },
		{ "policy apply f --nic a --if-generation -1", "whole number" },
		{ "flow list --nic a --limit 0", "1 to 10000" },
		{ "status --timeout 0", "seconds" },
		{ "status --timeout 5x", "seconds" },
		{ "verify --engine hardware", "it may be reference|software" },
		{ "policy compile f", "needs --target TARGET" },
		{ "policy compile f --target rte_flow --queues 65", "1 to 64" },
		{ "-x status", "no option \"-x\"" },
		{ "verify --poli f", "did you mean --policy?" },
		{ "status --polic", "see accelnetctl --help" },
		{ "--polic status", "did you mean --policy?" },
		{ "log level nik debug", "it may be base|policy" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct accelnet_error err = { 0 };
		struct arguments arguments;
		char buffer[128];

		if (parse(cases[i].line, buffer, &arguments, &err) >= 0)
			fail_msg("%s was taken", cases[i].line);
		assert_int_equal(err.code, ACCELNET_E_USAGE);
		if (!strstr(err.detail, cases[i].hint))
			fail_msg("%s: %s", cases[i].line, err.detail);
	}
}

/* So that the refusal itself comes in the form that was asked for. */
static void reads_json_behind_a_fault(void **state)
{
	struct arguments arguments;
	struct accelnet_error err;
	char buffer[128];

	(void)state;
	assert_true(parse("--bad status --json", buffer, &arguments, &err) < 0);
	assert_true(arguments.json);
	assert_non_null(strstr(err.detail, "--bad"));
}

static void helps_about_what_is_named(void **state)
{
	static const struct {
		const char *line, *topic;
	} cases[] = {
		{ "--help", "" },
		{ "help", "" },
		{ "", "" },
		{ "help policy apply", "policy apply" },
		{ "policy apply --help", "policy apply" },
		{ "-h policy", "policy" },
		{ "policy apply --nic eth1 f.json -h", "policy apply f.json" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct arguments arguments;
		char buffer[128];

		assert_int_equal(parse(cases[i].line, buffer, &arguments, NULL), 0);
		assert_string_equal(arguments.topic, cases[i].topic);
		assert_int_equal(arguments.command, METHOD_COUNT);
	}
}

static void table_is_consistent(void **state)
{
	(void)state;
	for (int id = 0; id < METHOD_COUNT; id++) {
		const struct method *method = &methods[id];

		assert_non_null(method->summary);
		assert_true(method->name || method->words);
		assert_true(method->param_count <= ARGUMENTS_PARAMS_MAX);
		if (method->name)
			assert_int_equal(method_find(method->name), id);
		for (size_t i = 0; i < method->param_count; i++) {
			const struct method_param *param = &method->params[i];

			assert_true(param->name || param_word(param));
			assert_non_null(param->help);
			assert_true(!param->option || strncmp(param->option, "--", 2) == 0);
			/* A flag on the command line is a boolean on the socket. */
			if (param->option && !param->value && param->name)
				assert_int_equal(param->type, JSON_BOOL);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_options_anywhere),
		cmocka_unit_test(prefers_the_longer_command),
		cmocka_unit_test(takes_a_dash_as_a_file),
		cmocka_unit_test(refuses_with_a_hint),
		cmocka_unit_test(reads_json_behind_a_fault),
		cmocka_unit_test(helps_about_what_is_named),
		cmocka_unit_test(table_is_consistent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
