/*
 * Receive, read marks, parse, judge, count, transmit: see forward.h.
 */
#include "datapath/forward.h"

#include "datapath/count.h"
#include "datapath/marks.h"

#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_prefetch.h>

static inline enum direction opposite(enum direction direction)
{
	return direction == DIRECTION_INBOUND ? DIRECTION_OUTBOUND : DIRECTION_INBOUND;
}

static void drop(struct lane *lane, enum direction direction, enum drop_reason reason,
		 struct rte_mbuf *mbuf)
{
	count(&lane->counters.drops[direction][reason], 1);
	count(&lane->counters.dropped_bytes[direction], rte_pktmbuf_pkt_len(mbuf));
	rte_pktmbuf_free(mbuf);
}

/*
 * Frames come in one segment from every device with 2 KiB buffers and an ordinary MTU; where one
 * does not, its segments are joined. What does not fit into one is dropped: ports are not
 * configured for more (port.c), and a driver would send the first segment and forget the others
 * (DPDK 22.11, drivers/net/mlx5/mlx5_tx.h:3478).
 */
static inline uint32_t headers_of(struct rte_mbuf *mbuf)
{
	if (unlikely(mbuf->nb_segs > 1) && rte_pktmbuf_linearize(mbuf) < 0)
		return 0; /* the parser says DROP_TRUNCATED */
	return rte_pktmbuf_data_len(mbuf);
}

static void parse(struct rte_mbuf **mbufs, unsigned number, enum direction direction,
		  struct forward_scratch *scratch)
{
	for (unsigned i = 0; i < number; i++)
		rte_prefetch0(rte_pktmbuf_mtod(mbufs[i], void *));
	for (unsigned i = 0; i < number; i++) {
		struct rte_mbuf *mbuf = mbufs[i];

		scratch->frames[i].headers_len = headers_of(mbuf);
		scratch->frames[i].data = rte_pktmbuf_mtod(mbuf, const uint8_t *);
		scratch->frames[i].frame_len = rte_pktmbuf_pkt_len(mbuf);
		scratch->packets[i].owner = mbuf;
	}
	packet_parse_burst(scratch->frames, number, direction, scratch->packets);
}

static inline const struct vf_lanes *vf_of(const struct nic_view *view)
{
	return atomic_load_explicit(&view->vf, memory_order_acquire);
}

/* `bytes`: of all these frames. */
static void transmit(struct lane *lane, enum direction direction, struct rte_mbuf **mbufs,
		     unsigned number, uint64_t bytes)
{
	const struct vf_lanes *vf = direction == DIRECTION_OUTBOUND ? vf_of(lane->view) : NULL;
	const bool over_vf = vf && vf->sends;
	uint16_t port = over_vf ? vf->port : lane->view->port[opposite(direction)];
	unsigned sent;

	if (number == 0)
		return;
	sent = rte_eth_tx_burst(port, lane->queue, mbufs, (uint16_t)number);
	if (over_vf)
		count(&lane->counters.over_vf[direction], sent);
	for (unsigned i = sent; i < number; i++) {
		bytes -= rte_pktmbuf_pkt_len(mbufs[i]);
		drop(lane, direction, DROP_TX_FULL, mbufs[i]);
	}
	count(&lane->counters.forwarded[direction], sent);
	count(&lane->counters.forwarded_bytes[direction], bytes);
}

/*
 * Carries the decisions out, settled packets in their places between those that were judged;
 * returns how many mbufs stand in scratch->passed.
 */
