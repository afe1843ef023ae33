/*
 * The control socket of the host: one JSON request a line, one JSON answer a line. `azhost ctl` is
 * its client; methods.c has the methods.
 */
#ifndef AZHOST_HOST_CONTROL_H
#define AZHOST_HOST_CONTROL_H

struct host;
struct control_server;

/* Listens at @path. -errno. */
int control_server_new(struct host *host, const char *path, struct control_server **ret);
void control_server_free(struct control_server *server);

#endif
