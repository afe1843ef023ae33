/*
 * DevX event channels and completions of asynchronous commands: the entry points, and the posting
 * side. Entry points are called by any thread of the program, posting happens under cx_lock().
 */
#include "azhost/connectx/event.h"

#include "azhost/connectx/devx.h"
#include "azhost/connectx/export.h"
#include "azhost/connectx/lock.h"
#include "azhost/connectx/queue.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENT_COMPLETION 0 /* PRM, event types: a CQ has a completion */

/* The longest answer that can be fetched asynchronously; the PMD asks for 32 bytes. */
#define ASYNC_ANSWER_MAX 4096

static_assert(offsetof(struct mlx5dv_devx_async_cmd_hdr, wr_id) == 0, "the id comes first");

struct command_completion {
	struct mlx5dv_devx_cmd_comp handle;
	int write_end;
};

bool cx_event_channel_post(struct cx_event_channel *channel, uint64_t cookie)
{
	struct mlx5dv_devx_async_event_hdr header = { .cookie = cookie };

	return send(channel->write_end, &header, sizeof(header), MSG_DONTWAIT | MSG_NOSIGNAL) ==
	       sizeof(header);
}

CX_EXPORT struct mlx5dv_devx_event_channel *mlx5dv_devx_create_event_channel(
	struct ibv_context *context, enum mlx5dv_devx_create_event_channel_flags flags)
{
	struct cx_event_channel *channel = calloc(1, sizeof(*channel));
	int pair[2];

	(void)context;
	(void)flags; /* OMIT_EV_DATA: a completion event has no data anyway */
	if (!channel)
		return NULL;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
		free(channel);
		return NULL;
	}
	channel->handle.fd = pair[0];
	channel->write_end = pair[1];
	return &channel->handle;
}

CX_EXPORT void mlx5dv_devx_destroy_event_channel(struct mlx5dv_devx_event_channel *handle)
{
	struct cx_event_channel *channel = (struct cx_event_channel *)handle;

	(void)close(channel->handle.fd);
	(void)close(channel->write_end);
	free(channel);
}

CX_EXPORT int mlx5dv_devx_subscribe_devx_event(struct mlx5dv_devx_event_channel *handle,
					       struct mlx5dv_devx_obj *object,
					       uint16_t events_bytes, uint16_t events[],
					       uint64_t cookie)
{
	struct cx_cq *cq = (struct cx_cq *)object;

	if (!object || object->kind != CX_CQ || events_bytes != sizeof(events[0]) ||
	    events[0] != EVENT_COMPLETION)
		return errno = EOPNOTSUPP;
	cx_lock();
	cq->cookie = cookie;
	cq->channel = (struct cx_event_channel *)handle;
	cx_unlock();
	return 0;
}

CX_EXPORT int mlx5dv_devx_subscribe_devx_event_fd(struct mlx5dv_devx_event_channel *handle, int fd,
						  struct mlx5dv_devx_obj *object, uint16_t event)
{
	(void)handle;
	(void)fd;
	(void)object;
	(void)event;
	return errno = EOPNOTSUPP; /* the Ethernet PMD has no use for it */
}

CX_EXPORT ssize_t mlx5dv_devx_get_event(struct mlx5dv_devx_event_channel *handle,
					struct mlx5dv_devx_async_event_hdr *event, size_t bytes)
{
	return read(handle->fd, event, bytes);
}

CX_EXPORT struct mlx5dv_devx_cmd_comp *mlx5dv_devx_create_cmd_comp(struct ibv_context *context)
{
	struct command_completion *completion = calloc(1, sizeof(*completion));
	int pair[2];

	(void)context;
	if (!completion)
		return NULL;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
		free(completion);
		return NULL;
	}
	completion->handle.fd = pair[0];
	completion->write_end = pair[1];
	return &completion->handle;
}

CX_EXPORT void mlx5dv_devx_destroy_cmd_comp(struct mlx5dv_devx_cmd_comp *handle)
{
	struct command_completion *completion = (struct command_completion *)handle;

	(void)close(completion->handle.fd);
	(void)close(completion->write_end);
	free(completion);
}

CX_EXPORT int mlx5dv_devx_obj_query_async(struct mlx5dv_devx_obj *object, const void *in,
					  size_t in_bytes, size_t out_bytes, uint64_t id,
					  struct mlx5dv_devx_cmd_comp *handle)
{
	struct command_completion *completion = (struct command_completion *)handle;
	uint64_t message[(sizeof(struct mlx5dv_devx_async_cmd_hdr) + ASYNC_ANSWER_MAX) / 8] = {
		id
	};
	struct mlx5dv_devx_async_cmd_hdr *header = (struct mlx5dv_devx_async_cmd_hdr *)message;

	if (out_bytes > ASYNC_ANSWER_MAX)
		return errno = EINVAL;
	/* A command that fails completes too: its status is in the answer. */
	if (cx_devx_query(object, in, in_bytes, header->out_data, out_bytes) == -EIO)
		return errno = EIO;
	if (send(completion->write_end, message, sizeof(*header) + out_bytes,
		 MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		return errno;
	return 0;
}

CX_EXPORT int mlx5dv_devx_get_async_cmd_comp(struct mlx5dv_devx_cmd_comp *handle,
					     struct mlx5dv_devx_async_cmd_hdr *answer, size_t bytes)
{
	ssize_t n = read(handle->fd, answer, bytes);

	return n < 0 ? errno : 0;
}
