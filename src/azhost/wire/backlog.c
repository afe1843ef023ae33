/* Frames that wait to be sent, see backlog.h. */
#include "azhost/wire/backlog.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void backlog_clear(struct backlog *backlog)
{
	while (backlog->count != 0)
		backlog_pop(backlog);
}

int backlog_put(struct backlog *backlog, const uint8_t *frame, uint32_t length)
{
	uint8_t *copy;

	if (backlog->count == BACKLOG_FRAMES)
		return -ENOBUFS;
	copy = malloc(length);
	if (copy == NULL)
		return -ENOMEM;
	memcpy(copy, frame, length);
	backlog->frames[(backlog->first + backlog->count) % BACKLOG_FRAMES] =
		(struct backlog_frame){ copy, length };
	backlog->count++;
	return 0;
}

const struct backlog_frame *backlog_head(const struct backlog *backlog)
{
	return backlog->count != 0 ? &backlog->frames[backlog->first] : NULL;
}

void backlog_pop(struct backlog *backlog)
{
	free(backlog->frames[backlog->first].bytes);
	backlog->first = (backlog->first + 1) % BACKLOG_FRAMES;
	backlog->count--;
}
