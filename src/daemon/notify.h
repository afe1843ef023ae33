/*
 * systemd's notify protocol, sd_notify(3): datagrams of "NAME=value" lines to $NOTIFY_SOCKET.
 * Without that variable nothing is done. Thread: control.
 */
#ifndef DAEMON_NOTIFY_H
#define DAEMON_NOTIFY_H

/* "READY=1", "STOPPING=1", "STATUS=...", "WATCHDOG=1" */
void notify_send(const char *message);

#endif
