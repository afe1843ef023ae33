/*
 * The policy of one NIC, as the operator wrote it: NSGs, acl, context, options.
 *
 * A `struct policy` is the end of reading: every value is normalised, every reference to a tag or
 * an application security group is resolved to one of the policy's address sets, the six default
 * rules are in, and rules stand in the order in which they are evaluated. It is immutable from then
 * on and may be read by any thread. Address sets still hold what was written (prefixes, in the
 * order written); merging and indexing is the compile room's work.
 *
 * Semantics: docs/policy.md;
 * https://learn.microsoft.com/azure/virtual-network/network-security-groups-overview
 */
#ifndef POLICY_POLICY_H
#define POLICY_POLICY_H

#include "base/net.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Built-in limits, far above Azure's own (which strict mode holds to): rules of one NSG or acl as
 * written, and prefixes that one document and its context may list.
 */
#define POLICY_RULES_MAX     16384
#define POLICY_PREFIXES_MAX  (1U << 20)
#define POLICY_SIDE_SETS_MAX 1000 /* tags and groups on one side of a rule */

enum direction { DIRECTION_INBOUND, DIRECTION_OUTBOUND };
#define DIRECTIONS 2

/* Where a rule stands. Inbound packets meet them in this order; outbound: acl, NIC, subnet. */
enum stage { STAGE_ACL, STAGE_SUBNET, STAGE_NIC };
#define STAGES 3

enum access {
	ACCESS_DENY,
	ACCESS_ALLOW,        /* of an acl rule: goes on to the NSGs */
	ACCESS_ALWAYS_ALLOW, /* acl only: passes, the NSGs are not asked, no connection is made */
};

/*
 * A set of addresses that rule sides point to: a list of prefixes, a tag, an ASG, or Internet,
 * which is defined by what it is not. Shared by all rules that name the same thing.
 */
enum address_kind {
	ADDRESS_ANY,      /* every address of both families */
	ADDRESS_PREFIXES, /* the union of `prefixes`; none: matches nothing */
	ADDRESS_INTERNET, /* neither in `prefixes` (VirtualNetwork) nor special-use: see
			     special_use.h */
};

enum address_platform {
	PLATFORM_NONE,
	PLATFORM_DNS,  /* AzurePlatformDNS */
	PLATFORM_IMDS, /* AzurePlatformIMDS */
	PLATFORM_LKM,  /* AzurePlatformLKM */
};

struct address_set {
	char *name; /* the tag's or ASG's canonical name; NULL for literal prefixes and any */
	enum address_kind kind;
	enum address_platform platform;
	struct ip_prefix *prefixes;
	size_t prefix_count;
	uint8_t families; /* bit 1 << enum ip_family: it can match addresses of that family */
};

/* One side of a rule: the union of its sets (never empty). */
struct rule_side {
	const struct address_set **sets;
	size_t set_count;
};

struct port_range {
	uint16_t first;
	uint16_t last;
};

/*
 * `any` is decided on what was written (`*` or one item 0-65535), before merging: ranges that
 * together cover every port are still concrete, and a concrete port matches only TCP, UDP and SCTP.
 */
struct port_set {
	bool any;
	struct port_range *ranges; /* sorted, disjoint, not adjacent */
	size_t range_count;
};

enum rule_protocol {
	RULE_PROTOCOL_ANY = -1,  /* every protocol; with a concrete port TCP, UDP and SCTP */
	RULE_PROTOCOL_ICMP = -2, /* ICMP in IPv4, ICMPv6 in IPv6 */
				 /* else an IP protocol number, 0..255 */
};

struct rule {
	char *name;
	char *description; /* NULL where there is none */
	uint16_t priority;
	enum direction direction;
	enum access access;
	int protocol; /* enum rule_protocol or a number */
	struct rule_side source;
	struct rule_side destination;
	struct port_set source_ports;
	struct port_set destination_ports;
	bool is_default;
	bool matches_nothing; /* lenient reading of an Allow for Icmp, Esp or Ah with concrete ports
			       */
};

/* The rules of one stage and direction, ascending by priority. */
struct rule_list {
	struct rule *rules;
	size_t count;
};

struct rule_table {
	bool present; /* false: this stage allows everything and names no rule */
	char *name;   /* of the NSG; NULL where it has none */
	bool flush_connection;
	struct rule_list list[DIRECTIONS];
	size_t user_rules;
};

enum policy_mode { POLICY_ENFORCE, POLICY_AUDIT };
enum policy_icmp_errors { ICMP_ERRORS_RELATED, ICMP_ERRORS_RULES };
enum policy_offload { OFFLOAD_AUTO, OFFLOAD_OFF };

struct policy {
	struct rule_table stage[STAGES];
	struct address_set **sets; /* all address sets, owned */
	size_t set_count;

	/* context.addresses: empty where not given */
	struct ip_addr *addresses;
	size_t address_count;

	bool source_guard;
	enum policy_mode mode;
	enum policy_icmp_errors icmp_errors;
	enum policy_offload offload;
	bool strict;

	/*
	 * True where some rule names the tag: the service's packets are then judged by the rules
	 * like any others, instead of passing as platform traffic.
	 */
	bool names_platform[PLATFORM_LKM + 1];
};

void rule_fini(struct rule *rule);
void policy_free(struct policy *policy);
void policy_freep(struct policy **policy);
#define POLICY_CLEANUP __attribute__((cleanup(policy_freep)))

/* A policy with nothing in it: no NSG at any stage, everything allowed. */
struct policy *policy_new_empty(void);

const char *direction_name(enum direction direction); /* "Inbound", "Outbound" */
const char *access_name(enum access access);          /* "Allow", "Deny", "AlwaysAllow" */
const char *stage_name(enum stage stage);             /* "acl", "subnet", "nic": verify's `nsg` */

#endif
