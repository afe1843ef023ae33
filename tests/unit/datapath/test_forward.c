/*
 * A NIC between two ring devices on a real EAL: frames go in at one side, and what comes out at the
 * other, and what is counted, is what the policy says.
 */
#include "classify/conn.h"
#include "datapath/forward.h"
#include "datapath/stats.h"
#include "nic/clock.h"
#include "nic/events.h"
#include "nic/nic.h"
#include "nic/nic_private.h"

#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_malloc.h>
#include <rte_mbuf.h>
#include <rte_rcu_qsbr.h>
#include <rte_tcp.h>
#include <rte_udp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define RING_SIZE 256

static const char nsg[] =
	"{\"apiVersion\":\"accelnet/v1\",\"nicNsg\":{\"name\":\"web\",\"properties\":{"
	"\"securityRules\":[{\"name\":\"http\",\"properties\":{\"priority\":100,"
	"\"direction\":\"Inbound\",\"access\":\"Allow\",\"protocol\":\"Tcp\","
	"\"sourceAddressPrefix\":\"*\",\"sourcePortRange\":\"*\","
	"\"destinationAddressPrefix\":\"10.1.0.4\",\"destinationPortRange\":\"80\"}}]}},"
	"\"context\":{\"addresses\":[\"10.1.0.4\"],\"virtualNetwork\":[\"10.1.0.0/16\"]},"
	"\"options\":{\"mode\":\"%s\"}}";

struct fixture {
	char state[64];
	struct rte_ring *in[DIRECTIONS];  /* what the device of that side will receive */
	struct rte_ring *out[DIRECTIONS]; /* what it has sent */
	struct rte_mempool *pool;
	struct rte_rcu_qsbr *qsbr;
	struct event_log *events;
	struct nic_config config;
	struct nic *nic;
	struct forward_scratch *scratch;
};

/* The control thread is the only thread here: no reader is ever online. */
static struct rte_rcu_qsbr *make_qsbr(void)
{
	struct rte_rcu_qsbr *qsbr = rte_zmalloc(NULL, rte_rcu_qsbr_get_memsize(1), 64);

	rte_rcu_qsbr_init(qsbr, 1);
	return qsbr;
}

static void make_device(struct fixture *f, enum direction side, const char *name)
{
	char ring[32];
	int port;

	(void)snprintf(ring, sizeof(ring), "%s_in", name);
	f->in[side] = rte_ring_create(ring, RING_SIZE, SOCKET_ID_ANY, 0);
	(void)snprintf(ring, sizeof(ring), "%s_out", name);
	f->out[side] = rte_ring_create(ring, RING_SIZE, SOCKET_ID_ANY, 0);
	port = rte_eth_from_rings(name, &f->in[side], 1, &f->out[side], 1, 0);
	assert_true(port >= 0);
}

static int set_up_eal(void **state)
{
	static struct fixture fixture;
	struct fixture *f = &fixture;

	strcpy(f->state, "/tmp/accelnet-forward-XXXXXX");
	assert_non_null(mkdtemp(f->state));
	f->pool = rte_pktmbuf_pool_create("test", 1023, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, 0);
	f->qsbr = make_qsbr();
	f->events = event_log_new();
	f->scratch = rte_zmalloc(NULL, sizeof(*f->scratch), 64);
	make_device(f, DIRECTION_INBOUND, "up");
	make_device(f, DIRECTION_OUTBOUND, "app");
	f->config = (struct nic_config){
		.name = "eth1",
		.has_mac = true,
		.mac = { { 0x00, 0x0d, 0x3a, 0, 0, 1 } },
		.uplink_device = (char *)"net_ring_up",
		.app_device = (char *)"net_ring_app",
		.queues = 1,
		.connections_max = 4096,
		.timeouts = conn_timeouts_default,
	};
	*state = f;
	return 0;
}

static int tear_down_eal(void **state)
{
	struct fixture *f = *state;
	char command[128];

	event_log_free(f->events);
	(void)snprintf(command, sizeof(command), "rm -rf '%s'", f->state);
	return system(command);
}

static void start_nic(struct fixture *f)
{
	const struct nic_services services = {
		.state_directory = f->state,
		.events = f->events,
		.qsbr = f->qsbr,
	};
	struct accelnet_error err;

	if (nic_new(&f->config, &services, &f->nic, &err) < 0)
		fail_msg("%s", err.detail);
}

static int set_up_nic(void **state)
{
	start_nic(*state);
	return 0;
}

static int tear_down_nic(void **state)
{
	struct fixture *f = *state;
	char command[128];

	nic_free(f->nic);
	(void)snprintf(command, sizeof(command), "rm -rf '%s'/*", f->state);
	return system(command);
}

