/*
 * verify: one packet or a stream of them, by the daemon or by an engine here.
 */
#include "cli/commands.h"
#include "cli/source.h"
#include "cli/style.h"
#include "cli/tuples.h"
#include "control/tuple_text.h"
#include "control/verdict.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- for people --- */

static const char *tick(const struct json_at *rule, const char *key)
{
	return flag_of(rule, key) ? "yes" : "no ";
}

static void print_level(const struct session *session, const struct json_at *level)
{
	struct json_at rules, rule;

	printf("\nlevel %s", text_of(level, "nsg"));
	if (text_of(level, "name")[0]) {
		fputs(" (", stdout);
		style_print(stdout, false, STYLE_PLAIN, text_of(level, "name"));
		fputs(")", stdout);
	}
	fputs(": ", stdout);
	style_print(stdout, session->colour, style_of_word(text_of(level, "access")),
		    text_of(level, "access"));
	puts("\n  protocol source port dest. port  rule");
	part_of(level, "rules", &rules);
	foreach_in(rule, &rules)
	{
		printf("  %-8s %-6s %-4s %-5s %-5s ", tick(&rule, "protocolMatched"),
		       tick(&rule, "sourceMatched"), tick(&rule, "sourcePortMatched"),
		       tick(&rule, "destinationMatched"), tick(&rule, "destinationPortMatched"));
		printf("%lld ", (long long)number_of(&rule, "priority"));
		style_print(stdout, false, STYLE_PLAIN, text_of(&rule, "rule"));
		printf(" %s\n", text_of(&rule, "access"));
	}
}

static void print_verdict(const struct session *session, const struct json *answer)
{
	const struct json_at root = json_root(answer);
	struct json_at assumed, explain, level;
	const char *access = text_of(&root, "access");

	style_print(stdout, session->colour, style_of_word(access), access);
	if (text_of(&root, "rule")[0]) {
		fputs(" by ", stdout);
		style_print(stdout, session->colour, STYLE_HEAD, text_of(&root, "rule"));
		printf(" (level %s, priority %lld)\n", text_of(&root, "nsg"),
		       (long long)number_of(&root, "priority"));
	} else {
		puts(": no rule decides");
	}
	if (text_of(&root, "where")[0])
		printf("in %s\n", text_of(&root, "where"));
	if (flag_of(&root, "platform"))
		puts("but it passes: platform traffic");
	if (text_of(&root, "isolation")[0])
		printf("but it is dropped before the rules: %s\n", text_of(&root, "isolation"));
	part_of(&root, "assumed", &assumed);
	if (assumed.value)
		printf("source port taken as %lld\n", (long long)number_of(&assumed, "sourcePort"));
	part_of(&root, "explain", &explain);
	foreach_in(level, &explain) print_level(session, &level);
}

/* --- what was asked --- */

static bool has_packet(const struct arguments *arguments)
{
	return arguments_get(arguments, "--direction") || arguments_get(arguments, "--protocol") ||
	       arguments_get(arguments, "--local") || arguments_get(arguments, "--remote");
}

static enum exit_status refuse(const struct session *session, const char *detail)
{
	struct accelnet_error err;

	(void)fail(&err, ACCELNET_E_USAGE, NULL, "%s", detail);
	return fail_usage(session->arguments, &err);
}

static enum exit_status check_packet(const struct session *session)
{
	static const char *const needed[] = { "--direction", "--protocol", "--local", "--remote" };
	struct accelnet_error err;

	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
		if (arguments_get(session->arguments, needed[i]))
			continue;
		(void)fail(&err, ACCELNET_E_USAGE, NULL,
			   "verify needs %s: a packet has --direction, --protocol, --local and "
			   "--remote",
			   needed[i]);
		return fail_usage(session->arguments, &err);
	}
	return EXIT_DONE;
}

static enum exit_status check_usage(const struct session *session)
{
	const struct arguments *arguments = session->arguments;
	const bool policy = arguments_get(arguments, "--policy");
	const bool tuples = arguments_get(arguments, "--tuples");
	const char *engine = arguments_get(arguments, "--engine");

	if (policy == (arguments_get(arguments, "--nic") != NULL))
		return refuse(session, "verify asks either the daemon about --nic or the file "
				       "--policy");
	if (!policy &&
	    (tuples || arguments_get(arguments, "--engine") || arguments_get(arguments, "--nsg") ||
	     arguments_get(arguments, "--context") || arguments_get(arguments, "--parameters")))
		return refuse(session, "--tuples, --engine, --nsg, --context and --parameters go "
				       "with --policy");
	if (arguments_get(arguments, "--tier") && (!engine || strcmp(engine, "rte_flow") != 0))
		return refuse(session, "--tier goes with --engine rte_flow");
	if (tuples && has_packet(arguments))
		return refuse(session, "--tuples brings the packets: no --direction, --protocol, "
				       "--local or --remote beside it");
	if (tuples && policy && strcmp(arguments_get(arguments, "--tuples"), "-") == 0 &&
	    strcmp(arguments_get(arguments, "--policy"), "-") == 0)
		return refuse(session, "only one file can come from standard input");
	return tuples ? EXIT_DONE : check_packet(session);
}

