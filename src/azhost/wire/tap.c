/*
 * The wire `tap:NAME`: a TAP interface in the namespace where the guest runs. What the switch sends
 * to it arrives there as from a cable; what its kernel sends goes to the switch.
 */
#include "azhost/host/loop.h"
#include "azhost/wire/netdev.h"
#include "azhost/wire/ring.h"
#include "azhost/wire/wire.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

/* Frames read in one go, so that one busy wire does not starve the rest of the host. */
#define TAP_BURST 64

struct tap_wire {
	struct wire wire;
	struct loop *loop;
	struct loop_fd event;
	wire_receive_fn receive;
	void *opaque;
};

static void tap_ready(void *opaque, uint32_t events)
{
	struct tap_wire *tap = opaque;
	uint8_t frame[RING_FRAME_MAX];

	(void)events;
	for (unsigned i = 0; i < TAP_BURST; i++) {
		ssize_t n = read(tap->event.fd, frame, sizeof(frame));

		if (n <= 0) {
			/* The interface was deleted under us: there is nothing left to wait for. */
			if (n < 0 && errno != EAGAIN && errno != EINTR)
				loop_fd_remove(tap->loop, &tap->event);
			return;
		}
		tap->receive(tap->opaque, frame, (uint32_t)n);
	}
}

static int tap_open(struct loop *loop, const char *argument, wire_receive_fn receive, void *opaque,
		    struct wire **ret_wire, const char **ret_why)
{
	struct tap_wire *tap = calloc(1, sizeof(*tap));
	int rc;

	*ret_why = "cannot make the TAP interface";
	if (tap == NULL)
		return -ENOMEM;
	*tap = (struct tap_wire){
		.wire.type = &wire_tap,
		.loop = loop,
		.event = { .ready = tap_ready, .opaque = tap, .fd = -1 },
		.receive = receive,
		.opaque = opaque,
	};
	rc = netdev_tap(argument, NULL, &tap->event.fd);
	if (rc < 0)
		goto fail;
	rc = netdev_up(argument, 0);
	if (rc == 0)
		rc = loop_fd_add(loop, &tap->event, EPOLLIN);
	if (rc < 0)
		goto fail_fd;
	*ret_wire = &tap->wire;
	return 0;
fail_fd:
	close(tap->event.fd);
fail:
	free(tap);
	return rc;
}

static int tap_send(struct wire *wire, const uint8_t *frame, uint32_t length)
{
	struct tap_wire *tap = (struct tap_wire *)wire;
	ssize_t n = write(tap->event.fd, frame, length);

	return n < 0 ? -errno : 0;
}

static void tap_set_link(struct wire *wire, bool up)
{
	/* A kernel without TUNSETCARRIER shows the link as always up. */
	(void)netdev_carrier(((struct tap_wire *)wire)->event.fd, up);
}

static void tap_close(struct wire *wire)
{
	struct tap_wire *tap = (struct tap_wire *)wire;

	loop_fd_remove(tap->loop, &tap->event);
	close(tap->event.fd);
	free(tap);
}

const struct wire_type wire_tap = {
	.name = "tap",
	.help = "tap:NAME    a TAP interface NAME beside COMMAND (same network namespace)",
	.open = tap_open,
	.send = tap_send,
	.set_link = tap_set_link,
	.close = tap_close,
};
