/*
 * What `azhost run` was asked for: command line, then --config. Filled by launcher/options.c and
 * host/config.c, read by everything else. Strings are borrowed from argv.
 */
#ifndef AZHOST_HOST_OPTIONS_H
#define AZHOST_HOST_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#define AZHOST_NICS_MAX   8
#define AZHOST_QUEUES_MAX 16
#define AZHOST_GUID_TEXT  37
#define AZHOST_PROFILE    "cx5-vf-untrusted"
#define AZHOST_UPLINK     "tap:azhost0"

enum vf_mode { VF_MODE_ON, VF_MODE_OFF, VF_MODE_ONLY };

struct nic_options {
	uint8_t mac[6];
	char guid[AZHOST_GUID_TEXT];
	char pci[16];
	char profile[64];
};

struct host_policy;

struct host_options {
	unsigned nics;
	enum vf_mode vf;
	const char *uplinks[AZHOST_NICS_MAX];
	unsigned uplink_count; /* 1, or one for each NIC */
	const char *socket;    /* NULL: in the host's own directory */
	const char *config;    /* file, or NULL */
	const char *profiles;  /* directory of the VF's profiles */
	bool fix_testpmd;      /* --fix testpmd-2211 */
	bool verbose;
	bool keep; /* leave the temporary tree */

	bool kernel_synthetic; /* --synthetic kernel */
	bool flow_control;     /* frames wait where a guest has no room for them */
	unsigned queues;       /* Rx queues that a synthetic NIC offers */
	uint32_t mtu;
	bool openers_synthetic;
	bool multicast_synthetic;
	bool policy_all_paths;
	struct host_policy *policy; /* owned; NULL: none */
	struct nic_options nic[AZHOST_NICS_MAX];
};

#endif
