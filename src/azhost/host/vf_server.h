/*
 * The socket $AZHOST_DIR/vf.sock, to which the VF library in a guest connects: waits for the hello
 * of each connection and hands it to the VF that it names.
 */
#ifndef AZHOST_HOST_VF_SERVER_H
#define AZHOST_HOST_VF_SERVER_H

struct host;
struct vf_server;

/* -errno. */
int vf_server_new(struct host *host, struct vf_server **ret);
void vf_server_free(struct vf_server *server);

#endif
