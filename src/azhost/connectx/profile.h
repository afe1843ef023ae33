/*
 * What one emulated ConnectX VF is: its PCI identity, the capabilities its firmware reports and the
 * limits at which it says no. Read from a text file (profiles/NAME), immutable afterwards.
 *
 * A profile file has one "key = value" a line; '#' starts a comment. profiles/cx5-vf-trusted
 * explains each key. An unknown, repeated or missing key, or a value out of range, refuses the
 * whole file: a profile that was half understood would model no device at all.
 */
#ifndef AZHOST_CONNECTX_PROFILE_H
#define AZHOST_CONNECTX_PROFILE_H

#include "azhost/connectx/steering/steering.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CX_PROFILE_NAME_MAX 64
#define CX_CAP_BYTES        4096 /* QUERY_HCA_CAP output less its header */

/* Capability groups of QUERY_HCA_CAP that the device answers: op_mod >> 1 (PRM, QUERY_HCA_CAP). */
enum cx_cap_group {
	CX_CAP_GENERAL,
	CX_CAP_ETHERNET,
	CX_CAP_FLOW_TABLE,
	CX_CAP_GROUPS,
};

struct cx_profile {
	char name[CX_PROFILE_NAME_MAX];
	uint16_t device_id; /* PCI; the vendor is always 15b3 */
	char firmware[32];
	bool enhanced_mpw;     /* Tx descriptors with several packets (opcode 0x29) */
	uint32_t min_inline;   /* bytes of headers that each Tx descriptor must carry itself */
	bool compress;         /* receive completions, where the program allows it */
	uint32_t max_counters; /* flow counters alive, each one of a bulk counted */
	uint32_t max_queues;   /* of each kind */
	struct steer_limits steering;              /* trust is steering.sw_steering */
	uint8_t caps[CX_CAP_GROUPS][CX_CAP_BYTES]; /* as the firmware answers, big endian */
};

/*
 * Read a profile. name is looked up in directory, or is a path if it contains a '/'.
 * -errno on failure, and reason then says what is wrong and where (-EINVAL).
 */
int cx_profile_load(const char *directory, const char *name, struct cx_profile *ret_profile,
		    char *reason, size_t reason_size);

/* A capability's value, for those parts of the device that obey it. Host byte order. */
uint32_t cx_profile_cap(const struct cx_profile *profile, enum cx_cap_group group, uint32_t field);

#endif
