/* The host's end of a VF, see vf.h. */
#include "azhost/host/vf.h"

#include "azhost/host/say.h"
#include "azhost/wire/netdev.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

/* Frames taken from the guest in one go. */
#define VF_BURST 64

/* Frames and counters are on pages of their own, so that each ring starts on one. */
#define PAGE 4096u

static size_t page_round(size_t bytes)
{
	return (bytes + PAGE - 1) & ~(size_t)(PAGE - 1);
}

static uint64_t load(const uint64_t *counter)
{
	return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

static struct pci_vf as_pci(const struct vf *vf)
{
	return (struct pci_vf){
		.address = vf->address,
		.ibname = vf->ibname,
		.netdev = vf->netdev,
		.profile = vf->profile,
		.view = vf->view,
	};
}

bool vf_usable(const struct vf *vf)
{
	return vf->control.fd >= 0 && vf->present && !vf->cut;
}

struct vf_losses vf_in_flight(const struct vf *vf)
{
	struct vf_losses now = { 0 };

	if (vf->memory == NULL)
		return now;

	uint64_t delivered = load(&vf->shared->delivered);
	uint64_t consumed = load(&vf->shared->consumed);

	now.undelivered = ring_backlog(&vf->to_guest);
	now.unseen = delivered > consumed ? delivered - consumed : 0;
	now.unsent = load(&vf->shared->unsent);
	now.no_buffer = load(&vf->shared->no_buffer);
	return now;
}

/* The guest let go of the VF: settle the accounts and unmap. */
static void detach(struct vf *vf)
{
	if (vf->control.fd < 0)
		return;

	struct vf_losses last = vf_in_flight(vf);

	vf->losses.undelivered += last.undelivered;
	vf->losses.unseen += last.unseen;
	vf->losses.unsent += last.unsent;
	vf->losses.no_buffer += last.no_buffer;
	say_detail("%s: VF closed by the guest (%llu frames unseen)", vf->ibname,
		   (unsigned long long)(last.undelivered + last.unseen));
	loop_poller_remove(vf->loop, &vf->poller);
	loop_fd_remove(vf->loop, &vf->control);
	loop_fd_remove(vf->loop, &vf->to_host_event);
	close(vf->control.fd);
	close(vf->to_host_event.fd);
	close(vf->to_guest_event);
	munmap(vf->memory, vf->memory_bytes);
	vf->control.fd = vf->to_host_event.fd = vf->to_guest_event = -1;
	vf->memory = NULL;
	vf->shared = NULL;
	vf->ready = false;
	vf->callbacks->changed(vf->opaque);
}

/* The guest's side broke the rules: as good as gone. */
static void reject(struct vf *vf, const char *what)
{
	vf->protocol_errors++;
	say("%s: %s: closing the VF's wire", vf->ibname, what);
	detach(vf);
}

static void take_report(struct vf *vf, const struct vf_message *message)
{
	if (message->report.count > VF_REPORT_ITEMS) {
		reject(vf, "impossible report");
		return;
	}
	vf->report = *message;
	for (uint32_t i = 0; i < message->report.count; i++)
		vf->report.report.items[i].name[sizeof(message->report.items[i].name) - 1] = '\0';
}

static unsigned poll_wire(void *opaque)
{
	struct vf *vf = opaque;
	uint8_t frame[RING_FRAME_MAX];
	uint32_t length;
	unsigned work = 0;

	if (vf->kick) {
		vf->kick = false;
		ring_kick(&vf->to_guest);
	}
	while (work < VF_BURST) {
		int rc = ring_get(&vf->to_host, frame, &length);

		if (rc == RING_EMPTY)
			break;
		if (rc < 0) {
			reject(vf, "broken ring");
			return work;
		}
		work++;
		if (!vf->cut && vf->present)
			vf->callbacks->receive(vf->opaque, frame, length);
		else
			vf->discarded++;
		if (vf->memory == NULL)
			return work;
	}
	return work;
}

/* What the guest had sent before it let go of the VF is on its way. */
static void drain(struct vf *vf)
{
	while (vf->memory != NULL && poll_wire(vf) != 0)
		;
}

static void control_ready(void *opaque, uint32_t events)
{
	struct vf *vf = opaque;
	struct vf_message message;
	ssize_t n = recv(vf->control.fd, &message, sizeof(message), MSG_DONTWAIT | MSG_TRUNC);

	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		drain(vf);
		detach(vf);
		return;
	}
	if (n != sizeof(message)) {
		reject(vf, "message of a wrong size");
		return;
	}
	switch (message.type) {
	case VF_READY:
		vf->ready = message.value != 0;
		say_detail("%s: VF %s", vf->ibname, vf->ready ? "ready" : "not ready");
		vf->callbacks->changed(vf->opaque);
		break;
	case VF_REPORT:
		take_report(vf, &message);
		break;
	default:
		reject(vf, "message of an unknown type");
	}
}

static void drain_event(void *opaque, uint32_t events)
{
	struct vf *vf = opaque;
	uint64_t value;
	ssize_t n = read(vf->to_host_event.fd, &value, sizeof(value));

	/* The wake-up itself is the news: the poller runs next. */
	(void)n;
	(void)events;
}

