/*
 * Keeps the kernel's own network stack off an interface whose frames are ours: what a packet socket
 * reads there, the kernel would handle as well, and answer.
 *
 * An nftables table of the netdev family with one empty chain whose policy is to drop, behind the
 * packet sockets on the way in. It belongs to our netlink socket (NFT_TABLE_F_OWNER, Linux 5.12):
 * nobody else can change it, and the kernel takes it away with the process, however that ends.
 *
 * Not on the way out: that hook sees what packet sockets send, too, even past the queueing
 * discipline (Linux, net/packet/af_packet.c, packet_xmit()).
 *
 * Thread: control.
 */
#ifndef NIC_HOST_STACK_H
#define NIC_HOST_STACK_H

#include "base/error.h"

struct host_stack;

/* DEVICE where the kernel cannot; needs CAP_NET_ADMIN. */
int host_stack_block(const char *interface, struct host_stack **ret, struct accelnet_error *err);
/* NULL is fine. */
void host_stack_release(struct host_stack *stack);

#endif
