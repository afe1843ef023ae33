/*
 * The life of a client's connection: see connection.h.
 */
#include "control/connection.h"

#include "base/log.h"
#include "control/request.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LOG_ROOM LOG_ROOM_CONTROL

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
	connection->readable = event_new(control->base, fd, EV_READ | EV_PERSIST,
					 connection_on_readable, connection);
	connection->writable = event_new(control->base, fd, EV_WRITE | EV_PERSIST,
					 connection_on_writable, connection);
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

void connection_free(struct connection *connection)
{
	struct control *control;

	if (!connection)
		return;
	control = connection->control;
	connection_release_slot(connection);
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

/* --- what the server asks --- */

/* The other side has closed, not only ended what it sends. */
static bool is_hung_up(const struct connection *connection)
{
	struct pollfd item = { .fd = connection->fd };

	return poll(&item, 1, 0) == 1 && (item.revents & (POLLHUP | POLLERR));
}

const char *connection_overdue(const struct connection *connection, uint64_t now)
{
	const struct control_limits *limits = &connection->control->limits;

	if (connection->ended && connection->subscribed && is_hung_up(connection))
		return "gone";
	if (connection->out_since && now - connection->out_since > limits->drain_seconds * 1000ULL)
		return "does not read its responses";
	if (connection->line_since && !connection->out_since && !connection->waiting &&
	    now - connection->line_since > limits->line_seconds * 1000ULL)
		return "did not end its request in time";
	if (!connection->line_since && !connection->out_since && !connection->subscribed &&
	    now - connection->idle_since > limits->idle_seconds * 1000ULL)
		return "idle";
	return NULL;
}

void connection_retry(struct connection *connection)
{
	if (!connection->closing && !connection->waiting &&
	    !event_pending(connection->readable, EV_READ, NULL))
		connection_settle(connection);
}

uint64_t connection_waiting_since(const struct connection *connection)
{
	return connection->waiting ? connection->line_since : UINT64_MAX;
}

void connection_wake(struct connection *connection)
{
	event_active(connection->readable, EV_READ, 0);
}

const struct peer *connection_peer(const struct connection *connection)
{
	return &connection->peer;
}

uint64_t connection_idle_since(const struct connection *connection)
{
	if (connection->subscribed || connection->line_since || connection->out_since)
		return UINT64_MAX;
	return connection->idle_since;
}

uint64_t connection_stalled_since(const struct connection *connection)
{
	return connection->out_since ? connection->out_since : UINT64_MAX;
}

void connection_evict(struct connection *connection, const char *why)
{
	if (connection_pending(connection) ==
	    0) { /* else it would stand in the middle of a response */
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
