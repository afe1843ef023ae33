/*
 * One client: cuts its bytes into lines, has them answered one by one, and sends the answers.
 *
 * Fairness and bounds: at most one request a turn of the event loop; nothing is read while an
 * answer waits to be sent; a request above CONNECTION_SHORT_LINE bytes needs one of few slots.
 * Deadlines are kept by the server's sweep.
 */
#include "base/log.h"
#include "control/request.h"
#include "control/server.h"
#include "nic/events.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LOG_ROOM  LOG_ROOM_CONTROL
#define READ_STEP (64 << 10)

struct connection {
	TAILQ_ENTRY(connection) entry;
	struct control *control;
	int fd;
	struct peer peer;
	char origin[PEER_TEXT_MAX];
	struct event *readable;
	struct event *writable;
	struct evbuffer *in;
	struct evbuffer *out;
	size_t scanned;      /* bytes of `in` known to hold no line feed */
	bool has_slot;       /* holds a long-line slot */
	bool ended;          /* the client sends no more */
	bool closing;        /* no more requests: ends when `out` is sent */
	uint64_t line_since; /* 0: no request is half read */
	uint64_t out_since;  /* 0: nothing waits to be sent */
	uint64_t idle_since;
	int listener; /* of the event log; 0: no subscriber */
	char nic[NIC_NAME_MAX];
};

static void on_readable(evutil_socket_t fd, short what, void *context);
static void on_writable(evutil_socket_t fd, short what, void *context);

/* --- life --- */

int connection_new(struct control *control, int fd, const struct peer *peer,
		   struct connection **ret)
{
	struct connection *connection = calloc(1, sizeof(*connection));

	if (!connection)
		return -ENOMEM;
	connection->control = control;
	connection->fd = -1;
	connection->peer = *peer;
	peer_format(peer, connection->origin);
	connection->in = evbuffer_new();
	connection->out = evbuffer_new();
	connection->readable =
		event_new(control->base, fd, EV_READ | EV_PERSIST, on_readable, connection);
	connection->writable =
		event_new(control->base, fd, EV_WRITE | EV_PERSIST, on_writable, connection);
	connection->idle_since = control_now();
	TAILQ_INSERT_TAIL(&control->connections, connection, entry);
	control->service.clients++;
	if (!connection->in || !connection->out || !connection->readable || !connection->writable ||
	    event_add(connection->readable, NULL) < 0) {
		connection_free(connection);
		return -ENOMEM;
	}
	connection->fd = fd;
	log_debug("client connected", "origin=\"%s\"", connection->origin);
	*ret = connection;
	return 0;
}

static void release_slot(struct connection *connection)
{
	if (!connection->has_slot)
		return;
	connection->has_slot = false;
	connection->control->long_lines--;
}

void connection_free(struct connection *connection)
{
	struct control *control;

	if (!connection)
		return;
	control = connection->control;
	if (connection->listener)
		event_log_unlisten(control->nics->events, connection->listener);
	release_slot(connection);
	TAILQ_REMOVE(&control->connections, connection, entry);
	control->service.clients--;
	if (connection->readable)
		event_free(connection->readable);
	if (connection->writable)
		event_free(connection->writable);
	if (connection->out) {
		control->output_bytes -= evbuffer_get_length(connection->out);
		evbuffer_free(connection->out);
	}
	if (connection->in)
		evbuffer_free(connection->in);
	if (connection->fd >= 0) {
		close(connection->fd);
		log_debug("client gone", "origin=\"%s\"", connection->origin);
	}
	free(connection);
}

/* --- output --- */

static size_t pending(const struct connection *connection)
{
	return evbuffer_get_length(connection->out);
}

static void send_text(struct connection *connection, const char *text)
{
	size_t length = strlen(text);

	if (pending(connection) == 0) {
		connection->out_since = control_now();
		(void)event_add(connection->writable, NULL);
	}
	if (evbuffer_add(connection->out, text, length) < 0)
		abort(); /* as everywhere where a response is made */
	connection->control->output_bytes += length;
}

/* False where the connection is broken. */
static bool flush(struct connection *connection)
{
	size_t before = pending(connection);
	int n = before ? evbuffer_write(connection->out, connection->fd) : 0;

	if (n < 0 && errno != EAGAIN && errno != EINTR)
		return false;
	connection->control->output_bytes -= before - pending(connection);
	if (pending(connection) == 0) {
		connection->out_since = 0;
		(void)event_del(connection->writable);
	}
	return true;
}

