/*
 * Clients that stall, flood, overstay or die, and the others, who notice nothing.
 */
#include "serving.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* Seconds: what must come comes at once, but a busy machine may stand still for a while. */
#define PATIENCE 20

#define STATUS   "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"status\"}\n"
#define RPC_LIST "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"rpc.list\"}\n"

static const struct control_limits short_limits = {
	.line_bytes = 1U << 20,
	.line_seconds = 1,
	.drain_seconds = 1,
	.idle_seconds = 1,
};

static void answers_requests_in_order(void **state)
{
	struct serving *serving = serving_start(NULL);
	int fd = dial(serving);

	(void)state;
	for (int i = 0; i < 200; i++) {
		char request[128];

		snprintf(request, sizeof(request),
			 "{\"jsonrpc\":\"2.0\",\"id\":%d,\"method\":\"version\"}\n", i);
		send_text(fd, request);
	}
	for (int i = 0; i < 200; i++) {
		char *line = read_line(fd, PATIENCE), id[32];

		assert_non_null(line);
		snprintf(id, sizeof(id), "\"id\":%d,", i);
		assert_non_null(strstr(line, id));
		free(line);
	}
	close(fd);
	serving_stop(serving);
}

static void answers_a_request_that_comes_byte_by_byte(void **state)
{
	struct serving *serving = serving_start(NULL);
	int fd = dial(serving);
	char *line;

	(void)state;
	for (const char *at = STATUS; *at; at++) {
		char byte[2] = { *at };

		send_text(fd, byte);
		usleep(1000);
	}
	line = read_line(fd, PATIENCE);
	assert_non_null(strstr(line, "\"result\""));
	free(line);
	close(fd);
	serving_stop(serving);
}

static void answers_after_the_client_has_sent_all(void **state)
{
	struct serving *serving = serving_start(NULL);
	int fd = dial(serving);
	char *line;

	(void)state;
	send_text(fd, STATUS STATUS);
	shutdown(fd, SHUT_WR);
	for (int i = 0; i < 2; i++) {
		line = read_line(fd, PATIENCE);
		assert_non_null(line);
		free(line);
	}
	assert_null(read_line(fd, PATIENCE));
	close(fd);
	serving_stop(serving);
}

static void refuses_half_a_line(void **state)
{
	struct serving *serving = serving_start(NULL);
	int fd = dial(serving);
	char *line;

	(void)state;
	send_text(fd, "{\"jsonrpc\":\"2.0\",");
	shutdown(fd, SHUT_WR);
	line = read_line(fd, PATIENCE);
	assert_non_null(strstr(line, "\"syntax\""));
	free(line);
	assert_null(read_line(fd, PATIENCE));
	close(fd);
	serving_stop(serving);
}

static void drops_who_does_not_end_a_line(void **state)
{
	struct serving *serving = serving_start(&short_limits);
	int stalled = dial(serving), slow = dial(serving);
	bool slow_closed = false;

	(void)state;
	send_text(stalled, "{\"jsonrpc\"");
	for (int i = 0; i < 200 && !slow_closed; i++) {
		slow_closed = send(slow, " ", 1, MSG_NOSIGNAL) < 0;
		assert_serves(serving);
		usleep(100000);
	}
	assert_true(slow_closed);
	assert_true(closes_within(stalled, PATIENCE));
	close(stalled);
	close(slow);
	serving_stop(serving);
}

static void drops_who_does_not_read(void **state)
{
	struct serving *serving = serving_start(&short_limits);
	int fd = dial(serving);
	const struct timeval patience = { .tv_sec = PATIENCE };
	ssize_t n;

	(void)state;
	/* Asks until the daemon takes no more, because its answers are not read. */
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)), 0);
	do {
		n = send(fd, RPC_LIST, strlen(RPC_LIST), MSG_NOSIGNAL);
	} while (n > 0);
	assert_true(errno == EPIPE || errno == ECONNRESET); /* it hung up; EAGAIN: it did not */
	assert_serves(serving);
	close(fd);
	serving_stop(serving);
}

