/*
 * The staged program: what a policy compiles to, and what every back-end is made from.
 *
 *     stage A   address -> the address groups that hold it
 *     stage B   (source group, destination group, protocol, ports) -> rule
 *
 * Address groups are named by number and shared, so that a rule costs the same whether its side is
 * one host or a service tag with thousands of prefixes; nothing is ever multiplied out here.
 * Subnet and NIC NSG are separate chains whose verdicts are ANDed.
 *
 * Immutable once built. Borrows rules and names from the policy, which must live longer.
 * Thread: any; pure.
 */
#ifndef COMPILE_PROGRAM_H
#define COMPILE_PROGRAM_H

#include "base/error.h"
#include "policy/policy.h"

/* What one chain may hold, default rules included. 0xffff is kept for "no rule". */
#define PROGRAM_CHAIN_MAX 32768

/* Sorted by first address, disjoint and not adjacent. Empty in both families: matches nothing. */
struct address_group {
	struct ip_range *ranges[IP_FAMILIES];
	size_t range_count[IP_FAMILIES];
};

/* Group 0 is always every address of both families. */
#define PROGRAM_GROUP_ANY 0

struct program_rule {
	const struct rule *rule;
	uint32_t source;      /* group number */
	uint32_t destination; /* group number */
	/* Bit p of word p / 64: this IP protocol number matches, per family. */
	uint64_t protocols[IP_FAMILIES][4];
	const struct port_set *source_ports;
	const struct port_set *destination_ports;
	enum access access;
};

struct program_chain {
	bool present;
	struct program_rule *rules; /* ascending by priority */
	size_t count;
};

struct program {
	struct address_group *groups;
	size_t group_count;
	struct program_chain chain[DIRECTIONS][STAGES];
};

int program_new(const struct policy *policy, struct program **ret, struct accelnet_error *err);
void program_free(struct program *program);
void program_freep(struct program **program);

/* The order in which a direction meets its stages: acl, then inbound subnet, NIC; outbound NIC,
 * subnet. */
extern const enum stage program_order[DIRECTIONS][STAGES];

#endif
