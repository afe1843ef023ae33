/*
 * A control socket in a thread: see serving.h.
 */
#include "serving.h"

#include "nic/events.h"

#include <errno.h>
#include <event2/event.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

struct serving {
	char directory[64];
	char path[96];
	struct event_base *base;
	struct event *order;
	struct nic_set nics;
	struct control *control;
	pthread_t thread;
	int orders[2];  /* to the thread: what to do */
	int answers[2]; /* from it */
};

struct order {
	enum { ORDER_QUIT, ORDER_EVENTS, ORDER_CLIENTS } what;
	unsigned count;
};

static void on_order(evutil_socket_t fd, short what, void *context)
{
	struct serving *serving = context;
	struct order order;
	unsigned answer = 0;

	(void)what;
	if (read(fd, &order, sizeof(order)) != sizeof(order))
		abort();
	if (order.what == ORDER_QUIT)
		event_base_loopbreak(serving->base);
	else if (order.what == ORDER_CLIENTS)
		answer = control_client_count(serving->control);
	else
		for (unsigned i = 0; i < order.count; i++)
			event_log_add(serving->nics.events, "eth1", "test.event", NULL);
	if (write(serving->answers[1], &answer, sizeof(answer)) != sizeof(answer))
		abort();
}

static unsigned give_order(struct serving *serving, struct order order)
{
	unsigned answer;

	assert_int_equal(write(serving->orders[1], &order, sizeof(order)), sizeof(order));
	assert_int_equal(read(serving->answers[0], &answer, sizeof(answer)), sizeof(answer));
	return answer;
}

static void *serve(void *context)
{
	struct serving *serving = context;

	event_base_dispatch(serving->base);
	return NULL;
}

struct serving *serving_start(const struct control_limits *limits)
{
	struct serving *serving = calloc(1, sizeof(*serving));
	struct control_config config = { .group = "root" };

	assert_non_null(serving);
	strcpy(serving->directory, "/tmp/accelnet-test-XXXXXX");
	assert_non_null(mkdtemp(serving->directory));
	snprintf(serving->path, sizeof(serving->path), "%s/control.sock", serving->directory);
	config.socket_path = serving->path;
	if (limits)
		config.limits = *limits;
	serving->nics.events = event_log_new();
	serving->base = event_base_new();
	assert_int_equal(pipe(serving->orders), 0);
	assert_int_equal(pipe(serving->answers), 0);
	serving->order = event_new(serving->base, serving->orders[0], EV_READ | EV_PERSIST,
				   on_order, serving);
	assert_int_equal(event_add(serving->order, NULL), 0);
	assert_int_equal(
		control_new(serving->base, &config, &serving->nics, &serving->control, NULL), 0);
	assert_int_equal(pthread_create(&serving->thread, NULL, serve, serving), 0);
	return serving;
}

void serving_stop(struct serving *serving)
{
	(void)give_order(serving, (struct order){ .what = ORDER_QUIT });
	pthread_join(serving->thread, NULL);
	control_free(serving->control);
	event_free(serving->order);
	event_base_free(serving->base);
	event_log_free(serving->nics.events);
	for (int i = 0; i < 2; i++) {
		close(serving->orders[i]);
		close(serving->answers[i]);
	}
	assert_int_equal(access(serving->path, F_OK), -1);
	assert_int_equal(rmdir(serving->directory), 0); /* nothing was left behind */
	free(serving);
}

const char *serving_path(const struct serving *serving)
{
	return serving->path;
}

void serving_add_events(struct serving *serving, unsigned count)
{
	(void)give_order(serving, (struct order){ .what = ORDER_EVENTS, .count = count });
}

unsigned serving_clients(struct serving *serving)
{
	return give_order(serving, (struct order){ .what = ORDER_CLIENTS });
}

/* --- a client --- */

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

int dial(const struct serving *serving)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	strcpy(address.sun_path, serving->path);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

void send_text(int fd, const char *text)
{
	const size_t length = strlen(text);

	assert_int_equal(send(fd, text, length, MSG_NOSIGNAL), length);
}

/* False at the end of the stream or of the time. */
static bool wait_readable(int fd, double end)
{
	struct pollfd item = { .fd = fd, .events = POLLIN };
	double left = end - now();

	return left > 0 && poll(&item, 1, (int)(left * 1000) + 1) == 1;
}

char *read_line(int fd, double seconds)
{
	const double end = now() + seconds;
	char *line = NULL;
	size_t used = 0;

	for (;;) {
		char byte;
		ssize_t n;

		if (!wait_readable(fd, end)) {
			free(line);
			fail_msg("no line within %g s", seconds);
		}
		n = read(fd, &byte, 1);
		if (n <= 0) {
			free(line);
			return NULL;
		}
		line = realloc(line, used + 2);
		assert_non_null(line);
		if (byte == '\n') {
			line[used] = '\0';
			return line;
		}
		line[used++] = byte;
	}
}

bool closes_within(int fd, double seconds)
{
	const double end = now() + seconds;
	char buffer[65536];

	while (wait_readable(fd, end)) {
		if (read(fd, buffer, sizeof(buffer)) <= 0)
			return true;
	}
	return false;
}

void assert_serves(const struct serving *serving)
{
	int fd = dial(serving);
	char *line;

	send_text(fd, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"status\"}\n");
	line = read_line(fd, 5);
	assert_non_null(line);
	assert_non_null(strstr(line, "\"result\""));
	free(line);
	close(fd);
}
