/* Towards the guest: messages in receive sections, frames with what is known of them, VF notes. */
#include "azhost/host/say.h"
#include "azhost/vmbus/checksum.h"
#include "azhost/vmbus/ndis.h"
#include "azhost/vmbus/netvsc_private.h"
#include "azhost/vmbus/nvsp.h"

#include <string.h>

bool netvsc_indicate(struct netvsc *dev, unsigned channel, uint32_t rndis_channel,
		     const void *message, uint32_t bytes)
{
	if (dev->free_count == 0 || bytes > NETVSC_RECEIVE_SLOT)
		return false;

	uint32_t section = dev->free_sections[dev->free_count - 1];
	const struct vmbus_receive_header header = {
		.buffer_id = NVSP_RECEIVE_BUFFER_ID,
		.count = 1,
		.length = bytes,
		.offset = section * NETVSC_RECEIVE_SLOT,
	};
	const struct nvsp_rndis rndis = {
		.type = NVSP_RNDIS,
		.channel = rndis_channel,
		.section = NVSP_NO_SECTION,
	};

	if (message != NULL)
		memcpy(dev->receive_buffer + header.offset, message, bytes);
	if (bufring_send(&dev->channels[channel].to_guest, VMBUS_RECEIVE_PAGES,
			 VMBUS_WANTS_COMPLETION, section,
			 (struct bufring_part){ &header, sizeof(header) },
			 (struct bufring_part){ &rndis, sizeof(rndis) }) != BUFRING_OK) {
		dev->channels[channel].stats.ring_full++;
		return false;
	}
	dev->section_used[section] = true;
	dev->free_count--;
	return true;
}

/* Is a frame to this address wanted? The bits are those of the RNDIS packet filter. */
static bool filter_passes(const struct netvsc *dev, const uint8_t *frame)
{
	static const uint8_t broadcast[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

	if ((dev->filter & RNDIS_FILTER_PROMISCUOUS) != 0)
		return true;
	if ((frame[0] & 1) == 0)
		return (dev->filter & RNDIS_FILTER_DIRECTED) != 0 &&
		       memcmp(frame, dev->config.mac, 6) == 0;
	if (memcmp(frame, broadcast, 6) == 0)
		return (dev->filter & RNDIS_FILTER_BROADCAST) != 0;
	return (dev->filter & (RNDIS_FILTER_MULTICAST | RNDIS_FILTER_ALL_MULTICAST)) != 0;
}

/* Take the outer tag off, for the information beside the packet. */
static bool strip_tag(struct rndis_rx *rx, uint8_t *untagged)
{
	const uint8_t *frame = rx->frame;

	if (rx->length < 18 || frame[12] != 0x81 || frame[13] != 0x00)
		return false;

	uint32_t tci = (uint32_t)frame[14] << 8 | frame[15];

	rx->has_vlan = true;
	rx->vlan = tci >> 13 | (tci >> 12 & 1) << 3 | (tci & 0xfff) << 4;
	memcpy(untagged, frame, 12);
	memcpy(untagged + 12, frame + 16, rx->length - 16);
	rx->frame = untagged;
	rx->length -= 4;
	return true;
}

static unsigned pick_channel(struct netvsc *dev, struct rndis_rx *rx, const uint8_t *frame,
			     uint32_t length)
{
	rx->has_hash = rss_hash_frame(&dev->rss, frame, length, &rx->hash, &rx->hash_type);
	if (!rx->has_hash)
		return 0;

	uint32_t channel = dev->rss.table[rx->hash % NDIS_RSS_ENTRIES];

	return channel < AZHOST_QUEUES_MAX && dev->channels[channel].open ? channel : 0;
}

/* Receive sections that are room for a burst. */
#define ROOM 128u

static bool wants_frames(const struct netvsc *dev)
{
	return dev->connected && dev->state == NETVSC_RUNNING && dev->filter != 0;
}

bool netvsc_has_room(const struct netvsc *dev)
{
	return !wants_frames(dev) || dev->free_count > NETVSC_RESERVED_SECTIONS + ROOM;
}

enum vm_delivery netvsc_receive(struct netvsc *dev, const uint8_t *frame, uint32_t length)
{
	struct rndis_rx rx = { .frame = frame, .length = length };

	if (!wants_frames(dev))
		return VM_FILTERED;
	if (!filter_passes(dev, frame) || length + RNDIS_RX_HEADER_MAX > NETVSC_RECEIVE_SLOT)
		return VM_FILTERED;
	if (dev->free_count <= NETVSC_RESERVED_SECTIONS) {
		dev->stats.no_section++;
		return VM_FULL;
	}

	unsigned channel = pick_channel(dev, &rx, frame, length);
	/* Written where it will be read, and taken only if the ring has room. */
	uint8_t *slot =
		dev->receive_buffer + dev->free_sections[dev->free_count - 1] * NETVSC_RECEIVE_SLOT;

	rx.checksum = checksum_verify(frame, length);
	if ((dev->capabilities & NVSP_CAPABILITY_VLAN) != 0 && strip_tag(&rx, dev->scratch))
		dev->stats.vlan_stripped++;
	if (!netvsc_indicate(dev, channel, NVSP_RNDIS_DATA, NULL, rndis_write_packet(&rx, slot)))
		return VM_FULL;
	dev->channels[channel].stats.to_guest++;
	return VM_DELIVERED;
}

void netvsc_note(struct netvsc *dev, bool allocated, uint32_t serial)
{
	const struct nvsp_vf_association note = {
		.type = NVSP_VF_ASSOCIATION,
		.allocated = allocated,
		.serial = serial,
	};

	if (!dev->connected || dev->state != NETVSC_RUNNING ||
	    (dev->capabilities & NVSP_CAPABILITY_SRIOV) == 0)
		return;
	if (bufring_send(&dev->channels[0].to_guest, VMBUS_INBAND, 0, 0,
			 (struct bufring_part){ NULL, 0 },
			 (struct bufring_part){ &note, sizeof(note) }) != BUFRING_OK)
		say("%s: no room for the VF association note", dev->name);
	else
		say_detail("%s: VF association note: %s, serial %u", dev->name,
			   allocated ? "allocated" : "removed", serial);
}
