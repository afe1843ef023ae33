/*
 * One client of the control socket, for the files that make it up:
 *
 *     connection.c          its life, and what the server asks about it
 *     connection_input.c    bytes in, cut into lines, answered one by one
 *     connection_output.c   responses and events out
 *
 * Fairness and bounds: at most one request a turn of the event loop; nothing is read while an
 * answer waits to be sent; a request above CONNECTION_SHORT_LINE bytes needs one of few slots.
 * Deadlines are kept by the server's sweep. Thread: control.
 */
#ifndef CONTROL_CONNECTION_H
#define CONTROL_CONNECTION_H

#include "control/server.h"

#include <event2/buffer.h>
#include <event2/event.h>

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
	bool waiting;        /* its request is whole and long, and it is not its turn */
	bool ended;          /* the client sends no more */
	bool closing;        /* no more requests: ends when `out` is sent */
	uint64_t line_since; /* 0: no request is half read */
	uint64_t out_since;  /* 0: nothing waits to be sent */
	uint64_t idle_since;
	bool subscribed;
	char nic[NIC_NAME_MAX];
};

/* --- connection_input.c --- */

/* The event loop's callbacks; each may free the connection. `context` is the connection. */
void connection_on_readable(evutil_socket_t fd, short what, void *context);
void connection_on_writable(evutil_socket_t fd, short what, void *context);
/* Decides what to wait for. Frees the connection where there is nothing left to do. */
void connection_settle(struct connection *connection);
void connection_release_slot(struct connection *connection);

/* --- connection_output.c --- */

/* Bytes that the client has not taken yet. */
size_t connection_pending(const struct connection *connection);
void connection_send(struct connection *connection, const char *text);
/* Sends what can be sent. False where the connection is broken. */
bool connection_flush(struct connection *connection);
/* Says why, and ends the connection when that is sent. */
void connection_refuse(struct connection *connection, enum accelnet_code code, const char *detail);
/* Events from now on (connection_tell_event()), those kept first where that is wanted. */
void connection_subscribe(struct connection *connection, const struct subscription *wanted);

#endif
