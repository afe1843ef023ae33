/*
 * The wire `unix:PATH`: an AF_UNIX SOCK_SEQPACKET socket, one frame a packet. Whoever is first at
 * PATH listens, the second connects: so two hosts are joined by giving both the same PATH, and any
 * program that can open a socket is a peer. Where the peer goes away, the listener waits for the
 * next one; a host that had connected tries again, and listens if nobody does.
 *
 * It is lossless: what the socket does not take now waits in a backlog, and what the switch does
 * not take now is left in the socket.
 */
#include "azhost/host/loop.h"
#include "azhost/wire/backlog.h"
#include "azhost/wire/intake.h"
#include "azhost/wire/ring.h"
#include "azhost/wire/wire.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define UNIX_BUFFER   (4 << 20)
#define UNIX_RETRY_NS 200000000u

/* Longest backlog that still counts as room. */
#define UNIX_ROOM 256u

/* The socket has been full: how often it is tried. */
#define UNIX_FLUSH_US 50u

struct unix_wire {
	struct wire wire;
	struct loop *loop;
	struct sockaddr_un address;
	struct loop_fd listener; /* fd -1: this side connected */
	int peer;                /* -1: nobody is there */
	struct intake intake;    /* of the peer */
	struct backlog backlog;  /* not empty: `flusher` is with the loop */
	struct loop_poller flusher;
	struct loop_timer retry;
};

static void forget_backlog(struct unix_wire *u)
{
	if (u->backlog.count == 0)
		return;
	backlog_clear(&u->backlog);
	loop_poller_remove(u->loop, &u->flusher);
}

static void unplug(struct unix_wire *u)
{
	if (u->peer < 0)
		return;
	forget_backlog(u);
	intake_close(&u->intake);
	close(u->peer);
	u->peer = -1;
}

static void peer_gone(struct unix_wire *u)
{
	unplug(u);
	if (u->listener.fd < 0)
		loop_timer_set(u->loop, &u->retry, UNIX_RETRY_NS);
}

static void peer_ready(void *opaque, uint32_t events)
{
	struct unix_wire *u = opaque;
	uint8_t frame[RING_FRAME_MAX];

	(void)events;
	for (unsigned i = 0; i < INTAKE_BURST && intake_may_read(&u->intake); i++) {
		ssize_t n = recv(u->peer, frame, sizeof(frame), MSG_DONTWAIT | MSG_TRUNC);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n <= 0) {
			peer_gone(u);
			return;
		}
		if ((size_t)n > sizeof(frame))
			continue;
		intake_take(&u->intake, frame, (uint32_t)n);
	}
}

static int take_peer(struct unix_wire *u, int fd)
{
	const int size = UNIX_BUFFER;

	/* Limited by wmem_max; a smaller buffer only means that the sender waits or drops earlier.
	 */
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	u->peer = fd;

	int rc = intake_open(&u->intake, fd);

	if (rc < 0) {
		close(fd);
		u->peer = -1;
	}
	return rc;
}

static void listener_ready(void *opaque, uint32_t events)
{
	struct unix_wire *u = opaque;
	int fd = accept4(u->listener.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)events;
	if (fd < 0)
		return;
	/* A cable has two ends: the newest peer wins, as when somebody replugs it. */
	unplug(u);
	(void)take_peer(u, fd);
}

static int try_connect(struct unix_wire *u)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&u->address, sizeof(u->address)) < 0) {
		int rc = -errno;

		close(fd);
		return rc;
	}
	return take_peer(u, fd);
}

static int try_listen(struct unix_wire *u)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int rc;

	if (fd < 0)
		return -errno;
	if (bind(fd, (struct sockaddr *)&u->address, sizeof(u->address)) < 0 || listen(fd, 4) < 0) {
		rc = -errno;
		close(fd);
		return rc;
	}
	u->listener.fd = fd;
	rc = loop_fd_add(u->loop, &u->listener, EPOLLIN);
	if (rc < 0) {
		close(fd);
		u->listener.fd = -1;
	}
	return rc;
}

