/*
 * Starting DPDK's environment layer from the configuration. Thread: main, once.
 */
#ifndef DAEMON_EAL_H
#define DAEMON_EAL_H

#include "base/error.h"
#include "daemon/config.h"

/* DEVICE with EAL's errno where it does not start, or has no lcore for a worker. */
int eal_start(const struct daemon_config *config, char **more_args, int more_count,
	      struct accelnet_error *err);

/* When all ports are closed. EAL's interrupt thread runs nothing more. */
void eal_end(void);

#endif
