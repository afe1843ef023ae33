/*
 * The listening socket: its place, its lock, its mode and its group.
 *
 * A lock file beside the socket says whether a daemon still serves it, so that a stale socket is
 * removed and a live one never is. Thread: control.
 */
#ifndef CONTROL_LISTEN_H
#define CONTROL_LISTEN_H

#include "base/error.h"

#include <sys/types.h>

#define LISTEN_GROUP "accelnet"

struct listen_socket {
	char *path;
	char *lock_path;
	int lock_fd;
	int fd;
	dev_t device; /* of the socket file that we made: */
	ino_t inode;  /* only that one is removed at the end */
	gid_t group;
};

/*
 * Makes, binds and listens. `group` NULL is LISTEN_GROUP; one that does not exist leaves the
 * daemon's own group, with a warning in the log. Usable with listen_fini() whatever it returns.
 */
int listen_init(struct listen_socket *ret, const char *path, const char *group,
		struct accelnet_error *err);
void listen_fini(struct listen_socket *socket);

#endif
