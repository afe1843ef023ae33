/*
 * Entries: a policy's inbound side as one list in which the first match decides.
 *
 * Three chains (acl, subnet NSG, NIC NSG) become entries, one for each combination of first matches
 * that some packet can have; in the order that this file makes, the first entry that holds a packet
 * is the combination of the three chains' first matches. Pure.
 */
#ifndef COMPILE_ENTRY_H
#define COMPILE_ENTRY_H

#include "compile/plan.h"

/* Entries beyond this many, and the policy is software's: two long NSGs multiply. */
#define ENTRIES_MAX 40000

enum entry_outcome {
	ENTRY_MARK,        /* allowed: may be marked */
	ENTRY_DENY,        /* NSG deny: openers may be dropped */
	ENTRY_DENY_ALWAYS, /* acl deny: everything may be dropped */
};

struct entry {
	struct plan_entry plan;
	enum entry_outcome outcome;
	const struct program_rule *parts[STAGES]; /* all of them hold; NULL: no condition */
};

struct entry_list {
	struct entry *entries;
	size_t count;
	size_t capacity;
	bool too_many; /* ENTRIES_MAX was reached: the list is not complete */
};

int entry_list_build(const struct program *program, struct entry_list *ret);
void entry_list_fini(struct entry_list *list);

#endif
