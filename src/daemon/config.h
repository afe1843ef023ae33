/*
 * accelnetd.json: read once at start, checked as a whole, every problem told at once.
 *
 * Reference: accelnetd.json(5). Strict: unknown keys are errors. Thread: main, before EAL.
 */
#ifndef DAEMON_CONFIG_H
#define DAEMON_CONFIG_H

#include "base/error.h"
#include "nic/config.h"

#include <stddef.h>

#define CONFIG_NICS_MAX 16

struct daemon_config {
	char *lcores;    /* EAL's -l: the first is the control thread's, the others are workers */
	char **eal_args; /* NULL-terminated */
	size_t eal_arg_count;
	struct nic_config nics[CONFIG_NICS_MAX];
	size_t nic_count;
	char *socket;
	char *group; /* of the socket */
	char *state_directory;
};

/*
 * On failure `report` tells all problems. The caller calls daemon_config_fini() either way.
 */
int daemon_config_load(const char *path, struct daemon_config *config, struct report *report);
void daemon_config_fini(struct daemon_config *config);

#endif
