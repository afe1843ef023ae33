/*
 * A guest opens the VF: the shared memory of its wire is made, sealed, and handed over with the
 * descriptors that wire/vfproto.h lists.
 */
#include "azhost/host/vf.h"

#include "azhost/host/say.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

/* Frames and counters are on pages of their own, so that each ring starts on one. */
#define PAGE 4096u

static size_t page_round(size_t bytes)
{
	return (bytes + PAGE - 1) & ~(size_t)(PAGE - 1);
}

static int make_memory(struct vf *vf, size_t to_guest, size_t to_host, int *ret_fd)
{
	int fd = memfd_create("azhost-vf", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int rc;

	if (fd < 0)
		return -errno;
	/* Sealed: a guest that could shrink it could make the host touch what is no longer there.
	 */
	if (ftruncate(fd, (off_t)vf->memory_bytes) < 0 ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0) {
		rc = -errno;
		goto fail;
	}
	vf->memory = mmap(NULL, vf->memory_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (vf->memory == MAP_FAILED) {
		vf->memory = NULL;
		rc = -errno;
		goto fail;
	}
	ring_format((uint8_t *)vf->memory + to_guest, RING_SIZE_DEFAULT);
	ring_format((uint8_t *)vf->memory + to_host, RING_SIZE_DEFAULT);
	*ret_fd = fd;
	return 0;
fail:
	close(fd);
	return rc;
}

static int send_attach(int socket, const struct vf_message *message, const int *fds)
{
	union {
		char space[CMSG_SPACE(VF_FD_COUNT * sizeof(int))];
		struct cmsghdr align;
	} control = { 0 };
	struct iovec part = { (void *)(uintptr_t)message, sizeof(*message) };
	struct msghdr header = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control.space,
		.msg_controllen = sizeof(control.space),
	};
	struct cmsghdr *c = CMSG_FIRSTHDR(&header);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(VF_FD_COUNT * sizeof(int));
	memcpy(CMSG_DATA(c), fds, VF_FD_COUNT * sizeof(int));
	return sendmsg(socket, &header, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

void vf_refuse(int fd, int status)
{
	const struct vf_message message = {
		.type = VF_ATTACH,
		.attach = { .status = status, .version = VF_PROTOCOL_VERSION },
	};

	/* The library finds out by the end of the connection as well. */
	(void)send(fd, &message, sizeof(message), MSG_DONTWAIT | MSG_NOSIGNAL);
	close(fd);
}

/* A pair of sockets in the place of the TAP: the library only reads and writes frames. */
static int make_unmatched(struct vf *vf, int *ret_theirs)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	vf->unmatched.fd = pair[0];
	*ret_theirs = pair[1];
	return 0;
}

/* Everything of an attachment but the loop's part. */
static int make_wire(struct vf *vf, int socket)
{
	const size_t to_guest = page_round(sizeof(struct vf_shared));
	const size_t to_host = to_guest + page_round(ring_bytes(RING_SIZE_DEFAULT));
	struct vf_message message = {
		.type = VF_ATTACH,
		.attach = {
			.version = VF_PROTOCOL_VERSION,
			.link_up = vf->link_up,
			.mtu = vf->mtu,
			.flow_control = vf->flow_control,
			.queue_ms = vf->queue_ms,
			.to_guest_offset = to_guest,
			.to_host_offset = to_host,
		},
	};
	int fds[VF_FD_COUNT] = { -1, -1, -1, -1 };
	int rc;

	vf->memory_bytes = to_host + page_round(ring_bytes(RING_SIZE_DEFAULT));
	message.attach.wire_bytes = vf->memory_bytes;
	memcpy(message.attach.mac, vf->mac, sizeof(vf->mac));
	vf->to_guest_event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	vf->to_host_event.fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (vf->to_guest_event < 0 || vf->to_host_event.fd < 0)
		return -errno;
	rc = make_memory(vf, to_guest, to_host, &fds[VF_FD_WIRE]);
	if (rc < 0)
		return rc;
	vf->shared = vf->memory;
	rc = ring_attach_producer(&vf->to_guest, (uint8_t *)vf->memory + to_guest,
				  vf->memory_bytes - to_guest, vf->to_guest_event);
	if (rc == 0)
		rc = ring_attach_consumer(&vf->to_host, (uint8_t *)vf->memory + to_host,
					  vf->memory_bytes - to_host, vf->to_host_event.fd);
	fds[VF_FD_TO_GUEST] = vf->to_guest_event;
	fds[VF_FD_TO_HOST] = vf->to_host_event.fd;
	fds[VF_FD_NETDEV] = vf->netdev_fd;
	if (rc == 0 && vf->under_synthetic)
		rc = make_unmatched(vf, &fds[VF_FD_NETDEV]);
	if (rc == 0)
		rc = send_attach(socket, &message, fds);
	if (fds[VF_FD_NETDEV] != vf->netdev_fd)
		close(fds[VF_FD_NETDEV]);
	close(fds[VF_FD_WIRE]);
	return rc;
}

static void drop_wire(struct vf *vf)
{
	if (vf->memory != NULL)
		munmap(vf->memory, vf->memory_bytes);
	if (vf->to_guest_event >= 0)
		close(vf->to_guest_event);
	if (vf->to_host_event.fd >= 0)
		close(vf->to_host_event.fd);
	if (vf->unmatched.fd >= 0)
		close(vf->unmatched.fd);
	vf->memory = NULL;
	vf->shared = NULL;
	vf->to_guest_event = vf->to_host_event.fd = vf->unmatched.fd = -1;
}

void vf_attach(struct vf *vf, int fd)
{
	int rc = 0;

	if (!vf->present)
		rc = -ENODEV;
	else if (vf->control.fd >= 0)
		rc = -EBUSY;
	if (rc < 0) {
		vf_refuse(fd, rc);
		return;
	}
	rc = make_wire(vf, fd);
	vf->control.fd = fd;
	if (rc == 0)
		rc = loop_fd_add(vf->loop, &vf->control, EPOLLIN);
	if (rc == 0)
		rc = loop_fd_add(vf->loop, &vf->to_host_event, EPOLLIN);
	if (rc == 0 && vf->unmatched.fd >= 0)
		rc = loop_fd_add(vf->loop, &vf->unmatched, EPOLLIN);
	if (rc < 0) {
		say("%s: cannot attach the guest: %s", vf->ibname, strerror(-rc));
		loop_fd_remove(vf->loop, &vf->control);
		loop_fd_remove(vf->loop, &vf->to_host_event);
		vf->control.fd = -1;
		drop_wire(vf);
		vf_refuse(fd, rc);
		return;
	}
	vf->cut = false;
	vf->kick = false;
	vf->leaving = 0;
	vf->attaches++;
	loop_poller_add(vf->loop, &vf->poller);
	say_detail("%s: VF opened by the guest at %s", vf->ibname, vf->address);
	vf->callbacks->changed(vf->opaque);
}
