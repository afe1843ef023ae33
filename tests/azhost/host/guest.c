/*
 * A guest for the tests: receives on the netvsc port as an application should (it touches the VF's
 * port for rte_flow alone), and knows exactly which of the numbered frames it saw and by which way.
 *
 * Frames carry their number in the first four bytes of a UDP payload. One worker polls all queues;
 * the main thread takes commands from standard input, a word a line, and answers with one line:
 *
 *   stat    {"received":N,"marked":N,"duplicates":N,"distinct":N,"vf":PORT or -1,"rules":N,...}
 *           earlyMark: frames of the burst during which mlx5 got its first MARK rule, which come
 *           with the id and one: its vector receive reads rxq->mark once for the value
 *           (mlx5_rxtx_vec_sse.h:565) and once more for the flag (:417)
 *   clear   forget what was received
 *   echo    from now on send each frame back with its addresses swapped; `sink`: no more
 *   mark    keep a MARK rule for UDP port 2000 on the VF's port from now on, whenever there is a VF
 *   churn   create and destroy rules on the VF's port from now on, as fast as it goes
 *   quit
 *
 * Removal: mlx5's flow calls take no lock that its stop and close take, and netvsc stops and closes
 * the VF in the interrupt thread soon after RTE_ETH_EVENT_INTR_RMV (hn_vf.c:151). The callback runs
 * before that, in the same thread: it waits here until no flow call is under way, and from then on
 * there are none until the port has gone.
 */
#include <pthread.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_flow.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <unistd.h>

#define MARK_ID    0x1234u
#define NUMBERS    (1u << 24)
#define BURST      32
#define QUEUES_MAX 8
#define NUMBER_AT  42 /* behind Ethernet, IPv4 and UDP */
#define MBUFS      16383
/* More than the host has receive sections: a worker that gets no processor for a while loses
 * nothing. */
#define RX_DESCRIPTORS 4096
#define UDP_PORT       2000
#define CHURN_RULES    64

static uint16_t netvsc;
static uint16_t queues = 1;
static atomic_bool ending, echoing, clearing, removed;
static atomic_ulong received, marked, duplicates, distinct, wrong_mark, early_mark;
static atomic_uint wrong_value;
static uint8_t seen[NUMBERS / 8];
static int rule_port = -1;
static unsigned long rules, churned;
static pthread_mutex_t vf_lock = PTHREAD_MUTEX_INITIALIZER; /* rule_port, flow calls */

static int on_removal(uint16_t port, enum rte_eth_event_type event, void *argument, void *result)
{
	(void)event;
	(void)argument;
	(void)result;
	if (port == netvsc)
		return 0;
	pthread_mutex_lock(&vf_lock);
	removed = true;
	rule_port = -1;
	pthread_mutex_unlock(&vf_lock);
	return 0;
}

static void count(const struct rte_mbuf *m)
{
	const uint8_t *frame = rte_pktmbuf_mtod(m, const uint8_t *);
	uint32_t number;

	if (m->data_len < NUMBER_AT + 4 || frame[12] != 8 || frame[13] != 0 || frame[23] != 17)
		return;
	memcpy(&number, frame + NUMBER_AT, sizeof(number));
	number = rte_be_to_cpu_32(number) % NUMBERS;
	received++;
	if ((m->ol_flags & RTE_MBUF_F_RX_FDIR_ID) != 0) {
		marked++;
		if (m->hash.fdir.hi == MARK_ID + 1) {
			early_mark++;
		} else if (m->hash.fdir.hi != MARK_ID) {
			wrong_mark++;
			wrong_value = m->hash.fdir.hi;
		}
	}
	if ((seen[number / 8] & 1u << number % 8) != 0)
		duplicates++;
	else
		distinct++;
	seen[number / 8] |= (uint8_t)(1u << number % 8);
}

static void swap(struct rte_mbuf *m)
{
	uint8_t *frame = rte_pktmbuf_mtod(m, uint8_t *);
	uint8_t address[6];

	memcpy(address, frame, 6);
	memmove(frame, frame + 6, 6);
	memcpy(frame + 6, address, 6);
}

