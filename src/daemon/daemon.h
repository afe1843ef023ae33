/*
 * Everything that runs in accelnetd, with its one owner. Thread: main, which is the control thread.
 */
#ifndef DAEMON_DAEMON_H
#define DAEMON_DAEMON_H

#include "base/error.h"
#include "daemon/config.h"

struct daemon;

/*
 * Starts EAL, the NICs with their last good policies, the workers and the control socket.
 * `config` is borrowed. On failure *ret is untouched and everything that was made is gone again,
 * EAL apart, which a process can start only once.
 */
int daemon_new(const char *config_path, const struct daemon_config *config, char **eal_args,
	       int eal_arg_count, struct daemon **ret, struct accelnet_error *err);

/* Serves until SIGTERM or SIGINT. */
int daemon_run(struct daemon *daemon, struct accelnet_error *err);

/* Stops workers, closes ports, cleans EAL up. NULL is fine. */
void daemon_free(struct daemon *daemon);

#endif
