/*
 * A DPDK program that holds every received frame against the MARK, and the RSS hash, that it must
 * have. Two VFs stand back
 * to back: port 1 sends, port 0 receives and has the rules. A frame's payload says what was true
 * when it was sent, so that each verdict is exact, however late the frame is looked at.
 *
 * One worker sends and receives as fast as it can, never with more frames on their way than the
 * rings hold; the main thread changes rules meanwhile. With a third core frames are sent from
 * there, at a pace. test_marks.py runs it:
 *
 *   azhost_mark_guest EAL... -- PHASE QUEUES AMOUNT META
 *
 * META 1: each rule sets the metadata, too, to the mark's complement; 0: it does not. PHASE:
 *
 *   steady  AMOUNT frames to ports with and without a rule: each has its rule's mark, or none
 *   churn   AMOUNT changes of rules: a mark of a rule that is gone by the time of sending, or that
 *           is not made yet at the time of looking, is wrong
 *   first   AMOUNT times the first MARK rule of a started port: prints how many frames came with
 *           the mark's number plus one ("EARLY"), all others are held to be exact
 *
 * Prints "RESULT frames F marked M early E wrong W", after "WRONG ..." for the first few.
 */
#include <rte_byteorder.h>
#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_ether.h>
#include <rte_flow.h>
#include <rte_ip.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>
#include <rte_thash.h>
#include <rte_udp.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RECEIVER    0
#define SENDER      1
#define DESCRIPTORS 512
#define BURST       32
#define ON_THE_WAY  384
#define MBUFS       8191
#define QUEUES_MAX  8
#define HASH_KEY    40
#define RULES       64
#define FEW         4
#define LONGEST_RUN 24
#define FIRST_PORT  1000 /* UDP destination of rule 0 */
#define TELL_WRONG  10
#define PATIENCE_S  30
#define PACE_US     500
#define PACE_BURST  1

/* A rule's MARK: generation above, rule below, so that every value says which rule was meant. The
 * PMD takes numbers below 0xfffff0. */
#define GENERATION_SHIFT 8
#define GENERATION_MAX   0xfff0u

/* What a frame tells, behind its UDP header: in host byte order, it never leaves the machine. */
struct note {
	uint32_t rule;        /* RULES and more: none */
	uint32_t dead;        /* generations up to this one were gone when the frame was sent */
	uint32_t established; /* this one was in force, unless it has died since; 0: none */
};

struct frame {
	struct rte_ether_hdr ethernet;
	struct rte_ipv4_hdr ip;
	struct rte_udp_hdr udp;
	struct note note;
} __attribute__((packed, aligned(2)));

/* Generations of each rule, which only grow. A rule's creation is announced before it begins, its
 * death after it is complete. */
static _Atomic uint32_t announced[RULES], established[RULES], dying[RULES], dead[RULES];
static struct rte_flow *rules[RULES];
static struct rte_mempool *pool;
static uint16_t queues;
static uint8_t hash_key[HASH_KEY];
static bool early_allowed, with_meta;
static uint32_t spread = RULES + RULES / 4; /* a fifth of the frames is for no rule */

static atomic_bool sending, ending;
static atomic_bool away, is_away; /* the worker leaves the receiver alone */
static atomic_ulong sent, received, marked, early, wrong;

static void fail(const char *what, int r)
{
	printf("FAILED %s: %d\n", what, r);
	exit(1);
}

/* ---- rules ---- */

static uint32_t mark_of(uint32_t rule, uint32_t generation)
{
	return generation << GENERATION_SHIFT | rule;
}

static struct rte_flow *flow_of(uint32_t rule, uint32_t mark)
{
	const struct rte_flow_attr attr = { .ingress = 1 };
	const struct rte_flow_item_udp mask = { .hdr.dst_port = 0xffff };
	const struct rte_flow_item_udp udp = {
		.hdr.dst_port = rte_cpu_to_be_16((uint16_t)(FIRST_PORT + rule)),
	};
	const struct rte_flow_item pattern[] = {
		{ .type = RTE_FLOW_ITEM_TYPE_ETH },
		{ .type = RTE_FLOW_ITEM_TYPE_IPV4 },
		{ .type = RTE_FLOW_ITEM_TYPE_UDP, .spec = &udp, .mask = &mask },
		{ .type = RTE_FLOW_ITEM_TYPE_END },
	};
	const uint16_t all[QUEUES_MAX] = { 0, 1, 2, 3, 4, 5, 6, 7 };
	const struct rte_flow_action_mark conf = { .id = mark };
	const struct rte_flow_action_rss rss = {
		.queue = all,
		.queue_num = queues,
		.types = RTE_ETH_RSS_NONFRAG_IPV4_UDP,
	};
	const struct rte_flow_action_set_meta meta = { .data = ~mark, .mask = UINT32_MAX };
	const struct rte_flow_action actions[] = {
		{ .type = RTE_FLOW_ACTION_TYPE_SET_META, .conf = &meta },
		{ .type = RTE_FLOW_ACTION_TYPE_MARK, .conf = &conf },
		{ .type = RTE_FLOW_ACTION_TYPE_RSS, .conf = &rss },
		{ .type = RTE_FLOW_ACTION_TYPE_END },
	};
	struct rte_flow_error error = { 0 };
	struct rte_flow *flow =
		rte_flow_create(RECEIVER, &attr, pattern, actions + !with_meta, &error);

