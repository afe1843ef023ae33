/*
 * Accepts clients, bounds their number and what they hold, ends those that overstay: see control.h.
 */
#include "control/server.h"

#include "base/log.h"
#include "control/request.h"
#include "nic/events.h"

#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LOG_ROOM       LOG_ROOM_CONTROL
#define ACCEPTS_A_TURN 16
#define SWEEP_MS       200
#define IDLE_ENOUGH_MS 30000 /* a full house: who was idle for so long may be sent away */

uint64_t control_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* --- admission --- */

static unsigned connections_of(const struct control *control, pid_t pid)
{
	struct connection *connection;
	unsigned count = 0;

	for (connection = TAILQ_FIRST(&control->connections); connection;
	     connection = connection_next(connection))
		count += connection_peer(connection)->pid == pid;
	return count;
}

/*
 * Who has to go so that one more client fits, or NULL. The process with most connections gives one
 * up for a process that has fewer, so that one program that opens all of them locks nobody out.
 */
static struct connection *find_victim(const struct control *control, const struct peer *newcomer)
{
	const unsigned own = connections_of(control, newcomer->pid);
	const uint64_t now = control_now();
	struct connection *connection, *victim = NULL;
	unsigned most = own + 1;

	for (connection = TAILQ_FIRST(&control->connections); connection;
	     connection = connection_next(connection)) {
		unsigned held = connections_of(control, connection_peer(connection)->pid);

		if (held > most) {
			most = held;
			victim = connection;
		}
	}
	if (victim)
		return victim; /* its oldest: the list is in order of arrival */
	for (connection = TAILQ_FIRST(&control->connections); connection;
	     connection = connection_next(connection)) {
		uint64_t since = connection_idle_since(connection);

		if (since != UINT64_MAX && now - since > IDLE_ENOUGH_MS)
			return connection;
	}
	return NULL;
}

static void turn_away(int fd, enum accelnet_code code, const char *why)
{
	char *line = request_error_line(code, why);

	(void)send(fd, line, strlen(line), MSG_DONTWAIT | MSG_NOSIGNAL); /* it may be gone */
	free(line);
	close(fd);
}

static void admit(struct control *control, int fd)
{
	struct connection *connection, *victim;
	struct peer peer;

	if (peer_read(fd, control->socket.group, &peer) < 0) {
		close(fd);
		return;
	}
	if (!peer_may_talk(&peer, control->socket.group)) {
		log_notice("client refused", "uid=%u pid=%d why=\"neither root nor in the group\"",
			   (unsigned)peer.uid, (int)peer.pid);
		turn_away(fd, ACCELNET_E_STATE,
			  "you are neither root nor a member of the socket's group");
		return;
	}
	if (control->service.clients >= control->limits.clients) {
		victim = find_victim(control, &peer);
		if (!victim) {
			log_notice("client refused", "pid=%d why=\"too many clients\"",
				   (int)peer.pid);
			turn_away(fd, ACCELNET_E_LIMIT, "too many clients; try again later");
			return;
		}
		connection_evict(victim, "another client needs the place");
	}
	if (connection_new(control, fd, &peer, &connection) < 0)
		close(fd);
}

static void on_acceptable(evutil_socket_t fd, short what, void *context)
{
	struct control *control = context;

	(void)what;
	for (int i = 0; i < ACCEPTS_A_TURN; i++) {
		int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (client >= 0) {
			admit(control, client);
			continue;
		}
		if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
			log_warning("cannot accept a client", "error=\"%s\"", strerror(errno));
			(void)event_del(control->acceptable); /* the sweep tries again */
		}
		return;
	}
}

/* --- bounds --- */

static struct connection *longest_stalled(const struct control *control,
					  const struct connection *keep)
{
	struct connection *connection, *found = NULL;
	uint64_t since = UINT64_MAX;

	for (connection = TAILQ_FIRST(&control->connections); connection;
	     connection = connection_next(connection)) {
		if (connection != keep && connection_stalled_since(connection) < since) {
			since = connection_stalled_since(connection);
			found = connection;
		}
	}
	return found;
}

void control_bound_output(struct control *control, const struct connection *keep)
{
	while (control->output_bytes > CONTROL_OUTPUT_MAX) {
		struct connection *connection = longest_stalled(control, keep);

		if (!connection)
			return;
		connection_evict(connection, "does not read its responses, and memory is short");
	}
}

bool control_take_turn(struct control *control)
{
	const struct timeval moment = { .tv_usec = 1000 };

	if (control->turn_taken)
		return false;
	control->turn_taken = true;
	(void)event_add(control->breather, &moment);
	return true;
}