static void apply(struct fixture *f, const char *mode)
{
	const struct nic_apply_options options = { .origin = "test" };
	struct nic_apply_result result;
	struct accelnet_error err;
	struct json *document;
	char text[2048];

	(void)snprintf(text, sizeof(text), nsg, mode);
	assert_int_equal(json_parse(text, strlen(text), NULL, &document, NULL), 0);
	if (nic_policy_apply(f->nic, document, &options, &result, &err) < 0)
		fail_msg("%s: %s", err.pointer, err.detail);
	nic_apply_result_fini(&result);
	json_free(document);
}

/* A frame between a remote host and the VM, as it stands on the wire. */
struct frame {
	enum direction direction;
	uint8_t tcp_flags; /* 0: UDP */
	uint16_t remote_port;
	uint16_t local_port;
	uint32_t mark;  /* 0: none */
	uint64_t flags; /* of the mbuf besides */
};

static void fill_ethernet(struct rte_ether_hdr *eth, enum direction direction)
{
	static const struct rte_ether_addr vm = { { 0x00, 0x0d, 0x3a, 0, 0, 1 } };
	static const struct rte_ether_addr remote = { { 0x02, 0, 0, 0, 0, 9 } };

	eth->dst_addr = direction == DIRECTION_INBOUND ? vm : remote;
	eth->src_addr = direction == DIRECTION_INBOUND ? remote : vm;
	eth->ether_type = rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4);
}

static void fill_ip(struct rte_ipv4_hdr *ip, const struct frame *frame, uint16_t length)
{
	const uint32_t vm = RTE_BE32(0x0a010004);     /* 10.1.0.4 */
	const uint32_t remote = RTE_BE32(0xcb007109); /* 203.0.113.9 */

	*ip = (struct rte_ipv4_hdr){
		.version_ihl = RTE_IPV4_VHL_DEF,
		.total_length = rte_cpu_to_be_16(length),
		.time_to_live = 64,
		.next_proto_id = frame->tcp_flags ? IPPROTO_TCP : IPPROTO_UDP,
		.src_addr = frame->direction == DIRECTION_INBOUND ? remote : vm,
		.dst_addr = frame->direction == DIRECTION_INBOUND ? vm : remote,
	};
	ip->hdr_checksum = rte_ipv4_cksum(ip);
}

static void put(struct fixture *f, struct frame frame)
{
	struct rte_mbuf *mbuf = rte_pktmbuf_alloc(f->pool);
	uint16_t source =
		frame.direction == DIRECTION_INBOUND ? frame.remote_port : frame.local_port;
	uint16_t target =
		frame.direction == DIRECTION_INBOUND ? frame.local_port : frame.remote_port;
	char *data = rte_pktmbuf_append(mbuf, 60);

	memset(data, 0, 60);
	fill_ethernet((void *)data, frame.direction);
	fill_ip((void *)(data + 14), &frame, 40);
	if (frame.tcp_flags) {
		*(struct rte_tcp_hdr *)(data + 34) = (struct rte_tcp_hdr){
			.src_port = rte_cpu_to_be_16(source),
			.dst_port = rte_cpu_to_be_16(target),
			.data_off = 5 << 4,
			.tcp_flags = frame.tcp_flags,
		};
	} else {
		*(struct rte_udp_hdr *)(data + 34) = (struct rte_udp_hdr){
			.src_port = rte_cpu_to_be_16(source),
			.dst_port = rte_cpu_to_be_16(target),
			.dgram_len = rte_cpu_to_be_16(20),
		};
	}
	mbuf->ol_flags = frame.flags;
	if (frame.mark) {
		mbuf->ol_flags |= RTE_MBUF_F_RX_FDIR | RTE_MBUF_F_RX_FDIR_ID;
		mbuf->hash.fdir.hi = frame.mark;
	}
	assert_int_equal(rte_ring_enqueue(f->in[frame.direction], mbuf), 0);
}

/* Polls once and says how many frames came out at the other side. */
static unsigned forward(struct fixture *f, enum direction direction, uint64_t now)
{
	enum direction other =
		direction == DIRECTION_INBOUND ? DIRECTION_OUTBOUND : DIRECTION_INBOUND;
	struct lane *lane = &nic_get_view(f->nic)->lanes[0];
	struct rte_mbuf *sent;
	unsigned count = 0;

	forward_poll(lane, direction, nic_snapshot(f->nic), now, f->scratch);
	forward_housekeeping(lane, now);
	while (rte_ring_dequeue(f->out[other], (void **)&sent) == 0) {
		count++;
		rte_pktmbuf_free(sent);
	}
	return count;
}

static uint64_t drops(const struct fixture *f, enum direction direction, enum drop_reason reason)
{
	struct nic_stats stats;

	nic_stats_read(f->nic, &stats);
	return stats.drops[direction][reason];
}

static const struct frame syn_80 = { DIRECTION_INBOUND, RTE_TCP_SYN_FLAG, 40000, 80 };
static const struct frame syn_22 = { DIRECTION_INBOUND, RTE_TCP_SYN_FLAG, 40000, 22 };
static const struct frame synack_80 = { DIRECTION_OUTBOUND, RTE_TCP_SYN_FLAG | RTE_TCP_ACK_FLAG,
					40000, 80 };
