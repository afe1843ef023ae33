/*
 * events.
 */
#include "cli/commands.h"
#include "cli/style.h"

#include <stdlib.h>
#include <string.h>

static bool stands_in_front(const char *key)
{
	return strcmp(key, "sequence") == 0 || strcmp(key, "time") == 0 ||
	       strcmp(key, "nic") == 0 || strcmp(key, "event") == 0;
}

static void print_details(const struct json_at *event)
{
	struct json_at member;

	foreach_in(member, event)
	{
		char *text;

		if (stands_in_front(member.key))
			continue;
		text = json_string(&member) ? NULL : json_print(member.value);
		printf(" %s=", member.key);
		style_print(stdout, false, STYLE_PLAIN, text ? text : json_string(&member));
		free(text);
	}
}

/* One line of text, or one JSON object. */
static void print_event(const struct session *session, const struct json_at *event)
{
	char *text;

	if (session->arguments->json) {
		text = json_print(event->value);
		puts(text);
		free(text);
		return;
	}
	printf("%s ", text_of(event, "time"));
	style_print(stdout, false, STYLE_PLAIN,
		    text_of(event, "nic")[0] ? text_of(event, "nic") : "-");
	putchar(' ');
	style_print(stdout, session->colour, STYLE_HEAD, text_of(event, "event"));
	print_details(event);
	putchar('\n');
}

/* The kept ones and then the new ones, without a gap between: the daemon sends both. */
static enum exit_status follow(struct session *session)
{
	struct json *params = arguments_params(session->arguments);
	const struct json_at given = json_root(params);
	struct json_at after;
	struct json *answer;
	enum exit_status status;

	if (!json_get(&given, "after", &after))
		json_add_integer(params, "after", 0);
	status = session_call(session, "events.subscribe", params, &answer);
	if (status != EXIT_DONE)
		return status;
	json_free(answer);
	for (;;) {
		JSON_CLEANUP struct json *event = NULL;
		struct json_at root;

		status = session_event(session, -1, &event);
		if (status != EXIT_DONE)
			return status;
		root = json_root(event);
		print_event(session, &root);
		if (fflush(stdout) == EOF)
			return EXIT_FAILED;
	}
}

enum exit_status command_events(struct session *session)
{
	JSON_CLEANUP struct json *answer = NULL;
	struct json_at root, events, event;
	enum exit_status status;

	if (arguments_flag(session->arguments, "--follow"))
		return follow(session);
	status = session_call_command(session, &answer);
	if (status != EXIT_DONE || session_print_json(session, answer))
		return status;
	root = json_root(answer);
	part_of(&root, "events", &events);
	foreach_in(event, &events) print_event(session, &event);
	return EXIT_DONE;
}
