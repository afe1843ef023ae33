/*
 * The hostile guest: everything that a guest can do to the synthetic NIC's host. The input is a
 * list of actions on a device that is opened anew for each input: packets on a channel's ring, made
 * well or badly; bytes anywhere in the shared memory; frames and notes from the host's side in
 * between.
 *
 *   action (1 byte), length (2 bytes, little-endian), then so many bytes
 */
#include "azhost/vmbus/netvsc_private.h"
#include "azhost/vmbus/nvsp.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct tree tree;
static struct loop loop;
static struct netvsc *device;
static uint32_t frames_sum;

static void send(void *opaque, const uint8_t *frame, uint32_t length)
{
	(void)opaque;
	/* Every byte of a frame that leaves is read: ASan sees one that is not there. */
	for (uint32_t i = 0; i < length; i++)
		frames_sum += frame[i];
}

static bool may_send(void *opaque)
{
	(void)opaque;
	return true;
}

static void switched(void *opaque, bool on)
{
	(void)opaque;
	(void)on;
}

static void note_point(void *opaque)
{
	(void)opaque;
	netvsc_note(device, true, 1);
}

static const struct netvsc_callbacks callbacks = {
	.send = send,
	.may_send = may_send,
	.datapath = switched,
	.note_point = note_point,
	.receiving = switched,
};

static void clean_up(void)
{
	netvsc_free(device);
	tree_remove(&tree);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	const struct netvsc_config config = {
		.name = "nic0",
		.guid = "7a08391f-f5a0-4ac0-9802-d13fd964f8df",
		.mac = { 0x00, 0x0d, 0x3a, 0, 0, 1 },
		.queues = 4,
		.mtu = 1500,
	};

	(void)argc;
	(void)argv;
	if (tree_make(&tree) < 0 || loop_init(&loop) < 0 ||
	    netvsc_new(&config, &tree, &loop, &callbacks, NULL, &device) < 0)
		abort();
	atexit(clean_up);
	return 0;
}

/* A packet with a good header around the input, as the driver would put it into the ring. */
static void good_packet(struct netvsc_channel *channel, enum vmbus_packet_type type,
			uint32_t extension, const uint8_t *data, uint32_t bytes)
{
	struct bufring guest = channel->from_guest;

	extension = extension < bytes ? extension & ~7u : 0;
	guest.own = channel->from_guest.header->write_index;
	if (guest.own >= guest.size || guest.own % 8 != 0)
		return;
	(void)bufring_send(&guest, type, VMBUS_WANTS_COMPLETION, bytes,
			   (struct bufring_part){ data, extension },
			   (struct bufring_part){ data + extension, bytes - extension });
}

/* The exchange that brings the device up, so that the input need not find it. */
static void bring_up(void)
{
	const struct nvsp_init init = { NVSP_INIT, NVSP_VERSION_61, NVSP_VERSION_61 };
	const struct nvsp_ndis_config ndis = {
		.type = NVSP_NDIS_CONFIG,
		.mtu = 1514,
		.capabilities = NVSP_CAPABILITY_SRIOV | NVSP_CAPABILITY_VLAN,
	};
	const struct nvsp_buffer receive = { NVSP_RECEIVE_BUFFER, NETVSC_GPADL_RECEIVE,
					     NVSP_RECEIVE_BUFFER_ID };
	const struct nvsp_buffer sending = { NVSP_SEND_BUFFER, NETVSC_GPADL_SEND,
					     NVSP_SEND_BUFFER_ID };
	const struct {
		const void *message;
		uint32_t bytes;
	} all[] = {
		{ &init, sizeof(init) },
		{ &ndis, sizeof(ndis) },
		{ &receive, sizeof(receive) },
		{ &sending, sizeof(sending) },
	};

	for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		good_packet(&device->channels[0], VMBUS_INBAND, 0, all[i].message, all[i].bytes);
	(void)device->poller.poll(device->poller.opaque);
	if (device->state != NETVSC_RUNNING)
		abort();
	device->filter = RNDIS_FILTER_PROMISCUOUS;
}

