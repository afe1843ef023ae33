/*
 * The receiving side of a wire that is a descriptor: read as long as the switch takes frames, left
 * alone while it does not, so that the sender finds out by a full socket or queue. The host
 * process's only thread.
 */
#ifndef AZHOST_WIRE_INTAKE_H
#define AZHOST_WIRE_INTAKE_H

#include "azhost/host/loop.h"
#include "azhost/wire/wire.h"

#include <stdbool.h>

/* Frames read in one go, so that one busy wire does not starve the rest of the host. */
#define INTAKE_BURST 64

struct intake {
	struct loop *loop;
	struct loop_fd event; /* fd -1: closed. Owned by the wire, as is the descriptor */
	struct wire_callbacks callbacks;
	void *opaque;
	struct loop_poller poller;
	bool paused;
};

/* @ready is called with @ready_opaque when there is something to read. */
void intake_init(struct intake *intake, struct loop *loop, const struct wire_callbacks *callbacks,
		 void *opaque, void (*ready)(void *ready_opaque, uint32_t events),
		 void *ready_opaque);

/* Begin with, and end with, a descriptor; closing it is the caller's. */
int intake_open(struct intake *intake, int fd);
void intake_close(struct intake *intake);

/* Before each read: false means to leave it; @ready is called again when it may go on. */
bool intake_may_read(struct intake *intake);

/* A frame was read. */
void intake_take(struct intake *intake, const uint8_t *frame, uint32_t length);

#endif
