/*
 * What the device tells the program without being asked: events on DevX event channels (an armed CQ
 * has a completion) and answers to asynchronous commands. Each goes through a socket pair, so that
 * the program can wait for its file descriptor and read whole messages.
 */
#ifndef AZHOST_CONNECTX_EVENT_H
#define AZHOST_CONNECTX_EVENT_H

#include <infiniband/mlx5dv.h>
#include <stdbool.h>
#include <stdint.h>

struct cx_event_channel {
	struct mlx5dv_devx_event_channel handle; /* what the PMD sees: fd to read */
	int write_end;
};

/* Send one event; never blocks. False if the channel is full: nothing was sent. */
bool cx_event_channel_post(struct cx_event_channel *channel, uint64_t cookie);

#endif
