/*
 * RNDIS control: initialise, query and set. Answers go through a receive section on the primary
 * channel, before the completion of the message that asked (netvsc waits for the former and takes
 * the latter as the end of its send).
 */
#include "azhost/host/say.h"
#include "azhost/vmbus/ndis.h"
#include "azhost/vmbus/netvsc_private.h"
#include "azhost/vmbus/nvsp.h"

#include <string.h>

#define ANSWER_MAX       512u
#define AGGREGATE_MAX    8u      /* packets in one message */
#define TRANSFER_MAX     0x4000u /* bytes in one message */
#define ALIGNMENT_LOG2   3u
#define LINK_SPEED_GBITS 40u
#define LARGE_SEND_MAX   62780u
#define SECOND_OF_100BIT 10000u /* 1 Mbit/s in OID_LINK_SPEED's units */

static void answer(struct netvsc *dev, const void *message, uint32_t bytes)
{
	/* There is room and a section: poll_channel() has looked. */
	if (!netvsc_indicate(dev, 0, NVSP_RNDIS_CONTROL, message, bytes))
		say("%s: no room for an RNDIS answer", dev->name);
}

static struct rndis_header answer_header(uint32_t type, uint32_t length, uint32_t request)
{
	return (struct rndis_header){
		.type = type | RNDIS_COMPLETE,
		.length = length,
		.request = request,
	};
}

static void initialize(struct netvsc *dev, const uint8_t *message, uint32_t bytes)
{
	struct rndis_initialize request;
	struct rndis_initialize_complete done = {
		.status = RNDIS_SUCCESS,
		.major = 1,
		.device_flags = 1,
		.max_packets = AGGREGATE_MAX,
		.max_transfer = TRANSFER_MAX,
		.alignment = ALIGNMENT_LOG2,
	};

	(void)bytes;
	memcpy(&request, message, sizeof(request));
	done.header = answer_header(RNDIS_INITIALIZE, sizeof(done), request.header.request);
	answer(dev, &done, sizeof(done));
}

static uint32_t query_address(struct netvsc *dev, uint8_t *to)
{
	memcpy(to, dev->config.mac, 6);
	return 6;
}

static uint32_t query_number(uint8_t *to, uint32_t value)
{
	memcpy(to, &value, sizeof(value));
	return sizeof(value);
}

static uint32_t query_media(struct netvsc *dev, uint8_t *to)
{
	return query_number(to, dev->link_up ? 0 : 1);
}

static uint32_t query_speed(struct netvsc *dev, uint8_t *to)
{
	(void)dev;
	return query_number(to, LINK_SPEED_GBITS * 1000 * SECOND_OF_100BIT);
}

static uint32_t query_frame_size(struct netvsc *dev, uint8_t *to)
{
	return query_number(to, dev->mtu);
}

static uint32_t query_offloads(struct netvsc *dev, uint8_t *to)
{
	const uint32_t v4 = NDIS_SUM_IP | NDIS_SUM_IP_OPTIONS | NDIS_SUM_TCP |
			    NDIS_SUM_TCP_OPTIONS | NDIS_SUM_UDP;
	const uint32_t v6 =
		NDIS_SUM_IP_OPTIONS | NDIS_SUM_TCP | NDIS_SUM_TCP_OPTIONS | NDIS_SUM_UDP;
	const struct ndis_offload offload = {
		.header = { NDIS_OBJECT_OFFLOAD, NDIS_OFFLOAD_REVISION, sizeof(offload) },
		.checksum = {
			.v4_tx_encapsulation = NDIS_ENCAPSULATION_8023,
			.v4_tx = v4,
			.v4_rx_encapsulation = NDIS_ENCAPSULATION_8023,
			.v4_rx = v4,
			.v6_tx_encapsulation = NDIS_ENCAPSULATION_8023,
			.v6_tx = v6,
			.v6_rx_encapsulation = NDIS_ENCAPSULATION_8023,
			.v6_rx = v6,
		},
		.lso = {
			.v4_encapsulation = NDIS_ENCAPSULATION_8023,
			.v4_max = LARGE_SEND_MAX,
			.v4_min_segments = 2,
			.v6_encapsulation = NDIS_ENCAPSULATION_8023,
			.v6_max = LARGE_SEND_MAX,
			.v6_min_segments = 2,
			.v6_options = 1 | 4,
		},
	};

	(void)dev;
	memcpy(to, &offload, sizeof(offload));
	return sizeof(offload);
}

