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

void connection_tell_event(struct connection *connection, const struct json *event,
			   const char *line)
{
	if (!connection->subscribed || connection->closing || !is_wanted(connection, event))
		return;
	if (connection_pending(connection) > connection->control->limits.subscriber_bytes) {
		log_notice("client dropped", "origin=\"%s\" why=\"subscriber does not read\"",
			   connection->origin);
		doom(connection);
		return;
	}
	connection_send(connection, line);
}

static void send_kept(struct connection *connection, uint64_t after)
{
	JSON_CLEANUP struct json *kept = event_log_since(connection->control->nics->events, after);
	const struct json_at root = json_root(kept);
	struct json_at event;

	json_foreach(event, &root) {
		char *line = request_notification("event", event.value);

		connection_tell_event(connection, event.value, line);
		free(line);
	}
}

void connection_subscribe(struct connection *connection, const struct subscription *wanted)
{
	memcpy(connection->nic, wanted->nic, sizeof(connection->nic));
	connection->subscribed = true;
	if (wanted->has_after)
		send_kept(connection, wanted->after);
}