static void drops_a_line_over_the_limit(void **state)
{
	struct serving *serving = serving_start(&short_limits);
	int fd = dial(serving);
	char *chunk = malloc(65537), *line;
	size_t sent = 0;

	(void)state;
	memset(chunk, 'x', 65536);
	chunk[65536] = '\0';
	while (sent < 100U << 20) {
		ssize_t n = send(fd, chunk, 65536, MSG_NOSIGNAL);

		if (n < 0)
			break;
		sent += (size_t)n;
	}
	assert_true(sent < 4U << 20);
	line = read_line(fd, PATIENCE);
	assert_non_null(line);
	assert_non_null(strstr(line, "\"too-large\""));
	free(line);
	assert_serves(serving);
	free(chunk);
	close(fd);
	serving_stop(serving);
}

static void serves_two_hundred_at_once(void **state)
{
	struct serving *serving = serving_start(NULL);
	int fds[200];

	(void)state;
	for (int i = 0; i < 200; i++)
		fds[i] = dial(serving);
	for (int i = 0; i < 200; i++)
		send_text(fds[i], STATUS);
	assert_serves(serving);
	for (int i = 0; i < 200; i++) {
		char *line = read_line(fds[i], PATIENCE);

		assert_non_null(line);
		assert_non_null(strstr(line, "\"result\""));
		free(line);
		close(fds[i]);
	}
	serving_stop(serving);
}

static void survives_who_leaves_in_mid_request(void **state)
{
	struct serving *serving = serving_start(NULL);

	(void)state;
	for (int i = 0; i < 100; i++) {
		int fd = dial(serving);

		send_text(fd, i % 2 ? "{\"jsonrpc\":\"2.0\",\"id\":1,\"meth" : RPC_LIST RPC_LIST);
		close(fd);
	}
	assert_serves(serving);
	for (int i = 0; i < 400 && serving_clients(serving) > 0; i++)
		usleep(50000);
	assert_int_equal(serving_clients(serving), 0);
	serving_stop(serving);
}

/* A process that holds every place. Returns when it has them. */
static pid_t fill_the_house(const struct serving *serving, unsigned count)
{
	int ready[2];
	char byte;
	pid_t pid;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (pid == 0) {
		for (unsigned i = 0; i < count; i++)
			(void)dial(serving);
		if (write(ready[1], "x", 1) == 1)
			pause();
		_exit(0);
	}
	assert_true(pid > 0);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	close(ready[1]);
	return pid;
}

static void one_process_locks_nobody_out(void **state)
{
	const struct control_limits limits = { .clients = 16 };
	struct serving *serving = serving_start(&limits);
	pid_t pid = fill_the_house(serving, 16);

	(void)state;
	assert_int_equal(serving_clients(serving), 16);
	for (int i = 0; i < 5; i++)
		assert_serves(serving);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	serving_stop(serving);
}

static void refuses_the_one_too_many(void **state)
{
	const struct control_limits limits = { .clients = 4 };
	struct serving *serving = serving_start(&limits);
	int fds[5];
	char *line;

	(void)state;
	for (int i = 0; i < 4; i++) {
		fds[i] = dial(serving);
		send_text(fds[i], STATUS);
		free(read_line(fds[i], PATIENCE));
	}
	fds[4] = dial(serving);
	line = read_line(fds[4], PATIENCE);
	assert_non_null(strstr(line, "\"limit\""));
	assert_non_null(strstr(line, "\"retryable\":true"));
	free(line);
	for (int i = 0; i < 4; i++) {
		send_text(fds[i], STATUS);
		line = read_line(fds[i], PATIENCE);
		assert_non_null(line); /* those who were there stay */
		free(line);
		close(fds[i]);
	}
	close(fds[4]);
	serving_stop(serving);
}

static void few_may_hold_long_requests(void **state)
{
	const struct control_limits limits = { .long_lines = 2, .line_seconds = 2 };
	struct serving *serving = serving_start(&limits);
	char *half = malloc((256U << 10) + 1), *line;
	int stalled[2], fd;

	(void)state;
	memset(half, ' ', 256U << 10);
	half[256U << 10] = '\0';
	for (int i = 0; i < 2; i++) {
		stalled[i] = dial(serving);
		send_text(stalled[i], half);
	}
	assert_serves(serving); /* short ones need no slot */
	fd = dial(serving);
	if (fork() == 0) { /* a long one waits until the stalled ones have been dropped */
		send_text(fd, half);
		send_text(fd, STATUS);
		_exit(0);
	}
	line = read_line(fd, PATIENCE);
	assert_non_null(line);
	assert_non_null(strstr(line, "\"result\""));
	free(line);
	wait(NULL);
	free(half);
	close(fd);
	close(stalled[0]);
	close(stalled[1]);
	serving_stop(serving);
}

