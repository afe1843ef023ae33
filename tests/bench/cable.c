/*
 * A socket: see cable.h.
 */
#include "bench/cable.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* Small: frames that wait here are not on their way yet, and are stamped already. */
#define SEND_BUFFER (64 << 10)

int cable_plug(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	const int size = SEND_BUFFER;
	int r = 0;

	if (fd < 0)
		return -errno;
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)) < 0) {
		r = -errno;
		close(fd);
	}
	return r < 0 ? r : fd;
}

int cable_send(int cable, const struct iovec *frames, unsigned count)
{
	struct mmsghdr messages[CABLE_BURST];
	int sent;

	for (unsigned i = 0; i < count; i++)
		messages[i] = (struct mmsghdr){ .msg_hdr = { .msg_iov = (struct iovec *)&frames[i],
							     .msg_iovlen = 1 } };
	sent = sendmmsg(cable, messages, count, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (sent < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	return sent;
}

int cable_receive(int cable, uint8_t *frame, unsigned size)
{
	ssize_t n = recv(cable, frame, size, MSG_DONTWAIT);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	return n > 0 ? (int)n : -EPIPE;
}
