/* The wire of a VF: frames to and from the library, and what became of them; see vf.h. */
#include "azhost/host/vf.h"

#include <errno.h>
#include <sys/socket.h>

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

static bool carries(const struct vf *vf)
{
	return !vf->cut && vf->present;
}

void vf_note_leaving(struct vf *vf)
{
	if (carries(vf) && vf->memory != NULL)
		vf->leaving = ring_backlog(&vf->to_host);
}

static void take_frame(struct vf *vf, const uint8_t *frame, uint32_t length)
{
	if (!carries(vf) && vf->leaving == 0) {
		vf->discarded++;
		return;
	}
	if (vf->leaving != 0)
		vf->leaving--;
	vf->callbacks->receive(vf->opaque, frame, length);
}

/* @patient: leave frames in the ring while they are not to be taken. */
static unsigned take_frames(struct vf *vf, bool patient)
{
	uint8_t frame[RING_FRAME_MAX];
	uint32_t length;
	unsigned work = 0;

	while (work < VF_BURST) {
		vf->held = patient && (carries(vf) || vf->leaving != 0) &&
			   !vf->callbacks->may_receive(vf->opaque);
		if (vf->held)
			break;

		int rc = ring_get(&vf->to_host, frame, &length);

		if (rc == RING_EMPTY)
			break;
		if (rc < 0) {
			vf_reject(vf, "broken ring");
			return work;
		}
		work++;
		take_frame(vf, frame, length);
		if (vf->memory == NULL)
			return work;
	}
	return work;
}

unsigned vf_poll_wire(void *opaque)
{
	struct vf *vf = opaque;

	if (vf->kick) {
		vf->kick = false;
		ring_kick(&vf->to_guest);
	}
	return take_frames(vf, true);
}

bool vf_take_unmatched(struct vf *vf)
{
	uint8_t frame[RING_FRAME_MAX];
	ssize_t n = recv(vf->unmatched.fd, frame, sizeof(frame), MSG_DONTWAIT | MSG_TRUNC);

	if (n == 0) /* closed at the other end */
		loop_fd_remove(vf->loop, &vf->unmatched);
	if (n <= 0)
		return false;
	if ((size_t)n <= sizeof(frame))
		vf->callbacks->unmatched(vf->opaque, frame, (uint32_t)n);
	return true;
}

void vf_drain(struct vf *vf)
{
	while (vf->unmatched.fd >= 0 && vf_take_unmatched(vf))
		;
	while (vf->memory != NULL && take_frames(vf, false) != 0)
		;
}

bool vf_wire_may_sleep(void *opaque)
{
	struct vf *vf = opaque;

	if (vf->kick) {
		vf->kick = false;
		ring_kick(&vf->to_guest);
	}
	vf->poller.sleep_us = vf->held ? VF_HELD_SLEEP_US : LOOP_WOKEN;
	return vf->held || ring_sleep(&vf->to_host) == RING_EMPTY;
}

bool vf_has_room(const struct vf *vf)
{
	return vf->memory == NULL || ring_room(&vf->to_guest) >= VF_ROOM;
}

struct wire_vf vf_wire(const struct vf *vf)
{
	return (struct wire_vf){
		.memory = vf->memory_fd,
		.event = vf->to_guest_event,
		.bytes = vf->memory_bytes,
		.offset = (uint64_t)((uint8_t *)vf->to_guest.shared - (uint8_t *)vf->memory),
	};
}

void vf_take_back(struct vf *vf)
{
	const size_t offset = vf_wire(vf).offset;

	if (vf->memory != NULL &&
	    ring_attach_producer(&vf->to_guest, vf->to_guest.shared, vf->memory_bytes - offset,
				 vf->to_guest_event) < 0)
		vf_reject(vf, "broken ring");
}

enum vf_send_result vf_send(struct vf *vf, const uint8_t *frame, uint32_t length)
{
	int rc = ring_put(&vf->to_guest, frame, length);

	if (rc == RING_OK) {
		vf->kick = true;
		return VF_SENT;
	}
	if (rc == -EPROTO)
		vf_reject(vf, "broken ring");
	else
		vf->ring_full++;
	return VF_SEND_FULL;
}
