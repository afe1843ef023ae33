/*
 * The wire `tap:NAME`: a TAP interface in the namespace where the guest runs. What the switch sends
 * to it arrives there as from a cable; what its kernel sends goes to the switch.
 */
#include "azhost/host/loop.h"
#include "azhost/wire/intake.h"
#include "azhost/wire/netdev.h"
#include "azhost/wire/ring.h"
#include "azhost/wire/wire.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

struct tap_wire {
	struct wire wire;
	struct intake intake;
	int fd;
};

static void tap_ready(void *opaque, uint32_t events)
{
	struct tap_wire *tap = opaque;
	uint8_t frame[RING_FRAME_MAX];

	(void)events;
	for (unsigned i = 0; i < INTAKE_BURST && intake_may_read(&tap->intake); i++) {
		ssize_t n = read(tap->fd, frame, sizeof(frame));

		if (n <= 0) {
			/* The interface was deleted under us: there is nothing left to wait for. */
			if (n < 0 && errno != EAGAIN && errno != EINTR)
				intake_close(&tap->intake);
			return;
		}
		intake_take(&tap->intake, frame, (uint32_t)n);
	}
}

static int tap_open(struct loop *loop, const char *argument, const struct wire_callbacks *callbacks,
		    void *opaque, struct wire **ret_wire, const char **ret_why)
{
	struct tap_wire *tap = calloc(1, sizeof(*tap));
	int rc;

	*ret_why = "cannot make the TAP interface";
	if (tap == NULL)
		return -ENOMEM;
	tap->wire.type = &wire_tap;
	intake_init(&tap->intake, loop, callbacks, opaque, tap_ready, tap);
	rc = netdev_tap(argument, NULL, &tap->fd);
	if (rc < 0)
		goto fail;
	rc = netdev_up(argument, 0);
	if (rc == 0)
		rc = intake_open(&tap->intake, tap->fd);
	if (rc < 0)
		goto fail_fd;
	*ret_wire = &tap->wire;
	return 0;
fail_fd:
	close(tap->fd);
fail:
	free(tap);
	return rc;
}

static int tap_send(struct wire *wire, const uint8_t *frame, uint32_t length)
{
	struct tap_wire *tap = (struct tap_wire *)wire;
	ssize_t n = write(tap->fd, frame, length);

	return n < 0 ? -errno : 0;
}

static void tap_set_link(struct wire *wire, bool up)
{
	/* A kernel without TUNSETCARRIER shows the link as always up. */
	(void)netdev_carrier(((struct tap_wire *)wire)->fd, up);
}

static void tap_close(struct wire *wire)
{
	struct tap_wire *tap = (struct tap_wire *)wire;

	intake_close(&tap->intake);
	close(tap->fd);
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
