/*
 * A 5-tuple as `verify` and the tests speak of it, and the answer that every engine gives for it.
 *
 * Slow and plain on purpose: the datapath's own form is classify/key.h.
 */
#ifndef COMPILE_TUPLE_H
#define COMPILE_TUPLE_H

#include "policy/policy.h"

/* The first packet of a new connection; for TCP, a SYN. Ports count only where TCP, UDP or SCTP. */
struct tuple {
	enum direction direction;
	struct ip_addr source;
	struct ip_addr destination; /* of the same family as the source */
	uint8_t protocol;
	uint16_t source_port;
	uint16_t destination_port;
};

/*
 * The deciding rule: for a Deny the rule of the denying stage, for an Allow that of the last stage
 * evaluated. Where no rule decides (no NSG, and no acl rule matches) `access` is ACCESS_ALLOW,
 * `decided` false, `rule` NULL and `stage` STAGE_ACL. A present NSG in which no rule matches denies
 * with `rule` NULL: policies that were read end in a Deny any, so only a hand-made one does that.
 */
struct judgement {
	enum access access;
	bool decided;
	enum stage stage;
	const struct rule *rule; /* borrowed from the policy */
	bool by_hardware;        /* a mark or drop of a plan decided: the engine `rte_flow` only */
	const struct rule
		*matched[STAGES]; /* what each stage that was evaluated matched, else NULL */
};

/* The order in which a direction meets its stages: acl; inbound subnet, NIC; outbound NIC, subnet.
 */
extern const enum stage program_order[DIRECTIONS][STAGES];

#endif
