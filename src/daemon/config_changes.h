/*
 * What a file of configuration says otherwise than the one that runs.
 *
 * Contexts are left out: they are what SIGHUP replaces. Thread: any; no state.
 */
#ifndef DAEMON_CONFIG_CHANGES_H
#define DAEMON_CONFIG_CHANGES_H

#include "daemon/config.h"

#include <stddef.h>

#define CONFIG_CHANGES_MAX 256 /* enough for all names at once */

/*
 * The properties that differ, by their names in accelnetd.json(5), separated by commas; "" where
 * none does. connections counts as each NIC's. Returns `buffer`.
 */
const char *nic_config_changes(const struct nic_config *running, const struct nic_config *fresh,
			       char buffer[CONFIG_CHANGES_MAX]);
/* The same for what is no NIC's. */
const char *daemon_config_changes(const struct daemon_config *running,
				  const struct daemon_config *fresh,
				  char buffer[CONFIG_CHANGES_MAX]);

/* NULL where there is none. */
const struct nic_config *daemon_config_find(const struct daemon_config *config, const char *name);

#endif
