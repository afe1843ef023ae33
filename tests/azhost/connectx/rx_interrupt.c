/*
 * A DPDK program that sleeps until its VF has received something: Rx interrupts of the mlx5 PMD,
 * which are DevX events of an armed CQ. It prints what woke it; test_processes.py drives it.
 */
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_interrupts.h>
#include <rte_mbuf.h>
#include <stdio.h>
#include <stdlib.h>

#define BURST       32
#define WAIT_MS     20000
#define DESCRIPTORS 256

static void fail(const char *what, int r)
{
	printf("FAILED %s: %d\n", what, r);
	exit(1);
}

static void start_port(struct rte_mempool *pool)
{
	struct rte_eth_conf conf = { .intr_conf = { .rxq = 1 } };
	int r;

	r = rte_eth_dev_configure(0, 1, 1, &conf);
	if (r)
		fail("configure", r);
	r = rte_eth_rx_queue_setup(0, 0, DESCRIPTORS, 0, NULL, pool);
	if (r)
		fail("receive queue", r);
	r = rte_eth_tx_queue_setup(0, 0, DESCRIPTORS, 0, NULL);
	if (r)
		fail("transmit queue", r);
	r = rte_eth_dev_start(0);
	if (r)
		fail("start", r);
	r = rte_eth_dev_rx_intr_ctl_q(0, 0, RTE_EPOLL_PER_THREAD, RTE_INTR_EVENT_ADD, NULL);
	if (r)
		fail("interrupt", r);
}

static unsigned int receive(void)
{
	struct rte_mbuf *burst[BURST];
	unsigned int total = 0, n;

	while ((n = rte_eth_rx_burst(0, 0, burst, BURST)) > 0) {
		rte_pktmbuf_free_bulk(burst, n);
		total += n;
	}
	return total;
}

/* Sleep until the queue has something. An event without frames is allowed once: see cq.c. */
static void sleep_for_frames(unsigned int round)
{
	for (unsigned int empty = 0;; empty++) {
		struct rte_epoll_event event;
		unsigned int n;
		int r;

		r = rte_eth_dev_rx_intr_enable(0, 0);
		if (r)
			fail("enable", r);
		printf("ARMED %u\n", round);
		fflush(stdout);
		r = rte_epoll_wait(RTE_EPOLL_PER_THREAD, &event, 1, WAIT_MS);
		if (r != 1)
			fail("wait", r);
		r = rte_eth_dev_rx_intr_disable(0, 0);
		n = receive();
		printf("WOKEN %u frames %u disable %d\n", round, n, r);
		fflush(stdout);
		if (n > 0)
			return;
		if (empty > 0)
			fail("empty events", (int)empty);
	}
}

int main(int argc, char **argv)
{
	struct rte_mempool *pool;
	int r;

	r = rte_eal_init(argc, argv);
	if (r < 0)
		fail("EAL", r);
	pool = rte_pktmbuf_pool_create("frames", 2048, 32, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
				       SOCKET_ID_ANY);
	if (!pool)
		fail("pool", rte_errno);
	start_port(pool);
	for (unsigned int round = 0; round < 5; round++)
		sleep_for_frames(round);
	rte_eth_dev_stop(0);
	rte_eth_dev_close(0);
	rte_eal_cleanup();
	printf("DONE\n");
	return 0;
}
