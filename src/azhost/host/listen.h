/* Listening AF_UNIX sockets of the host: non-blocking, close-on-exec. */
#ifndef AZHOST_HOST_LISTEN_H
#define AZHOST_HOST_LISTEN_H

#include "azhost/host/tree.h"

/* @type: SOCK_STREAM or SOCK_SEQPACKET. -errno. A socket that nobody listens on is replaced. */
int listen_at(const char *path, int type, int *ret_fd);
int listen_in_tree(const struct tree *tree, const char *name, int type, int *ret_fd);

#endif
