/*
 * Contexts and their descriptors: the command descriptor, which is the UAR page's and can be mapped
 * by a secondary process, and the asynchronous events'.
 */
#include "azhost/connectx/context.h"

#include "azhost/connectx/device.h"
#include "azhost/connectx/export.h"
#include "azhost/connectx/lock.h"
#include "azhost/connectx/verbs.h"
#include "azhost/connectx/vf.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define UAR_BYTES 4096

static int make_uar(void)
{
	int fd = memfd_create("azhost-uar", MFD_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (ftruncate(fd, UAR_BYTES) < 0) {
		int r = -errno;

		(void)close(fd);
		return r;
	}
	return fd;
}

static void close_descriptors(struct cx_context *context)
{
	if (context->verbs.context.cmd_fd >= 0)
		(void)close(context->verbs.context.cmd_fd);
	if (context->verbs.context.async_fd >= 0)
		(void)close(context->verbs.context.async_fd);
	if (context->async_write >= 0)
		(void)close(context->async_write);
}

int cx_context_new(struct cx_device *device, int uar, struct cx_context **ret_context)
{
	struct cx_context *context = calloc(1, sizeof(*context));
	int pair[2] = { -1, -1 }, r = 0;

	if (uar < 0)
		uar = make_uar();
	if (!context)
		r = -ENOMEM;
	else if (uar < 0)
		r = uar;
	else if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		r = -errno;
	if (r < 0) {
		if (uar >= 0)
			(void)close(uar);
		free(context);
		return r;
	}
	cx_verbs_init(&context->verbs, &device->vf->ibv);
	context->device = device;
	context->verbs.context.cmd_fd = uar;
	context->verbs.context.async_fd = pair[0];
	context->async_write = pair[1];
	cx_lock();
	context->next = device->contexts;
	device->contexts = context;
	cx_unlock();
	*ret_context = context;
	return 0;
}

bool cx_context_free(struct cx_context *context)
{
	struct cx_context **at = &context->device->contexts;
	bool last;

	cx_lock();
	while (*at != context)
		at = &(*at)->next;
	*at = context->next;
	last = !context->device->contexts;
	cx_unlock();
	close_descriptors(context);
	free(context);
	return last;
}

void cx_context_raise(struct cx_device *device, enum ibv_event_type type)
{
	struct ibv_async_event event = { .event_type = type, .element.port_num = 1 };

	/* A program that does not read its events for that long has no use for more of them. */
	for (struct cx_context *context = device->contexts; context; context = context->next)
		(void)send(context->async_write, &event, sizeof(event),
			   MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* The open device whose UAR page that descriptor is of, in this process. Under cx_lock(). */
static struct cx_device *find_by_descriptor(int fd)
{
	struct stat wanted, own;

	if (fstat(fd, &wanted) < 0)
		return NULL;
	for (struct cx_vf *vf = cx_vf_all(); vf; vf = vf->next) {
		if (!vf->device || !vf->device->contexts)
			continue;
		if (fstat(vf->device->contexts->verbs.context.cmd_fd, &own) == 0 &&
		    own.st_dev == wanted.st_dev && own.st_ino == wanted.st_ino)
			return vf->device;
	}
	return NULL;
}

CX_EXPORT struct ibv_context *ibv_import_device(int fd)
{
	struct cx_context *context;
	struct cx_device *device;
	int r;

	cx_lock();
	device = find_by_descriptor(fd);
	cx_unlock();
	if (!device) {
		errno = EINVAL;
		return NULL;
	}
	/* The descriptor is the caller's again if this fails: give away a copy. */
	r = dup(fd);
	if (r >= 0)
		r = cx_context_new(device, r, &context);
	else
		r = -errno;
	if (r < 0) {
		errno = -r;
		return NULL;
	}
	(void)close(fd);
	return &context->verbs.context;
}

CX_EXPORT int ibv_close_device(struct ibv_context *ibv)
{
	struct cx_context *context = cx_context_from(ibv);
	struct cx_device *device = context->device;

	if (cx_context_free(context))
		cx_device_close(device);
	return 0;
}
