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
#include "compile/tuple.h"
#include "policy/edit.h"

/*
 * What one chain may hold, default rules included: an index fits in 16 bits and 0xffff is kept for
 * "no rule".
 */
#define PROGRAM_CHAIN_MAX 32768

/*
 * Sorted by first address, disjoint and not adjacent. Empty in both families: matches nothing.
 * No two groups of a program hold the same addresses.
 */
struct address_group {
	struct ip_range *ranges[IP_FAMILIES];
	size_t range_count[IP_FAMILIES];
	uint64_t hash; /* of the ranges */
};

/* Group 0 is always every address of both families. */
#define PROGRAM_GROUP_ANY 0

struct program_rule {
	const struct rule *rule;
	uint32_t source;      /* group number */
	uint32_t destination; /* group number */
	/*
	 * Bit p of word p / 64: this IP protocol number matches, per family. A concrete port leaves
	 * only TCP, UDP and SCTP; a rule that matches nothing leaves none.
	 */
	uint64_t protocols[IP_FAMILIES][4];
	const struct port_set *source_ports;
	const struct port_set *destination_ports;
	enum access access;
};

/* rules[i] belongs to policy->stage[s].list[d].rules[i]: the same order, none left out. */
struct program_chain {
	bool present;
	struct program_rule *rules;
	size_t count;
};

struct program {
	struct address_group *groups;
	size_t group_count;
	struct program_chain chain[DIRECTIONS][STAGES];

	/* Of an edited program: the one that owns the groups below `own_groups`; else NULL. */
	struct program *base;
	size_t own_groups;
	unsigned users; /* its owner, and programs that were edited from it */
	unsigned edits; /* since program_new() */
};

/* Refuses, with LIMIT, chains longer than PROGRAM_CHAIN_MAX; else fails only for want of memory. */
int program_new(const struct policy *policy, struct program **ret, struct accelnet_error *err);
/*
 * The same of a policy that differs by `edit` from that of `base`: much faster than program_new(),
 * and the same but for the numbers of groups, of which some may be in no rule's use. It goes on
 * using `base`, which may be freed all the same. Both belong to one thread.
 *
 * PROGRAM_TOO_MANY_EDITS: `base` is the PROGRAM_EDITS_MAX-th of a row. -ENOMEM or LIMIT otherwise.
 */
enum program_edit_answer { PROGRAM_EDITED, PROGRAM_TOO_MANY_EDITS };
#define PROGRAM_EDITS_MAX 64
int program_new_edited(struct program *base, const struct policy *policy,
		       const struct policy_edit *edit, struct program **ret,
		       struct accelnet_error *err);
void program_free(struct program *program);

static inline bool program_rule_has_protocol(const struct program_rule *rule, enum ip_family family,
					     uint8_t protocol)
{
	return rule->protocols[family][protocol / 64] >> (protocol % 64) & 1;
}

/* True where the address is in the group: a binary search, for tests and explanations. */
bool address_group_holds(const struct address_group *group, const struct ip_addr *addr);

#endif
