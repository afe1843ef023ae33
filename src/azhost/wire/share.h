/*
 * Shared memory and descriptors that one process hands to another over a SOCK_SEQPACKET socket: how
 * the two ends of a pair of rings (ring.h) come together. What a guest maps of its synthetic NIC is
 * such memory, too. Any thread.
 */
#ifndef AZHOST_WIRE_SHARE_H
#define AZHOST_WIRE_SHARE_H

#include <stddef.h>
#include <sys/types.h>

#define SHARE_FDS 8

/* Rounded up to whole pages, so that what follows begins on one. */
size_t share_round(size_t bytes);

/*
 * Zeroed memory of that many bytes, mapped; and its descriptor, the caller's to close once it has
 * been handed over. Sealed: whoever gets it can neither shrink nor grow it, so that the other side
 * never touches what is no longer there. -errno.
 */
int share_new(const char *name, size_t bytes, void **ret_memory, int *ret_fd);

/* A message of one packet, with at most SHARE_FDS descriptors, which stay the caller's. -errno. */
int share_send(int socket, const void *message, size_t bytes, const int *fds, unsigned count);

/*
 * Such a message, and the descriptors that came with it: the receiver's, close-on-exec, -1 for each
 * that did not come, also on failure. Bytes received, 0 at the end of the connection, or -errno.
 */
ssize_t share_receive(int socket, void *message, size_t bytes, int *fds, unsigned count);

#endif