static uint32_t query_rss(struct netvsc *dev, uint8_t *to)
{
	const struct ndis_rss_capabilities capabilities = {
		.header = { NDIS_OBJECT_RSS_CAPABILITIES, 2, sizeof(capabilities) },
		.capabilities = NDIS_RSS_V4 | NDIS_RSS_V6 | NDIS_RSS_TOEPLITZ,
		.interrupts = dev->config.queues,
		.queues = dev->config.queues,
		.entries = NDIS_RSS_ENTRIES,
	};

	memcpy(to, &capabilities, sizeof(capabilities));
	return sizeof(capabilities);
}

static const struct {
	uint32_t oid;
	uint32_t (*query)(struct netvsc *dev, uint8_t *to); /* at most ANSWER_MAX bytes */
} queries[] = {
	{ OID_PERMANENT_ADDRESS, query_address },
	{ OID_CURRENT_ADDRESS, query_address },
	{ OID_MEDIA_CONNECT_STATUS, query_media },
	{ OID_LINK_SPEED, query_speed },
	{ OID_MAXIMUM_FRAME_SIZE, query_frame_size },
	{ (uint32_t)OID_OFFLOAD_CAPABILITIES, query_offloads },
	{ OID_RECEIVE_SCALE_CAPABILITIES, query_rss },
};

static void query(struct netvsc *dev, const uint8_t *message, uint32_t bytes)
{
	uint8_t buffer[sizeof(struct rndis_query_complete) + ANSWER_MAX];
	struct rndis_query_complete done = { .status = (uint32_t)RNDIS_NOT_SUPPORTED };
	struct rndis_request request;

	(void)bytes;
	memcpy(&request, message, sizeof(request));
	for (unsigned i = 0; i < sizeof(queries) / sizeof(queries[0]); i++) {
		if (queries[i].oid != request.oid)
			continue;
		done.status = RNDIS_SUCCESS;
		done.buffer_length = queries[i].query(dev, buffer + sizeof(done));
		done.buffer_offset = sizeof(done) - RNDIS_BUFFER_BASE;
		break;
	}
	if (done.status != RNDIS_SUCCESS)
		say_detail("%s: RNDIS query of unknown OID %#x", dev->name, request.oid);
	done.header = answer_header(RNDIS_QUERY, sizeof(done) + done.buffer_length,
				    request.header.request);
	memcpy(buffer, &done, sizeof(done));
	answer(dev, buffer, done.header.length);
}

static uint32_t set_filter(struct netvsc *dev, const uint8_t *data, uint32_t bytes)
{
	bool was_on = dev->filter != 0;

	if (bytes < sizeof(dev->filter))
		return (uint32_t)RNDIS_INVALID_DATA;
	memcpy(&dev->filter, data, sizeof(dev->filter));
	say_detail("%s: receive filter %#x", dev->name, dev->filter);
	if (was_on != (dev->filter != 0))
		dev->callbacks->receiving(dev->opaque, !was_on);
	return RNDIS_SUCCESS;
}

static uint32_t set_rss(struct netvsc *dev, const uint8_t *data, uint32_t bytes)
{
	if (rss_configure(&dev->rss, data, bytes) < 0) {
		netvsc_malformed(dev, "malformed RSS parameters");
		return (uint32_t)RNDIS_INVALID_DATA;
	}
	say_detail("%s: RSS %s, hash %#x", dev->name, dev->rss.on ? "on" : "off", dev->rss.types);
	return RNDIS_SUCCESS;
}

/* Which offloads the guest means to use; each packet says again what it wants. */
static uint32_t set_offloads(struct netvsc *dev, const uint8_t *data, uint32_t bytes)
{
	struct ndis_header header;

	if (bytes < sizeof(header))
		return (uint32_t)RNDIS_INVALID_DATA;
	memcpy(&header, data, sizeof(header));
	if (header.object != NDIS_OBJECT_DEFAULT || header.size > bytes) {
		netvsc_malformed(dev, "malformed offload parameters");
		return (uint32_t)RNDIS_INVALID_DATA;
	}
	return RNDIS_SUCCESS;
}

