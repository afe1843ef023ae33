/*
 * Rule sets and traces for benches: deterministic, and like those that policies and packet
 * classification papers have.
 *
 *     nsg     an NSG's inbound rules: few tiers of subnets, sources from anywhere to one host, well
 *             known ports and small ranges; ends in the three default rules
 *     acl1    after the ClassBench seed of that name: destinations mostly hosts, sources nested
 *             prefixes, a quarter of the ports ranges (Taylor, Turner: ClassBench, INFOCOM 2005)
 *
 * IPv4. Memory exhaustion aborts. Not thread-safe.
 */
#ifndef TESTPMD_GENERATE_H
#define TESTPMD_GENERATE_H

#include "compile/tuple.h"

enum generate_kind { GENERATE_NSG, GENERATE_ACL1 };
#define GENERATE_KINDS 2

const char *generate_kind_name(enum generate_kind kind);

/*
 * A policy whose NIC NSG has `rules` inbound rules, default ones included; another for each `seed`.
 * policy_free().
 */
struct policy *generate_policy(enum generate_kind kind, unsigned rules, unsigned seed);

/*
 * `count` inbound TCP and UDP tuples: nine of ten at a place that a random user rule covers, the
 * tenth anywhere. The caller frees them.
 */
struct tuple *generate_trace(const struct policy *policy, size_t count);

#endif
