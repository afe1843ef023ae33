/*
 * Counters of the datapath: written by workers, one cache line set each, summed by the control
 * thread. Reading never disturbs a worker.
 */
#ifndef DATAPATH_STATS_H
#define DATAPATH_STATS_H

#include "classify/drop.h"
#include "policy/policy.h"

#include <stdint.h>

struct nic;

struct traffic {
	uint64_t packets;
	uint64_t bytes;
};

struct nic_stats {
	struct traffic
		received[DIRECTIONS]; /* inbound: from the uplink; outbound: from the app port */
	struct traffic forwarded[DIRECTIONS]; /* accepted by the other port */
	struct traffic dropped[DIRECTIONS];
	uint64_t drops[DIRECTIONS][DROP_REASONS];
	uint64_t audited[DIRECTIONS]; /* forwarded in audit mode that enforcing would drop */
	uint64_t judged_by_rules;     /* first packets: the classifier was asked */
	uint64_t judged_by_connection;
	uint64_t platform;
	uint64_t judged_by_hardware; /* settled: forwarded without looking */
	uint64_t placed_by_mark;     /* of those by connection: their marks said which one */
	uint64_t classified_by_mark; /* of the others: their marks said what the rules say */
};

/* Sums since the last nic_stats_clear(). */
void nic_stats_read(const struct nic *nic, struct nic_stats *ret);
void nic_stats_clear(struct nic *nic);

/* Hits of rule `index` of a chain under the policy in force, since it was put in force. */
struct rule_hits {
	uint64_t packets;  /* first packets of connections, and every packet judged by acl */
	uint64_t settled;  /* segments of connections that hardware let through by this rule */
	uint64_t last_hit; /* of either; seconds since the epoch; 0: never */
};
void nic_rule_hits(const struct nic *nic, enum direction direction, enum stage stage,
		   uint16_t index, struct rule_hits *ret);

#endif
