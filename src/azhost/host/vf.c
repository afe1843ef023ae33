/* The host's end of a VF, see vf.h. */
#include "azhost/host/vf.h"

#include "azhost/host/say.h"
#include "azhost/wire/netdev.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

/* Frames taken from the guest in one go. */
#define VF_BURST 64

/* What counts as room for a burst. */
#define VF_ROOM (RING_SIZE_DEFAULT / 4)

/* While the guest's frames have to wait, nobody wakes the host when they need no longer. */
#define VF_HELD_SLEEP_US 50u

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
	now.no_rule = load(&vf->shared->to_kernel) + load(&vf->shared->dropped);
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
	vf->losses.no_rule += last.no_rule;
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
	vf->held = false;
	while (work < VF_BURST) {
		/* A wire that is cut swallows what comes. */
		if (!vf->cut && vf->present && !vf->callbacks->may_receive(vf->opaque)) {
			vf->held = true;
			break;
		}

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
	vf->poller.sleep_us = vf->held ? VF_HELD_SLEEP_US : LOOP_WOKEN;
	return vf->held || ring_sleep(&vf->to_host) == RING_EMPTY;
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

bool vf_has_room(const struct vf *vf)
{
	return vf->memory == NULL || ring_room(&vf->to_guest) >= VF_ROOM;
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

void vf_list_entry(const struct vf *vf, char *text, size_t size)
{
	if (!vf->present) {
		text[0] = '\0';
		return;
	}
	snprintf(text, size, "%s,%s,%s,%s,%s", vf->ibname, vf->address, vf->netdev, vf->profile,
		 vf->pair ? "pair" : "ring");
}