static const struct frame dns_out = { DIRECTION_OUTBOUND, 0, 53, 5353 };
static const struct frame dns_in = { DIRECTION_INBOUND, 0, 53, 5353 };

static void allows_everything_before_the_first_policy(void **state)
{
	struct fixture *f = *state;

	put(f, syn_22);
	assert_int_equal(forward(f, DIRECTION_INBOUND, 1000), 1);
}

static void enforces_the_rules_and_needs_none_for_replies(void **state)
{
	struct fixture *f = *state;
	struct nic_stats stats;

	apply(f, "enforce");
	put(f, syn_80);
	put(f, syn_22);
	put(f, dns_in);
	assert_int_equal(forward(f, DIRECTION_INBOUND, 1000), 1);
	assert_int_equal(drops(f, DIRECTION_INBOUND, DROP_POLICY_DENY), 2);
	put(f, synack_80);
	put(f, dns_out);
	assert_int_equal(forward(f, DIRECTION_OUTBOUND, 1001), 2);
	put(f, dns_in);
	assert_int_equal(forward(f, DIRECTION_INBOUND, 1002), 1);

	nic_stats_read(f->nic, &stats);
	assert_int_equal(stats.received[DIRECTION_INBOUND].packets, 4);
	assert_int_equal(stats.forwarded[DIRECTION_INBOUND].packets, 2);
	assert_int_equal(stats.dropped[DIRECTION_INBOUND].packets, 2);
	assert_int_equal(stats.forwarded[DIRECTION_OUTBOUND].packets, 2);
	assert_int_equal(stats.received[DIRECTION_INBOUND].bytes, 4 * 60);
	nic_stats_clear(f->nic);
	nic_stats_read(f->nic, &stats);
	assert_int_equal(stats.received[DIRECTION_INBOUND].packets, 0);
}

static void counts_hits_per_rule(void **state)
{
	struct fixture *f = *state;
	struct rule_hits hits;

	apply(f, "enforce");
	put(f, syn_80);
	put(f, syn_22);
	forward(f, DIRECTION_INBOUND, clock_ms());
	nic_rule_hits(f->nic, DIRECTION_INBOUND, STAGE_NIC, 0, &hits);
	assert_int_equal(hits.packets, 1);
	assert_true(hits.last_hit > 0);
	nic_rule_hits(f->nic, DIRECTION_INBOUND, STAGE_NIC, 3, &hits);
	assert_int_equal(hits.packets, 1);
	nic_rule_hits(f->nic, DIRECTION_INBOUND, STAGE_NIC, 1, &hits);
	assert_int_equal(hits.packets, 0);
	assert_int_equal(hits.last_hit, 0);
}

/* A table of one slot: what `kind` says about the rule that allows port 80. */
static struct mark_table *marks_of_port_80(enum mark_kind kind)
{
	struct mark_table *table = calloc(1, sizeof(*table) + sizeof(table->slots[0]));

	assert_non_null(table);
	table->count = 1;
	table->slots[0] = (struct mark_slot){
		.kind = kind,
		.verdict = { .rule = { [STAGE_ACL] = CLASSIFIER_NO_RULE,
				       [STAGE_SUBNET] = CLASSIFIER_NO_RULE,
				       [STAGE_NIC] = 0 },
			     .access = ACCESS_ALLOW,
			     .stage = STAGE_NIC },
	};
	return table;
}

static void publish_marks(struct fixture *f, struct mark_table *marks)
{
	struct snapshot *snapshot;

	assert_int_equal(snapshot_new_marks(nic_snapshot(f->nic), marks, &snapshot), 0);
	nic_publish(f->nic, snapshot);
}

static void keeps_hits_while_the_marks_of_a_rule_set_change(void **state)
{
	struct fixture *f = *state;
	const struct ruleset *before;
	struct rule_hits hits;

	apply(f, "enforce");
	before = nic_snapshot(f->nic)->ruleset;
	put(f, syn_80);
	forward(f, DIRECTION_INBOUND, clock_ms());
	publish_marks(f, marks_of_port_80(MARK_VERDICT));
	publish_marks(f, NULL);
	assert_ptr_equal(nic_snapshot(f->nic)->ruleset, before);
	nic_rule_hits(f->nic, DIRECTION_INBOUND, STAGE_NIC, 0, &hits);
	assert_int_equal(hits.packets, 1);
	publish_marks(f, marks_of_port_80(MARK_SETTLED));
	assert_true(nic_snapshot(f->nic)->settles);
	assert_int_equal(nic_set_context(f->nic, NULL, NULL), 0);
	assert_ptr_not_equal(nic_snapshot(f->nic)->ruleset, before);
	assert_null(nic_snapshot(f->nic)->marks);
	nic_rule_hits(f->nic, DIRECTION_INBOUND, STAGE_NIC, 0, &hits);
	assert_int_equal(hits.packets, 0);
}