/* Ends the connection at the next turn of the loop, for callers that may not free it themselves. */
static void doom(struct connection *connection)
{
	connection->closing = true;
	(void)shutdown(connection->fd, SHUT_RDWR); /* it may be gone already */
	event_active(connection->writable, EV_WRITE, 0);
}

static void refuse_line(struct connection *connection, enum accelnet_code code, const char *detail)
{
	char *line = request_error_line(code, detail);

	send_text(connection, line);
	free(line);
	connection->closing = true;
	log_notice("client refused", "origin=\"%s\" why=\"%s\"", connection->origin, detail);
}

/* --- events --- */

static bool is_wanted(const struct connection *connection, const struct json *event)
{
	struct json_at root = json_root(event), nic;

	if (!connection->nic[0])
		return true;
	return json_get(&root, "nic", &nic) && json_string(&nic) &&
	       strcmp(json_string(&nic), connection->nic) == 0;
}

static void on_event(void *context, const struct json *event)
{
	struct connection *connection = context;
	char *line;

	if (connection->closing || !is_wanted(connection, event))
		return;
	if (pending(connection) > connection->control->limits.subscriber_bytes) {
		log_notice("client dropped", "origin=\"%s\" why=\"subscriber does not read\"",
			   connection->origin);
		doom(connection);
		return;
	}
	line = request_notification("event", event);
	send_text(connection, line);
	free(line);
}

static void subscribe(struct connection *connection, const struct subscription *wanted)
{
	struct event_log *log = connection->control->nics->events;

	memcpy(connection->nic, wanted->nic, sizeof(connection->nic));
	if (wanted->has_after) {
		JSON_CLEANUP struct json *missed = event_log_since(log, wanted->after);
		struct json_at root = json_root(missed), event;

		json_foreach(event, &root)
			on_event(connection, event.value);
	}
	if (!connection->listener)
		connection->listener = event_log_listen(log, on_event, connection);
}

/* --- input --- */

static void answer_line(struct connection *connection, size_t length)
{
	struct control *control = connection->control;
	struct request_scope scope = {
		.nics = control->nics,
		.service = &control->service,
		.origin = connection->origin,
		.limits = { .bytes = control->limits.line_bytes, .depth = control->limits.depth },
		.response_bytes = control->limits.response_bytes,
	};
	const char *line = (const char *)evbuffer_pullup(connection->in, (ev_ssize_t)length + 1);
	struct subscription subscription;
	char *response;

	if (!line)
		abort();
	if (length > 0 && line[length - 1] == '\r')
		length--;
	request_answer(&scope, line, length, &response, &subscription);
	if (response)
		send_text(connection, response);
	free(response);
	if (subscription.wanted)
		subscribe(connection, &subscription);
}

/* Looks for the end of the first line. 1: *ret_length is its length; 0: not there yet. */
static int find_line(struct connection *connection, size_t *ret_length)
{
	struct evbuffer_ptr from, end;

	if (connection->scanned >= evbuffer_get_length(connection->in))
		return 0;
	if (evbuffer_ptr_set(connection->in, &from, connection->scanned, EVBUFFER_PTR_SET) < 0)
		return 0;
	end = evbuffer_search(connection->in, "\n", 1, &from);
	if (end.pos < 0) {
		connection->scanned = evbuffer_get_length(connection->in);
		return 0;
	}
	*ret_length = (size_t)end.pos;
	return 1;
}

static void line_done(struct connection *connection, size_t length)
{
	(void)evbuffer_drain(connection->in, length + 1); /* it is all there */
	connection->scanned = 0;
	connection->idle_since = control_now();
	connection->line_since = evbuffer_get_length(connection->in) ? connection->idle_since : 0;
	if (evbuffer_get_length(connection->in) <= CONNECTION_SHORT_LINE)
		release_slot(connection);
}

/* Answers the first line if it is whole. */
static void advance(struct connection *connection)
{
	const size_t limit = connection->control->limits.line_bytes;
	size_t length;

	if (find_line(connection, &length) == 0) {
		if (evbuffer_get_length(connection->in) > limit)
			refuse_line(connection, ACCELNET_E_TOO_LARGE,
				    "the request has no end within the limit for a line; the "
				    "connection is closed");
		else if (connection->ended && evbuffer_get_length(connection->in) > 0)
			refuse_line(connection, ACCELNET_E_SYNTAX,
				    "the last request is not ended by a line feed");
		return;
	}
	if (length > limit) {
		refuse_line(connection, ACCELNET_E_TOO_LARGE,
			    "the request is over the limit for a line; the connection is closed");
		return;
	}
	answer_line(connection, length);
	line_done(connection, length);
}

