/*
 * Policies that are put together by a program instead of being read from JSON: what benches and
 * tests judge packets with.
 *
 * The caller keeps the promises of policy.h: rules are added in the order in which they are
 * evaluated, port ranges are sorted and disjoint. Memory exhaustion aborts. Not thread-safe.
 */
#ifndef TESTPMD_SYNTHETIC_H
#define TESTPMD_SYNTHETIC_H

#include "policy/policy.h"

/* The numbers that the built-in tags and the default rules use. */
#define SYNTHETIC_PLATFORM_ADDRESS 0xa83f8110 /* 168.63.129.16 */

/* Adds a set, which the policy owns. Name and prefixes are copied; `name` may be NULL. */
const struct address_set *synthetic_set(struct policy *policy, enum address_kind kind,
					const char *name, const struct ip_prefix *prefixes,
					size_t count);

struct synthetic_side {
	const struct address_set *const *sets;
	size_t set_count;
	const struct port_range *ports; /* NULL: any */
	size_t port_count;
};

struct synthetic_rule {
	const char *name;
	uint16_t priority;
	enum access access;
	int protocol; /* as in struct rule */
	struct synthetic_side source;
	struct synthetic_side destination;
	bool is_default;
	bool matches_nothing;
};

/* Appends a copy of `rule` and makes the stage present. */
void synthetic_rule(struct policy *policy, enum stage stage, enum direction direction,
		    const struct synthetic_rule *rule);

/* Appends the six default rules to both directions of an NSG's stage. */
void synthetic_defaults(struct policy *policy, enum stage stage,
			const struct address_set *virtual_network);

#endif
