/*
 * What a client is sent: see connection.h.
 */
#include "control/connection.h"

#include "base/log.h"
#include "control/request.h"
#include "nic/events.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define LOG_ROOM LOG_ROOM_CONTROL

size_t connection_pending(const struct connection *connection)
{
	return evbuffer_get_length(connection->out);
}

void connection_send(struct connection *connection, const char *text)
{
	size_t length = strlen(text);

	if (connection_pending(connection) == 0) {
		connection->out_since = control_now();
		(void)event_add(connection->writable, NULL);
	}
	if (evbuffer_add(connection->out, text, length) < 0)
		abort(); /* as everywhere where a response is made */
	connection->control->output_bytes += length;
}

/* False where the connection is broken. */
bool connection_flush(struct connection *connection)
{
	size_t before = connection_pending(connection);
	int n = before ? evbuffer_write(connection->out, connection->fd) : 0;

	if (n < 0 && errno != EAGAIN && errno != EINTR)
		return false;
	connection->control->output_bytes -= before - connection_pending(connection);
	if (connection_pending(connection) == 0) {
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

void connection_refuse(struct connection *connection, enum accelnet_code code, const char *detail)
{
	char *line = request_error_line(code, detail);

	connection_send(connection, line);
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
	if (connection_pending(connection) > connection->control->limits.subscriber_bytes) {
		log_notice("client dropped", "origin=\"%s\" why=\"subscriber does not read\"",
			   connection->origin);
		doom(connection);
		return;
	}
	line = request_notification("event", event);
	connection_send(connection, line);
	free(line);
}

void connection_subscribe(struct connection *connection, const struct subscription *wanted)
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