static int work(void *argument)
{
	struct rte_mbuf *burst[BURST];

	(void)argument;
	while (!ending) {
		if (clearing) {
			memset(seen, 0, sizeof(seen));
			received = marked = duplicates = distinct = wrong_mark = early_mark = 0;
			clearing = false;
		}
		for (uint16_t q = 0; q < queues; q++) {
			uint16_t n = rte_eth_rx_burst(netvsc, q, burst, BURST);
			uint16_t sent = 0;

			for (uint16_t i = 0; i < n; i++)
				count(burst[i]);
			for (uint16_t i = 0; echoing && i < n; i++)
				swap(burst[i]);
			if (echoing)
				sent = rte_eth_tx_burst(netvsc, q, burst, n);
			rte_pktmbuf_free_bulk(burst + sent, n - sent);
		}
	}
	return 0;
}

/* The port that netvsc owns, -1: none. */
static int find_vf(void)
{
	char name[RTE_ETH_NAME_MAX_LEN];

	if (rte_eth_dev_get_name_by_port(netvsc, name) < 0)
		return -1;
	for (uint16_t port = 0; port < RTE_MAX_ETHPORTS; port++) {
		struct rte_eth_dev_owner owner;

		if (port == netvsc || !rte_eth_dev_is_valid_port(port))
			continue;
		if (rte_eth_dev_owner_get(port, &owner) == 0 && strcmp(owner.name, name) == 0)
			return port;
	}
	return -1;
}

static struct rte_flow *make_rule(uint16_t port, uint16_t udp_port)
{
	const struct rte_flow_attr attr = { .ingress = 1 };
	const struct rte_flow_item_udp udp = {
		.hdr.dst_port = rte_cpu_to_be_16(udp_port),
	};
	const struct rte_flow_item_udp mask = { .hdr.dst_port = 0xffff };
	const struct rte_flow_item pattern[] = {
		{ .type = RTE_FLOW_ITEM_TYPE_ETH },
		{ .type = RTE_FLOW_ITEM_TYPE_IPV4 },
		{ .type = RTE_FLOW_ITEM_TYPE_UDP, .spec = &udp, .mask = &mask },
		{ .type = RTE_FLOW_ITEM_TYPE_END },
	};
	const uint16_t all[QUEUES_MAX] = { 0, 1, 2, 3, 4, 5, 6, 7 };
	const struct rte_flow_action_mark mark = { .id = MARK_ID };
	const struct rte_flow_action_rss rss = {
		.queue = all,
		.queue_num = queues,
		.types = RTE_ETH_RSS_IPV4,
	};
	const struct rte_flow_action actions[] = {
		{ .type = RTE_FLOW_ACTION_TYPE_MARK, .conf = &mark },
		{ .type = RTE_FLOW_ACTION_TYPE_RSS, .conf = &rss },
		{ .type = RTE_FLOW_ACTION_TYPE_END },
	};
	struct rte_flow_error error;

	return rte_flow_create(port, &attr, pattern, actions, &error);
}

/* A VF that flow calls may be made for, or -1. Locked. */
static int usable_vf(void)
{
	int port = find_vf();

	if (port < 0)
		removed = false; /* the old one has gone */
	return removed ? -1 : port;
}

/* There is no event for "the VF is started": try until it works. */
static void keep_rule(void)
{
	pthread_mutex_lock(&vf_lock);

	int port = usable_vf();

	if (port >= 0 && port != rule_port && make_rule((uint16_t)port, UDP_PORT) != NULL) {
		rule_port = port;
		rules++;
	}
	pthread_mutex_unlock(&vf_lock);
}

static void churn_at(int port)
{
	struct rte_flow *made[CHURN_RULES];
	struct rte_flow_error error;
	unsigned n = 0;

	if (port < 0)
		return;
	while (n < CHURN_RULES &&
	       (made[n] = make_rule((uint16_t)port, (uint16_t)(3000 + n))) != NULL)
		n++;
	for (unsigned i = 0; i < n; i++)
		(void)rte_flow_destroy((uint16_t)port, made[i], &error);
	churned += n;
}

static void churn(void)
{
	pthread_mutex_lock(&vf_lock);
	churn_at(usable_vf());
	pthread_mutex_unlock(&vf_lock);
}

