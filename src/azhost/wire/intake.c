/* Reading a wire only as fast as the switch takes its frames, see intake.h. */
#include "azhost/wire/intake.h"

#include <sys/epoll.h>

/* Nobody tells that there is room again: it has to be looked for. */
#define PAUSED_SLEEP_US 50u

/* The descriptor is readable all the while: the event loop is to know nothing of it. */
static unsigned look_for_room(void *opaque)
{
	struct intake *intake = opaque;

	if (!intake->callbacks.may_receive(intake->opaque))
		return 0;
	intake->paused = false;
	loop_poller_remove(intake->loop, &intake->poller);
	/* Fails for a descriptor that has gone: reading it says so. */
	if (loop_fd_add(intake->loop, &intake->event, EPOLLIN) < 0)
		intake->event.ready(intake->event.opaque, EPOLLIN);
	return 1;
}

void intake_init(struct intake *intake, struct loop *loop, const struct wire_callbacks *callbacks,
		 void *opaque, void (*ready)(void *ready_opaque, uint32_t events),
		 void *ready_opaque)
{
	*intake = (struct intake){
		.loop = loop,
		.event = { .fd = -1, .ready = ready, .opaque = ready_opaque },
		.callbacks = *callbacks,
		.opaque = opaque,
		.poller = {
			.poll = look_for_room,
			.opaque = intake,
			.sleep_us = PAUSED_SLEEP_US,
		},
	};
}

int intake_open(struct intake *intake, int fd)
{
	int rc;

	intake->event.fd = fd;
	rc = loop_fd_add(intake->loop, &intake->event, EPOLLIN);
	if (rc < 0)
		intake->event.fd = -1;
	return rc;
}

void intake_close(struct intake *intake)
{
	if (intake->paused)
		loop_poller_remove(intake->loop, &intake->poller);
	intake->paused = false;
	loop_fd_remove(intake->loop, &intake->event);
	intake->event.fd = -1;
}

bool intake_may_read(struct intake *intake)
{
	if (intake->event.fd < 0 || intake->paused)
		return false;
	if (intake->callbacks.may_receive(intake->opaque))
		return true;
	intake->paused = true;
	loop_fd_remove(intake->loop, &intake->event);
	loop_poller_add(intake->loop, &intake->poller);
	return false;
}

void intake_take(struct intake *intake, const uint8_t *frame, uint32_t length)
{
	intake->callbacks.receive(intake->opaque, frame, length);
}
