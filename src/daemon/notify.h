/*
 * systemd's notify protocol, sd_notify(3): datagrams of "NAME=value" lines to $NOTIFY_SOCKET.
 * Without that variable nothing is done. Thread: control.
 */
#ifndef DAEMON_NOTIFY_H
#define DAEMON_NOTIFY_H

#include <stdint.h>

/* "READY=1", "STOPPING=1", "STATUS=...", "WATCHDOG=1" */
void notify_send(const char *message);
/* Half of WATCHDOG_USEC in microseconds, the pace at which to send WATCHDOG=1; 0: not wanted. */
uint64_t notify_watchdog_interval(void);

#endif
