/*
 * The interface of the kernel's hv_netvsc that carries an uplink's synthetic path, made ready for a
 * packet socket: up, its own stack kept off, and frames as they were on the wire.
 *
 * Thread: control; kernel_interface_split() and _join() any.
 */
#ifndef NIC_KERNEL_INTERFACE_H
#define NIC_KERNEL_INTERFACE_H

#include "base/error.h"

#include <stdbool.h>

struct kernel_interface;

/*
 * DEVICE: it is not there, its MTU is more than net_af_packet's frames hold, or the kernel does not
 * let us.
 */
int kernel_interface_open(const char *name, struct kernel_interface **ret,
			  struct accelnet_error *err);
/* Gives it back as it was, but that it stays up. NULL is fine. */
void kernel_interface_close(struct kernel_interface *interface);

/*
 * The packet sockets that this process has on the interface, made ready for it: they do not hear
 * what the kernel's own stack sends there, which would look as if it had come in; and they count as
 * writable however many frames of their rings the host has not taken, because who sends must not
 * sleep. net_af_packet has no arguments for that, so its sockets are looked for. DEVICE.
 */
int kernel_interface_ready_sockets(const struct kernel_interface *interface,
				   struct accelnet_error *err);

/* Joining of frames on the way in, as it was. */
struct kernel_joining {
	bool gro;
	bool lro;
};

/*
 * Frames that the kernel has joined are longer than the wire's and than what a packet socket's ring
 * holds. Of the VF's interface, too: what no rule takes comes that way. What is switched off is
 * added to *was. A device that cannot switch it off is left as it is.
 */
void kernel_interface_split(const char *name, struct kernel_joining *was);
/* Switches on again what *was has. */
void kernel_interface_join(const char *name, const struct kernel_joining *was);

#endif
