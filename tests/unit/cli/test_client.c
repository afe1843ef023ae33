/*
 * The client library against a daemon's socket without NICs, and against one that misbehaves.
 */
#include "../control/serving.h"
#include "accelnet/client.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

static void calls_methods(void **state)
{
	struct serving *serving = serving_start(NULL);
	struct accelnet_client *client;
	char *answer;

	(void)state;
	assert_int_equal(accelnet_client_open(serving_path(serving), &client), 0);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(accelnet_client_call(client, "status", NULL, 20000, &answer), 0);
		assert_non_null(strstr(answer, "\"nics\":[]"));
		free(answer);
	}
	assert_int_equal(
		accelnet_client_call(client, "nic.show", "{\"nic\": \"x\"}", 20000, &answer),
		ACCELNET_CLIENT_REFUSED);
	assert_non_null(strstr(answer, "\"symbol\":\"not-found\""));
	free(answer);
	assert_int_equal(accelnet_client_call(client, "status", "[]", 20000, &answer), -EINVAL);
	assert_int_equal(accelnet_client_call(client, "status", "{", 20000, &answer), -EINVAL);
	assert_int_equal(accelnet_client_call(client, "status", "{}", 20000, &answer), 0);
	free(answer);
	accelnet_client_close(client);
	serving_stop(serving);
}

static void reads_why_it_was_thrown_out(void **state)
{
	const struct control_limits limits = { .line_bytes = 1U << 20 };
	struct serving *serving = serving_start(&limits);
	char *params = malloc((3U << 20) + 32), *answer;
	struct accelnet_client *client;

	(void)state;
	strcpy(params, "{\"nic\":\"");
	memset(params + 8, 'x', 3U << 20);
	strcpy(params + 8 + (3U << 20), "\"}");
	assert_int_equal(accelnet_client_open(serving_path(serving), &client), 0);
	assert_int_equal(accelnet_client_call(client, "nic.show", params, 20000, &answer),
			 ACCELNET_CLIENT_REFUSED);
	assert_non_null(strstr(answer, "\"symbol\":\"too-large\""));
	free(answer);
	free(params);
	accelnet_client_close(client);
	serving_stop(serving);
}

static void refuses_to_send_what_nobody_takes(void **state)
{
	struct serving *serving = serving_start(NULL);
	char *params = malloc((5U << 20) + 32), *answer;
	struct accelnet_client *client;

	(void)state;
	strcpy(params, "{\"nic\":\"");
	memset(params + 8, 'x', 5U << 20);
	strcpy(params + 8 + (5U << 20), "\"}");
	assert_int_equal(accelnet_client_open(serving_path(serving), &client), 0);
	assert_int_equal(accelnet_client_call(client, "nic.show", params, 20000, &answer),
			 -EMSGSIZE);
	assert_int_equal(accelnet_client_call(client, "status", NULL, 20000, &answer), 0);
	free(answer);
	free(params);
	accelnet_client_close(client);
	serving_stop(serving);
}

static void hears_events_between_answers(void **state)
{
	struct serving *serving = serving_start(NULL);
	struct accelnet_client *client;
	char *answer;

	(void)state;
	assert_int_equal(accelnet_client_open(serving_path(serving), &client), 0);
	assert_int_equal(accelnet_client_call(client, "events.subscribe", NULL, 20000, &answer), 0);
	free(answer);
	assert_int_equal(accelnet_client_event(client, 10, &answer), -ETIMEDOUT);
	serving_add_events(serving, 2);
	assert_int_equal(accelnet_client_call(client, "version", NULL, 20000, &answer), 0);
	free(answer);
	serving_add_events(serving, 1);
	for (int i = 1; i <= 3; i++) {
		char sequence[32];

		snprintf(sequence, sizeof(sequence), "\"sequence\":%d,", i);
		assert_int_equal(accelnet_client_event(client, 20000, &answer), 0);
		assert_non_null(strstr(answer, sequence));
		free(answer);
	}
	accelnet_client_close(client);
	serving_stop(serving);
}

static void tells_that_nobody_is_there(void **state)
{
	struct accelnet_client *client = NULL;
	char path[200];

	(void)state;
	assert_int_equal(accelnet_client_open("/tmp/accelnet-no-such-socket", &client), -ENOENT);
	memset(path, 'x', sizeof(path));
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(accelnet_client_open(path, &client), -ENAMETOOLONG);
	assert_null(client);
	accelnet_client_close(NULL);
}

/* A daemon that answers every request with the same bytes, and hangs up. */
struct liar {
	int fd;
	const char *answer;
};

static void *lie(void *context)
{
	const struct liar *liar = context;
	int fd = accept(liar->fd, NULL, NULL);
	char request[4096];

	if (read(fd, request, sizeof(request)) < 0 ||
	    send(fd, liar->answer, strlen(liar->answer), MSG_NOSIGNAL) < 0)
		abort();
	close(fd);
	return NULL;
}

static int call_liar(const char *text)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct liar liar = { .answer = text };
	struct accelnet_client *client;
	char *answer = NULL;
	pthread_t thread;
	int r;

	snprintf(address.sun_path, sizeof(address.sun_path), "/tmp/accelnet-liar-%d", getpid());
	liar.fd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(liar.fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(liar.fd, 1), 0);
	assert_int_equal(pthread_create(&thread, NULL, lie, &liar), 0);
	assert_int_equal(accelnet_client_open(address.sun_path, &client), 0);
	r = accelnet_client_call(client, "status", NULL, 20000, &answer);
	pthread_join(thread, NULL);
	accelnet_client_close(client);
	close(liar.fd);
	unlink(address.sun_path);
	free(answer);
	return r;
}

static void survives_wrong_answers(void **state)
{
	(void)state;
	assert_int_equal(call_liar(""), -EPIPE);
	assert_int_equal(call_liar("{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}"), -EPIPE);
	assert_int_equal(call_liar("nonsense\n"), -EPROTO);
	assert_int_equal(call_liar("{\"id\":1}\n"), -EPROTO);
	assert_int_equal(call_liar("{\"id\":2,\"result\":{}}\n"), -EPIPE); /* another's answer */
	assert_int_equal(call_liar("{\"id\":1,\"result\":{}}\n"), 0);
	assert_int_equal(call_liar("{\"id\":null,\"error\":{}}\n"), ACCELNET_CLIENT_REFUSED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(calls_methods),
		cmocka_unit_test(reads_why_it_was_thrown_out),
		cmocka_unit_test(refuses_to_send_what_nobody_takes),
		cmocka_unit_test(hears_events_between_answers),
		cmocka_unit_test(tells_that_nobody_is_there),
		cmocka_unit_test(survives_wrong_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
