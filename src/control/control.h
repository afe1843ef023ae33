/*
 * The control socket: JSON-RPC 2.0, one object per line, over AF_UNIX.
 *
 * The daemon's main makes one of these on its event loop and frees it before it frees the NICs.
 * Everything here runs on the control thread; no call blocks on a client. Protocol and methods:
 * control/methods.h is the table, accelnetctl(1) the description for people.
 */
#ifndef CONTROL_CONTROL_H
#define CONTROL_CONTROL_H

#include "base/error.h"
#include "nic/nic.h"

#include <stddef.h>

struct event_base;
struct control;

/* Zero means the default, which stands behind each. */
struct control_limits {
	size_t line_bytes;       /* one request; 4 MiB */
	size_t response_bytes;   /* one response; 16 MiB */
	unsigned depth;          /* of nesting in a request; 64 */
	unsigned clients;        /* connections at once; 256 */
	unsigned long_lines;     /* connections that may hold more than 64 KiB of a request; 8 */
	size_t subscriber_bytes; /* events that a subscriber has not read yet; 1 MiB */
	unsigned line_seconds;   /* from the first byte of a request to its end; 10 */
	unsigned drain_seconds;  /* from a response to the last byte of it read; 30 */
	unsigned idle_seconds;   /* between requests, subscribers excepted; 600 */
};

struct control_config {
	const char *socket_path;
	const char
		*group; /* NULL: "accelnet"; one that does not exist: the daemon's, and a warning */
	struct control_limits limits;
};

/*
 * Starts to serve. `nics` and `config`'s strings are borrowed and must outlive the control; the
 * NICs may be fewer than configured, they are looked up anew by every request. Errors: IO with the
 * path in the detail, STATE where another daemon holds the socket.
 */
int control_new(struct event_base *base, const struct control_config *config, struct nic_set *nics,
		struct control **ret, struct accelnet_error *err);
/* Drops every client, removes the socket. NULL is fine. */
void control_free(struct control *control);

/* Connections that are open now, for `status` and tests. */
unsigned control_client_count(const struct control *control);

#endif
