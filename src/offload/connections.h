/*
 * Connection marks on a port: what the control thread may ask of the offload thread for long flows.
 *
 * Beside the plan (offload.h) a device may hold a bounded number of exact rules, each of which
 * marks the packets of one flow: connection_rules.h says how they live, classify/conn_mark.h what
 * their marks mean. They never drop, so no order with a change of policy is needed; every change of
 * plan sends all of them away, in the background, and so does the end of the port. Who asked for
 * them sees by offload_connections() which are left.
 *
 * Thread: control.
 */
#ifndef OFFLOAD_CONNECTIONS_H
#define OFFLOAD_CONNECTIONS_H

#include "offload/offload.h"

/* As packets of it arrive: source is the remote side. Ports in host byte order. */
struct offload_connection {
	uint8_t protocol; /* TCP or UDP */
	struct ip_addr source;
	struct ip_addr destination;
	uint16_t source_port;
	uint16_t destination_port;
};

struct offload_connections_status {
	bool takes; /* rules may be asked for now; else `why_not` */
	const char *why_not;
	size_t limit; /* of the device's tier; 0 where `takes` is false */
	size_t asked; /* and not given up */
	size_t installed;
	int pmd_error; /* errno of the newest refusal, as a positive number; 0: none */
	char pmd_message[128];
};

void offload_connections_status(struct offload_nic *nic, struct offload_connections_status *ret);

/* 0 with the slot of its mark; -ENOSPC where there is no room, or no place for such rules. */
int offload_connection_add(struct offload_nic *nic, const struct offload_connection *connection,
			   uint32_t *ret_slot);
/* The rule goes; its slot is not to be named any more. */
void offload_connection_remove(struct offload_nic *nic, uint32_t slot);
/* All go. */
void offload_connections_clear(struct offload_nic *nic);

struct offload_connection_rule {
	uint32_t slot;
	bool installed;
	bool counted;
	uint64_t packets; /* up to a second old */
};
/* Fills ret[0..] with those that were asked for and not given up; returns how many there are. */
size_t offload_connections(struct offload_nic *nic, struct offload_connection_rule *ret,
			   size_t max);

#endif