static uint64_t by_hardware(const struct fixture *f)
{
	struct nic_stats stats;

	nic_stats_read(f->nic, &stats);
	return stats.judged_by_hardware;
}

static uint32_t live_connections(const struct fixture *f)
{
	struct conn_stats stats;

	conn_table_stats(nic_connections(f->nic), &stats);
	return stats.live;
}

static const struct frame ack_80 = { DIRECTION_INBOUND, RTE_TCP_ACK_FLAG, 40000, 80 };

static struct frame marked(struct frame frame, uint32_t mark, uint64_t flags)
{
	frame.mark = mark;
	frame.flags = flags;
	return frame;
}

static void forwards_settled_segments_without_looking(void **state)
{
	struct fixture *f = *state;
	const uint32_t mark = mark_of_slot(0);
	struct rule_hits hits;

	apply(f, "enforce");
	publish_marks(f, marks_of_port_80(MARK_SETTLED));
	for (int i = 0; i < 3; i++)
		put(f, marked(ack_80, mark, 0));
	assert_int_equal(forward(f, DIRECTION_INBOUND, clock_ms()), 3);
	assert_int_equal(by_hardware(f), 3);
	assert_int_equal(live_connections(f), 0);
	nic_rule_hits(f->nic, DIRECTION_INBOUND, STAGE_NIC, 0, &hits);
	assert_int_equal(hits.packets, 0);
	assert_int_equal(hits.settled, 3);
	assert_true(hits.last_hit > 0);
}

/* Whatever is not vouched for is judged as if it had no mark: each makes a connection. */
static void believes_only_marks_that_the_snapshot_vouches_for(void **state)
{
	struct fixture *f = *state;
	const struct frame frames[] = {
		marked(ack_80, 0, 0),
		marked(ack_80, 0, RTE_MBUF_F_RX_FDIR_ID),
		marked(ack_80, mark_of_slot(0) + 1, 0),
		marked(ack_80, mark_of_slot(1), 0),
		marked(ack_80, MARK_LIMIT - 1, 0),
		marked(ack_80, mark_of_slot(0), RTE_MBUF_F_RX_L4_CKSUM_BAD),
		marked(ack_80, mark_of_slot(0), RTE_MBUF_F_RX_IP_CKSUM_BAD),
	};

	apply(f, "enforce");
	publish_marks(f, marks_of_port_80(MARK_SETTLED));
	for (size_t i = 0; i < sizeof(frames) / sizeof(frames[0]); i++) {
		struct frame frame = frames[i];

		frame.remote_port = (uint16_t)(20000 + i);
		put(f, frame);
		forward(f, DIRECTION_INBOUND, 1000);
		assert_int_equal(by_hardware(f), 0);
		assert_int_equal(live_connections(f), i + 1);
	}
	publish_marks(f, marks_of_port_80(MARK_VOID));
	put(f, marked(ack_80, mark_of_slot(0), 0));
	forward(f, DIRECTION_INBOUND, 1000);
	assert_int_equal(by_hardware(f), 0);
}

static void wants_good_checksums_where_the_device_verifies_them(void **state)
{
	struct fixture *f = *state;
	const uint64_t good = RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD;
	struct nic_view *view = nic_get_view(f->nic);

	apply(f, "enforce");
	publish_marks(f, marks_of_port_80(MARK_SETTLED));
	nic_set_settled_flags(view, true);
	put(f, marked(ack_80, mark_of_slot(0), 0));
	put(f, marked(ack_80, mark_of_slot(0), RTE_MBUF_F_RX_IP_CKSUM_GOOD));
	put(f, marked(ack_80, mark_of_slot(0), good | RTE_MBUF_F_RX_L4_CKSUM_BAD));
	assert_int_equal(forward(f, DIRECTION_INBOUND, 1000), 3);
	assert_int_equal(by_hardware(f), 0);
	put(f, marked(ack_80, mark_of_slot(0), good));
	assert_int_equal(forward(f, DIRECTION_INBOUND, 1000), 1);
	assert_int_equal(by_hardware(f), 1);
}

static void takes_the_rules_word_from_a_verdict_mark(void **state)
{
	struct fixture *f = *state;
	struct nic_stats stats;
	struct rule_hits hits;

	apply(f, "enforce");
	publish_marks(f, marks_of_port_80(MARK_VERDICT));
	put(f, marked(syn_80, mark_of_slot(0), 0));
	put(f, marked(syn_22, 0, 0));
	assert_int_equal(forward(f, DIRECTION_INBOUND, 1000), 1);
	nic_stats_read(f->nic, &stats);
	assert_int_equal(stats.classified_by_mark, 1);
	assert_int_equal(stats.judged_by_hardware, 0);
	assert_int_equal(live_connections(f), 1);
	nic_rule_hits(f->nic, DIRECTION_INBOUND, STAGE_NIC, 0, &hits);
	assert_int_equal(hits.packets, 1);
	/* the verdict is the mark's, not the classifier's: a wrong one would show */
	put(f, marked(syn_22, mark_of_slot(0), 0));
	assert_int_equal(forward(f, DIRECTION_INBOUND, 1000), 1);
}

