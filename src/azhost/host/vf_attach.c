/*
 * A guest opens the VF: the shared memory of its wire is made, sealed, and handed over with the
 * descriptors that wire/vfproto.h lists.
 */
#include "azhost/host/vf.h"

#include "azhost/host/say.h"
#include "azhost/wire/share.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

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
	const size_t to_guest = share_round(sizeof(struct vf_shared));
	const size_t to_host = to_guest + share_round(ring_bytes(RING_SIZE_DEFAULT));
	struct vf_message message = {
		.type = VF_ATTACH,
		.attach = {
			.version = VF_PROTOCOL_VERSION,
			.link_up = vf->link_up,
			.mtu = vf->mtu,
			.flow_control = vf->flow_control,
			.queue_ms = vf->queue_ms,
			.rule_us = vf->rule_us,
			.to_guest_offset = to_guest,
			.to_host_offset = to_host,
		},
	};
	int fds[VF_FD_COUNT] = { -1, -1, -1, -1 };
	int rc;

	vf->memory_bytes = to_host + share_round(ring_bytes(RING_SIZE_DEFAULT));
	message.attach.wire_bytes = vf->memory_bytes;
	memcpy(message.attach.mac, vf->mac, sizeof(vf->mac));
	vf->to_guest_event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	vf->to_host_event.fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (vf->to_guest_event < 0 || vf->to_host_event.fd < 0)
		return -errno;
	/* Frames and counters are on pages of their own. */
	rc = share_new("azhost-vf", vf->memory_bytes, &vf->memory, &vf->memory_fd);
	if (rc < 0)
		return rc;
	ring_format((uint8_t *)vf->memory + to_guest, RING_SIZE_DEFAULT);
	ring_format((uint8_t *)vf->memory + to_host, RING_SIZE_DEFAULT);
	vf->shared = vf->memory;
	rc = ring_attach_producer(&vf->to_guest, (uint8_t *)vf->memory + to_guest,
				  vf->memory_bytes - to_guest, vf->to_guest_event);
	if (rc == 0)
		rc = ring_attach_consumer(&vf->to_host, (uint8_t *)vf->memory + to_host,
					  vf->memory_bytes - to_host, vf->to_host_event.fd);
	fds[VF_FD_WIRE] = vf->memory_fd;
	fds[VF_FD_TO_GUEST] = vf->to_guest_event;
	fds[VF_FD_TO_HOST] = vf->to_host_event.fd;
	fds[VF_FD_NETDEV] = vf->netdev_fd;
	if (rc == 0 && vf->under_synthetic)
		rc = make_unmatched(vf, &fds[VF_FD_NETDEV]);
	if (rc == 0)
		rc = share_send(socket, &message, sizeof(message), fds, VF_FD_COUNT);
	if (fds[VF_FD_NETDEV] != vf->netdev_fd)
		close(fds[VF_FD_NETDEV]);
	return rc;
}

static void drop_wire(struct vf *vf)
{
	if (vf->memory != NULL)
		munmap(vf->memory, vf->memory_bytes);
	if (vf->memory_fd >= 0)
		close(vf->memory_fd);
	if (vf->to_guest_event >= 0)
		close(vf->to_guest_event);
	if (vf->to_host_event.fd >= 0)
		close(vf->to_host_event.fd);
	if (vf->unmatched.fd >= 0)
		close(vf->unmatched.fd);
	vf->memory = NULL;
	vf->shared = NULL;
	vf->memory_fd = vf->to_guest_event = vf->to_host_event.fd = vf->unmatched.fd = -1;
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
