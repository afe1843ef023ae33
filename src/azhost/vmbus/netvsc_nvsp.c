/*
 * NVSP messages of the guest, and the packets of a channel that carry them. One table says of each
 * message how long it must be, when it may come and who handles it.
 */
#include "azhost/host/say.h"
#include "azhost/vmbus/guest_memory.h"
#include "azhost/vmbus/netvsc_private.h"
#include "azhost/vmbus/nvsp.h"

#include <errno.h>
#include <string.h>

#define ETHER_HEADER  14u
#define ETHER_MTU_MIN 68u

/* A packet in the host's hands. */
struct incoming {
	unsigned channel;
	struct vmbus_packet head;
	const uint8_t *extension; /* behind the header, before the message */
	uint32_t extension_bytes;
	const uint8_t *message;
	uint32_t message_bytes;
};

static void complete(struct netvsc *dev, const struct incoming *in, const void *message,
		     uint32_t bytes)
{
	if ((in->head.flags & VMBUS_WANTS_COMPLETION) == 0)
		return;
	/* There is room: poll_channel() has looked. */
	(void)bufring_send(&dev->channels[in->channel].to_guest, VMBUS_COMPLETION, 0,
			   in->head.transaction, (struct bufring_part){ NULL, 0 },
			   (struct bufring_part){ message, bytes });
}

static void take_init(struct netvsc *dev, const struct incoming *in)
{
	static const uint32_t known[] = { NVSP_VERSION_61, NVSP_VERSION_6, NVSP_VERSION_5,
					  NVSP_VERSION_4,  NVSP_VERSION_2, NVSP_VERSION_1 };
	struct nvsp_init init;
	struct nvsp_init_response response = {
		.type = NVSP_INIT_RESPONSE,
		.status = NVSP_FAILED,
	};

	memcpy(&init, in->message, sizeof(init));
	netvsc_reset(dev);
	for (unsigned i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (init.version_min > known[i] || init.version_max < known[i])
			continue;
		response.status = NVSP_OK;
		response.version = known[i];
		dev->version = known[i];
		dev->state = NETVSC_VERSIONED;
		break;
	}
	say_detail("%s: NVSP version %#x: %s", dev->name, init.version_max,
		   response.status == NVSP_OK ? "ok" : "refused");
	complete(dev, in, &response, sizeof(response));
}

static void take_ndis_config(struct netvsc *dev, const struct incoming *in)
{
	struct nvsp_ndis_config config;

	memcpy(&config, in->message, sizeof(config));
	if (config.mtu < ETHER_MTU_MIN + ETHER_HEADER ||
	    config.mtu > dev->config.mtu + ETHER_HEADER) {
		/* There is no answer to say no with: the host keeps to its own size. */
		netvsc_malformed(dev, "an MTU that is out of range");
		config.mtu = dev->config.mtu + ETHER_HEADER;
	}
	dev->mtu = config.mtu - ETHER_HEADER;
	dev->capabilities = config.capabilities;
}

static void take_ndis_init(struct netvsc *dev, const struct incoming *in)
{
	struct nvsp_ndis_init init;

	memcpy(&init, in->message, sizeof(init));
	say_detail("%s: NDIS version %u.%u", dev->name, init.major, init.minor);
}

static bool is_buffer(const struct incoming *in, uint32_t gpadl, uint16_t id)
{
	struct nvsp_buffer buffer;

	memcpy(&buffer, in->message, sizeof(buffer));
	return buffer.gpadl == gpadl && buffer.id == id;
}

static void take_receive_buffer(struct netvsc *dev, const struct incoming *in)
{
	struct nvsp_receive_buffer_response response = {
		.type = NVSP_RECEIVE_BUFFER_RESPONSE,
		.status = NVSP_FAILED,
	};

	if (is_buffer(in, NETVSC_GPADL_RECEIVE, NVSP_RECEIVE_BUFFER_ID)) {
		response.status = NVSP_OK;
		response.sections = 1;
		response.slot_size = NETVSC_RECEIVE_SLOT;
		response.slots = NETVSC_SECTIONS;
		response.end = NETVSC_SECTIONS * NETVSC_RECEIVE_SLOT;
		dev->state = NETVSC_RECEIVES;
	} else {
		netvsc_malformed(dev, "a receive buffer that it does not have");
	}
	complete(dev, in, &response, sizeof(response));
}

static void take_send_buffer(struct netvsc *dev, const struct incoming *in)
{
	struct nvsp_send_buffer_response response = {
		.type = NVSP_SEND_BUFFER_RESPONSE,
		.status = NVSP_FAILED,
	};

	if (is_buffer(in, NETVSC_GPADL_SEND, NVSP_SEND_BUFFER_ID)) {
		response.status = NVSP_OK;
		response.section_size = NETVSC_SEND_SECTION;
		dev->state = NETVSC_RUNNING;
	} else {
		netvsc_malformed(dev, "a send buffer that it does not have");
	}
	complete(dev, in, &response, sizeof(response));
	if (dev->state == NETVSC_RUNNING)
		dev->callbacks->note_point(dev->opaque);
}

