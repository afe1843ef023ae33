/*
 * Contexts: what the PMD holds of an open device. The first comes with the device; others are made
 * of its command descriptor by ibv_import_device(), as the PMD of 24.11.2 and later does to have
 * one that outlives a port. All see the same device, which is closed with the last of them.
 */
#ifndef AZHOST_CONNECTX_CONTEXT_H
#define AZHOST_CONNECTX_CONTEXT_H

#include <infiniband/verbs.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cx_device;

struct cx_context {
	struct verbs_context verbs; /* the PMD's handle is &verbs.context */
	struct cx_device *device;
	int async_write;         /* end of the socket pair behind verbs.context.async_fd */
	struct cx_context *next; /* of the same device */
};

static inline struct cx_context *cx_context_from(struct ibv_context *context)
{
	return (struct cx_context *)((uint8_t *)context -
				     offsetof(struct cx_context, verbs.context));
}

/*
 * One more context of the device. uar is the descriptor of the device's UAR page, which becomes the
 * context's command descriptor and is its from then on, also on failure; -1: make a page. -errno.
 */
int cx_context_new(struct cx_device *device, int uar, struct cx_context **ret_context);

/* True if it was the device's last one. */
bool cx_context_free(struct cx_context *context);

/* Tell the program, by every context. Under cx_lock(). */
void cx_context_raise(struct cx_device *device, enum ibv_event_type type);

#endif
