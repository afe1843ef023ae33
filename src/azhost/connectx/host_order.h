/*
 * What the host's messages do to the device (azhost/wire/vfproto.h).
 */
#ifndef AZHOST_CONNECTX_HOST_ORDER_H
#define AZHOST_CONNECTX_HOST_ORDER_H

struct cx_device;
struct vf_message;

/* Obey one message; a report goes back over socket. Takes cx_lock(). Message thread. */
void cx_host_obey(struct cx_device *device, int socket, const struct vf_message *message);

#endif
