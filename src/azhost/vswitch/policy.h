/*
 * The host's own policy: what the virtual switch enforces for a VM without accelerated networking.
 * An ordered list of stateful rules, first match decides, and no match is allow. It exists for the
 * "without" picture of a comparison and has nothing of an NSG beyond that: no tags, no defaults.
 *
 * The host process's only thread.
 */
#ifndef AZHOST_VSWITCH_POLICY_H
#define AZHOST_VSWITCH_POLICY_H

#include <stdbool.h>
#include <stdint.h>

enum policy_direction { POLICY_INBOUND, POLICY_OUTBOUND };

struct policy_prefix {
	uint8_t version; /* 4 or 6; 0: any address */
	uint8_t length;
	uint8_t address[16];
};

struct policy_rule {
	enum policy_direction direction;
	bool allow;
	uint8_t protocol; /* 0: any */
	struct policy_prefix source;
	struct policy_prefix destination;
	uint16_t source_port[2]; /* first and last; 0..65535: any, also without ports */
	uint16_t destination_port[2];
};

#define POLICY_RULES       1024
#define POLICY_CONNECTIONS 4096 /* a power of two */

struct policy_connection {
	uint8_t version; /* 0: free */
	uint8_t protocol;
	uint16_t ports[2]; /* local, remote */
	uint8_t local[16];
	uint8_t remote[16];
};

struct host_policy {
	struct policy_rule *rules; /* owned */
	unsigned count;
	struct policy_connection connections[POLICY_CONNECTIONS];
};

/* @rules is taken over (malloc). NULL: no memory. */
struct host_policy *policy_new(struct policy_rule *rules, unsigned count);
void policy_free(struct host_policy *policy);

/*
 * May this frame pass? What is not IP may. An allowed packet opens a connection whose packets pass
 * in both directions until its place in the table is needed by another.
 */
bool policy_allows(struct host_policy *policy, enum policy_direction direction,
		   const uint8_t *frame, uint32_t length);

/* "10.0.0.0/8", "2001:db8::/32", "10.1.2.3", "*". -EINVAL. */
int policy_prefix_parse(const char *text, struct policy_prefix *ret);

/* "443", "1024-65535", "*". -EINVAL. */
int policy_ports_parse(const char *text, uint16_t ret[2]);

#endif