static uint16_t remote_port_of(const struct rte_mbuf *mbuf)
{
	const struct rte_tcp_hdr *tcp =
		rte_pktmbuf_mtod_offset(mbuf, const struct rte_tcp_hdr *, 34);

	return rte_be_to_cpu_16(tcp->src_port);
}

static uint64_t placed(const struct fixture *f)
{
	struct nic_stats stats;

	nic_stats_read(f->nic, &stats);
	return stats.placed_by_mark;
}

/* Where the connection of dns_out and dns_in stands. */
static uint32_t place_of_dns(struct fixture *f)
{
	const struct conn_key key = {
		.family = IP_FAMILY_V4,
		.key4 = { .local = RTE_BE32(0x0a010004),
			  .remote = RTE_BE32(0xcb007109),
			  .local_port = RTE_BE16(dns_out.local_port),
			  .remote_port = RTE_BE16(dns_out.remote_port),
			  .protocol = IPPROTO_UDP },
	};
	struct conn_standing standing;

	assert_true(conn_stands(nic_connections(f->nic), &key, 1001, &standing));
	return standing.place;
}

static void finds_a_connection_by_its_mark(void **state)
{
	struct fixture *f = *state;
	struct conn_marks *marks = conn_marks_new();
	struct frame marked = dns_in, other = dns_in;

	apply(f, "enforce");
	publish_marks(f, marks_of_port_80(MARK_VERDICT));
	nic_get_view(f->nic)->connection_marks = marks;
	put(f, dns_out);
	assert_int_equal(forward(f, DIRECTION_OUTBOUND, 1000), 1);
	put(f, dns_in); /* the first reply changes the entry */
	assert_int_equal(forward(f, DIRECTION_INBOUND, 1000), 1);
	conn_marks_set(marks, 3, place_of_dns(f));
	marked.mark = other.mark = mark_of_connection(3);
	other.remote_port++; /* another flow, under the same mark */
	put(f, marked);
	put(f, other);
	put(f, dns_in);
	assert_int_equal(forward(f, DIRECTION_INBOUND, 1001), 2);
	assert_int_equal(placed(f), 1);
	assert_int_equal(drops(f, DIRECTION_INBOUND, DROP_POLICY_DENY), 1);
	marked.mark++; /* as a PMD may deliver it */
	put(f, marked);
	marked.mark = mark_of_connection(4);
	put(f, marked);
	marked.mark = mark_of_connection(3);
	marked.direction = DIRECTION_OUTBOUND; /* nothing that leaves has been judged */
	put(f, marked);
	assert_int_equal(forward(f, DIRECTION_INBOUND, 1002), 2);
	assert_int_equal(forward(f, DIRECTION_OUTBOUND, 1002), 1);
	assert_int_equal(placed(f), 1);
	marked.direction = DIRECTION_INBOUND;
	apply(f, "audit"); /* another rule set: it has not judged the connection */
	publish_marks(f, marks_of_port_80(MARK_VERDICT));
	put(f, marked);
	assert_int_equal(forward(f, DIRECTION_INBOUND, 1003), 1);
	assert_int_equal(placed(f), 1);
	nic_get_view(f->nic)->connection_marks = NULL;
	free(marks);
}

/* A packet in so many of those that were looked up; none where none are wanted. */
static void samples_what_it_looks_up(void **state)
{
	struct fixture *f = *state;
	struct flow_samples *samples = &nic_get_view(f->nic)->lanes[0].samples;
	struct flow_sample sample;
	unsigned taken = 0;

	apply(f, "enforce");
	put(f, dns_out);
	assert_int_equal(forward(f, DIRECTION_OUTBOUND, 1000), 1);
	put(f, dns_in); /* ends the countdown of before */
	assert_int_equal(forward(f, DIRECTION_INBOUND, 1000), 1);
	assert_false(flow_samples_pop(samples, &sample));
	samples->interval = 16;
	samples->countdown = 0;
	for (int i = 0; i < 320; i++) {
		put(f, i % 2 ? dns_in : syn_22); /* what is refused is no flow */
		forward(f, DIRECTION_INBOUND, 1001);
	}
	while (flow_samples_pop(samples, &sample)) {
		taken++;
		assert_int_equal(sample.packets, 16);
		assert_int_equal(sample.key.family, IP_FAMILY_V4);
		assert_int_equal(sample.key.key4.remote_port, RTE_BE16(dns_in.remote_port));
	}
	assert_in_range(taken, 5, 16); /* of 320: 20, of which every other one is a flow's */
}

