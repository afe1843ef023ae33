/*
 * SIGHUP: the NICs' contexts from a file that may have changed. Thread: control.
 */
#ifndef DAEMON_RELOAD_H
#define DAEMON_RELOAD_H

#include "daemon/config.h"
#include "nic/nic.h"

/*
 * Reads `path` and replaces the contexts of `nics`, which run by `running`. Nothing is changed
 * where the file is refused, and all that is wrong with it is logged. What the file says otherwise
 * and only a start can change is logged, too.
 */
void reload_contexts(const char *path, const struct daemon_config *running,
		     const struct nic_set *nics);

#endif