/* Whose request has waited longest is next. */
static void on_breather(evutil_socket_t fd, short what, void *context)
{
	struct control *control = context;
	struct connection *connection, *first = NULL;
	uint64_t since = UINT64_MAX;

	(void)fd;
	(void)what;
	control->turn_taken = false;
	for (connection = TAILQ_FIRST(&control->connections); connection;
	     connection = connection_next(connection)) {
		if (connection_waiting_since(connection) < since) {
			since = connection_waiting_since(connection);
			first = connection;
		}
	}
	if (first)
		connection_wake(first);
}

static void on_sweep(evutil_socket_t fd, short what, void *context)
{
	struct control *control = context;
	struct connection *connection, *next;
	const uint64_t now = control_now();

	(void)fd;
	(void)what;
	for (connection = TAILQ_FIRST(&control->connections); connection; connection = next) {
		const char *why = connection_overdue(connection, now);

		next = connection_next(connection);
		if (why)
			connection_evict(connection, why);
		else
			connection_retry(connection);
	}
	control_bound_output(control, NULL);
	if (!event_pending(control->acceptable, EV_READ, NULL))
		(void)event_add(control->acceptable, NULL);
}

/* --- events --- */

static void on_event(void *context, const struct json *event)
{
	struct control *control = context;
	char *line = request_notification("event", event);
	struct connection *connection;

	for (connection = TAILQ_FIRST(&control->connections); connection;
	     connection = connection_next(connection))
		connection_tell_event(connection, event, line);
	free(line);
}

static int listen_to_events(struct control *control, struct accelnet_error *err)
{
	int handle = event_log_listen(control->nics->events, on_event, control);

	if (handle < 0)
		return fail(err, ACCELNET_E_INTERNAL, NULL, "the event log takes no listener");
	control->listener = handle;
	return 0;
}

/* --- life --- */

static void set_default(size_t *value, size_t otherwise)
{
	if (*value == 0)
		*value = otherwise;
}

static void set_default_count(unsigned *value, unsigned otherwise)
{
	if (*value == 0)
		*value = otherwise;
}

static void complete_limits(struct control_limits *limits)
{
	set_default(&limits->line_bytes, JSON_DEFAULT_BYTES);
	set_default(&limits->response_bytes, 16U << 20);
	set_default(&limits->subscriber_bytes, 1U << 20);
	set_default_count(&limits->depth, JSON_DEFAULT_DEPTH);
	set_default_count(&limits->clients, 256);
	set_default_count(&limits->long_lines, 8);
	set_default_count(&limits->line_seconds, 10);
	set_default_count(&limits->drain_seconds, 30);
	set_default_count(&limits->idle_seconds, 600);
}

static int start_events(struct control *control, struct accelnet_error *err)
{
	const struct timeval sweep = { .tv_usec = SWEEP_MS * 1000 };

	control->acceptable = event_new(control->base, control->socket.fd, EV_READ | EV_PERSIST,
					on_acceptable, control);
	control->sweep = event_new(control->base, -1, EV_PERSIST, on_sweep, control);
	control->breather = evtimer_new(control->base, on_breather, control);
	if (!control->acceptable || !control->sweep || !control->breather ||
	    event_add(control->acceptable, NULL) < 0 || event_add(control->sweep, &sweep) < 0)
		return fail(err, ACCELNET_E_MEMORY, NULL, "out of memory");
	return 0;
}

int control_new(struct event_base *base, const struct control_config *config, struct nic_set *nics,
		struct control **ret, struct accelnet_error *err)
{
	struct control *control = calloc(1, sizeof(*control));
	int r;

	if (!control)
		return fail(err, ACCELNET_E_MEMORY, NULL, "out of memory");
	/* A client that goes away while it is written to must not end the daemon. */
	signal(SIGPIPE, SIG_IGN);
	control->base = base;
	control->nics = nics;
	control->limits = config->limits;
	complete_limits(&control->limits);
	control->service.started = time(NULL);
	TAILQ_INIT(&control->connections);
	r = listen_init(&control->socket, config->socket_path, config->group, err);
	if (r == 0)
		r = start_events(control, err);
	if (r == 0)
		r = listen_to_events(control, err);
	if (r < 0) {
		control_free(control);
		return r;
	}
	*ret = control;
	return 0;
}

void control_free(struct control *control)
{
	struct connection *connection;

	if (!control)
		return;
	if (control->listener)
		event_log_unlisten(control->nics->events, control->listener);
	while ((connection = TAILQ_FIRST(&control->connections)))
		connection_free(connection);
	if (control->breather)
		event_free(control->breather);
	if (control->sweep)
		event_free(control->sweep);
	if (control->acceptable)
		event_free(control->acceptable);
	listen_fini(&control->socket);
	free(control);
}

unsigned control_client_count(const struct control *control)
{
	return control->service.clients;
}