static void take_receive_buffer_gone(struct netvsc *dev, const struct incoming *in)
{
	(void)in;
	netvsc_reset(dev);
	dev->state = NETVSC_VERSIONED;
}

static void take_send_buffer_gone(struct netvsc *dev, const struct incoming *in)
{
	(void)in;
	/* The driver lets go of the receive buffer first (hn_nvs_detach()). */
	if (dev->state == NETVSC_RUNNING)
		dev->state = NETVSC_RECEIVES;
}

static void take_set_datapath(struct netvsc *dev, const struct incoming *in)
{
	struct nvsp_set_datapath set;

	memcpy(&set, in->message, sizeof(set));
	if (set.datapath > NVSP_DATAPATH_VF) {
		netvsc_malformed(dev, "a data path that there is not");
		return;
	}
	dev->callbacks->datapath(dev->opaque, set.datapath == NVSP_DATAPATH_VF);
}

static void take_subchannels(struct netvsc *dev, const struct incoming *in)
{
	struct nvsp_subchannels request;
	struct nvsp_subchannels_response response = {
		.type = NVSP_SUBCHANNELS,
		.status = NVSP_OK,
	};

	memcpy(&request, in->message, sizeof(request));
	if (request.operation != NVSP_SUBCHANNELS_ALLOCATE || in->channel != 0) {
		netvsc_malformed(dev, "a request for sub-channels that makes no sense");
		response.status = NVSP_FAILED;
		request.count = 0;
	}
	response.count =
		request.count < dev->config.queues ? request.count : dev->config.queues - 1;
	for (unsigned i = 1; i <= response.count; i++) {
		int rc = netvsc_channel_open(dev, i);

		if (rc == 0)
			continue;
		say("%s: cannot make channel %u: %s", dev->name, i, strerror(-rc));
		response.status = NVSP_FAILED;
		response.count = 0;
	}
	complete(dev, in, &response, sizeof(response));
}

struct sending {
	struct netvsc *dev;
	unsigned channel;
};

static void emit(void *opaque, const uint8_t *frame, uint32_t length)
{
	const struct sending *sending = opaque;

	sending->dev->channels[sending->channel].stats.from_guest++;
	sending->dev->callbacks->send(sending->dev->opaque, frame, length);
}

static void count_done(struct netvsc *dev, const struct rndis_done *done)
{
	static const char *const refusals[] = {
		[RNDIS_BAD_CHECKSUM_REQUEST] = "a packet whose checksum cannot be filled in",
		[RNDIS_BAD_LARGE_SEND] = "a large send that cannot be cut",
		[RNDIS_BAD_LENGTH] = "a packet that is too long",
	};

	if (done->refusal != RNDIS_FINE)
		netvsc_malformed(dev, refusals[done->refusal]);
	dev->stats.checksums += done->checksum;
	dev->stats.segmented += done->segmented;
	dev->stats.segments += done->segmented ? done->frames : 0;
	dev->stats.vlan_inserted += done->vlan;
}

/* A run of data messages. False: something in it is malformed, and the rest was not read. */
static bool send_packets(struct netvsc *dev, unsigned channel, const uint8_t *message,
			 uint32_t bytes, uint64_t *packets)
{
	struct sending sending = { .dev = dev, .channel = channel };
	const uint32_t frame_max = dev->mtu + ETHER_HEADER + 4;

	while (bytes >= sizeof(struct rndis_packet)) {
		struct rndis_tx tx;
		uint32_t next;

		if (rndis_read_packet(message, bytes, &tx, &next) < 0) {
			netvsc_malformed(dev, "a malformed RNDIS packet");
			return false;
		}

		struct rndis_done done =
			rndis_finish_packet(&tx, frame_max, dev->scratch, emit, &sending);

		count_done(dev, &done);
		*packets += 1;
		message += next;
		bytes -= next;
	}
	return true;
}

/* The message of an NVSP_RNDIS, copied where the guest cannot change it. */
static int fetch(struct netvsc *dev, const struct incoming *in, const struct nvsp_rndis *rndis,
		 uint32_t *ret_bytes)
{
	if (in->head.type == VMBUS_GPA_DIRECT) {
		struct vmbus_gpa_header gpa;

		if (in->extension_bytes < sizeof(gpa))
			return -EINVAL;
		memcpy(&gpa, in->extension, sizeof(gpa));
		if (gpa.count == 0 || gpa.count > (in->extension_bytes - sizeof(gpa)) /
							  sizeof(struct vmbus_gpa_range))
			return -EINVAL;
		return guest_memory_read(dev->guest, in->extension + sizeof(gpa), gpa.count,
					 dev->message, sizeof(dev->message), ret_bytes);
	}
	if (rndis->section >= NETVSC_SEND_BYTES / NETVSC_SEND_SECTION ||
	    rndis->section_bytes > NETVSC_SEND_SECTION)
		return -EINVAL;
	memcpy(dev->message, dev->send_buffer + (size_t)rndis->section * NETVSC_SEND_SECTION,
	       rndis->section_bytes);
	*ret_bytes = rndis->section_bytes;
	return 0;
}

