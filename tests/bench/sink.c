/*
 * memif, and what comes by it: see sink.h.
 */
#include "bench/sink.h"

#include "bench/frames.h"

#include <errno.h>
#include <rte_cycles.h>
#include <rte_dev.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEVICE      "net_memif9"
#define BURST       64
#define POOL_MBUFS  8191
#define DESCRIPTORS (1u << SINK_RING_LOG2)

static int start_port(struct sink *sink)
{
	const struct rte_eth_conf conf = { 0 };
	int r = rte_eth_dev_configure(sink->port, 1, 1, &conf);

	if (r == 0)
		r = rte_eth_rx_queue_setup(sink->port, 0, DESCRIPTORS, SOCKET_ID_ANY, NULL,
					   sink->pool);
	if (r == 0)
		r = rte_eth_tx_queue_setup(sink->port, 0, DESCRIPTORS, SOCKET_ID_ANY, NULL);
	return r == 0 ? rte_eth_dev_start(sink->port) : r;
}

int sink_init(struct sink *sink, const char *socket)
{
	char arguments[256];
	int r;

	*sink = (struct sink){ .samples = calloc(SINK_SAMPLES, sizeof(*sink->samples)) };
	if (!sink->samples)
		return -ENOMEM;
	(void)snprintf(arguments, sizeof(arguments),
		       "role=client,socket=%s,socket-abstract=no,rsize=%u", socket, SINK_RING_LOG2);
	sink->pool = rte_pktmbuf_pool_create("sink", POOL_MBUFS, 256, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
					     SOCKET_ID_ANY);
	r = sink->pool ? rte_eal_hotplug_add("vdev", DEVICE, arguments) : -ENOMEM;
	if (r == 0)
		r = rte_eth_dev_get_port_by_name(DEVICE, &sink->port);
	return r == 0 ? start_port(sink) : r;
}

void sink_fini(struct sink *sink)
{
	(void)rte_eth_dev_stop(sink->port);
	(void)rte_eth_dev_close(sink->port);
	free(sink->samples);
}

void sink_reset(struct sink *sink)
{
	sink->segments = sink->denied = sink->last = sink->silence = 0;
	sink->sample_count = 0;
}

/* A connection's opener again and again is answered each time: the answer may be lost. */
static void answer(struct sink *sink, unsigned flow)
{
	struct rte_mbuf *mbuf = rte_pktmbuf_alloc(sink->pool);

	if (!mbuf)
		return;
	frame_make((uint8_t *)rte_pktmbuf_append(mbuf, FRAME_MIN), FRAME_MIN, FRAME_ANSWER, flow,
		   0);
	if (rte_eth_tx_burst(sink->port, 0, &mbuf, 1) == 0)
		rte_pktmbuf_free(mbuf);
}

static void take_segment(struct sink *sink, uint64_t stamp, uint64_t now)
{
	if (sink->segments++ && now - sink->last > sink->silence)
		sink->silence = now - sink->last;
	sink->last = now;
	if (sink->sample_count < SINK_SAMPLES)
		sink->samples[sink->sample_count++] = (uint32_t)(now - stamp);
}

static void take_frame(struct sink *sink, struct rte_mbuf *mbuf, uint64_t now)
{
	uint64_t stamp;
	unsigned flow;

	switch (frame_read(rte_pktmbuf_mtod(mbuf, uint8_t *), rte_pktmbuf_data_len(mbuf), &flow,
			   &stamp)) {
	case FRAME_OPENER:
		answer(sink, flow);
		break;
	case FRAME_SEGMENT:
		take_segment(sink, stamp, now);
		break;
	case FRAME_DENIED:
		sink->denied++;
		break;
	case FRAME_ANSWER:
	case FRAME_NONE_OF_THESE:
		break;
	}
}

unsigned sink_take(struct sink *sink)
{
	struct rte_mbuf *mbufs[BURST];
	const unsigned count = rte_eth_rx_burst(sink->port, 0, mbufs, BURST);
	const uint64_t now = rte_rdtsc();

	for (unsigned i = 0; i < count; i++)
		take_frame(sink, mbufs[i], now);
	rte_pktmbuf_free_bulk(mbufs, count);
	return count;
}

void sink_see_answer(struct sink *sink, const uint8_t *frame, unsigned size)
{
	uint64_t stamp;
	unsigned flow;

	if (frame_read(frame, size, &flow, &stamp) != FRAME_ANSWER || flow >= SINK_FLOWS ||
	    sink->is_open[flow])
		return;
	sink->is_open[flow] = true;
	sink->open_count++;
}