static bool has_line(struct connection *connection)
{
	size_t length;

	return find_line(connection, &length) == 1;
}

/* How many bytes may be read now; 0: none until something changes. */
static size_t read_room(struct connection *connection)
{
	struct control *control = connection->control;
	size_t held = evbuffer_get_length(connection->in);

	if (connection->ended || connection->closing || pending(connection) > 0)
		return 0;
	if (held < CONNECTION_SHORT_LINE || connection->has_slot)
		return READ_STEP;
	if (control->long_lines >= control->limits.long_lines)
		return 0;
	control->long_lines++;
	connection->has_slot = true;
	return READ_STEP;
}

/* Decides what to wait for. Frees the connection where there is nothing left to do. */
static void settle(struct connection *connection)
{
	bool busy = pending(connection) > 0;

	if (!busy && (connection->closing ||
		      (connection->ended && evbuffer_get_length(connection->in) == 0))) {
		connection_free(connection);
		return;
	}
	if (!busy && has_line(connection)) {
		event_active(connection->readable, EV_READ, 0); /* after everybody else's turn */
		return;
	}
	if (read_room(connection) > 0) {
		(void)event_add(connection->readable, NULL);
	} else {
		(void)event_del(connection->readable);
		if (!connection->has_slot && connection->line_since)
			connection->line_since = control_now(); /* it waits for us */
	}
}

/* False where the connection is broken. */
static bool receive(struct connection *connection)
{
	size_t room = read_room(connection);
	int n;

	if (room == 0)
		return true;
	n = evbuffer_read(connection->in, connection->fd, (int)room);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	if (n == 0)
		connection->ended = true;
	else if (!connection->line_since)
		connection->line_since = control_now();
	return true;
}

static void on_readable(evutil_socket_t fd, short what, void *context)
{
	struct connection *connection = context;

	(void)fd;
	(void)what;
	if (!connection->closing && !has_line(connection) && !receive(connection)) {
		connection_free(connection);
		return;
	}
	if (!connection->closing && pending(connection) == 0) {
		control_bound_output(connection->control, connection);
		advance(connection);
	}
	if (!flush(connection)) {
		connection_free(connection);
		return;
	}
	settle(connection);
}

static void on_writable(evutil_socket_t fd, short what, void *context)
{
	struct connection *connection = context;

	(void)fd;
	(void)what;
	if (!flush(connection)) {
		connection_free(connection);
		return;
	}
	if (pending(connection) == 0)
		settle(connection);
}

/* --- what the server asks --- */

const char *connection_overdue(const struct connection *connection, uint64_t now)
{
	const struct control_limits *limits = &connection->control->limits;

	if (connection->out_since && now - connection->out_since > limits->drain_seconds * 1000ULL)
		return "does not read its responses";
	if (connection->line_since && !connection->out_since &&
	    now - connection->line_since > limits->line_seconds * 1000ULL)
		return "did not end its request in time";
	if (!connection->line_since && !connection->out_since && !connection->listener &&
	    now - connection->idle_since > limits->idle_seconds * 1000ULL)
		return "idle";
	return NULL;
}

void connection_retry(struct connection *connection)
{
	if (!connection->closing && !event_pending(connection->readable, EV_READ, NULL))
		settle(connection);
}

const struct peer *connection_peer(const struct connection *connection)
{
	return &connection->peer;
}

uint64_t connection_idle_since(const struct connection *connection)
{
	if (connection->listener || connection->line_since || connection->out_since)
		return UINT64_MAX;
	return connection->idle_since;
}

uint64_t connection_stalled_since(const struct connection *connection)
{
	return connection->out_since ? connection->out_since : UINT64_MAX;
}

void connection_evict(struct connection *connection, const char *why)
{
	if (pending(connection) == 0) { /* else it would stand in the middle of a response */
		char *line = request_error_line(ACCELNET_E_LIMIT, why);

		(void)send(connection->fd, line, strlen(line), MSG_DONTWAIT | MSG_NOSIGNAL);
		free(line);
	}
	log_notice("client dropped", "origin=\"%s\" why=\"%s\"", connection->origin, why);
	connection_free(connection);
}

struct connection *connection_next(struct connection *connection)
{
	return TAILQ_NEXT(connection, entry);
}
