/*
 * Credentials of a client: see peer.h.
 */
#include "control/peer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* unix(7): the kernel answers ERANGE and the size it needs where the buffer is too small. */
static int has_group(int fd, gid_t group, bool *ret)
{
	socklen_t size = 32 * sizeof(gid_t);

	for (;;) {
		gid_t *groups = malloc(size);

		if (!groups)
			return -ENOMEM;
		if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size) == 0) {
			*ret = false;
			for (size_t i = 0; i < size / sizeof(gid_t); i++)
				*ret |= groups[i] == group;
			free(groups);
			return 0;
		}
		free(groups);
		if (errno != ERANGE)
			return -errno;
	}
}

int peer_read(int fd, gid_t group, struct peer *ret)
{
	struct ucred credentials;
	socklen_t size = sizeof(credentials);
	bool in_group = false;
	int r;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) < 0)
		return -errno;
	r = has_group(fd, group, &in_group);
	if (r < 0)
		return r;
	*ret = (struct peer){
		.pid = credentials.pid,
		.uid = credentials.uid,
		.gid = credentials.gid,
		.in_group = in_group,
	};
	return 0;
}

bool peer_may_talk(const struct peer *peer, gid_t group)
{
	return peer->uid == 0 || peer->uid == geteuid() || peer->gid == group || peer->in_group;
}

char *peer_format(const struct peer *peer, char *buffer)
{
	snprintf(buffer, PEER_TEXT_MAX, "uid %u pid %d", (unsigned)peer->uid, (int)peer->pid);
	return buffer;
}
