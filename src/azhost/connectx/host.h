/*
 * The emulated VF's line to the host process: its wire (two rings in shared memory), the TAP behind
 * its kernel interface, and the host's messages (azhost/wire/vfproto.h). Without a launcher there
 * is none, and all of it is absent.
 *
 * The host's messages are read by a thread of this file, which takes cx_lock() to act on them.
 * Frames and counters are the device thread's.
 */
#ifndef AZHOST_CONNECTX_HOST_H
#define AZHOST_CONNECTX_HOST_H

#include "azhost/connectx/frame.h"

#include <stdbool.h>
#include <stdint.h>

struct cx_device;
struct cx_host;

/*
 * Connect for a device that is being opened, without the lock. 0 with *ret_host NULL where there is
 * no launcher; -errno as the host answers (EBUSY, ENODEV, ...), -ETIMEDOUT if it does not.
 */
int cx_host_attach(struct cx_device *device, struct cx_host **ret_host);
/* Start obeying the host's messages: the device is complete. */
int cx_host_start(struct cx_host *host);
/* Without the lock. Publishes the counters a last time before the connection ends. */
void cx_host_detach(struct cx_host *host);

/* True if a frame of any length would find room in the ring. */
bool cx_host_has_room(const struct cx_host *host);
/* A frame for the wire. False if the ring is full. A wire that was cut swallows frames. */
bool cx_host_send(struct cx_host *host, const struct cx_frame *frame);
/* Wake the host if it sleeps and frames were sent: once after a batch. */
void cx_host_kick(struct cx_host *host);
/* The next frame from the wire, copied to frame->data (CX_FRAME_MAX bytes); false if none. */
bool cx_host_receive(struct cx_host *host, struct cx_frame *frame);

/* The kernel's interface: false if there is none, or it takes or has nothing now. */
bool cx_host_to_kernel(struct cx_host *host, const struct cx_frame *frame);
bool cx_host_from_kernel(struct cx_host *host, struct cx_frame *frame);

/* Publish the counters in shared memory. */
void cx_host_publish(struct cx_host *host);
/* Tell the host whether any Rx queue has buffers. */
void cx_host_ready(struct cx_host *host, bool ready);
/* A descriptor that becomes readable when the host has put frames into an empty ring, or -1; for
 * use with cx_host_may_sleep(), which is true if there is no frame right now. */
int cx_host_wakeup_fd(const struct cx_host *host);
bool cx_host_may_sleep(struct cx_host *host);
void cx_host_drain_wakeups(struct cx_host *host);

#endif