/* Connect, else listen; a socket file that nobody listens on is left over from a host that died. */
static int plug(struct unix_wire *u)
{
	int rc = try_connect(u);

	if (rc == -ECONNREFUSED) {
		(void)unlink(u->address.sun_path);
		rc = -ENOENT;
	}
	if (rc != -ENOENT)
		return rc;
	rc = try_listen(u);
	/* Somebody was faster. */
	if (rc == -EADDRINUSE)
		rc = try_connect(u);
	return rc;
}

static void retry(void *opaque)
{
	struct unix_wire *u = opaque;

	if (plug(u) < 0)
		loop_timer_set(u->loop, &u->retry, UNIX_RETRY_NS);
}

static int send_now(const struct unix_wire *u, const uint8_t *frame, uint32_t length)
{
	return send(u->peer, frame, length, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
}

static unsigned flush(void *opaque)
{
	struct unix_wire *u = opaque;
	const struct backlog_frame *head;
	unsigned work = 0;

	/* What fails for another reason than a full socket is lost; a peer that has gone is noticed
	 * by reading. */
	while ((head = backlog_head(&u->backlog)) != NULL &&
	       send_now(u, head->bytes, head->length) != -EAGAIN) {
		backlog_pop(&u->backlog);
		work++;
	}
	if (head == NULL)
		loop_poller_remove(u->loop, &u->flusher);
	return work;
}

static int unix_open(struct loop *loop, const char *argument,
		     const struct wire_callbacks *callbacks, void *opaque, struct wire **ret_wire,
		     const char **ret_why)
{
	struct unix_wire *u = calloc(1, sizeof(*u));
	int rc;

	*ret_why = "cannot open the socket";
	if (u == NULL)
		return -ENOMEM;
	*u = (struct unix_wire){
		.wire.type = &wire_unix,
		.loop = loop,
		.address.sun_family = AF_UNIX,
		.listener = { .fd = -1, .ready = listener_ready, .opaque = u },
		.peer = -1,
		.flusher = { .poll = flush, .opaque = u, .sleep_us = UNIX_FLUSH_US },
		.retry = { .fire = retry, .opaque = u },
	};
	intake_init(&u->intake, loop, callbacks, opaque, peer_ready, u);
	if (strlen(argument) >= sizeof(u->address.sun_path)) {
		rc = -ENAMETOOLONG;
	} else {
		memcpy(u->address.sun_path, argument, strlen(argument));
		rc = plug(u);
	}
	if (rc < 0) {
		free(u);
		return rc;
	}
	*ret_wire = &u->wire;
	return 0;
}

static int unix_send(struct wire *wire, const uint8_t *frame, uint32_t length)
{
	struct unix_wire *u = (struct unix_wire *)wire;

	int rc = -EAGAIN;

	if (u->peer < 0)
		return -ENOTCONN;
	if (u->backlog.count == 0)
		rc = send_now(u, frame, length);
	if (rc != -EAGAIN)
		return rc;
	rc = backlog_put(&u->backlog, frame, length);
	if (rc == 0 && u->backlog.count == 1)
		loop_poller_add(u->loop, &u->flusher);
	return rc;
}

static bool unix_has_room(const struct wire *wire)
{
	return ((const struct unix_wire *)wire)->backlog.count < UNIX_ROOM;
}

static void unix_close(struct wire *wire)
{
	struct unix_wire *u = (struct unix_wire *)wire;

	loop_timer_cancel(u->loop, &u->retry);
	unplug(u);
	if (u->listener.fd >= 0) {
		loop_fd_remove(u->loop, &u->listener);
		close(u->listener.fd);
		(void)unlink(u->address.sun_path);
	}
	free(u);
}

const struct wire_type wire_unix = {
	.name = "unix",
	.help = "unix:PATH   a SOCK_SEQPACKET socket, one frame a packet; the first there listens",
	.open = unix_open,
	.send = unix_send,
	.has_room = unix_has_room,
	.close = unix_close,
};