static const struct {
	uint32_t oid;
	uint32_t (*set)(struct netvsc *dev, const uint8_t *data, uint32_t bytes);
} sets[] = {
	{ OID_PACKET_FILTER, set_filter },
	{ OID_RECEIVE_SCALE_PARAMETERS, set_rss },
	{ (uint32_t)OID_OFFLOAD_PARAMETERS, set_offloads },
};

static void set(struct netvsc *dev, const uint8_t *message, uint32_t bytes)
{
	struct rndis_simple_complete done = { .status = (uint32_t)RNDIS_NOT_SUPPORTED };
	struct rndis_request request;
	const uint32_t room = bytes - RNDIS_BUFFER_BASE;

	memcpy(&request, message, sizeof(request));
	done.header = answer_header(RNDIS_SET, sizeof(done), request.header.request);
	if (request.buffer_offset > room || request.buffer_length > room - request.buffer_offset) {
		netvsc_malformed(dev, "an RNDIS set whose buffer is outside");
		done.status = (uint32_t)RNDIS_INVALID_DATA;
		answer(dev, &done, sizeof(done));
		return;
	}
	for (unsigned i = 0; i < sizeof(sets) / sizeof(sets[0]); i++) {
		if (sets[i].oid != request.oid)
			continue;
		done.status = sets[i].set(dev, message + RNDIS_BUFFER_BASE + request.buffer_offset,
					  request.buffer_length);
		break;
	}
	answer(dev, &done, sizeof(done));
}

static void halt(struct netvsc *dev, const uint8_t *message, uint32_t bytes)
{
	(void)message;
	(void)bytes;
	if (dev->filter == 0)
		return;
	dev->filter = 0;
	dev->callbacks->receiving(dev->opaque, false);
}

static void reset(struct netvsc *dev, const uint8_t *message, uint32_t bytes)
{
	const struct rndis_reset_complete done = {
		.type = RNDIS_RESET | RNDIS_COMPLETE,
		.length = sizeof(done),
		.addressing_reset = 1, /* the guest sets its filter again */
	};

	halt(dev, message, bytes);
	answer(dev, &done, sizeof(done));
}

static void keepalive(struct netvsc *dev, const uint8_t *message, uint32_t bytes)
{
	struct rndis_header header;
	struct rndis_simple_complete done = { .status = RNDIS_SUCCESS };

	(void)bytes;
	memcpy(&header, message, sizeof(header));
	done.header = answer_header(RNDIS_KEEPALIVE, sizeof(done), header.request);
	answer(dev, &done, sizeof(done));
}

static const struct {
	uint32_t type;
	uint32_t min_bytes;
	void (*take)(struct netvsc *dev, const uint8_t *message, uint32_t bytes);
} controls[] = {
	{ RNDIS_INITIALIZE, sizeof(struct rndis_initialize), initialize },
	{ RNDIS_QUERY, sizeof(struct rndis_request), query },
	{ RNDIS_SET, sizeof(struct rndis_request), set },
	{ RNDIS_HALT, sizeof(struct rndis_header), halt },
	{ RNDIS_RESET, sizeof(struct rndis_header), reset },
	{ RNDIS_KEEPALIVE, sizeof(struct rndis_header), keepalive },
};

void netvsc_rndis_control(struct netvsc *dev, const uint8_t *message, uint32_t bytes)
{
	struct rndis_header header;

	if (bytes < sizeof(header)) {
		netvsc_malformed(dev, "an RNDIS message without a header");
		return;
	}
	memcpy(&header, message, sizeof(header));
	for (unsigned i = 0; i < sizeof(controls) / sizeof(controls[0]); i++) {
		if (controls[i].type != header.type)
			continue;
		if (header.length < controls[i].min_bytes || header.length > bytes)
			netvsc_malformed(dev, "an RNDIS message of a wrong length");
		else
			controls[i].take(dev, message, header.length);
		return;
	}
	netvsc_malformed(dev, "an RNDIS message of an unknown type");
}

void netvsc_rndis_link(struct netvsc *dev)
{
	const struct rndis_indicate_status status = {
		.type = RNDIS_INDICATE_STATUS,
		.length = sizeof(status),
		.status = dev->link_up ? RNDIS_MEDIA_CONNECT : RNDIS_MEDIA_DISCONNECT,
	};

	(void)netvsc_indicate(dev, 0, NVSP_RNDIS_CONTROL, &status, sizeof(status));
}