/* Making channels costs more than all else: only where the input asks for it. */
static void more_channels(uint32_t count)
{
	const struct nvsp_subchannels more = { NVSP_SUBCHANNELS, NVSP_SUBCHANNELS_ALLOCATE, count };

	good_packet(&device->channels[0], VMBUS_INBAND, 0, (const uint8_t *)&more, sizeof(more));
}

/* An RNDIS message through the send buffer. */
static void chimney(struct netvsc_channel *channel, uint32_t rndis_channel, const uint8_t *data,
		    uint32_t bytes)
{
	const struct nvsp_rndis rndis = {
		.type = NVSP_RNDIS,
		.channel = rndis_channel,
		.section = 0,
		.section_bytes = bytes < NETVSC_SEND_SECTION ? bytes : NETVSC_SEND_SECTION,
	};

	memcpy(device->send_buffer, data, rndis.section_bytes);
	good_packet(channel, VMBUS_INBAND, 0, (const uint8_t *)&rndis, sizeof(rndis));
}

static void spoil(const uint8_t *data, uint32_t bytes)
{
	const struct netvsc_region *last = &device->region[NETVSC_REGIONS - 1];
	uint32_t at;

	if (bytes < sizeof(at))
		return;
	memcpy(&at, data, sizeof(at));
	at %= (uint32_t)(last->offset + last->size);
	bytes -= (uint32_t)sizeof(at);
	if (bytes > last->offset + last->size - at)
		return;
	memcpy(device->memory + at, data + sizeof(at), bytes);
}

static void act(uint8_t action, const uint8_t *data, uint32_t bytes)
{
	struct netvsc_channel *channel = &device->channels[action >> 4 & 3];

	if (!channel->open)
		channel = &device->channels[0];
	switch (action & 15) {
	case 0:
		good_packet(channel, VMBUS_INBAND, 0, data, bytes);
		break;
	case 1:
		good_packet(channel, VMBUS_COMPLETION, 0, data, bytes);
		break;
	case 2:
		good_packet(channel, VMBUS_GPA_DIRECT, 24, data, bytes);
		break;
	case 3:
		chimney(channel, NVSP_RNDIS_DATA, data, bytes);
		break;
	case 4:
		chimney(channel, NVSP_RNDIS_CONTROL, data, bytes);
		break;
	case 5:
		spoil(data, bytes);
		break;
	case 6:
		memcpy(channel->from_guest.header, data,
		       bytes < sizeof(*channel->from_guest.header)
			       ? bytes
			       : sizeof(*channel->from_guest.header));
		break;
	case 7:
		memcpy(channel->to_guest.header, data,
		       bytes < sizeof(*channel->to_guest.header)
			       ? bytes
			       : sizeof(*channel->to_guest.header));
		break;
	case 8:
		if (bytes >= 14 && bytes <= 9216)
			(void)netvsc_receive(device, data, bytes);
		break;
	case 9:
		netvsc_set_link(device, bytes % 2 != 0);
		break;
	case 10:
		netvsc_note(device, bytes % 2 != 0, bytes);
		break;
	case 11:
		netvsc_close(device);
		netvsc_open(device, getpid());
		break;
	case 12:
		more_channels(bytes);
		break;
	default:
		good_packet(channel, action, action, data, bytes);
	}
	(void)device->poller.poll(device->poller.opaque);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	netvsc_open(device, getpid());
	bring_up();
	while (size >= 3) {
		uint8_t action = data[0];
		uint32_t bytes = data[1] | (uint32_t)data[2] << 8;

		data += 3;
		size -= 3;
		if (bytes > size)
			bytes = (uint32_t)size;
		act(action, data, bytes);
		data += bytes;
		size -= bytes;
	}
	netvsc_close(device);
	return 0;
}
