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

/* Frames without a rule that are taken in one go. */
#define UNMATCHED_BURST 64

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
	loop_fd_remove(vf->loop, &vf->unmatched);
	close(vf->control.fd);
	close(vf->to_host_event.fd);
	close(vf->to_guest_event);
	if (vf->unmatched.fd >= 0)
		close(vf->unmatched.fd);
	munmap(vf->memory, vf->memory_bytes);
	close(vf->memory_fd);
	vf->control.fd = vf->to_host_event.fd = vf->to_guest_event = vf->unmatched.fd = -1;
	vf->memory_fd = -1;
	vf->memory = NULL;
	vf->shared = NULL;
	vf->ready = false;
	vf->callbacks->changed(vf->opaque);
}

void vf_reject(struct vf *vf, const char *what)
{
	vf->protocol_errors++;
	say("%s: %s: closing the VF's wire", vf->ibname, what);
	detach(vf);
}

static void take_report(struct vf *vf, const struct vf_message *message)
{
	struct vf_report *report = &vf->report;
	const uint32_t most = sizeof(report->items) / sizeof(report->items[0]);

	if (message->report.count > VF_REPORT_ITEMS) {
		vf_reject(vf, "impossible report");
		return;
	}
	for (uint32_t i = 0; i < message->report.count && report->count < most; i++) {
		char *name = report->items[report->count].name;

		memcpy(name, message->report.items[i].name, sizeof(report->items[0].name));
		name[sizeof(report->items[0].name) - 1] = '\0';
		report->items[report->count++].value = message->report.items[i].value;
	}
	report->complete = message->report.last != 0;
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
		vf_drain(vf);
		detach(vf);
		return;
	}
	if (n != sizeof(message)) {
		vf_reject(vf, "message of a wrong size");
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
		vf_reject(vf, "message of an unknown type");
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

static void unmatched_ready(void *opaque, uint32_t events)
{
	struct vf *vf = opaque;

	(void)events;
	for (unsigned i = 0; i < UNMATCHED_BURST && vf_take_unmatched(vf); i++)
		;
}

void vf_init(struct vf *vf, const struct tree *tree, struct loop *loop,
	     const struct vf_callbacks *callbacks, void *opaque)
{
	vf->tree = tree;
	vf->loop = loop;
	vf->callbacks = callbacks;
	vf->opaque = opaque;
	vf->link_up = true;
	vf->netdev_fd = vf->memory_fd = vf->to_guest_event = -1;
	vf->control = (struct loop_fd){ .fd = -1, .ready = control_ready, .opaque = vf };
	vf->to_host_event = (struct loop_fd){ .fd = -1, .ready = drain_event, .opaque = vf };
	vf->unmatched = (struct loop_fd){ .fd = -1, .ready = unmatched_ready, .opaque = vf };
	vf->poller = (struct loop_poller){
		.poll = vf_poll_wire,
		.may_sleep = vf_wire_may_sleep,
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
	vf_note_leaving(vf);
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
	if (cut)
		vf_note_leaving(vf);
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

	vf->report = (struct vf_report){ 0 };
	return tell(vf, &message);
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
