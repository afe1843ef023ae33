/*
 * Kernel interfaces of the guest's network namespace: TAPs, made with an ioctl and configured over
 * netlink. Called by the host process, which has CAP_NET_ADMIN there.
 */
#ifndef AZHOST_WIRE_NETDEV_H
#define AZHOST_WIRE_NETDEV_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Make the TAP interface @name (IFF_TAP, no packet information, one queue). @mac NULL: whatever the
 * kernel chooses. The interface lives until every copy of *ret_fd is closed or netdev_delete().
 * *ret_fd is non-blocking and close-on-exec.
 */
int netdev_tap(const char *name, const uint8_t *mac, int *ret_fd);

/* Set the interface administratively up and its MTU (0: leave it). */
int netdev_up(const char *name, uint32_t mtu);

/* Give the interface carrier, or take it, as seen by the guest (IFF_RUNNING). */
int netdev_carrier(int tap_fd, bool on);

int netdev_delete(const char *name);

/* Administratively up; false where there is no such interface. */
bool netdev_is_up(const char *name);

/*
 * A descriptor, non-blocking and close-on-exec, that becomes readable when an interface of this
 * namespace comes, goes or changes; it has to be drained each time. What the change was is to be
 * asked of the interface.
 */
int netdev_watch_changes(int *ret_fd);
void netdev_drain_changes(int fd);

/* 0 where there is no such interface. */
unsigned netdev_index(const char *name);

#endif