static void take_rndis(struct netvsc *dev, const struct incoming *in)
{
	const bool direct = in->head.type == VMBUS_GPA_DIRECT;
	struct nvsp_rndis_complete done = { .type = NVSP_RNDIS_COMPLETE, .status = NVSP_OK };
	struct nvsp_rndis rndis;
	uint32_t bytes;
	int rc;

	memcpy(&rndis, in->message, sizeof(rndis));
	rc = fetch(dev, in, &rndis, &bytes);
	if (rc == -EFAULT) {
		if (dev->stats.memory_faults++ == 0)
			say("%s: cannot read the guest's memory: is it not using IOVA as VA?",
			    dev->name);
	} else if (rc < 0) {
		netvsc_malformed(dev, "an RNDIS message that is nowhere");
	}
	if (rc < 0) {
		done.status = NVSP_FAILED;
	} else if (rndis.channel == NVSP_RNDIS_CONTROL) {
		dev->stats.controls++;
		netvsc_rndis_control(dev, dev->message, bytes);
	} else if (!send_packets(dev, in->channel, dev->message, bytes,
				 direct ? &dev->stats.gpa_packets : &dev->stats.chimney_packets)) {
		done.status = NVSP_FAILED;
	}
	complete(dev, in, &done, sizeof(done));
}

struct nvsp_handler {
	uint32_t type;
	uint32_t min_bytes;
	enum netvsc_state from; /* not before */
	bool primary_only;
	void (*take)(struct netvsc *dev, const struct incoming *in);
};

static const struct nvsp_handler handlers[] = {
	{ NVSP_RNDIS, sizeof(struct nvsp_rndis), NETVSC_RUNNING, false, take_rndis },
	{ NVSP_INIT, sizeof(struct nvsp_init), NETVSC_NEW, true, take_init },
	{ NVSP_NDIS_CONFIG, sizeof(struct nvsp_ndis_config), NETVSC_VERSIONED, true,
	  take_ndis_config },
	{ NVSP_NDIS_INIT, sizeof(struct nvsp_ndis_init), NETVSC_VERSIONED, true, take_ndis_init },
	{ NVSP_RECEIVE_BUFFER, sizeof(struct nvsp_buffer), NETVSC_VERSIONED, true,
	  take_receive_buffer },
	{ NVSP_RECEIVE_BUFFER_GONE, sizeof(uint32_t), NETVSC_VERSIONED, true,
	  take_receive_buffer_gone },
	{ NVSP_SEND_BUFFER, sizeof(struct nvsp_buffer), NETVSC_RECEIVES, true, take_send_buffer },
	{ NVSP_SEND_BUFFER_GONE, sizeof(uint32_t), NETVSC_VERSIONED, true, take_send_buffer_gone },
	{ NVSP_SET_DATAPATH, sizeof(struct nvsp_set_datapath), NETVSC_RUNNING, true,
	  take_set_datapath },
	{ NVSP_SUBCHANNELS, sizeof(struct nvsp_subchannels), NETVSC_RUNNING, true,
	  take_subchannels },
};

static void take_message(struct netvsc *dev, const struct incoming *in)
{
	uint32_t type;

	if (in->message_bytes < sizeof(type)) {
		netvsc_malformed(dev, "an NVSP message without a type");
		return;
	}
	memcpy(&type, in->message, sizeof(type));
	for (unsigned i = 0; i < sizeof(handlers) / sizeof(handlers[0]); i++) {
		const struct nvsp_handler *handler = &handlers[i];

		if (handler->type != type)
			continue;
		if (in->message_bytes < handler->min_bytes || dev->state < handler->from ||
		    (handler->primary_only && in->channel != 0)) {
			netvsc_malformed(dev, "an NVSP message too short, too early or astray");
			return;
		}
		handler->take(dev, in);
		return;
	}
	netvsc_malformed(dev, "an NVSP message of an unknown type");
}

/* The guest gives a receive section back. */
static void take_completion(struct netvsc *dev, const struct incoming *in)
{
	uint64_t section = in->head.transaction;

	if (section >= NETVSC_SECTIONS || !dev->section_used[section]) {
		netvsc_malformed(dev, "a completion for nothing");
		return;
	}
	dev->section_used[section] = false;
	dev->free_sections[dev->free_count++] = (uint16_t)section;
}

void netvsc_take_packet(struct netvsc *dev, unsigned channel, const uint8_t *packet, uint32_t bytes)
{
	struct incoming in = { .channel = channel };

	memcpy(&in.head, packet, sizeof(in.head));

	const uint32_t header = in.head.header_8 * 8u;

	/* bufring_receive() has seen to sizeof(head) <= header <= bytes. */
	in.extension = packet + sizeof(in.head);
	in.extension_bytes = header - (uint32_t)sizeof(in.head);
	in.message = packet + header;
	in.message_bytes = bytes - header;
	switch (in.head.type) {
	case VMBUS_COMPLETION:
		take_completion(dev, &in);
		break;
	case VMBUS_INBAND:
	case VMBUS_GPA_DIRECT:
		take_message(dev, &in);
		break;
	default:
		netvsc_malformed(dev, "a VMBus packet of an unknown type");
	}
}