static unsigned sort_out(struct lane *lane, enum direction direction, unsigned received,
			 const struct marked_burst *burst, struct forward_scratch *scratch)
{
	unsigned passed = 0, audited = 0, judged = 0;

	for (unsigned i = 0; i < received; i++) {
		const struct decision *decision = &scratch->decisions[judged];

		if (burst->settled >> i & 1) {
			scratch->passed[passed++] = scratch->received[i];
			continue;
		}
		judged++;
		count(&lane->counters.decided_by[decision->by], 1);
		if (likely(decision->action == DECISION_PASS)) {
			audited += decision->reason != DROP_NONE;
			scratch->passed[passed++] = scratch->received[i];
		} else if (decision->action == DECISION_DROP) {
			drop(lane, direction, decision->reason, scratch->received[i]);
		}
		/* DECISION_HOLD: the fragment table owns it now */
	}
	if (audited)
		count(&lane->counters.audited[direction], audited);
	return passed;
}

/* Fragments that waited and are free to go, one way or the other. */
static void release(struct lane *lane)
{
	struct fragment_releases *released = &lane->judge.released;

	for (unsigned i = 0; i < released->count; i++) {
		const struct fragment_release *packet = &released->packets[i];
		struct rte_mbuf *mbuf = packet->owner;

		if (packet->drop == DROP_NONE)
			transmit(lane, packet->direction, &mbuf, 1, rte_pktmbuf_pkt_len(mbuf));
		else
			drop(lane, packet->direction, packet->drop, mbuf);
	}
	released->count = 0;
}

/* What is asked of all frames of a burst, in one pass over their first cache lines. */
struct burst_sum {
	uint64_t bytes;
	uint64_t flags; /* of any of them */
};

static struct burst_sum sum_up(struct rte_mbuf *const *mbufs, unsigned number)
{
	struct burst_sum sum = { 0 };

	for (unsigned i = 0; i < number; i++) {
		sum.bytes += rte_pktmbuf_pkt_len(mbufs[i]);
		sum.flags |= mbufs[i]->ol_flags;
	}
	return sum;
}

/* What hardware has said of the burst; nothing where it cannot have. */
static void read_marks(struct lane *lane, enum direction direction, const struct snapshot *snapshot,
		       unsigned received, uint64_t flags, uint64_t now,
		       struct forward_scratch *scratch, struct marked_burst *ret)
{
	lane->judge.settles = snapshot->settles;
	lane->judge.given = NULL;
	lane->judge.places = NULL;
	if (direction == DIRECTION_INBOUND && snapshot->marks && (flags & RTE_MBUF_F_RX_FDIR_ID)) {
		marks_sort(lane, snapshot, received, now, scratch, ret);
		count(&lane->counters.decided_by[DECIDED_BY_HARDWARE], received - ret->judge_count);
		return;
	}
	*ret = (struct marked_burst){ .judge = scratch->received, .judge_count = received };
}

/* Worth a mark of its own, if there are more of them: an exact rule could tell them from others. */
static bool is_of_flow(const struct packet *packet, const struct decision *decision)
{
	const uint8_t flags = packet->tcp_flags & (TCP_FIN | TCP_SYN | TCP_RST | TCP_ACK);

	if (decision->by != DECIDED_BY_CONNECTION || decision->action != DECISION_PASS ||
	    packet->flags != 0 || (packet->kind == PACKET_IP4 && packet->key4.local == 0))
		return false;
	return packet->protocol == IP_PROTOCOL_UDP ||
	       (packet->protocol == IP_PROTOCOL_TCP && flags == TCP_ACK);
}

static void take_sample(struct lane *lane, const struct packet *packet)
{
	struct flow_sample *sample = flow_samples_next(&lane->samples);

	if (!sample)
		return;
	sample->packets = __atomic_load_n(&lane->samples.interval, __ATOMIC_RELAXED);
	sample->key.family = packet->kind == PACKET_IP4 ? IP_FAMILY_V4 : IP_FAMILY_V6;
	if (packet->kind == PACKET_IP4)
		sample->key.key4 = packet->key4;
	else
		sample->key.key6 = packet->key6;
	flow_samples_push(&lane->samples);
}