static void keeps_the_order_of_a_burst(void **state)
{
	struct fixture *f = *state;
	struct lane *lane = &nic_get_view(f->nic)->lanes[0];
	struct rte_mbuf *sent;
	uint16_t next = 1000;

	apply(f, "enforce");
	publish_marks(f, marks_of_port_80(MARK_SETTLED));
	for (uint16_t i = 0; i < FORWARD_BURST; i++) {
		struct frame frame = i % 3 == 1 ? ack_80 : marked(ack_80, mark_of_slot(0), 0);

		frame.remote_port = (uint16_t)(1000 + i);
		frame.local_port = i % 5 == 4 && !frame.mark ? 22 : 80; /* denied */
		put(f, frame);
	}
	forward_poll(lane, DIRECTION_INBOUND, nic_snapshot(f->nic), 1000, f->scratch);
	while (rte_ring_dequeue(f->out[DIRECTION_OUTBOUND], (void **)&sent) == 0) {
		while ((next - 1000) % 3 == 1 && (next - 1000) % 5 == 4)
			next++;
		assert_int_equal(remote_port_of(sent), next++);
		rte_pktmbuf_free(sent);
	}
	assert_int_equal(next, 1000 + FORWARD_BURST);
	assert_int_equal(by_hardware(f), 43);
	assert_int_equal(drops(f, DIRECTION_INBOUND, DROP_POLICY_DENY), 4);
}

/* What was cut stays cut, whatever hardware says of it. */
static void looks_at_settled_segments_while_a_connection_is_cut(void **state)
{
	struct fixture *f = *state;
	const struct key4 key = {
		.local = RTE_BE32(0x0a010004),
		.remote = RTE_BE32(0xcb007109),
		.local_port = RTE_BE16(80),
		.remote_port = RTE_BE16(40000),
		.protocol = IPPROTO_TCP,
	};

	apply(f, "enforce");
	publish_marks(f, marks_of_port_80(MARK_SETTLED));
	put(f, syn_80);
	forward(f, DIRECTION_INBOUND, 1000);
	assert_int_equal(conn_kill4(nic_connections(f->nic), &key, 1000), 0);
	conn_expire_slice(nic_connections(f->nic), 1000);
	put(f, marked(ack_80, mark_of_slot(0), 0));
	assert_int_equal(forward(f, DIRECTION_INBOUND, 1001), 0);
	assert_int_equal(drops(f, DIRECTION_INBOUND, DROP_CONNECTION_CUT), 1);
	for (uint64_t now = 1001; now < 1000 + (CONN_TOMBSTONE_SECONDS + 3) * 1000; now += 10)
		conn_expire_slice(nic_connections(f->nic), now);
	put(f, marked(ack_80, mark_of_slot(0), 0));
	assert_int_equal(forward(f, DIRECTION_INBOUND, 40000), 1);
	assert_int_equal(by_hardware(f), 1);
}

/* Connections that only audit let in are cut; until that is done, every segment is looked at. */
static void looks_at_settled_segments_while_connections_are_judged_again(void **state)
{
	struct fixture *f = *state;
	const uint64_t longest = conn_deadlines_longest(&f->config.timeouts);
	uint64_t now;

	apply(f, "audit");
	now = clock_ms();
	apply(f, "enforce");
	publish_marks(f, marks_of_port_80(MARK_SETTLED));
	put(f, marked(ack_80, mark_of_slot(0), 0));
	assert_int_equal(forward(f, DIRECTION_INBOUND, now), 1);
	assert_int_equal(by_hardware(f), 0);
	put(f, marked(ack_80, mark_of_slot(0), 0));
	assert_int_equal(forward(f, DIRECTION_INBOUND, clock_ms() + longest + 1000), 1);
	assert_int_equal(by_hardware(f), 1);
}

static void drops_nothing_in_audit_mode_but_counts_it(void **state)
{
	struct fixture *f = *state;
	struct nic_stats stats;

	apply(f, "audit");
	put(f, syn_22);
	assert_int_equal(forward(f, DIRECTION_INBOUND, 1000), 1);
	nic_stats_read(f->nic, &stats);
	assert_int_equal(stats.audited[DIRECTION_INBOUND], 1);
	assert_int_equal(stats.dropped[DIRECTION_INBOUND].packets, 0);
}

static void restores_the_policy_at_start(void **state)
{
	struct fixture *f = *state;

	apply(f, "enforce");
	nic_free(f->nic);
	start_nic(f);
	assert_int_equal(nic_generation(f->nic), 1);
	put(f, syn_80);
	put(f, syn_22);
	assert_int_equal(forward(f, DIRECTION_INBOUND, 1000), 1);
}

static void drops_all_but_platform_traffic_where_the_stored_policy_is_damaged(void **state)
{
	struct fixture *f = *state;
	char command[160];

	apply(f, "enforce");
	nic_free(f->nic);
	(void)snprintf(command, sizeof(command), "echo '{' > '%s/eth1/policy-00000001.json'",
		       f->state);
	assert_int_equal(system(command), 0);
	start_nic(f);
	put(f, syn_80);
	assert_int_equal(forward(f, DIRECTION_INBOUND, 1000), 0);
	assert_int_equal(drops(f, DIRECTION_INBOUND, DROP_NO_POLICY), 1);
	apply(f, "enforce");
	assert_int_equal(nic_generation(f->nic), 2);
	put(f, syn_80);
	assert_int_equal(forward(f, DIRECTION_INBOUND, 1000), 1);
}

