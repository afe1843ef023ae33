/*
 * `azhost as NIC -- COMMAND`, inside a VM of `azhost run --nics N`: COMMAND sees that NIC's devices
 * alone, and has runtime files of its own. Two of them are two guests on one virtual switch.
 */
#include "azhost/launcher/as.h"

#include "azhost/host/say.h"
#include "azhost/launcher/run.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int set_path(const char *name, const char *dir, const char *nic, const char *below)
{
	char path[512];

	if ((size_t)snprintf(path, sizeof(path), "%s/%s/%s", dir, nic, below) >= sizeof(path))
		return -ENAMETOOLONG;
	return setenv(name, path, 1) < 0 ? -errno : 0;
}

static int set_view(const char *nic)
{
	const char *dir = getenv("AZHOST_DIR");
	char path[512];
	int rc;

	if (dir == NULL) {
		say("as: not inside a VM of azhost run");
		return -ENOENT;
	}
	snprintf(path, sizeof(path), "%s/%.32s/sys", dir, nic);
	if (strchr(nic, '/') != NULL || strncmp(nic, "nic", 3) != 0 || access(path, R_OK) < 0) {
		say("as: no NIC '%s'", nic);
		return -ENOENT;
	}
	rc = set_path("AZHOST_SYSFS", dir, nic, "sys");
	if (rc == 0)
		rc = set_path("SYSFS_PCI_DEVICES", dir, nic, "sys/bus/pci/devices");
	if (rc == 0)
		rc = set_path("RUNTIME_DIRECTORY", dir, nic, "run");
	if (rc < 0)
		say("as: %s", strerror(-rc));
	return rc;
}

int as_main(int argc, char **argv)
{
	int command = argc > 2 && strcmp(argv[2], "--") == 0 ? 3 : 2;

	if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
		printf("Usage: azhost as NIC -- COMMAND [ARG...]\n\n"
		       "Inside a VM of `azhost run --nics N`: run COMMAND so that it sees NIC's devices\n"
		       "alone. Two such commands are two guests on one virtual switch.\n\n"
		       "Example:\n"
		       "  azhost run --nics 2 -- sh -c 'azhost as nic0 -- left & azhost as nic1 -- "
		       "right'\n");
		return 0;
	}
	if (argc <= command) {
		say("as: give a NIC and a COMMAND (azhost as --help)");
		return EXIT_AZHOST;
	}
	if (set_view(argv[1]) < 0)
		return EXIT_AZHOST;
	execvp(argv[command], argv + command);

	int reason = errno;

	say("cannot run '%s': %s", argv[command], strerror(reason));
	return reason == ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT_RUN;
}
