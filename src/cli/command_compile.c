/*
 * policy compile: a policy as a NIC or the software classifier has it.
 */
#include "cli/commands.h"
#include "cli/compiled.h"
#include "cli/source.h"

#include <stdlib.h>
#include <string.h>

static unsigned number_or(const struct arguments *arguments, const char *option, unsigned otherwise)
{
	const char *text = arguments_get(arguments, option);

	return text ? (unsigned)strtoul(text, NULL, 10) : otherwise;
}

static bool is_wanted_as_json(const struct arguments *arguments)
{
	const char *format = arguments_get(arguments, "--format");

	return arguments->json || (format && strcmp(format, "json") == 0);
}

static bool is_for_software(const struct arguments *arguments)
{
	return strcmp(arguments_get(arguments, "--target"), "software") == 0;
}

static enum exit_status print(const struct session *session, const struct compiled *compiled)
{
	JSON_CLEANUP struct json *json = NULL;
	struct accelnet_error err;
	char *text;
	int r;

	if (is_wanted_as_json(session->arguments))
		r = compiled_json(compiled, &json);
	else
		r = compiled_print(compiled, stdout);
	if (r < 0) {
		(void)fail(&err, ACCELNET_E_INTERNAL, NULL,
			   "a command does not fit in a line of testpmd");
		return session_fail(session, &err);
	}
	if (json && !session_print_json(session, json)) {
		text = json_print_pretty(json);
		puts(text);
		free(text);
	}
	return EXIT_DONE;
}

static int compile(const struct session *session, const struct policy *policy,
		   struct program **ret_program, struct plan **ret_plan, struct accelnet_error *err)
{
	const char *tier = arguments_get(session->arguments, "--tier");
	struct plan_options options = { .tier = TIER_T3, .drops = true };
	int r = program_new(policy, ret_program, err);

	if (r < 0 || is_for_software(session->arguments))
		return r;
	if (tier)
		(void)plan_tier_parse(tier, &options.tier); /* one of the table's choices */
	return plan_new(policy, *ret_program, &options, ret_plan, err);
}

static enum exit_status check_usage(const struct session *session)
{
	static const char *const plans[] = { "--tier", "--port", "--queues" };
	struct accelnet_error err;

	for (size_t i = 0; i < sizeof(plans) / sizeof(plans[0]); i++) {
		if (!is_for_software(session->arguments) ||
		    !arguments_get(session->arguments, plans[i]))
			continue;
		(void)fail(&err, ACCELNET_E_USAGE, NULL, "%s goes with --target rte_flow",
			   plans[i]);
		return fail_usage(session->arguments, &err);
	}
	return EXIT_DONE;
}

enum exit_status command_policy_compile(struct session *session)
{
	const struct arguments *arguments = session->arguments;
	POLICY_CLEANUP struct policy *policy = NULL;
	struct program *program = NULL;
	struct plan *plan = NULL;
	struct accelnet_error err;
	struct source source;
	enum exit_status status = check_usage(session);

	if (status != EXIT_DONE)
		return status;
	status = source_init(&source, session, arguments_get(arguments, "FILE"));
	if (status == EXIT_DONE)
		status = source_build(&source, session, &policy);
	source_fini(&source, session);
	if (status != EXIT_DONE)
		return status;
	if (compile(session, policy, &program, &plan, &err) < 0)
		status = session_fail(session, &err);
	else
		status = print(
			session,
			&(struct compiled){
				.policy = policy,
				.program = program,
				.plan = plan,
				.text = { .port = (uint16_t)number_or(arguments, "--port", 0),
					  .queues = (uint16_t)number_or(arguments, "--queues", 1) },
			});
	plan_free(plan);
	program_free(program);
	return status;
}
