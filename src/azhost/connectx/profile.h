/*
 * What one emulated ConnectX VF is: its PCI identity, the capabilities its firmware reports and the
 * limits at which it says no. Read from a text file (profiles/NAME.profile), immutable afterwards.
 *
 * A profile file has one "key = value" a line; '#' starts a comment. Keys are the names below;
 * keys "cap.GROUP.FIELD" are fields of QUERY_HCA_CAP and are listed in caps.c. An unknown key, a
 * missing key or a value out of range refuses the whole file.
 */
#ifndef AZHOST_CONNECTX_PROFILE_H
#define AZHOST_CONNECTX_PROFILE_H

#include <stdbool.h>
#include <stdint.h>

#define CX_PROFILE_NAME_MAX 64
#define CX_CAP_GROUPS       3
#define CX_CAP_BYTES        4096

/* Order in which the device tries overlapping rules of one priority and one matcher depth: real
 * devices promise none, so a test may ask for either and must get the same answer. */
enum cx_tie_break {
	CX_TIE_FIRST_INSERTED,
	CX_TIE_LAST_INSERTED,
};

struct cx_limits {
	uint32_t table_level_max;  /* highest DR table level; 0 = root only (untrusted VF) */
	uint32_t tables;           /* tables alive, root ones not counted */
	uint32_t root_priorities;  /* priorities of the root table: 0 .. n-1 */
	uint32_t rules;            /* rules alive, whole device */
	uint32_t actions_per_rule; /* actions in one rule, all kinds */
	uint32_t modify_actions;   /* 8-byte commands in one modify-header action, non-root */
	uint32_t root_modify_actions;
	uint32_t counters; /* flow counters alive, each one of a bulk counted */
};

struct cx_profile {
	char name[CX_PROFILE_NAME_MAX];
	uint16_t vendor_id; /* PCI */
	uint16_t device_id;
	char firmware[32];
	bool trusted;               /* the host lets this VF use tables above the root */
	bool root_conflict_refused; /* same match, other actions in a root table: EEXIST */
	enum cx_tie_break tie_break;
	struct cx_limits limits;
	uint8_t caps[CX_CAP_GROUPS][CX_CAP_BYTES]; /* QUERY_HCA_CAP output, big endian */
};

/*
 * Read a profile. name is a profile's name, looked up in directory, or a path if it contains a '/'.
 * On failure -errno, and reason says what is wrong, with the line's number (-EINVAL).
 */
int cx_profile_load(const char *directory, const char *name, struct cx_profile *ret_profile,
		    char *reason, unsigned int reason_size);

#endif
