/*
 * The VFs that the program can see, as a list of ibv_device. The list is read anew at each
 * ibv_get_device_list() from $AZHOST_DIR/vfs or AZHOST_VFS (azhost/wire/vfproto.h): a VF may go,
 * and come back at another address or as another profile.
 *
 * A VF's record stays, once seen, until the process ends: the PMD keeps pointers to it. Under
 * cx_lock(), open device or not.
 */
#ifndef AZHOST_CONNECTX_VF_H
#define AZHOST_CONNECTX_VF_H

#include <infiniband/verbs.h>
#include <stdbool.h>

struct cx_device;

#define CX_VF_FIELD_MAX 128

struct cx_vf {
	struct ibv_device ibv; /* what the PMD sees */
	char pci[CX_VF_FIELD_MAX];
	char netdev[CX_VF_FIELD_MAX];
	char profile[CX_VF_FIELD_MAX];
	struct cx_vf *peer;       /* the other end of a `pair` wire */
	struct cx_device *device; /* while it is open */
	bool present;             /* in the list as last read */
	struct cx_vf *next;
};

/* All records, in the order in which they were first seen. */
struct cx_vf *cx_vf_all(void);

#endif
