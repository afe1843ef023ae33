/* Hellos of VF libraries, see vf_server.h. */
#include "azhost/host/vf_server.h"

#include "azhost/host/host.h"
#include "azhost/host/listen.h"
#include "azhost/host/say.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

/* Connections that have not said hello yet; a guest that opens more has to wait. */
#define PENDING_MAX 16

struct pending {
	struct vf_server *server;
	struct loop_fd socket;   /* fd -1: free */
	struct loop_timer delay; /* the hello has come, and is answered late */
	struct vf *vf;           /* of that hello */
};

struct vf_server {
	struct host *host;
	struct loop_fd listener;
	struct pending pending[PENDING_MAX];
};

static struct vf *find_vf(struct host *host, const char *ibname)
{
	for (unsigned i = 0; i < host->nic_count; i++)
		if (host->nics[i].has_vf && strcmp(host->nics[i].vf.ibname, ibname) == 0)
			return &host->nics[i].vf;
	return NULL;
}

static void answer(struct vf *vf, int fd)
{
	if (vf == NULL)
		vf_refuse(fd, -ENOENT);
	else
		vf_attach(vf, fd);
}

static void answer_late(void *opaque)
{
	struct pending *pending = opaque;
	const int fd = pending->socket.fd;

	pending->socket.fd = -1;
	answer(pending->vf, fd);
}

/* The slot is free afterwards, unless the VF opens slowly. */
static void greet(struct pending *pending, const struct vf_message *hello, ssize_t n)
{
	struct host *host = pending->server->host;
	const int fd = pending->socket.fd;
	struct vf *vf;

	pending->socket.fd = -1;
	if (n != sizeof(*hello) || hello->type != VF_HELLO ||
	    memchr(hello->hello.ibname, '\0', sizeof(hello->hello.ibname)) == NULL) {
		say("vf.sock: malformed hello");
		close(fd);
		return;
	}
	if (hello->hello.version != VF_PROTOCOL_VERSION) {
		vf_refuse(fd, -EPROTO);
		return;
	}
	vf = find_vf(host, hello->hello.ibname);
	if (vf == NULL || vf->open_ms == 0) {
		answer(vf, fd);
		return;
	}
	pending->socket.fd = fd;
	pending->vf = vf;
	loop_timer_set(&host->loop, &pending->delay, vf->open_ms * UINT64_C(1000000));
}

static void pending_ready(void *opaque, uint32_t events)
{
	struct pending *pending = opaque;
	struct vf_message hello;
	ssize_t n = recv(pending->socket.fd, &hello, sizeof(hello), MSG_DONTWAIT | MSG_TRUNC);

	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	loop_fd_remove(&pending->server->host->loop, &pending->socket);
	if (n <= 0) {
		close(pending->socket.fd);
		pending->socket.fd = -1;
		return;
	}
	greet(pending, &hello, n);
}

static void listener_ready(void *opaque, uint32_t events)
{
	struct vf_server *server = opaque;
	int fd = accept4(server->listener.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)events;
	if (fd < 0)
		return;
	for (unsigned i = 0; i < PENDING_MAX; i++) {
		struct pending *pending = &server->pending[i];

		if (pending->socket.fd >= 0)
			continue;
		pending->socket.fd = fd;
		if (loop_fd_add(&server->host->loop, &pending->socket, EPOLLIN) == 0)
			return;
		pending->socket.fd = -1;
		break;
	}
	vf_refuse(fd, -EBUSY);
}

int vf_server_new(struct host *host, struct vf_server **ret)
{
	struct vf_server *server = calloc(1, sizeof(*server));
	int rc;

	if (server == NULL)
		return -ENOMEM;
	server->host = host;
	server->listener = (struct loop_fd){ .fd = -1, .ready = listener_ready, .opaque = server };
	for (unsigned i = 0; i < PENDING_MAX; i++) {
		struct pending *pending = &server->pending[i];

		pending->server = server;
		pending->socket =
			(struct loop_fd){ .fd = -1, .ready = pending_ready, .opaque = pending };
		pending->delay = (struct loop_timer){ .fire = answer_late, .opaque = pending };
	}
	rc = listen_in_tree(host->tree, VF_SOCKET_NAME, SOCK_SEQPACKET, &server->listener.fd);
	if (rc == 0)
		rc = loop_fd_add(&host->loop, &server->listener, EPOLLIN);
	if (rc < 0) {
		vf_server_free(server);
		return rc;
	}
	*ret = server;
	return 0;
}

void vf_server_free(struct vf_server *server)
{
	if (server == NULL)
		return;
	for (unsigned i = 0; i < PENDING_MAX; i++) {
		struct loop_fd *socket = &server->pending[i].socket;

		if (socket->fd < 0)
			continue;
		loop_timer_cancel(&server->host->loop, &server->pending[i].delay);
		loop_fd_remove(&server->host->loop, socket);
		close(socket->fd);
	}
	if (server->listener.fd >= 0) {
		loop_fd_remove(&server->host->loop, &server->listener);
		close(server->listener.fd);
	}
	free(server);
}
