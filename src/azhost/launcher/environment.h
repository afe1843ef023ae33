/*
 * COMMAND's environment: the caller's, with what makes DPDK see the VM's devices. Variables and
 * their meaning: wire/vfproto.h, and
 *
 *   LD_LIBRARY_PATH    the emulated libibverbs and libmlx5 come first
 *   LD_PRELOAD         the shim for /dev/uioN and /sys/bus; with --fix testpmd-2211 its fix
 *   SYSFS_PCI_DEVICES  EAL's PCI scan sees the VM's devices, and none of this machine
 *   RUNTIME_DIRECTORY  (where unset) EAL's runtime files, so that two VMs are two machines
 *   AZHOST_SOCKET      for `azhost ctl`
 */
#ifndef AZHOST_LAUNCHER_ENVIRONMENT_H
#define AZHOST_LAUNCHER_ENVIRONMENT_H

#include "azhost/host/options.h"
#include "azhost/host/tree.h"

/* Where azhost's own files are, found from the place of its executable. */
struct installation {
	char libraries[512]; /* lib/azhost */
	char profiles[512];  /* share/azhost/profiles */
};

/* -errno; -ENOENT where the libraries are not there. */
int installation_find(struct installation *ret);

/* A NULL-terminated vector for execve(); owned by the caller, who execs or exits. NULL: no memory.
 */
char **environment_make(const struct host_options *options, const struct tree *tree,
			const struct installation *installation);

#endif