static void frees_what_the_other_port_does_not_take(void **state)
{
	struct fixture *f = *state;
	unsigned before = rte_mempool_avail_count(f->pool);
	struct lane *lane = &nic_get_view(f->nic)->lanes[0];
	struct rte_mbuf *sent;

	for (int i = 0; i < RING_SIZE + 40; i++) {
		put(f, (struct frame){ DIRECTION_INBOUND, RTE_TCP_SYN_FLAG, (uint16_t)(1000 + i),
				       80 });
		forward_poll(lane, DIRECTION_INBOUND, nic_snapshot(f->nic), 1000, f->scratch);
	}
	assert_int_equal(drops(f, DIRECTION_INBOUND, DROP_TX_FULL), 41); /* a ring holds size - 1 */
	while (rte_ring_dequeue(f->out[DIRECTION_OUTBOUND], (void **)&sent) == 0)
		rte_pktmbuf_free(sent);
	assert_int_equal(rte_mempool_avail_count(f->pool), before);
}

/* A SYN to port 80 whose IP packet has another `more` bytes, in a segment of their own. */
static void put_in_two(struct fixture *f, uint16_t more)
{
	struct rte_mbuf *head = NULL, *tail = rte_pktmbuf_alloc(f->pool);
	struct rte_ipv4_hdr *ip;

	put(f, syn_80);
	assert_int_equal(rte_ring_dequeue(f->in[DIRECTION_INBOUND], (void **)&head), 0);
	ip = rte_pktmbuf_mtod_offset(head, struct rte_ipv4_hdr *, 14);
	ip->total_length = rte_cpu_to_be_16((uint16_t)(46 + more));
	ip->hdr_checksum = 0;
	ip->hdr_checksum = rte_ipv4_cksum(ip);
	memset(rte_pktmbuf_append(tail, more), 0, more);
	assert_int_equal(rte_pktmbuf_chain(head, tail), 0);
	assert_int_equal(rte_ring_enqueue(f->in[DIRECTION_INBOUND], head), 0);
}

/* Drivers that were not told of frames in several segments send the first and lose the others. */
static void sends_no_frame_in_several_segments(void **state)
{
	struct lane *lane;
	struct fixture *f = *state;
	unsigned before = rte_mempool_avail_count(f->pool);
	struct rte_mbuf *sent = NULL;

	apply(f, "enforce");
	lane = &nic_get_view(f->nic)->lanes[0];
	put_in_two(f, 1400);
	forward_poll(lane, DIRECTION_INBOUND, nic_snapshot(f->nic), 1000, f->scratch);
	assert_int_equal(rte_ring_dequeue(f->out[DIRECTION_OUTBOUND], (void **)&sent), 0);
	assert_int_equal(sent->nb_segs, 1);
	assert_int_equal(rte_pktmbuf_data_len(sent), 1460);
	rte_pktmbuf_free(sent);
	put_in_two(f, 2040); /* a buffer has 2,048 bytes */
	assert_int_equal(forward(f, DIRECTION_INBOUND, 1001), 0);
	assert_int_equal(drops(f, DIRECTION_INBOUND, DROP_TRUNCATED), 1);
	assert_int_equal(rte_mempool_avail_count(f->pool), before);
}

static unsigned come_out(struct rte_ring *ring)
{
	struct rte_mbuf *mbuf;
	unsigned count = 0;

	for (; rte_ring_dequeue(ring, (void **)&mbuf) == 0; count++)
		rte_pktmbuf_free(mbuf);
	return count;
}

/*
 * The uplink's second port: the app's device stands for it here, with both of its rings, so what
 * "the VF" receives is in the app's ring.
 */
