/*
 * The client library: talks to accelnetd over its control socket.
 *
 * JSON goes in and comes out as text, so that a program may use the JSON library it has. Methods
 * and their parameters: accelnetctl(1), or the method rpc.list. Link with libaccelnet_client.
 *
 *     struct accelnet_client *client;
 *     char *answer;
 *
 *     if (accelnet_client_open(NULL, &client) == 0) {
 *             int r = accelnet_client_call(client, "nic.list", NULL, 5000, &answer);
 *             ...
 *             free(answer);
 *             accelnet_client_close(client);
 *     }
 *
 * Thread: a client belongs to one thread at a time; several clients may be used side by side. No
 * function raises a signal.
 */
#ifndef ACCELNET_CLIENT_H
#define ACCELNET_CLIENT_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#define ACCELNET_SOCKET_DEFAULT     "/run/accelnet/control.sock"
#define ACCELNET_SOCKET_ENVIRONMENT "ACCELNET_SOCKET"

struct accelnet_client;

/*
 * Connects. `path` NULL is $ACCELNET_SOCKET, and where that is not set ACCELNET_SOCKET_DEFAULT.
 * 0 or -errno of connect(2), -ETIMEDOUT after 5 seconds: -ENOENT and -ECONNREFUSED where no daemon
 * runs, -EACCES where the caller is not in the socket's group.
 */
int accelnet_client_open(const char *path, struct accelnet_client **ret);
/* NULL is fine. */
void accelnet_client_close(struct accelnet_client *client);

/*
 * Calls a method and waits for its answer. `params` is the text of a JSON object, or NULL.
 * `timeout` is in milliseconds, for the whole call; negative: none.
 *
 * 0: *ret is the text of the result. ACCELNET_CLIENT_REFUSED: *ret is the text of the error object,
 * {"code","message","data":{"symbol","pointer",...}}; symbols: accelnet/error.h. The caller frees
 * both with free(). -errno: the connection is of no more use (-ETIMEDOUT, -EPIPE, -EPROTO, ...), or
 * `params` is no JSON object (-EINVAL) or too long (-EMSGSIZE), which leaves it as it is; *ret is
 * untouched.
 *
 * Notifications that arrive meanwhile are kept for accelnet_client_event().
 */
#define ACCELNET_CLIENT_REFUSED 1
int accelnet_client_call(struct accelnet_client *client, const char *method, const char *params,
			 int timeout, char **ret);

/*
 * Waits for the next event, after events.subscribe. 0: *ret is its text, which the caller frees;
 * -ETIMEDOUT: none came; other -errno: the connection is of no more use.
 */
int accelnet_client_event(struct accelnet_client *client, int timeout, char **ret);

/* For poll(2): readable where accelnet_client_event() may have something. */
int accelnet_client_fd(const struct accelnet_client *client);

#ifdef __cplusplus
}
#endif

#endif