static void print_stat(void)
{
	printf("{\"received\":%lu,\"marked\":%lu,\"wrongMark\":%lu,\"duplicates\":%lu,"
	       "\"earlyMark\":%lu,\"wrongValue\":%u,\"distinct\":%lu,\"vf\":%d,\"rules\":%lu,\"churned\":%lu}\n",
	       received, marked, wrong_mark, duplicates, early_mark, wrong_value, distinct,
	       find_vf(), rules, churned);
}

/* False: quit. */
static bool command(const char *word, bool *marking, bool *churning)
{
	if (strcmp(word, "stat") == 0) {
		print_stat();
		return true;
	}
	if (strcmp(word, "clear") == 0) {
		clearing = true;
		while (clearing)
			usleep(100);
	} else if (strcmp(word, "echo") == 0) {
		echoing = true;
	} else if (strcmp(word, "sink") == 0) {
		echoing = false;
	} else if (strcmp(word, "mark") == 0) {
		*marking = true;
	} else if (strcmp(word, "churn") == 0) {
		*churning = true;
	} else if (strcmp(word, "quit") == 0) {
		return false;
	}
	printf("ok\n");
	return true;
}

static bool input_waits(bool at_once)
{
	struct timeval patience = { .tv_usec = at_once ? 0 : 2000 };
	fd_set set;

	FD_ZERO(&set);
	FD_SET(STDIN_FILENO, &set);
	return select(STDIN_FILENO + 1, &set, NULL, NULL, &patience) > 0;
}

static int start(struct rte_mempool *pool)
{
	const struct rte_eth_conf conf = {
		.rxmode.mq_mode = queues > 1 ? RTE_ETH_MQ_RX_RSS : RTE_ETH_MQ_RX_NONE,
		.rx_adv_conf.rss_conf.rss_hf = queues > 1 ? RTE_ETH_RSS_IPV4 : 0,
	};
	int rc = rte_eth_dev_configure(netvsc, queues, queues, &conf);

	for (uint16_t q = 0; rc == 0 && q < queues; q++) {
		rc = rte_eth_rx_queue_setup(netvsc, q, RX_DESCRIPTORS, 0, NULL, pool);
		if (rc == 0)
			rc = rte_eth_tx_queue_setup(netvsc, q, 1024, 0, NULL);
	}
	if (rc == 0)
		rc = rte_eth_dev_start(netvsc);
	return rc == 0 ? rte_eth_promiscuous_enable(netvsc) : rc;
}

static bool find_netvsc(void)
{
	for (uint16_t port = 0; port < RTE_MAX_ETHPORTS; port++) {
		struct rte_eth_dev_info info;

		if (!rte_eth_dev_is_valid_port(port) || rte_eth_dev_info_get(port, &info) < 0)
			continue;
		if (strcmp(info.driver_name, "net_netvsc") != 0)
			continue;
		netvsc = port;
		return true;
	}
	return false;
}

int main(int argc, char **argv)
{
	int used = rte_eal_init(argc, argv);
	struct rte_mempool *pool;
	bool marking = false, churning = false;
	char line[64];

	if (used < 0)
		return 1;
	if (argc - used > 1)
		queues = (uint16_t)atoi(argv[used + 1]);
	setvbuf(stdout, NULL, _IOLBF, 0);
	pool = rte_pktmbuf_pool_create("guest", MBUFS, 256, 0, 2176, 0);
	if (pool == NULL || queues == 0 || queues > QUEUES_MAX || !find_netvsc()) {
		printf("no netvsc port, memory or queues\n");
		return 1;
	}
	rte_eth_dev_callback_register(RTE_ETH_ALL, RTE_ETH_EVENT_INTR_RMV, on_removal, NULL);
	if (start(pool) != 0) {
		printf("the netvsc port does not start\n");
		return 1;
	}
	rte_eal_remote_launch(work, NULL, rte_get_next_lcore(-1, 1, 0));
	printf("ready\n");
	for (;;) {
		if (marking)
			keep_rule();
		if (churning)
			churn();
		if (!input_waits(churning))
			continue;
		if (fgets(line, sizeof(line), stdin) == NULL)
			break;
		line[strcspn(line, "\r\n")] = '\0';
		if (!command(line, &marking, &churning))
			break;
	}
	ending = true;
	rte_eal_mp_wait_lcore();
	rte_eth_dev_stop(netvsc);
	rte_eth_dev_close(netvsc);
	rte_eal_cleanup();
	printf("ended\n");
	return 0;
}
