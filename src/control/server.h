/*
 * Inside the control room: what connections and the server know of each other.
 *
 * The server owns the connections; a connection is freed only from the event loop's own callbacks
 * (its own, or the server's accept and sweep), never while a request of it runs. Thread: control.
 */
#ifndef CONTROL_SERVER_H
#define CONTROL_SERVER_H

#include "control/call.h"
#include "control/control.h"
#include "control/listen.h"
#include "control/peer.h"

#include <stdint.h>
#include <sys/queue.h>

struct connection;
struct event;

TAILQ_HEAD(connection_list, connection);

struct control {
	struct event_base *base;
	struct nic_set *nics;
	struct control_limits limits;
	struct listen_socket socket;
	struct event *acceptable;
	struct event *sweep;
	int listener; /* of the event log; 0: none */
	struct connection_list connections;
	struct service service;
	unsigned long_lines; /* connections that hold a long request */
	bool turn_taken;     /* a long request was answered, and nobody else had a chance yet */
	struct event *breather;
	size_t output_bytes; /* not yet read by clients, all together */
};

/* Milliseconds of the monotonic clock. */
uint64_t control_now(void);

/*
 * What all clients together have not read yet. Above it those that have waited longest go, `keep`
 * excepted, until the rest is below.
 */
#define CONTROL_OUTPUT_MAX (64U << 20)
void control_bound_output(struct control *control, const struct connection *keep);

/*
 * Long requests, which take the control thread longest, are answered one at a time with a moment
 * for everybody else in between. False where it is not the connection's turn: it is woken when it
 * is.
 */
bool control_take_turn(struct control *control);

/* --- a connection --- */

/* What a request may hold in memory before its connection must own one of the long-line slots. */
#define CONNECTION_SHORT_LINE (64U << 10)

/* Takes ownership of `fd` on success only. */
int connection_new(struct control *control, int fd, const struct peer *peer,
		   struct connection **ret);
void connection_free(struct connection *connection);

/* The reason why it must end now, or NULL: a deadline passed. */
const char *connection_overdue(const struct connection *connection, uint64_t now);
/* Lets one that waits for a long-line slot go on, if there is one. */
void connection_retry(struct connection *connection);
/* Since when it waits for its turn with a long request; UINT64_MAX where it does not. */
uint64_t connection_waiting_since(const struct connection *connection);
/* Lets it try again, in the next turn of the loop. */
void connection_wake(struct connection *connection);

const struct peer *connection_peer(const struct connection *connection);
/* Since when it waits for a request; UINT64_MAX where it is busy or a subscriber. */
uint64_t connection_idle_since(const struct connection *connection);
/* Since when it has a response to read; UINT64_MAX where it has none. */
uint64_t connection_stalled_since(const struct connection *connection);
/* Tells the client why and ends the connection; what it does not read at once is lost. */
void connection_evict(struct connection *connection, const char *why);

/* Sends a subscriber the event, as `line`, where it wants it. Does not free the connection. */
void connection_tell_event(struct connection *connection, const struct json *event,
			   const char *line);

struct connection *connection_next(struct connection *connection);

#endif