static bool wire_may_sleep(void *opaque)
{
	struct vf *vf = opaque;

	if (vf->kick) {
		vf->kick = false;
		ring_kick(&vf->to_guest);
	}
	return ring_sleep(&vf->to_host) == RING_EMPTY;
}

void vf_init(struct vf *vf, const struct tree *tree, struct loop *loop,
	     const struct vf_callbacks *callbacks, void *opaque)
{
	vf->tree = tree;
	vf->loop = loop;
	vf->callbacks = callbacks;
	vf->opaque = opaque;
	vf->link_up = true;
	vf->netdev_fd = vf->to_guest_event = -1;
	vf->control = (struct loop_fd){ .fd = -1, .ready = control_ready, .opaque = vf };
	vf->to_host_event = (struct loop_fd){ .fd = -1, .ready = drain_event, .opaque = vf };
	vf->poller = (struct loop_poller){
		.poll = poll_wire,
		.may_sleep = wire_may_sleep,
		.opaque = vf,
		.sleep_us = LOOP_WOKEN,
	};
}

void vf_fini(struct vf *vf)
{
	detach(vf);
	vf_unplug(vf);
}

int vf_plug(struct vf *vf)
{
	const struct pci_vf pci = as_pci(vf);
	int rc;

	if (vf->present)
		return 0;
	/* An interface that the last removal could not delete still holds the name. */
	if (netdev_index(vf->netdev) != 0)
		(void)netdev_delete(vf->netdev);
	rc = netdev_tap(vf->netdev, vf->mac, &vf->netdev_fd);
	if (rc < 0)
		return rc;
	rc = netdev_up(vf->netdev, vf->mtu);
	if (rc == 0)
		rc = pci_add(vf->tree, &pci);
	if (rc < 0) {
		close(vf->netdev_fd);
		vf->netdev_fd = -1;
		return rc;
	}
	if (!vf->link_up)
		(void)netdev_carrier(vf->netdev_fd, false);
	vf->present = true;
	vf->callbacks->changed(vf->opaque);
	return 0;
}

void vf_unplug(struct vf *vf)
{
	const struct pci_vf pci = as_pci(vf);

	if (!vf->present)
		return;
	vf->present = false;
	pci_remove(vf->tree, &pci);
	/* The library may still hold the TAP: deleting is what makes the interface go. */
	(void)netdev_delete(vf->netdev);
	close(vf->netdev_fd);
	vf->netdev_fd = -1;
	vf->callbacks->changed(vf->opaque);
}

static int tell(struct vf *vf, const struct vf_message *message)
{
	if (vf->control.fd < 0)
		return -ENOTCONN;
	if (send(vf->control.fd, message, sizeof(*message), MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		return -errno;
	return 0;
}

void vf_cut(struct vf *vf, bool cut)
{
	vf->cut = cut;
	vf->callbacks->changed(vf->opaque);
}

void vf_fatal(struct vf *vf, uint32_t value)
{
	const struct vf_message message = { .type = VF_FATAL, .value = value };

	vf_cut(vf, true);
	/* Not attached: nobody to tell. */
	(void)tell(vf, &message);
}

void vf_set_link(struct vf *vf, bool up)
{
	const struct vf_message message = { .type = VF_LINK, .value = up };

	vf->link_up = up;
	if (vf->netdev_fd >= 0)
		(void)netdev_carrier(vf->netdev_fd, up);
	(void)tell(vf, &message);
}

int vf_fault(struct vf *vf, enum vf_fault fault, uint64_t value)
{
	const struct vf_message message = {
		.type = VF_FAULT,
		.fault = { .fault = fault, .value = value },
	};

	return tell(vf, &message);
}

int vf_query(struct vf *vf)
{
	const struct vf_message message = { .type = VF_QUERY };

	vf->report.report.count = 0;
	return tell(vf, &message);
}

enum vf_send_result vf_send(struct vf *vf, const uint8_t *frame, uint32_t length)
{
	int rc = ring_put(&vf->to_guest, frame, length);

	if (rc == RING_OK) {
		vf->kick = true;
		return VF_SENT;
	}
	if (rc == -EPROTO)
		reject(vf, "broken ring");
	else
		vf->ring_full++;
	return VF_SEND_FULL;
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
	if (rc == 0)
		rc = send_attach(socket, &message, fds);
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
	vf->memory = NULL;
	vf->shared = NULL;
	vf->to_guest_event = vf->to_host_event.fd = -1;
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
	if (rc < 0) {
		say("%s: cannot attach the guest: %s", vf->ibname, strerror(-rc));
		loop_fd_remove(vf->loop, &vf->control);
		vf->control.fd = -1;
		drop_wire(vf);
		vf_refuse(fd, rc);
		return;
	}
	vf->cut = false;
	vf->kick = false;
	vf->attaches++;
	loop_poller_add(vf->loop, &vf->poller);
	say_detail("%s: VF opened by the guest at %s", vf->ibname, vf->address);
	vf->callbacks->changed(vf->opaque);
}

void vf_list_entry(const struct vf *vf, char *text, size_t size)
{
	if (!vf->present) {
		text[0] = '\0';
		return;
	}
	snprintf(text, size, "%s,%s,%s,%s,%s", vf->ibname, vf->address, vf->netdev, vf->profile,
		 vf->pair ? "pair" : "ring");
}