	if (!flow)
		fail(error.message ? error.message : "rule", -rte_errno);
	return flow;
}

static void make_rule(uint32_t rule)
{
	uint32_t generation = announced[rule] + 1;

	if (generation > GENERATION_MAX)
		fail("generations used up", 0);
	announced[rule] = generation;
	rules[rule] = flow_of(rule, mark_of(rule, generation));
	established[rule] = generation;
}

static void take_rule(uint32_t rule)
{
	struct rte_flow_error error;

	dying[rule] = announced[rule];
	if (rules[rule] && rte_flow_destroy(RECEIVER, rules[rule], &error))
		fail("destroying a rule", -rte_errno);
	rules[rule] = NULL;
	dead[rule] = announced[rule];
}

/* ---- the worker ---- */

static uint32_t next_random(void)
{
	static uint32_t state = 0x2545f491;

	state ^= state << 13;
	state ^= state >> 17;
	state ^= state << 5;
	return state;
}

/* Rules come in runs, so that completions can be compressed. */
static uint32_t next_rule(void)
{
	static uint32_t rule, left;

	if (left == 0) {
		rule = next_random() % spread;
		left = 1 + next_random() % LONGEST_RUN;
	}
	left--;
	return rule;
}

static void fill(struct rte_mbuf *m)
{
	struct frame *frame = (struct frame *)rte_pktmbuf_append(m, sizeof(*frame));
	uint32_t rule = next_rule();

	memset(frame, 0, sizeof(*frame));
	frame->ethernet.dst_addr.addr_bytes[5] = 1;
	frame->ethernet.src_addr.addr_bytes[5] = 2;
	frame->ethernet.ether_type = RTE_BE16(RTE_ETHER_TYPE_IPV4);
	frame->ip.version_ihl = RTE_IPV4_VHL_DEF;
	frame->ip.total_length = rte_cpu_to_be_16(sizeof(*frame) - sizeof(frame->ethernet));
	frame->ip.time_to_live = 64;
	frame->ip.next_proto_id = IPPROTO_UDP;
	frame->ip.dst_addr = next_random();
	frame->udp.dst_port = rte_cpu_to_be_16((uint16_t)(FIRST_PORT + rule));
	frame->udp.src_port = (rte_be16_t)next_random();
	frame->udp.dgram_len = rte_cpu_to_be_16(sizeof(frame->udp) + sizeof(frame->note));
	frame->note.rule = rule;
	if (rule < RULES) {
		frame->note.dead = dead[rule];
		frame->note.established = established[rule];
	}
}

/* Whether that generation's mark, 0 for none, may be on the frame. */
static bool plausible(const struct note *note, uint32_t generation, uint32_t announced_now,
		      uint32_t dying_now)
{
	if (generation == 0) /* right while the rule was not sure to be in force */
		return note->established == 0 || note->established <= dying_now || early_allowed;
	return generation > note->dead && generation <= announced_now;
}

static void tell(const struct rte_mbuf *m, const struct note *note)
{
	if (wrong++ < TELL_WRONG)
		printf("WRONG rule %u dead %u established %u: flags %#lx mark %#x hash %#x\n",
		       note->rule, note->dead, note->established, (unsigned long)m->ol_flags,
		       m->hash.fdir.hi, m->hash.rss);
}

/* With several queues: by a rule over addresses and ports, by the port's own RSS over addresses. */
static bool hash_right(struct rte_mbuf *m, bool by_rule)
{
	const struct frame *frame = rte_pktmbuf_mtod(m, const struct frame *);
	uint32_t tuple[] = {
		rte_be_to_cpu_32(frame->ip.src_addr),
		rte_be_to_cpu_32(frame->ip.dst_addr),
		(uint32_t)rte_be_to_cpu_16(frame->udp.src_port) << 16 |
			rte_be_to_cpu_16(frame->udp.dst_port),
	};

	if (queues == 1 || early_allowed)
		return true;
	return m->ol_flags & RTE_MBUF_F_RX_RSS_HASH &&
	       m->hash.rss == rte_softrss(tuple, by_rule ? 3 : 2, hash_key);
}

