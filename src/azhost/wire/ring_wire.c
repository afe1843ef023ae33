/*
 * The wire `ring:PATH`: two rings in memory that is shared with the program at the other end
 * (cable.h), for which this side listens at PATH. Ten times as fast as a socket, and as lossless:
 * what the switch does not take now is left in the ring, and a full ring is no room.
 */
#include "azhost/host/listen.h"
#include "azhost/host/loop.h"
#include "azhost/host/say.h"
#include "azhost/wire/cable.h"
#include "azhost/wire/ring.h"
#include "azhost/wire/share.h"
#include "azhost/wire/wire.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

/* Frames taken in one go: fewer than the room that a switch's port says it has. */
#define BURST 32u

/* What counts as room for a burst, or for a large send in its segments. */
#define ROOM (RING_SIZE_DEFAULT / 4)

/* While frames have to wait, nobody tells when they need no longer. */
#define HELD_SLEEP_US 50u

struct ring_wire {
	struct wire wire;
	struct loop *loop;
	char *path;
	struct wire_callbacks callbacks;
	void *opaque;
	struct loop_fd listener;
	struct loop_fd peer; /* fd -1: nobody is there */

	/* Since its hello: */
	struct cable_shared *shared; /* start of the mapping; NULL: no hello yet */
	size_t bytes;
	struct ring to_switch, to_peer;
	struct loop_fd to_switch_event;
	int to_peer_event;
	struct loop_poller poller;
	bool kick; /* frames were put since the last kick */
	bool held; /* the peer's frames have to wait */
	bool feeds_vf;

	struct wire_vf vf; /* on offer */
	bool has_vf;
	uint32_t vf_serial;
};

/* Also of a peer whose rings were made in part only. */
static void detach(struct ring_wire *w)
{
	loop_poller_remove(w->loop, &w->poller);
	loop_fd_remove(w->loop, &w->to_switch_event);
	if (w->feeds_vf)
		w->callbacks.feeds_vf(w->opaque, false);
	if (w->shared != NULL)
		munmap(w->shared, w->bytes);
	if (w->to_switch_event.fd >= 0)
		close(w->to_switch_event.fd);
	if (w->to_peer_event >= 0)
		close(w->to_peer_event);
	w->shared = NULL;
	w->to_switch_event.fd = w->to_peer_event = -1;
	w->feeds_vf = w->kick = false;
}

static void unplug(struct ring_wire *w)
{
	if (w->peer.fd < 0)
		return;
	detach(w);
	loop_fd_remove(w->loop, &w->peer);
	close(w->peer.fd);
	w->peer.fd = -1;
}

/* --- frames --- */

static unsigned poll_ring(void *opaque)
{
	struct ring_wire *w = opaque;
	uint8_t frame[RING_FRAME_MAX];
	uint32_t length;
	unsigned work = 0;

	if (w->kick) {
		w->kick = false;
		ring_kick(&w->to_peer);
	}
	w->held = !w->callbacks.may_receive(w->opaque);
	while (!w->held && work < BURST) {
		int rc = ring_get(&w->to_switch, frame, &length);

		if (rc == RING_EMPTY)
			break;
		if (rc < 0) {
			say("ring:%s: broken ring: unplugging the cable", w->path);
			unplug(w);
			break;
		}
		work++;
		w->callbacks.receive(w->opaque, frame, length);
	}
	return work;
}

static bool may_sleep(void *opaque)
{
	struct ring_wire *w = opaque;

	if (w->kick) {
		w->kick = false;
		ring_kick(&w->to_peer);
	}
	w->poller.sleep_us = w->held ? HELD_SLEEP_US : LOOP_WOKEN;
	return w->held || ring_sleep(&w->to_switch) == RING_EMPTY;
}

static void drain_event(void *opaque, uint32_t events)
{
	struct ring_wire *w = opaque;
	uint64_t value;
	ssize_t n = read(w->to_switch_event.fd, &value, sizeof(value));

	/* The wake-up itself is the news: the poller runs next. */
	(void)n;
	(void)events;
}

static int ring_send(struct wire *wire, const uint8_t *frame, uint32_t length)
{
	struct ring_wire *w = (struct ring_wire *)wire;
	int rc;

	if (w->shared == NULL)
		return -ENOTCONN;
	rc = ring_put(&w->to_peer, frame, length);
	if (rc == RING_OK)
		w->kick = true;
	return rc == RING_FULL ? -EAGAIN : rc;
}

static bool ring_has_room(const struct wire *wire)
{
	const struct ring_wire *w = (const struct ring_wire *)wire;

	return w->shared == NULL || ring_room(&w->to_peer) >= ROOM;
}

/* --- the VF --- */

static void lend(struct ring_wire *w)
{
	const struct cable_message message = {
		.type = CABLE_VF,
		.version = CABLE_VERSION,
		.serial = ++w->vf_serial,
		.bytes = w->vf.bytes,
		.to_switch_offset = w->vf.offset,
	};
	const int fds[CABLE_VF_FDS] = { w->vf.memory, w->vf.event };

	if (share_send(w->peer.fd, &message, sizeof(message), fds, CABLE_VF_FDS) == 0)
		__atomic_store_n(&w->shared->vf, w->vf_serial, __ATOMIC_RELEASE);
}

static void ring_offer_vf(struct wire *wire, const struct wire_vf *vf)
{
	struct ring_wire *w = (struct ring_wire *)wire;

	if (vf != NULL && w->has_vf && memcmp(vf, &w->vf, sizeof(*vf)) == 0)
		return;
	w->has_vf = vf != NULL;
	if (w->has_vf)
		w->vf = *vf;
	if (!w->feeds_vf)
		return;
	__atomic_store_n(&w->shared->vf, 0, __ATOMIC_RELEASE);
	if (w->has_vf)
		lend(w);
}

