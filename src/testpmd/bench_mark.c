/*
 * The mark bench: cycles of a packet through the worker's loop, settled by its mark or judged in
 * software, beside io, which receives and transmits and does nothing else; what looking for marks
 * costs packets that have none; and packets whose marks name their connections, beside the same
 * packets looked up.
 *
 * TCP segments of live connections run in a circle of two ring ports, the same mbufs again and
 * again: what is timed is our loop, not a device. Frames are in the cache, which flatters software.
 */
#include "classify/conn_mark.h"
#include "compile/reference.h"
#include "datapath/forward.h"
#include "nic/clock.h"
#include "testpmd/bench.h"
#include "testpmd/generate.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_malloc.h>
#include <rte_mbuf.h>
#include <rte_tcp.h>

#define FRAMES      256
#define CIRCLE      1024
#define FRAME_BYTES 60
#define RULES       1000
#define TUPLES      4096
#define POLLS       64 /* between looks at the clock */

struct fixture {
	struct rte_ring *circle, *unused;
	struct rte_mempool *pool;
	struct policy *policy;
	struct counted_ruleset counted;
	struct mark_table *marks;
	struct conn_marks *connection_marks;
	struct snapshot with_marks, without;
	struct nic_view view;
	struct lane *lane;
	struct forward_scratch *scratch;
	uint64_t lost;
};

enum marking { UNMARKED, MARKED_SETTLED, MARKED_BY_CONNECTION, MARKED_IN_VAIN };

/* One side: which snapshot, and which marks the frames carry. */
struct side {
	struct fixture *f;
	const struct snapshot *snapshot; /* NULL: io */
	enum marking marking;
};

static const struct mac_addr vm_mac = { { 0x00, 0x0d, 0x3a, 0, 0, 1 } };

/* --- frames --- */

static void fill_frame(struct rte_mbuf *mbuf, const struct tuple *tuple)
{
	char *data = rte_pktmbuf_append(mbuf, FRAME_BYTES);
	struct rte_ether_hdr *eth = (struct rte_ether_hdr *)data;
	struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)(eth + 1);
	struct rte_tcp_hdr *tcp = (struct rte_tcp_hdr *)(ip + 1);

	if (!data)
		return; /* the buffers are larger */
	memset(data, 0, FRAME_BYTES);
	memcpy(eth->dst_addr.addr_bytes, vm_mac.bytes, sizeof(vm_mac.bytes));
	eth->src_addr.addr_bytes[0] = 2;
	eth->ether_type = rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4);
	ip->version_ihl = RTE_IPV4_VHL_DEF;
	ip->total_length = rte_cpu_to_be_16(sizeof(*ip) + sizeof(*tcp));
	ip->time_to_live = 64;
	ip->next_proto_id = IPPROTO_TCP;
	ip_addr_to_bytes(&tuple->source, &ip->src_addr);
	ip_addr_to_bytes(&tuple->destination, &ip->dst_addr);
	ip->hdr_checksum = rte_ipv4_cksum(ip);
	tcp->src_port = rte_cpu_to_be_16(tuple->source_port);
	tcp->dst_port = rte_cpu_to_be_16(tuple->destination_port);
	tcp->data_off = sizeof(*tcp) / 4 << 4;
	tcp->tcp_flags = RTE_TCP_ACK_FLAG;
}

static bool is_wanted(const struct policy *policy, const struct tuple *tuple)
{
	struct judgement judgement;

	if (tuple->protocol != IP_PROTOCOL_TCP)
		return false;
	reference_judge(policy, tuple, &judgement);
	return judgement.access != ACCESS_DENY;
}

