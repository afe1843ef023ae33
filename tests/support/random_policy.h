/*
 * Small random policies for property tests: every feature that decides a verdict, in few values, so
 * that ranges touch, nest and repeat.
 *
 * IPv4 and IPv6, acl, subnet and NIC NSG (each may be absent), tags, ASGs, Internet, every protocol
 * form, port lists. Same seed, same policy.
 */
#ifndef TESTS_SUPPORT_RANDOM_POLICY_H
#define TESTS_SUPPORT_RANDOM_POLICY_H

#include "policy/policy.h"
#include "testpmd/random.h"

struct random_policy_options {
	unsigned rules_max; /* user rules in each list; 0: 12 */
	/*
	 * Leave out what a document cannot say or may be refused for: a side that mixes kinds of
	 * sets, an NSG without default rules, rules that match nothing.
	 */
	bool readable;
	/* Literal prefixes from all over the address space, so that few rules match a packet. */
	bool spread;
};

/* Never NULL. The caller frees it with policy_free(). */
struct policy *random_policy(struct random *random, const struct random_policy_options *options);

/*
 * The same policy as a policy document (form 1), for a policy made with `readable`. Default rules
 * are left out: reading adds them. The caller frees the text.
 */
char *random_policy_text(const struct policy *policy);

#endif