/* --- the peer --- */

static int make_rings(struct ring_wire *w)
{
	const size_t to_program = share_round(sizeof(struct cable_shared));
	const size_t to_switch = to_program + share_round(ring_bytes(RING_SIZE_DEFAULT));
	const struct cable_message message = {
		.type = CABLE_ATTACH,
		.version = CABLE_VERSION,
		.bytes = to_switch + share_round(ring_bytes(RING_SIZE_DEFAULT)),
		.to_program_offset = to_program,
		.to_switch_offset = to_switch,
	};
	int fds[CABLE_ATTACH_FDS];
	void *memory;
	int rc = share_new("azhost-cable", message.bytes, &memory, &fds[CABLE_ATTACH_MEMORY]);

	if (rc < 0)
		return rc;
	w->shared = memory;
	w->bytes = message.bytes;
	ring_format((uint8_t *)memory + to_program, RING_SIZE_DEFAULT);
	ring_format((uint8_t *)memory + to_switch, RING_SIZE_DEFAULT);
	rc = ring_attach_producer(&w->to_peer, (uint8_t *)memory + to_program,
				  w->bytes - to_program, w->to_peer_event);
	if (rc == 0)
		rc = ring_attach_consumer(&w->to_switch, (uint8_t *)memory + to_switch,
					  w->bytes - to_switch, w->to_switch_event.fd);
	fds[CABLE_ATTACH_TO_PROGRAM] = w->to_peer_event;
	fds[CABLE_ATTACH_TO_SWITCH] = w->to_switch_event.fd;
	if (rc == 0)
		rc = share_send(w->peer.fd, &message, sizeof(message), fds, CABLE_ATTACH_FDS);
	close(fds[CABLE_ATTACH_MEMORY]);
	return rc;
}

/* A failure leaves what there is to detach(). */
static int attach(struct ring_wire *w, uint32_t flags)
{
	int rc;

	w->to_peer_event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	w->to_switch_event.fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	rc = w->to_peer_event < 0 || w->to_switch_event.fd < 0 ? -errno : make_rings(w);
	if (rc == 0)
		rc = loop_fd_add(w->loop, &w->to_switch_event, EPOLLIN);
	if (rc < 0)
		return rc;
	loop_poller_add(w->loop, &w->poller);
	w->feeds_vf = (flags & CABLE_FEEDS_VF) != 0;
	if (w->feeds_vf)
		w->callbacks.feeds_vf(w->opaque, true);
	if (w->feeds_vf && w->has_vf)
		lend(w);
	return 0;
}

/* A hello, once; then nothing but the end of the connection. */
static void peer_ready(void *opaque, uint32_t events)
{
	struct ring_wire *w = opaque;
	struct cable_message message;
	ssize_t n = recv(w->peer.fd, &message, sizeof(message), MSG_DONTWAIT | MSG_TRUNC);

	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n == (ssize_t)sizeof(message) && w->shared == NULL && message.type == CABLE_HELLO &&
	    message.version == CABLE_VERSION && attach(w, message.flags) == 0)
		return;
	if (n > 0)
		say("ring:%s: a message that cannot be obeyed: unplugging the cable", w->path);
	unplug(w);
}

static void listener_ready(void *opaque, uint32_t events)
{
	struct ring_wire *w = opaque;
	int fd = accept4(w->listener.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)events;
	if (fd < 0)
		return;
	unplug(w);
	w->peer.fd = fd;
	if (loop_fd_add(w->loop, &w->peer, EPOLLIN) < 0)
		unplug(w);
}

/* --- */

static void ring_close(struct wire *wire)
{
	struct ring_wire *w = (struct ring_wire *)wire;

	unplug(w);
	if (w->listener.fd >= 0) {
		loop_fd_remove(w->loop, &w->listener);
		close(w->listener.fd);
		(void)unlink(w->path);
	}
	free(w->path);
	free(w);
}

static int ring_open(struct loop *loop, const char *argument,
		     const struct wire_callbacks *callbacks, void *opaque, struct wire **ret_wire,
		     const char **ret_why)
{
	struct ring_wire *w = calloc(1, sizeof(*w));
	int rc;

	*ret_why = "cannot listen";
	if (w == NULL)
		return -ENOMEM;
	*w = (struct ring_wire){
		.wire.type = &wire_ring,
		.loop = loop,
		.path = strdup(argument),
		.callbacks = *callbacks,
		.opaque = opaque,
		.listener = { .fd = -1, .ready = listener_ready, .opaque = w },
		.peer = { .fd = -1, .ready = peer_ready, .opaque = w },
		.to_switch_event = { .fd = -1, .ready = drain_event, .opaque = w },
		.to_peer_event = -1,
		.poller = {
			.poll = poll_ring,
			.may_sleep = may_sleep,
			.opaque = w,
			.sleep_us = LOOP_WOKEN,
		},
	};
	rc = w->path == NULL ? -ENOMEM : listen_at(argument, SOCK_SEQPACKET, &w->listener.fd);
	if (rc == 0)
		rc = loop_fd_add(loop, &w->listener, EPOLLIN);
	if (rc < 0) {
		ring_close(&w->wire);
		return rc;
	}
	*ret_wire = &w->wire;
	return 0;
}

const struct wire_type wire_ring = {
	.name = "ring",
	.help = "ring:PATH   shared memory with one program, which connects to PATH",
	.open = ring_open,
	.send = ring_send,
	.has_room = ring_has_room,
	.offer_vf = ring_offer_vf,
	.close = ring_close,
};
