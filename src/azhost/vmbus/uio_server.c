/* Open files of the VMBus, see uio_server.h. */
#include "azhost/vmbus/uio_server.h"

#include "azhost/host/listen.h"
#include "azhost/host/options.h"
#include "azhost/host/say.h"
#include "azhost/vmbus/netvsc.h"
#include "azhost/vmbus/uio_proto.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

/* Files that guests may have open at once, over all devices. */
#define FILES_MAX 256

struct open_file {
	struct uio_server *server;
	struct loop_fd socket; /* fd -1: free */
	struct netvsc *device; /* NULL: has not said which yet, or a ring */
	unsigned index;
};

struct uio_server {
	struct loop *loop;
	struct loop_fd listener;
	struct netvsc *devices[AZHOST_NICS_MAX];
	unsigned open_count[AZHOST_NICS_MAX];
	struct open_file files[FILES_MAX];
};

static void hang_up(struct open_file *file)
{
	struct uio_server *server = file->server;

	loop_fd_remove(server->loop, &file->socket);
	close(file->socket.fd);
	file->socket.fd = -1;
	if (file->device == NULL)
		return;
	if (--server->open_count[file->index] == 0)
		netvsc_close(file->device);
	file->device = NULL;
}

static int send_answer(int socket, const struct uio_answer *answer, int memory)
{
	union {
		char space[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { 0 };
	struct iovec part = { (void *)(uintptr_t)answer, sizeof(*answer) };
	struct msghdr header = { .msg_iov = &part, .msg_iovlen = 1 };

	if (memory >= 0) {
		header.msg_control = control.space;
		header.msg_controllen = sizeof(control.space);

		struct cmsghdr *c = CMSG_FIRSTHDR(&header);

		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &memory, sizeof(memory));
	}
	return sendmsg(socket, &header, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -errno : 0;
}

static int open_device(struct open_file *file, unsigned index, struct uio_answer *answer)
{
	struct uio_server *server = file->server;
	struct netvsc_region regions[NETVSC_REGIONS];
	struct ucred peer;
	socklen_t size = sizeof(peer);
	int memory;

	_Static_assert(NETVSC_REGIONS == UIO_REGIONS, "the same regions on both sides");
	if (index >= AZHOST_NICS_MAX || server->devices[index] == NULL)
		return -ENODEV;
	if (getsockopt(file->socket.fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
		return -errno;
	file->device = server->devices[index];
	file->index = index;
	if (server->open_count[index]++ == 0)
		netvsc_open(file->device, peer.pid);
	memory = netvsc_memory(file->device, regions);
	for (unsigned i = 0; i < UIO_REGIONS; i++) {
		answer->regions[i].offset = regions[i].offset;
		answer->regions[i].size = regions[i].size;
	}
	return memory;
}

static int open_ring(struct uio_server *server, const struct uio_request *request)
{
	for (unsigned i = 0; i < AZHOST_NICS_MAX; i++)
		if (server->devices[i] != NULL &&
		    strcmp(netvsc_guid(server->devices[i]), request->guid) == 0)
			return netvsc_ring_memory(server->devices[i], request->relid);
	return -ENODEV;
}

static void take_request(struct open_file *file, const struct uio_request *request)
{
	struct uio_answer answer = { 0 };
	int memory = -EINVAL;

	if (memchr(request->guid, '\0', sizeof(request->guid)) == NULL)
		memory = -EINVAL;
	else if (request->type == UIO_OPEN_DEVICE && file->device == NULL)
		memory = open_device(file, request->index, &answer);
	else if (request->type == UIO_OPEN_RING)
		memory = open_ring(file->server, request);
	answer.status = memory < 0 ? memory : 0;
	if (send_answer(file->socket.fd, &answer, memory) < 0 || memory < 0)
		hang_up(file);
}

static void file_ready(void *opaque, uint32_t events)
{
	struct open_file *file = opaque;
	struct uio_request request;
	ssize_t n = recv(file->socket.fd, &request, sizeof(request), MSG_DONTWAIT | MSG_TRUNC);

	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n != sizeof(request)) {
		if (n > 0)
			say("uio.sock: malformed request");
		hang_up(file);
		return;
	}
	take_request(file, &request);
}

static void listener_ready(void *opaque, uint32_t events)
{
	struct uio_server *server = opaque;
	int fd = accept4(server->listener.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)events;
	if (fd < 0)
		return;
	for (unsigned i = 0; i < FILES_MAX; i++) {
		struct open_file *file = &server->files[i];

		if (file->socket.fd >= 0)
			continue;
		file->socket.fd = fd;
		if (loop_fd_add(server->loop, &file->socket, EPOLLIN) == 0)
			return;
		file->socket.fd = -1;
		break;
	}
	close(fd);
}

int uio_server_new(const struct tree *tree, struct loop *loop, struct uio_server **ret)
{
	struct uio_server *server = calloc(1, sizeof(*server));
	int rc;

	if (server == NULL)
		return -ENOMEM;
	server->loop = loop;
	server->listener = (struct loop_fd){ .fd = -1, .ready = listener_ready, .opaque = server };
	for (unsigned i = 0; i < FILES_MAX; i++) {
		struct open_file *file = &server->files[i];

		file->server = server;
		file->socket = (struct loop_fd){ .fd = -1, .ready = file_ready, .opaque = file };
	}
	rc = listen_in_tree(tree, UIO_SOCKET_NAME, SOCK_SEQPACKET, &server->listener.fd);
	if (rc == 0)
		rc = loop_fd_add(loop, &server->listener, EPOLLIN);
	if (rc < 0) {
		uio_server_free(server);
		return rc;
	}
	*ret = server;
	return 0;
}

void uio_server_free(struct uio_server *server)
{
	if (server == NULL)
		return;
	for (unsigned i = 0; i < FILES_MAX; i++)
		if (server->files[i].socket.fd >= 0)
			hang_up(&server->files[i]);
	if (server->listener.fd >= 0) {
		loop_fd_remove(server->loop, &server->listener);
		close(server->listener.fd);
	}
	free(server);
}

void uio_server_add(struct uio_server *server, unsigned index, struct netvsc *dev)
{
	server->devices[index] = dev;
}
