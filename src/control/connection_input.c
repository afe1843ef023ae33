/*
 * What a client sends: see connection.h.
 */
#include "control/connection.h"

#include "control/request.h"

#include <errno.h>
#include <stdlib.h>

#define READ_STEP (64 << 10)

void connection_release_slot(struct connection *connection)
{
	if (!connection->has_slot)
		return;
	connection->has_slot = false;
	connection->control->long_lines--;
}

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
		connection_send(connection, response);
	free(response);
	if (subscription.wanted)
		connection_subscribe(connection, &subscription);
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
		connection_release_slot(connection);
}

/* Answers the first line if it is whole. */
static void advance(struct connection *connection)
{
	const size_t limit = connection->control->limits.line_bytes;
	size_t length;

	if (find_line(connection, &length) == 0) {
		if (evbuffer_get_length(connection->in) > limit)
			connection_refuse(connection, ACCELNET_E_TOO_LARGE,
					  "the request has no end within the limit for a line; the "
					  "connection is closed");
		else if (connection->ended && evbuffer_get_length(connection->in) > 0)
			connection_refuse(connection, ACCELNET_E_SYNTAX,
					  "the last request is not ended by a line feed");
		return;
	}
	if (length > limit) {
		connection_refuse(
			connection, ACCELNET_E_TOO_LARGE,
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

	if (connection->ended || connection->closing || connection_pending(connection) > 0)
		return 0;
	if (held < CONNECTION_SHORT_LINE || connection->has_slot)
		return READ_STEP;
	if (control->long_lines >= control->limits.long_lines)
		return 0;
	control->long_lines++;
	connection->has_slot = true;
	return READ_STEP;
}

/* A subscriber that sends no more may still listen; the sweep sees whether it does. */
static bool is_finished(const struct connection *connection)
{
	return connection->closing || (connection->ended && !connection->subscribed &&
				       evbuffer_get_length(connection->in) == 0);
}

void connection_settle(struct connection *connection)
{
	bool busy = connection_pending(connection) > 0;

	if (!busy && is_finished(connection)) {
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

/* Stops listening until it is woken where a long request is whole and it is not its turn. */
static bool must_wait(struct connection *connection)
{
	connection->waiting = connection->has_slot && !connection->closing &&
			      connection_pending(connection) == 0 && has_line(connection) &&
			      !control_take_turn(connection->control);
	if (connection->waiting)
		(void)event_del(connection->readable);
	return connection->waiting;
}

void connection_on_readable(evutil_socket_t fd, short what, void *context)
{
	struct connection *connection = context;

	(void)fd;
	(void)what;
	if (!connection->closing && !has_line(connection) && !receive(connection)) {
		connection_free(connection);
		return;
	}
	if (must_wait(connection))
		return;
	if (!connection->closing && connection_pending(connection) == 0) {
		control_bound_output(connection->control, connection);
		advance(connection);
	}
	if (!connection_flush(connection)) {
		connection_free(connection);
		return;
	}
	connection_settle(connection);
}

void connection_on_writable(evutil_socket_t fd, short what, void *context)
{
	struct connection *connection = context;

	(void)fd;
	(void)what;
	if (!connection_flush(connection)) {
		connection_free(connection);
		return;
	}
	if (connection_pending(connection) == 0)
		connection_settle(connection);
}
