/*
 * The socket $AZHOST_DIR/uio.sock, by which the preload shim in the guest opens /dev/uioN and the
 * rings of sub-channels (uio_proto.h). A connection is an open file: the kernel closes it however
 * the guest ends, and the last one to go resets the device, as the last close of a uio device does.
 */
#ifndef AZHOST_VMBUS_UIO_SERVER_H
#define AZHOST_VMBUS_UIO_SERVER_H

#include "azhost/host/loop.h"
#include "azhost/host/tree.h"

struct netvsc;
struct uio_server;

int uio_server_new(const struct tree *tree, struct loop *loop, struct uio_server **ret);
void uio_server_free(struct uio_server *server);

/* Make @dev known as /dev/uio<index>. */
void uio_server_add(struct uio_server *server, unsigned index, struct netvsc *dev);

#endif
