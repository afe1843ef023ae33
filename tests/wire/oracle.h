/*
 * What should become of a packet: isolation, acl, then the slow model of connections
 * (property/model.h), whose rules are the reference's; and which rules it should be counted for.
 *
 * Nothing of it is the daemon's code but the reader of policies and the reference interpreter. It
 * says MODEL_EITHER where docs/policy.md or, for a NIC with settled marks, docs/offload.md leaves
 * something open.
 */
#ifndef TESTS_WIRE_ORACLE_H
#define TESTS_WIRE_ORACLE_H

#include "compile/tuple.h"
#include "property/model.h"

struct oracle {
	struct model *model;                /* owned; lives through changes of policy */
	const struct policy *policy;        /* borrowed */
	uint64_t *hits[DIRECTIONS][STAGES]; /* by rule, of the policy in force; owned */
	/* Openers that isolation refuses and a rule denies: with two levels either may count them.
	 */
	uint64_t *shared[STAGES];
};

int oracle_init(struct oracle *oracle, uint64_t now);
void oracle_fini(struct oracle *oracle);

/* Puts a policy in force, as `policy apply` does; hits begin anew. 0 or -ENOMEM. */
int oracle_set_policy(struct oracle *oracle, const struct policy *policy);

/*
 * Can its verdict be told? Not that of packets of Azure's platform services; nor that of what a
 * connection in mid-stream sends, where outbound rules deny it and inbound rules allow what it may
 * answer, for that hangs on the time since the start and on settled marks being in force.
 */
bool oracle_knows(struct oracle *oracle, const struct model_packet *packet, uint64_t now);

/*
 * The verdict; `packet` is not a later fragment. Where it is no packet of a connection its rules
 * are counted.
 */
enum model_verdict oracle_judge(struct oracle *oracle, const struct model_packet *packet,
				uint64_t now);

/* Whether isolation refuses it, and no rule is asked. */
bool oracle_refuses(const struct oracle *oracle, const struct model_packet *packet);

/* Is it one of the addresses that Azure's platform services have? */
bool oracle_is_platform(const struct ip_addr *address);

struct tuple oracle_tuple(const struct model_packet *packet);

#endif
