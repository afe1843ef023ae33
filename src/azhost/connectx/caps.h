/*
 * Names of the capability fields that a profile may set (QUERY_HCA_CAP, PRM), and their places.
 * What a profile does not name is answered as 0, "not supported".
 */
#ifndef AZHOST_CONNECTX_CAPS_H
#define AZHOST_CONNECTX_CAPS_H

#include "azhost/connectx/prm.h"
#include "azhost/connectx/profile.h"

struct cx_cap {
	enum cx_cap_group group;
	const char *name; /* as in a profile: cap.GROUP.FIELD */
	uint32_t field;
};

/* The capability of that name, or NULL. */
const struct cx_cap *cx_cap_find(const char *name);

/* Those that the device itself obeys. */
#define CAP_MAX_WQE_SQ       PRM(656, 16) /* general, bytes */
#define CAP_LOG_MAX_WQ       PRM(987, 5)
#define CAP_LOG_MAX_CQ_SIZE  PRM(200, 8)
#define CAP_LOG_MAX_RQT_SIZE PRM(915, 5)
#define CAP_COUNTER_BULKS    PRM(784, 8) /* bit n: a bulk of 128 << n counters */
#define CAP_COUNTER_DUMP     PRM(865, 1)
#define CAP_VLAN_INSERT      PRM(7, 1) /* ethernet */
#define CAP_CHECKSUM         PRM(0, 1)
#define CAP_VLAN             PRM(1, 1)
#define CAP_MAX_LSO          PRM(11, 5) /* log2 of bytes; 0: no TSO */

#endif
