/*
 * One poll of one lane in one direction: receive, read marks, parse, judge, count, transmit.
 *
 * Thread: the worker that owns the lane.
 */
#ifndef DATAPATH_FORWARD_H
#define DATAPATH_FORWARD_H

#include "nic/lane.h"

#define FORWARD_BURST 64

/* Scratch of one worker: what a burst needs while it is under way. */
struct forward_scratch {
	struct packet packets[FORWARD_BURST];
	struct packet_frame frames[FORWARD_BURST];
	struct decision decisions[FORWARD_BURST];
	struct rte_mbuf *received[FORWARD_BURST];
	struct rte_mbuf *judged[FORWARD_BURST];     /* what is left of them after marks */
	const struct verdict *given[FORWARD_BURST]; /* by marks, for those */
	uint32_t places[FORWARD_BURST];             /* likewise: of their connections */
	struct rte_mbuf *passed[FORWARD_BURST];
};

/* `now`: clock_ms(). Returns how many packets were received. */
unsigned forward_poll(struct lane *lane, enum direction direction, const struct snapshot *snapshot,
		      uint64_t now, struct forward_scratch *scratch);

/* The same for what the VF beside the uplink's first port has received; 0 where there is none. */
unsigned forward_poll_vf(struct lane *lane, const struct snapshot *snapshot, uint64_t now,
			 struct forward_scratch *scratch);

/* What a lane does once a poll round beside packets: fragments that waited too long. */
void forward_housekeeping(struct lane *lane, uint64_t now);

#endif
