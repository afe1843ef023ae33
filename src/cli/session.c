/*
 * Talking to the daemon: see session.h.
 */
#include "cli/session.h"

#include "accelnet/client.h"
#include "cli/style.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

void session_init(struct session *session, const struct arguments *arguments)
{
	*session = (struct session){
		.arguments = arguments,
		.colour = style_wanted(stdout, arguments->no_color),
	};
}

void session_fini(struct session *session)
{
	accelnet_client_close(session->client);
}

static enum exit_status fail_connection(const struct session *session, int r)
{
	const char *path = session->arguments->socket;
	struct accelnet_error err;

	if (!path)
		path = getenv(ACCELNET_SOCKET_ENVIRONMENT);
	if (!path || !*path)
		path = ACCELNET_SOCKET_DEFAULT;
	switch (-r) {
	case ENOENT:
	case ECONNREFUSED:
		(void)fail(&err, ACCELNET_E_UNREACHABLE, NULL,
			   "no daemon answers at %s: is accelnetd running? (%s)", path,
			   strerror(-r));
		break;
	case EACCES:
	case EPERM:
		(void)fail(&err, ACCELNET_E_UNREACHABLE, NULL,
			   "%s is not open to you: be root or a member of its group", path);
		break;
	case ETIMEDOUT:
		(void)fail(&err, ACCELNET_E_UNREACHABLE, NULL,
			   "no answer from %s within %d seconds (--timeout)", path,
			   session->arguments->timeout);
		break;
	case ENAMETOOLONG:
		(void)fail(&err, ACCELNET_E_USAGE, NULL,
			   "the socket's path has %zu bytes, at most %zu are accepted: %s",
			   strlen(path), sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1, path);
		break;
	case EMSGSIZE:
		(void)fail(&err, ACCELNET_E_TOO_LARGE, NULL,
			   "the request is over 4 MiB, which is all that the daemon takes");
		break;
	default:
		(void)fail(&err, ACCELNET_E_UNREACHABLE, NULL, "the connection to %s broke: %s",
			   path, strerror(-r));
	}
	return session_fail(session, &err);
}

static enum exit_status parse_answer(const struct session *session, char *text, struct json **ret)
{
	const struct json_limits limits = { .bytes = 64U << 20, .depth = 128 };
	struct accelnet_error err;
	int r = json_parse(text, strlen(text), &limits, ret, &err);

	free(text);
	return r < 0 ? session_fail(session, &err) : EXIT_DONE;
}

enum exit_status session_call(struct session *session, const char *method, struct json *params,
			      struct json **ret)
{
	char *text = params ? json_print(params) : NULL;
	struct json *answer = NULL;
	enum exit_status status;
	char *answer_text;
	int r = 0;

	json_free(params);
	if (!session->client)
		r = accelnet_client_open(session->arguments->socket, &session->client);
	if (r == 0)
		r = accelnet_client_call(session->client, method, text,
					 session->arguments->timeout * 1000, &answer_text);
	free(text);
	if (r < 0)
		return fail_connection(session, r);
	status = parse_answer(session, answer_text, &answer);
	if (status != EXIT_DONE)
		return status;
	if (r == ACCELNET_CLIENT_REFUSED)
		return session_tell(session, answer);
	*ret = answer;
	return EXIT_DONE;
}

enum exit_status session_call_command(struct session *session, struct json **ret)
{
	return session_call(session, methods[session->arguments->command].name,
			    arguments_params(session->arguments), ret);
}

enum exit_status session_event(struct session *session, int timeout, struct json **ret)
{
	char *text;
	int r = accelnet_client_event(session->client, timeout, &text);

	if (r == -ETIMEDOUT) {
		*ret = NULL;
		return EXIT_DONE;
	}
	return r < 0 ? fail_connection(session, r) : parse_answer(session, text, ret);
}
