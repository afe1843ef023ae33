/*
 * What workers see of a NIC: its lanes, its ports, and the snapshot in force.
 *
 * A lane is one queue pair: Rx and Tx queue q of the uplink and of the app port. One worker polls a
 * lane, and nobody else writes into it; the control thread reads its counters.
 *
 * A snapshot is a rule set, with the hit counters that belong to it, and what the marks of hardware
 * mean under it. The control thread publishes a new one by swapping the NIC's pointer and frees the
 * old one after every worker has been quiescent (QSBR); it is never changed. Snapshots of the same
 * rule set, which differ in their marks only, share it and its counters.
 */
#ifndef NIC_LANE_H
#define NIC_LANE_H

#include "classify/conn_mark.h"
#include "classify/drop.h"
#include "classify/judge.h"
#include "classify/mark.h"
#include "classify/ruleset.h"
#include "nic/config.h"
#include "nic/flow_samples.h"
#include "policy/policy.h"

#include <rte_common.h>
#include <stdatomic.h>
#include <stdint.h>

/* A rule set with its counters. Freed with the last snapshot that has it. */
struct counted_ruleset {
	unsigned snapshots;      /* that have it; control thread only */
	struct ruleset *ruleset; /* owned; never NULL */
	uint16_t lanes;
	/* Owned; ruleset->hit_count entries per lane, written by its worker alone. */
	struct rule_hit *hits[NIC_QUEUES_MAX];
};

struct snapshot {
	struct counted_ruleset *counted; /* shared; never NULL */
	const struct ruleset *ruleset;   /* counted->ruleset */
	uint64_t generation;             /* 0: no policy was ever applied */
	struct mark_table *marks;        /* owned; NULL: no mark means anything */
	bool settles;                    /* the table has settled slots */
};

/* Written by the lane's worker with plain stores, read by the control thread: 64-bit, aligned. */
struct lane_counters {
	uint64_t received[DIRECTIONS];
	uint64_t received_bytes[DIRECTIONS];
	uint64_t forwarded[DIRECTIONS];
	uint64_t forwarded_bytes[DIRECTIONS];
	uint64_t dropped_bytes[DIRECTIONS];
	uint64_t drops[DIRECTIONS][DROP_REASONS];
	uint64_t audited[DIRECTIONS]; /* forwarded, and would be dropped if the policy were enforced
				       */
	uint64_t decided_by[DECIDED_BY];
	uint64_t over_vf[DIRECTIONS]; /* of those received inbound and forwarded outbound */
	uint64_t classified_by_mark;  /* judged, but their marks said what the rules say */
	uint64_t placed_by_mark;      /* judged, but their marks said where their connection is */
	uint64_t empty_bursts;        /* inbound; where there are two ports, of the VF's */
} __rte_cache_aligned;

struct lane {
	struct nic_view *view;
	uint16_t queue;
	struct lane_counters counters;
	struct lane_counters cleared; /* what `stats clear` subtracts; control thread only */
	struct judge_context judge;   /* the worker's own */
	struct flow_samples samples;  /* of inbound packets that it judged */
} __rte_cache_aligned;

/*
 * The second port of an uplink that has two: a VF beside the kernel's interface. The uplink swaps
 * the pointer to it; this one is never changed before every worker has been quiescent.
 */
struct vf_lanes {
	uint16_t port; /* with as many queues as the NIC has */
	bool sends;    /* outbound packets go here, and not to the uplink's first port */
};

struct nic_view {
	_Atomic(struct snapshot *) snapshot;
	uint16_t port[DIRECTIONS]; /* packets of a direction are received here: uplink, app */
	_Atomic(const struct vf_lanes *) vf; /* NULL: none, or netvsc has it */
	/*
	 * What the flags of an mbuf must be, under the mask, for its settled mark to count: marked,
	 * and not known to be damaged; from devices that verify checksums, known not to be.
	 */
	uint64_t settled_mask;
	uint64_t settled_flags;
	struct conn_table *connections;
	const struct conn_marks *connection_marks; /* NULL: none of them means anything */
	struct fragment_table *fragments;
	uint16_t lane_count;
	struct lane *lanes;
} __rte_cache_aligned;

struct nic;
struct nic_view *nic_get_view(struct nic *nic);
const struct nic_view *nic_get_view_const(const struct nic *nic);

#endif
