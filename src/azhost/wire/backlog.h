/*
 * Frames that a wire could not send yet, in order. Bounded: with BACKLOG_FRAMES the next is
 * refused, and well before that the wire is to say that it has no room. The host process's only
 * thread.
 */
#ifndef AZHOST_WIRE_BACKLOG_H
#define AZHOST_WIRE_BACKLOG_H

#include <stdbool.h>
#include <stdint.h>

#define BACKLOG_FRAMES 4096u /* a power of two */

struct backlog_frame {
	uint8_t *bytes; /* owned */
	uint32_t length;
};

struct backlog {
	struct backlog_frame frames[BACKLOG_FRAMES];
	uint32_t first, count;
};

void backlog_clear(struct backlog *backlog);

/* Append a copy. -ENOBUFS or -ENOMEM: the frame is lost. */
int backlog_put(struct backlog *backlog, const uint8_t *frame, uint32_t length);

/* The oldest frame, NULL where there is none; and let go of it. */
const struct backlog_frame *backlog_head(const struct backlog *backlog);
void backlog_pop(struct backlog *backlog);

#endif