/* Segments of connections that the policy allows, round and round. */
static int fill_circle(struct fixture *f)
{
	struct tuple *trace = generate_trace(f->policy, TUPLES);
	unsigned made = 0;

	for (size_t i = 0; made < FRAMES && i < (size_t)TUPLES * FRAMES; i++) {
		const struct tuple *tuple = &trace[i % TUPLES];
		struct rte_mbuf *mbuf;

		if (!is_wanted(f->policy, tuple))
			continue;
		mbuf = rte_pktmbuf_alloc(f->pool);
		if (!mbuf)
			break;
		fill_frame(mbuf, tuple);
		made += rte_ring_enqueue(f->circle, mbuf) == 0;
	}
	free(trace);
	return made == FRAMES ? 0 : -ENODATA;
}

/* Of the connection of a frame, under the number that is free; 0: there is none. */
static uint32_t connection_mark(struct fixture *f, struct rte_mbuf *mbuf, uint32_t slot)
{
	const struct packet_frame frame = {
		.data = rte_pktmbuf_mtod(mbuf, const uint8_t *),
		.headers_len = rte_pktmbuf_data_len(mbuf),
		.frame_len = rte_pktmbuf_pkt_len(mbuf),
	};
	struct conn_key key = { .family = IP_FAMILY_V4 };
	struct conn_standing standing;
	struct packet packet;

	packet_parse_burst(&frame, 1, DIRECTION_INBOUND, &packet);
	key.key4 = packet.key4;
	if (!conn_stands(f->view.connections, &key, clock_ms(), &standing))
		return 0;
	conn_marks_set(f->connection_marks, slot, standing.place);
	return mark_of_connection(slot);
}

/* All frames stand in the circle between two measurements. */
static void mark_frames(struct fixture *f, enum marking marking)
{
	struct rte_mbuf *mbufs[FRAMES];
	unsigned count = rte_ring_dequeue_burst(f->circle, (void **)mbufs, FRAMES, NULL);

	for (unsigned i = 0; i < count; i++) {
		uint32_t mark = marking == MARKED_SETTLED ? mark_of_slot(0) : 0;

		if (marking == MARKED_IN_VAIN)
			mark = mark_of_slot(1); /* beyond the table */
		if (marking == MARKED_BY_CONNECTION)
			mark = connection_mark(f, mbufs[i], i);
		mbufs[i]->ol_flags = mark ? RTE_MBUF_F_RX_FDIR | RTE_MBUF_F_RX_FDIR_ID : 0;
		mbufs[i]->hash.fdir.hi = mark;
	}
	(void)rte_ring_enqueue_bulk(f->circle, (void **)mbufs, count, NULL);
}

/* --- ports --- */

static int open_port(struct fixture *f, const char *name, struct rte_ring *in, struct rte_ring *out)
{
	const struct rte_eth_conf conf = { 0 };
	int port = rte_eth_from_rings(name, &in, 1, &out, 1, 0);

	if (port < 0 || rte_eth_dev_configure((uint16_t)port, 1, 1, &conf) < 0 ||
	    rte_eth_rx_queue_setup((uint16_t)port, 0, CIRCLE, 0, NULL, f->pool) < 0 ||
	    rte_eth_tx_queue_setup((uint16_t)port, 0, CIRCLE, 0, NULL) < 0 ||
	    rte_eth_dev_start((uint16_t)port) < 0)
		return -ENODEV;
	return port;
}

