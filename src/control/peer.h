/*
 * Who is at the other end of a connection, and whether it may talk to us.
 *
 * The kernel answers both (SO_PEERCRED and SO_PEERGROUPS, unix(7)), as of the moment of connect().
 */
#ifndef CONTROL_PEER_H
#define CONTROL_PEER_H

#include <stdbool.h>
#include <sys/types.h>

struct peer {
	pid_t pid;
	uid_t uid;
	gid_t gid;
	bool in_group; /* a supplementary group of it is the one that was asked for */
};

#define PEER_TEXT_MAX 48

/* 0 or -errno. */
int peer_read(int fd, gid_t group, struct peer *ret);
/* root, the daemon's own user, or a member of `group`; whatever the socket file's mode became. */
bool peer_may_talk(const struct peer *peer, gid_t group);
/* "uid 1000 pid 4242", the origin in the history of policies. Returns `buffer`. */
char *peer_format(const struct peer *peer, char *buffer);

#endif