static void a_vf_beside_the_uplink_is_polled_and_sent_over(void **state)
{
	struct fixture *f = *state;
	struct nic_view *view = nic_get_view(f->nic);
	struct lane *lane = &view->lanes[0];
	const struct vf_lanes receives = { .port = view->port[DIRECTION_OUTBOUND] };
	const struct vf_lanes sends = { .port = receives.port, .sends = true };
	const uint64_t *over_vf = lane->counters.over_vf;
	void *moved = NULL;
	uint64_t empty;

	empty = lane->counters.empty_bursts;
	assert_int_equal(forward_poll_vf(lane, nic_snapshot(f->nic), 1000, f->scratch), 0);
	assert_int_equal(lane->counters.empty_bursts, empty);

	atomic_store(&view->vf, &receives);
	put(f, dns_in); /* into the uplink's ring: moved to the VF's */
	assert_int_equal(rte_ring_dequeue(f->in[DIRECTION_INBOUND], &moved), 0);
	assert_int_equal(rte_ring_enqueue(f->in[DIRECTION_OUTBOUND], moved), 0);
	assert_int_equal(forward_poll_vf(lane, nic_snapshot(f->nic), 1000, f->scratch), 1);
	assert_int_equal(over_vf[DIRECTION_INBOUND], 1);
	assert_int_equal(lane->counters.received[DIRECTION_INBOUND], 1);
	(void)come_out(f->out[DIRECTION_OUTBOUND]);

	/* only the VF's bursts tell that marks have been read */
	empty = lane->counters.empty_bursts;
	(void)forward_poll(lane, DIRECTION_INBOUND, nic_snapshot(f->nic), 1000, f->scratch);
	assert_int_equal(lane->counters.empty_bursts, empty);
	(void)forward_poll_vf(lane, nic_snapshot(f->nic), 1000, f->scratch);
	assert_int_equal(lane->counters.empty_bursts, empty + 1);

	put(f, dns_out);
	(void)forward_poll(lane, DIRECTION_OUTBOUND, nic_snapshot(f->nic), 1000, f->scratch);
	assert_int_equal(come_out(f->out[DIRECTION_INBOUND]), 1);
	assert_int_equal(over_vf[DIRECTION_OUTBOUND], 0);
	atomic_store(&view->vf, &sends);
	put(f, dns_out);
	(void)forward_poll(lane, DIRECTION_OUTBOUND, nic_snapshot(f->nic), 1000, f->scratch);
	assert_int_equal(come_out(f->out[DIRECTION_INBOUND]), 0);
	assert_int_equal(come_out(f->out[DIRECTION_OUTBOUND]), 1);
	assert_int_equal(over_vf[DIRECTION_OUTBOUND], 1);
	atomic_store(&view->vf, NULL);
}

int main(void)
{
	char *args[] = { (char *)"test",        (char *)"--no-huge", (char *)"--no-shconf",
			 (char *)"--no-pci",    (char *)"-m",        (char *)"128",
			 (char *)"-l",          (char *)"0",         (char *)"--no-telemetry",
			 (char *)"--log-level", (char *)"error" };
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(allows_everything_before_the_first_policy,
						set_up_nic, tear_down_nic),
		cmocka_unit_test_setup_teardown(enforces_the_rules_and_needs_none_for_replies,
						set_up_nic, tear_down_nic),
		cmocka_unit_test_setup_teardown(counts_hits_per_rule, set_up_nic, tear_down_nic),
		cmocka_unit_test_setup_teardown(keeps_hits_while_the_marks_of_a_rule_set_change,
						set_up_nic, tear_down_nic),
		cmocka_unit_test_setup_teardown(forwards_settled_segments_without_looking,
						set_up_nic, tear_down_nic),
		cmocka_unit_test_setup_teardown(believes_only_marks_that_the_snapshot_vouches_for,
						set_up_nic, tear_down_nic),
		cmocka_unit_test_setup_teardown(wants_good_checksums_where_the_device_verifies_them,
						set_up_nic, tear_down_nic),
		cmocka_unit_test_setup_teardown(takes_the_rules_word_from_a_verdict_mark,
						set_up_nic, tear_down_nic),
		cmocka_unit_test_setup_teardown(finds_a_connection_by_its_mark, set_up_nic,
						tear_down_nic),
		cmocka_unit_test_setup_teardown(samples_what_it_looks_up, set_up_nic,
						tear_down_nic),
		cmocka_unit_test_setup_teardown(keeps_the_order_of_a_burst, set_up_nic,
						tear_down_nic),
		cmocka_unit_test_setup_teardown(looks_at_settled_segments_while_a_connection_is_cut,
						set_up_nic, tear_down_nic),
		cmocka_unit_test_setup_teardown(
			looks_at_settled_segments_while_connections_are_judged_again, set_up_nic,
			tear_down_nic),
		cmocka_unit_test_setup_teardown(drops_nothing_in_audit_mode_but_counts_it,
						set_up_nic, tear_down_nic),
		cmocka_unit_test_setup_teardown(restores_the_policy_at_start, set_up_nic,
						tear_down_nic),
		cmocka_unit_test_setup_teardown(
			drops_all_but_platform_traffic_where_the_stored_policy_is_damaged,
			set_up_nic, tear_down_nic),
		cmocka_unit_test_setup_teardown(sends_no_frame_in_several_segments, set_up_nic,
						tear_down_nic),
		cmocka_unit_test_setup_teardown(frees_what_the_other_port_does_not_take, set_up_nic,
						tear_down_nic),
		cmocka_unit_test_setup_teardown(a_vf_beside_the_uplink_is_polled_and_sent_over,
						set_up_nic, tear_down_nic),
	};

	if (rte_eal_init(sizeof(args) / sizeof(args[0]), args) < 0)
		return 77;
	return cmocka_run_group_tests(tests, set_up_eal, tear_down_eal);
}
