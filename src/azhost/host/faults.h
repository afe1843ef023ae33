/*
 * Faults on demand: `azhost ctl fault NIC NAME VALUE`. Those of the VF are the library's business
 * (vfproto.h), the others the host's.
 */
#ifndef AZHOST_HOST_FAULTS_H
#define AZHOST_HOST_FAULTS_H

#include "base/error.h"

#include <stdint.h>

struct nic;

struct fault {
	const char *name;
	const char *help; /* what VALUE means */
	int (*inject)(struct nic *nic, uint64_t value, struct accelnet_error *err);
};

/* Ended by a NULL name: for help. */
extern const struct fault faults[];

int fault_inject(struct nic *nic, const char *name, uint64_t value, struct accelnet_error *err);

#endif