static int open_ports(struct fixture *f)
{
	int up, app;

	f->circle = rte_ring_create("bench_circle", CIRCLE, SOCKET_ID_ANY, 0);
	f->unused = rte_ring_create("bench_unused", CIRCLE, SOCKET_ID_ANY, 0);
	f->pool = rte_pktmbuf_pool_create("bench_mark", 4 * FRAMES - 1, 0, 0,
					  RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	if (!f->circle || !f->unused || !f->pool)
		return -ENOMEM;
	up = open_port(f, "bench_up", f->circle, f->unused);
	app = up < 0 ? up : open_port(f, "bench_app", f->unused, f->circle);
	if (app < 0)
		return app;
	f->view.port[DIRECTION_INBOUND] = (uint16_t)up;
	f->view.port[DIRECTION_OUTBOUND] = (uint16_t)app;
	return 0;
}

static void close_ports(struct fixture *f)
{
	struct rte_mbuf *mbuf;

	while (f->circle && rte_ring_dequeue(f->circle, (void **)&mbuf) == 0)
		rte_pktmbuf_free(mbuf);
	for (int d = 0; d < DIRECTIONS; d++) {
		if (f->view.port[d] == RTE_MAX_ETHPORTS)
			continue;
		(void)rte_eth_dev_stop(f->view.port[d]); /* a ring port always stops */
		(void)rte_eth_dev_close(f->view.port[d]);
	}
	rte_ring_free(f->circle);
	rte_ring_free(f->unused);
	rte_mempool_free(f->pool);
}

/* --- the NIC's side, by hand --- */

static int make_snapshots(struct fixture *f, unsigned rules)
{
	const struct ruleset_options options = { .mac = vm_mac, .generation = 1 };
	int r;

	f->policy = generate_policy(GENERATE_NSG, rules, 1);
	r = ruleset_new(f->policy, &options, NULL, &f->counted.ruleset, NULL);
	if (r < 0)
		return r;
	f->counted.hits[0] = calloc(f->counted.ruleset->hit_count, sizeof(*f->counted.hits[0]));
	f->marks = calloc(1, sizeof(*f->marks) + sizeof(f->marks->slots[0]));
	if (!f->counted.hits[0] || !f->marks)
		return -ENOMEM;
	f->marks->count = 1;
	f->marks->slots[0] = (struct mark_slot){
		.kind = MARK_SETTLED,
		.verdict = { .rule = { CLASSIFIER_NO_RULE, CLASSIFIER_NO_RULE, CLASSIFIER_NO_RULE },
			     .access = ACCESS_ALLOW },
	};
	f->marks->slots[0].verdict.rule[STAGE_NIC] = 0;
	f->without = (struct snapshot){ .counted = &f->counted, .ruleset = f->counted.ruleset };
	f->with_marks = f->without;
	f->with_marks.marks = f->marks;
	f->with_marks.settles = true;
	return 0;
}

static int make_lane(struct fixture *f)
{
	const struct conn_table_options options = { .max = 65536,
						    .timeouts = conn_timeouts_default };
	int r = conn_table_new(&options, &f->view.connections);

	if (r == 0)
		r = fragment_table_new(&f->view.fragments);
	if (r < 0)
		return r;
	f->lane = rte_zmalloc(NULL, sizeof(*f->lane), RTE_CACHE_LINE_SIZE);
	f->scratch = rte_zmalloc(NULL, sizeof(*f->scratch), RTE_CACHE_LINE_SIZE);
	if (!f->lane || !f->scratch)
		return -ENOMEM;
	f->view.settled_mask = RTE_MBUF_F_RX_FDIR_ID;
	f->view.settled_flags = RTE_MBUF_F_RX_FDIR_ID;
	f->view.lane_count = 1;
	f->view.lanes = f->lane;
	f->connection_marks = conn_marks_new();
	if (!f->connection_marks)
		return -ENOMEM;
	f->view.connection_marks = f->connection_marks;
	f->lane->view = &f->view;
	judge_context_init(&f->lane->judge, f->view.connections, f->view.fragments);
	return 0;
}

static int fixture_init(struct fixture *f, unsigned rules)
{
	int r;

	*f = (struct fixture){ 0 };
	f->view.port[DIRECTION_INBOUND] = RTE_MAX_ETHPORTS;
	f->view.port[DIRECTION_OUTBOUND] = RTE_MAX_ETHPORTS;
	r = make_snapshots(f, rules);
	if (r == 0)
		r = open_ports(f);
	if (r == 0)
		r = make_lane(f);
	return r == 0 ? fill_circle(f) : r;
}

static void fixture_fini(struct fixture *f)
{
	rte_free(f->scratch);
	rte_free(f->lane);
	fragment_table_free(f->view.fragments);
	conn_table_free(f->view.connections);
	close_ports(f);
	free(f->marks);
	free(f->connection_marks);
	free(f->counted.hits[0]);
	ruleset_free(f->counted.ruleset);
}

/* --- sides --- */

static unsigned poll_io(const struct fixture *f)
{
	struct rte_mbuf *mbufs[FORWARD_BURST];
	uint16_t received =
		rte_eth_rx_burst(f->view.port[DIRECTION_INBOUND], 0, mbufs, FORWARD_BURST);

	return rte_eth_tx_burst(f->view.port[DIRECTION_OUTBOUND], 0, mbufs, received);
}

static unsigned poll_side(const struct side *side, uint64_t now)
{
	if (!side->snapshot)
		return poll_io(side->f);
	return forward_poll(side->f->lane, DIRECTION_INBOUND, side->snapshot, now,
			    side->f->scratch);
}

static double measure(void *context, double seconds)
{
	const struct side *side = context;
	uint64_t start, end, last, packets = 0;

	mark_frames(side->f, side->marking);
	start = last = rte_rdtsc_precise();
	end = start + bench_cycles(seconds);
	while (last < end) {
		const uint64_t now = clock_ms();

		for (int i = 0; i < POLLS; i++)
			packets += poll_side(side, now);
		last = rte_rdtsc_precise();
	}
	return packets ? (double)(last - start) / (double)packets : 0;
}

static void note_lost(struct fixture *f, struct bench_result *result)
{
	const struct lane_counters *counters = &f->lane->counters;
	uint64_t lost = counters->received[DIRECTION_INBOUND] -
			counters->forwarded[DIRECTION_INBOUND] - f->lost;

	result->notes = json_new_object();
	json_add_unsigned(result->notes, "lost", lost);
	f->lost += lost;
}

static void compare(const struct bench_options *options, struct bench_result_list *list,
		    const char *name, struct side *ours, const char *ours_name, struct side *peer,
		    const char *peer_name)
{
	const struct bench_side sides[] = {
		{ .name = ours_name, .measure = measure, .context = ours },
		{ .name = peer_name, .measure = measure, .context = peer },
	};

	note_lost(ours->f, bench_compare(options, list, name, "cycles", &sides[0], &sides[1]));
}

static int run(const struct bench_options *options, struct bench_result_list *list)
{
	struct fixture *f = rte_zmalloc(NULL, sizeof(*f), RTE_CACHE_LINE_SIZE);
	struct side io = { .f = f };
	struct side settled = { .f = f, .marking = MARKED_SETTLED };
	struct side connection = { .f = f, .marking = MARKED_BY_CONNECTION };
	struct side in_vain = { .f = f, .marking = MARKED_IN_VAIN };
	struct side unmarked = { .f = f };
	struct side software = { .f = f };
	int r;

	if (!f)
		return -ENOMEM;
	settled.snapshot = unmarked.snapshot = connection.snapshot = in_vain.snapshot =
		&f->with_marks;
	software.snapshot = &f->without;
	r = fixture_init(f, options->rules ? options->rules : RULES);
	if (r == 0) {
		compare(options, list, "mark/settled", &settled, "settled", &io, "io");
		compare(options, list, "mark/software", &software, "software", &io, "io");
		compare(options, list, "mark/unmarked", &unmarked, "software with marks in force",
			&software, "software without");
		compare(options, list, "mark/connection", &connection, "by connection mark",
			&unmarked, "looked up");
		compare(options, list, "mark/connection-marked", &connection, "by connection mark",
			&in_vain, "marked, looked up");
	} else {
		(void)fprintf(stderr, "mark: %s\n", strerror(-r));
	}
	fixture_fini(f);
	rte_free(f);
	return r;
}

const struct bench bench_mark = {
	.name = "mark",
	.help = "packets settled by their mark, with connection marks, and judged in software",
	.run = run,
};