static void drops_the_idle(void **state)
{
	struct serving *serving = serving_start(&short_limits);
	int fd = dial(serving);

	(void)state;
	assert_true(closes_within(fd, PATIENCE));
	close(fd);
	serving_stop(serving);
}

static void tells_subscribers_and_drops_the_deaf(void **state)
{
	const struct control_limits limits = { .subscriber_bytes = 64U << 10 };
	struct serving *serving = serving_start(&limits);
	int listening = dial(serving), deaf = dial(serving);
	char *line;

	(void)state;
	serving_add_events(serving, 3);
	send_text(listening, "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"events.subscribe\","
			     "\"params\":{\"after\":1}}\n");
	line = read_line(listening, PATIENCE);
	assert_non_null(strstr(line, "\"id\":7")); /* the answer comes before the events */
	free(line);
	for (int i = 2; i <= 3; i++) {
		char sequence[32];

		snprintf(sequence, sizeof(sequence), "\"sequence\":%d", i);
		line = read_line(listening, PATIENCE);
		assert_non_null(strstr(line, "\"method\":\"event\""));
		assert_non_null(strstr(line, sequence));
		free(line);
	}
	send_text(deaf, "{\"jsonrpc\":\"2.0\",\"id\":8,\"method\":\"events.subscribe\"}\n");
	free(read_line(deaf, PATIENCE));
	serving_add_events(serving, 1);
	line = read_line(listening, PATIENCE);
	assert_non_null(strstr(line, "\"sequence\":4"));
	free(line);
	for (int i = 0; i < 40; i++) { /* far more than a socket holds */
		serving_add_events(serving, 250);
		for (int j = 0; j < 250; j++)
			free(read_line(listening, PATIENCE));
	}
	assert_true(closes_within(deaf, PATIENCE));
	assert_serves(serving);
	close(listening);
	close(deaf);
	serving_stop(serving);
}

static void subscriber_may_end_what_it_sends(void **state)
{
	struct serving *serving = serving_start(NULL);
	int fd = dial(serving);
	char *line;

	(void)state;
	send_text(fd, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"events.subscribe\"}\n");
	shutdown(fd, SHUT_WR);
	free(read_line(fd, PATIENCE));
	usleep(500000); /* two sweeps */
	serving_add_events(serving, 1);
	line = read_line(fd, PATIENCE);
	assert_non_null(line);
	assert_non_null(strstr(line, "test.event"));
	free(line);
	close(fd); /* and it leaves no trace, although nothing more is sent to it */
	for (int i = 0; i < 400 && serving_clients(serving) > 0; i++)
		usleep(50000);
	assert_int_equal(serving_clients(serving), 0);
	serving_stop(serving);
}

static void socket_has_its_mode(void **state)
{
	struct serving *serving = serving_start(NULL);
	struct stat st;

	(void)state;
	assert_int_equal(stat(serving_path(serving), &st), 0);
	assert_true(S_ISSOCK(st.st_mode));
	assert_int_equal(st.st_mode & 07777, 0660);
	serving_stop(serving);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_requests_in_order),
		cmocka_unit_test(answers_a_request_that_comes_byte_by_byte),
		cmocka_unit_test(answers_after_the_client_has_sent_all),
		cmocka_unit_test(refuses_half_a_line),
		cmocka_unit_test(drops_who_does_not_end_a_line),
		cmocka_unit_test(drops_who_does_not_read),
		cmocka_unit_test(drops_a_line_over_the_limit),
		cmocka_unit_test(serves_two_hundred_at_once),
		cmocka_unit_test(survives_who_leaves_in_mid_request),
		cmocka_unit_test(one_process_locks_nobody_out),
		cmocka_unit_test(refuses_the_one_too_many),
		cmocka_unit_test(few_may_hold_long_requests),
		cmocka_unit_test(drops_the_idle),
		cmocka_unit_test(tells_subscribers_and_drops_the_deaf),
		cmocka_unit_test(subscriber_may_end_what_it_sends),
		cmocka_unit_test(socket_has_its_mode),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
