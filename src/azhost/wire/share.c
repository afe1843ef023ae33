/* Memory and descriptors for another process, see share.h. */
#include "azhost/wire/share.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define PAGE 4096u

union control {
	char space[CMSG_SPACE(SHARE_FDS * sizeof(int))];
	struct cmsghdr align;
};

size_t share_round(size_t bytes)
{
	return (bytes + PAGE - 1) & ~(size_t)(PAGE - 1);
}

int share_new(const char *name, size_t bytes, void **ret_memory, int *ret_fd)
{
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	void *memory = MAP_FAILED;
	int rc = 0;

	if (fd < 0)
		return -errno;
	if (ftruncate(fd, (off_t)bytes) == 0 &&
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0)
		memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (memory == MAP_FAILED) {
		rc = -errno;
		close(fd);
		return rc;
	}
	*ret_memory = memory;
	*ret_fd = fd;
	return 0;
}

int share_send(int socket, const void *message, size_t bytes, const int *fds, unsigned count)
{
	union control control = { 0 };
	struct iovec part = { (void *)(uintptr_t)message, bytes };
	struct msghdr header = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control.space,
		.msg_controllen = CMSG_SPACE(count * sizeof(int)),
	};
	struct cmsghdr *c = CMSG_FIRSTHDR(&header);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(count * sizeof(int));
	memcpy(CMSG_DATA(c), fds, count * sizeof(int));
	return sendmsg(socket, &header, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

static void take_fds(struct msghdr *header, int *fds, unsigned count)
{
	const struct cmsghdr *c = CMSG_FIRSTHDR(header);
	unsigned came = 0;

	if (c != NULL && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
		came = (unsigned)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
	for (unsigned i = 0; i < came; i++) {
		int fd;

		memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
		if (i < count)
			fds[i] = fd;
		else
			close(fd);
	}
}

ssize_t share_receive(int socket, void *message, size_t bytes, int *fds, unsigned count)
{
	union control control;
	struct iovec part = { message, bytes };
	struct msghdr header = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control.space,
		.msg_controllen = sizeof(control.space),
	};
	ssize_t n;

	for (unsigned i = 0; i < count; i++)
		fds[i] = -1;
	n = recvmsg(socket, &header, MSG_CMSG_CLOEXEC);
	if (n < 0)
		return -errno;
	take_fds(&header, fds, count);
	return n;
}