/* --- offline --- */

static enum exit_status run_stream(const struct session *session, const struct engine *engine)
{
	const char *path = arguments_get(session->arguments, "--tuples");
	const bool is_stdin = strcmp(path, "-") == 0;
	struct accelnet_error err;
	size_t wrong = 0;
	int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	int r;

	if (fd < 0) {
		(void)fail(&err, ACCELNET_E_IO, NULL, "cannot open %s: %s", path, strerror(errno));
		return session_fail(session, &err);
	}
	r = tuples_run(engine, fd, stdout, arguments_flag(session->arguments, "--explain"), &wrong);
	if (!is_stdin)
		close(fd);
	if (r < 0 && ferror(stdout))
		return EXIT_FAILED; /* main() tells of its output */
	if (r < 0) {
		(void)fail(&err, ACCELNET_E_IO, NULL, "%s: %s", path, strerror(-r));
		return session_fail(session, &err);
	}
	if (wrong)
		fprintf(stderr, "accelnetctl: %zu wrong line%s in %s\n", wrong,
			wrong == 1 ? "" : "s", path);
	return wrong ? EXIT_REFUSED : EXIT_DONE;
}

static enum exit_status run_packet(const struct session *session, const struct engine *engine)
{
	const struct tuple_words words = {
		.direction = arguments_get(session->arguments, "--direction"),
		.protocol = arguments_get(session->arguments, "--protocol"),
		.local = arguments_get(session->arguments, "--local"),
		.remote = arguments_get(session->arguments, "--remote"),
	};
	JSON_CLEANUP struct json *answer = NULL;
	struct judgement judgement;
	struct accelnet_error err;
	struct tuple tuple;
	bool assumed;

	if (tuple_from_words(&words, &tuple, &assumed, &err) < 0)
		return session_fail(session, &err);
	engine_judge(engine, &tuple, 1, &judgement);
	answer = verdict_answer(engine_policy(engine), &tuple, &judgement, assumed,
				arguments_flag(session->arguments, "--explain"));
	if (engine_tells_where(engine))
		verdict_add_where(answer, &judgement);
	if (!session_print_json(session, answer))
		print_verdict(session, answer);
	return EXIT_DONE;
}

/* --engine and --tier; their values have been checked against the table. */
static int make_engine(const struct session *session, const struct policy *policy,
		       struct engine **ret, struct accelnet_error *err)
{
	const char *name = arguments_get(session->arguments, "--engine");
	const char *tier_name = arguments_get(session->arguments, "--tier");
	enum plan_tier tier = TIER_T3;

	if (tier_name && plan_tier_parse(tier_name, &tier) < 0)
		return fail(err, ACCELNET_E_USAGE, NULL, "--tier is T3, T2, T1 or T0");
	if (name && strcmp(name, "rte_flow") == 0)
		return engine_new_rte_flow(policy, tier, ret, err);
	return engine_new(
		policy, name && strcmp(name, "reference") == 0 ? ENGINE_REFERENCE : ENGINE_SOFTWARE,
		ret, err);
}

static enum exit_status run_offline(struct session *session)
{
	POLICY_CLEANUP struct policy *policy = NULL;
	ENGINE_CLEANUP struct engine *engine = NULL;
	struct accelnet_error err;
	struct source source;
	enum exit_status status =
		source_init(&source, session, arguments_get(session->arguments, "--policy"));

	if (status == EXIT_DONE)
		status = source_build(&source, session, &policy);
	source_fini(&source, session);
	if (status != EXIT_DONE)
		return status;
	if (make_engine(session, policy, &engine, &err) < 0)
		return session_fail(session, &err);
	return arguments_get(session->arguments, "--tuples") ? run_stream(session, engine)
							     : run_packet(session, engine);
}

enum exit_status command_verify(struct session *session)
{
	JSON_CLEANUP struct json *answer = NULL;
	enum exit_status status = check_usage(session);

	if (status != EXIT_DONE)
		return status;
	if (arguments_get(session->arguments, "--policy"))
		return run_offline(session);
	status = session_call_command(session, &answer);
	if (status == EXIT_DONE && !session_print_json(session, answer))
		print_verdict(session, answer);
	return status;
}