/* The burst was judged; one packet of it may be due. */
static inline void count_down(struct lane *lane, unsigned number,
			      const struct forward_scratch *scratch)
{
	const int64_t due = lane->samples.countdown;

	lane->samples.countdown -= number;
	if (likely(lane->samples.countdown >= 0))
		return;
	if (is_of_flow(&scratch->packets[due], &scratch->decisions[due]) &&
	    !(lane->judge.places && lane->judge.places[due] != CONN_NOT_FOUND) &&
	    __atomic_load_n(&lane->samples.interval, __ATOMIC_RELAXED) > 0)
		take_sample(lane, &scratch->packets[due]);
	flow_samples_wait(&lane->samples);
}

/* Returns how many mbufs stand in scratch->passed. */
static unsigned judge(struct lane *lane, enum direction direction, const struct snapshot *snapshot,
		      unsigned received, uint64_t now, const struct marked_burst *burst,
		      struct forward_scratch *scratch)
{
	parse(burst->judge, burst->judge_count, direction, scratch);
	lane->judge.ruleset = snapshot->ruleset;
	lane->judge.hits = snapshot->counted->hits[lane->queue];
	judge_burst(&lane->judge, direction, scratch->packets, burst->judge_count, now,
		    scratch->decisions);
	if (lane->judge.placed > 0)
		count(&lane->counters.placed_by_mark, lane->judge.placed);
	if (direction == DIRECTION_INBOUND)
		count_down(lane, burst->judge_count, scratch);
	return sort_out(lane, direction, received, burst, scratch);
}

/* scratch->received[0..received), to the end. */
static unsigned forward(struct lane *lane, enum direction direction,
			const struct snapshot *snapshot, unsigned received, uint64_t now,
			struct forward_scratch *scratch)
{
	struct marked_burst burst;
	struct burst_sum sum;
	unsigned passed;

	sum = sum_up(scratch->received, received);
	count(&lane->counters.received[direction], received);
	count(&lane->counters.received_bytes[direction], sum.bytes);
	read_marks(lane, direction, snapshot, received, sum.flags, now, scratch, &burst);
	if (burst.judge_count == 0) {
		transmit(lane, direction, scratch->received, received, sum.bytes);
		return received;
	}
	passed = judge(lane, direction, snapshot, received, now, &burst, scratch);
	if (passed < received)
		sum = sum_up(scratch->passed, passed);
	transmit(lane, direction, scratch->passed, passed, sum.bytes);
	if (unlikely(lane->judge.released.count > 0))
		release(lane);
	return received;
}

unsigned forward_poll(struct lane *lane, enum direction direction, const struct snapshot *snapshot,
		      uint64_t now, struct forward_scratch *scratch)
{
	unsigned received = rte_eth_rx_burst(lane->view->port[direction], lane->queue,
					     scratch->received, FORWARD_BURST);

	if (received > 0)
		return forward(lane, direction, snapshot, received, now, scratch);
	/* marks come from the VF alone: its bursts tell when they have all been read */
	if (direction == DIRECTION_INBOUND && !vf_of(lane->view))
		count(&lane->counters.empty_bursts, 1);
	return 0;
}

unsigned forward_poll_vf(struct lane *lane, const struct snapshot *snapshot, uint64_t now,
			 struct forward_scratch *scratch)
{
	const struct vf_lanes *vf = vf_of(lane->view);
	unsigned received;

	if (!vf)
		return 0;
	received = rte_eth_rx_burst(vf->port, lane->queue, scratch->received, FORWARD_BURST);
	if (received == 0) {
		count(&lane->counters.empty_bursts, 1);
		return 0;
	}
	count(&lane->counters.over_vf[DIRECTION_INBOUND], received);
	return forward(lane, DIRECTION_INBOUND, snapshot, received, now, scratch);
}

void forward_housekeeping(struct lane *lane, uint64_t now)
{
	fragment_expire(lane->view->fragments, now, &lane->judge.released);
	if (unlikely(lane->judge.released.count > 0))
		release(lane);
}
