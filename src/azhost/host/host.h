/*
 * The host process: everything that a VM's host does, in one single-threaded process of its own, so
 * that a guest that crashes or lies cannot take it along.
 */
#ifndef AZHOST_HOST_HOST_H
#define AZHOST_HOST_HOST_H

#include "azhost/host/loop.h"
#include "azhost/host/nic.h"
#include "azhost/host/options.h"
#include "azhost/host/tree.h"
#include "azhost/vswitch/vswitch.h"
#include "azhost/wire/impair.h"
#include "azhost/wire/wire.h"

#include <sys/types.h>

/* The switch's way to the outside: a wire, with faults in both directions. */
struct uplink {
	struct host *host;
	const char *name; /* as given: "tap:azhost0" */
	struct vswitch_port port;
	struct wire *wire;
	struct impair in;  /* towards the guests */
	struct impair out; /* from the guests */
	uint64_t received;
	uint64_t sent;
	uint64_t lost; /* the wire did not take them */
};

struct host {
	const struct host_options *options;
	struct tree *tree;
	struct loop loop;

	struct nic nics[AZHOST_NICS_MAX];
	unsigned nic_count;
	struct vswitch switches[AZHOST_NICS_MAX];
	struct uplink uplinks[AZHOST_NICS_MAX];
	unsigned switch_count;

	struct vf_server *vf_server;    /* owned */
	struct uio_server *uio_server;  /* owned; NULL with --vf only */
	struct control_server *control; /* owned */

	struct loop_fd signals;    /* signalfd: SIGTERM ends the host */
	struct loop_fd supervisor; /* pidfd of the launcher: its end is ours */
	bool supervisor_gone;
	uint64_t started_ns;
};

/*
 * Run the host. @ready is written a byte to once the guest may start. Returns after SIGTERM, or
 * after the launcher @supervisor has gone; 0, or -errno with the reason said.
 */
int host_run(const struct host_options *options, struct tree *tree, int ready, pid_t supervisor);

/* Write $AZHOST_DIR/vfs anew. */
void host_write_vfs(struct host *host);

/* NULL: no such NIC. */
struct nic *host_find_nic(struct host *host, const char *name);

#endif