static bool meta_right(const struct rte_mbuf *m, bool has_mark, uint32_t mark)
{
	bool has_meta;

	if (!with_meta)
		return true;
	has_meta = m->ol_flags & RTE_MBUF_DYNFLAG_RX_METADATA;
	return has_meta == has_mark && (!has_meta || *RTE_FLOW_DYNF_METADATA(m) == ~mark);
}

static void check(struct rte_mbuf *m)
{
	bool has_mark = m->ol_flags & RTE_MBUF_F_RX_FDIR_ID;
	uint32_t mark = has_mark ? m->hash.fdir.hi : 0, rule;
	struct note note;

	if (m->pkt_len != sizeof(struct frame))
		return; /* not ours: the kernel speaks, too */
	memcpy(&note, rte_pktmbuf_mtod_offset(m, void *, offsetof(struct frame, note)),
	       sizeof(note));
	received++;
	marked += has_mark;
	rule = note.rule;
	if (rule >= RULES) {
		if (has_mark || !meta_right(m, false, 0) || !hash_right(m, false))
			tell(m, &note);
		return;
	}
	if (has_mark && early_allowed && mark == mark_of(rule, announced[rule]) + 1) {
		early++;
		return;
	}
	if ((has_mark && (mark & ((1u << GENERATION_SHIFT) - 1)) != rule) ||
	    !plausible(&note, mark >> GENERATION_SHIFT, announced[rule], dying[rule]) ||
	    !meta_right(m, has_mark, mark) || !hash_right(m, has_mark))
		tell(m, &note);
}

static void send_some(uint16_t n)
{
	struct rte_mbuf *burst[BURST];
	uint16_t out;

	if (!sending || sent - received > (unsigned long)(ON_THE_WAY - n) ||
	    rte_pktmbuf_alloc_bulk(pool, burst, n))
		return;
	for (uint16_t i = 0; i < n; i++)
		fill(burst[i]);
	out = rte_eth_tx_burst(SENDER, 0, burst, n);
	sent += out;
	rte_pktmbuf_free_bulk(burst + out, n - out);
}

static int work(void *argument)
{
	bool alone = rte_lcore_count() == 2;
	struct rte_mbuf *burst[BURST];

	(void)argument;
	while (!ending) {
		is_away = away;
		if (away)
			continue;
		if (alone)
			send_some(BURST);
		for (uint16_t q = 0; q < queues; q++) {
			uint16_t n = rte_eth_rx_burst(RECEIVER, q, burst, BURST);

			for (uint16_t i = 0; i < n; i++)
				check(burst[i]);
			rte_pktmbuf_free_bulk(burst, n);
		}
	}
	return 0;
}

/* Frames come whether somebody looks at them or not. */
static int send_at_a_pace(void *argument)
{
	(void)argument;
	while (!ending) {
		send_some(PACE_BURST);
		rte_delay_us_sleep(PACE_US);
	}
	return 0;
}

/* Nothing on its way any more. */
static void settle(void)
{
	uint64_t end = rte_get_timer_cycles() + PATIENCE_S * rte_get_timer_hz();

	sending = false;
	while (sent != received) {
		if (rte_get_timer_cycles() > end)
			fail("frames that never came", (int)(sent - received));
		rte_delay_us_sleep(50);
	}
}

static void wait_for_frames(unsigned long more)
{
	unsigned long goal = received + more;
	uint64_t end = rte_get_timer_cycles() + PATIENCE_S * rte_get_timer_hz();

	while (received < goal) {
		if (rte_get_timer_cycles() > end)
			fail("no traffic", (int)(goal - received));
		rte_delay_us_sleep(50);
	}
}

/* ---- phases ---- */

static void run_steady(unsigned long amount)
{
	for (uint32_t rule = 0; rule < RULES; rule++) {
		/* All three bytes of a mark are used. */
		announced[rule] = rule % 2 ? rule : GENERATION_MAX - RULES + rule;
		make_rule(rule);
	}
	sending = true;
	for (unsigned long done = 0; done < amount; done += ON_THE_WAY)
		wait_for_frames(ON_THE_WAY);
	settle();
}

static void run_churn(unsigned long amount)
{
	for (uint32_t rule = 0; rule < RULES; rule++)
		make_rule(rule);
	sending = true;
	for (unsigned long i = 0; i < amount; i++) {
		uint32_t rule = (uint32_t)(i * 7 % RULES);

		take_rule(rule);
		if (i % 3 == 0)
			wait_for_frames(BURST);
		make_rule(rule);
	}
	settle();
}

/* A port that is started anew has forgotten that there were marks. */
static void restart(void)
{
	int r;

	away = true;
	while (!is_away)
		rte_delay_us_sleep(50);
	r = rte_eth_dev_stop(RECEIVER);
	if (r == 0)
		r = rte_eth_dev_start(RECEIVER);
	if (r)
		fail("restart", r);
	away = false;
}

static void run_first(unsigned long amount)
{
	early_allowed = true;
	spread = FEW;
	for (unsigned long i = 0; i < amount; i++) {
		restart();
		sending = true;
		wait_for_frames(FEW);
		rte_delay_us_sleep(i * 977 % 20000);
		for (uint32_t rule = 0; rule < FEW; rule++)
			make_rule(rule);
		wait_for_frames(FEW);
		settle();
		for (uint32_t rule = 0; rule < FEW; rule++)
			take_rule(rule);
	}
}

static const struct phase {
	const char *name;
	void (*run)(unsigned long amount);
} phases[] = {
	{ "steady", run_steady },
	{ "churn", run_churn },
	{ "first", run_first },
};

static const struct phase *phase_find(const char *name)
{
	for (size_t i = 0; i < sizeof(phases) / sizeof(phases[0]); i++) {
		if (strcmp(phases[i].name, name) == 0)
			return &phases[i];
	}
	fail(name, 0);
	return NULL;
}

/* ---- ports ---- */

static void start_port(uint16_t port, uint16_t n)
{
	const struct rte_eth_conf conf = {
		.rxmode.mq_mode = n > 1 ? RTE_ETH_MQ_RX_RSS : RTE_ETH_MQ_RX_NONE,
		.rx_adv_conf.rss_conf.rss_hf = n > 1 ? RTE_ETH_RSS_IP : 0,
	};
	int r = rte_eth_dev_configure(port, n, 1, &conf);

	for (uint16_t q = 0; r == 0 && q < n; q++)
		r = rte_eth_rx_queue_setup(port, q, DESCRIPTORS, 0, NULL, pool);
	if (r == 0)
		r = rte_eth_tx_queue_setup(port, 0, DESCRIPTORS, 0, NULL);
	if (r == 0)
		r = rte_eth_dev_start(port);
	if (r == 0)
		r = rte_eth_promiscuous_enable(port);
	if (r)
		fail("port", r);
}

static void read_hash_key(void)
{
	struct rte_eth_rss_conf conf = { .rss_key = hash_key, .rss_key_len = HASH_KEY };
	int r = rte_eth_dev_rss_hash_conf_get(RECEIVER, &conf);

	if (r || conf.rss_key_len != HASH_KEY)
		fail("hash key", r);
}

int main(int argc, char **argv)
{
	int used = rte_eal_init(argc, argv);
	const struct phase *phase;
	unsigned long amount;
	unsigned int worker;

	if (used < 0 || argc - used != 5)
		fail("arguments", used);
	phase = phase_find(argv[used + 1]);
	queues = (uint16_t)atoi(argv[used + 2]);
	amount = strtoul(argv[used + 3], NULL, 10);
	with_meta = atoi(argv[used + 4]);
	if (with_meta && rte_flow_dynf_metadata_register() < 0)
		fail("metadata", -rte_errno);
	pool = rte_pktmbuf_pool_create("frames", MBUFS, 256, 0, RTE_MBUF_DEFAULT_BUF_SIZE, 0);
	if (!pool || queues == 0 || queues > QUEUES_MAX)
		fail("memory or queues", 0);
	start_port(RECEIVER, queues);
	read_hash_key();
	start_port(SENDER, 1);
	worker = rte_get_next_lcore(-1, 1, 0);
	rte_eal_remote_launch(work, NULL, worker);
	if (rte_lcore_count() > 2)
		rte_eal_remote_launch(send_at_a_pace, NULL, rte_get_next_lcore(worker, 1, 0));
	phase->run(amount);
	ending = true;
	rte_eal_mp_wait_lcore();
	printf("RESULT frames %lu marked %lu early %lu wrong %lu\n", received, marked, early,
	       wrong);
	for (uint16_t port = 0; port < 2; port++) {
		(void)rte_eth_dev_stop(port);
		(void)rte_eth_dev_close(port);
	}
	(void)rte_eal_cleanup();
	return wrong > 0;
}
