/* The synthetic NIC: its memory, its life and its rings. */
#include "azhost/vmbus/netvsc.h"

#include "azhost/host/say.h"
#include "azhost/vmbus/netvsc_private.h"
#include "azhost/wire/share.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Packets taken from a channel in one go. */
#define CHANNEL_BURST 64

/* Room that any answer fits in: a receive-pages packet and a completion. */
#define ANSWER_ROOM 512u

/*
 * A guest in user space cannot signal: its rings have to be looked at. How often, by how long
 * nothing has happened: after a fraction of that time, so that an idle device costs little.
 */
#define SLEEP_FRACTION 8u
#define SLEEP_MIN_US   20u
#define SLEEP_MAX_US   500u

#define RELID_FIRST   14u
#define RELIDS_A_NIC  32u
#define MALFORMED_SAY 8u /* of the first ones, what was wrong */

void netvsc_malformed(struct netvsc *dev, const char *what)
{
	if (dev->stats.malformed++ < MALFORMED_SAY)
		say("%s: the guest sent %s", dev->name, what);
}

static void channel_rings(struct netvsc_channel *channel, void *memory)
{
	bufring_init(&channel->from_guest, memory, NETVSC_RING_BYTES);
	bufring_init(&channel->to_guest, (uint8_t *)memory + NETVSC_RING_BYTES, NETVSC_RING_BYTES);
	bufring_reset(&channel->from_guest);
	bufring_reset(&channel->to_guest);
	/* The host looks by itself. */
	channel->from_guest.header->interrupt_mask = 1;
	channel->open = true;
	channel->broken = false;
	channel->stats = (struct netvsc_queue_stats){ 0 };
}

int netvsc_channel_open(struct netvsc *dev, unsigned index)
{
	struct netvsc_channel *channel = &dev->channels[index];
	int rc;

	if (channel->open)
		return 0;
	rc = share_new("azhost-vmbus", 2 * NETVSC_RING_BYTES, &channel->memory,
		       &channel->memory_fd);
	if (rc < 0)
		return rc;
	channel_rings(channel, channel->memory);
	rc = netvsc_sysfs_channel(dev, index);
	if (rc < 0)
		channel->open = false;
	return rc;
}

static void channel_close(struct netvsc *dev, unsigned index)
{
	struct netvsc_channel *channel = &dev->channels[index];

	channel->open = false;
	if (channel->memory == NULL)
		return;
	netvsc_sysfs_channel_remove(dev, index);
	munmap(channel->memory, 2 * NETVSC_RING_BYTES);
	close(channel->memory_fd);
	channel->memory = NULL;
	channel->memory_fd = -1;
}

/* As after INIT: no buffers, no filter, the synthetic path. */
void netvsc_reset(struct netvsc *dev)
{
	dev->state = NETVSC_NEW;
	dev->capabilities = 0;
	dev->mtu = dev->config.mtu;
	dev->wants_note_point = false;
	rss_reset(&dev->rss);
	dev->free_count = 0;
	for (unsigned i = 0; i < NETVSC_SECTIONS; i++) {
		dev->free_sections[dev->free_count++] = (uint16_t)(NETVSC_SECTIONS - 1 - i);
		dev->section_used[i] = false;
	}
	if (dev->filter != 0) {
		dev->filter = 0;
		dev->callbacks->receiving(dev->opaque, false);
	}
	dev->callbacks->datapath(dev->opaque, false);
}

/*
 * May packets be taken? Not where they would have to be dropped; unless the guest holds half of the
 * receive sections: it gives them back by the same ring, and two guests that wait for each other's
 * sections would wait for ever.
 */
static bool may_take(struct netvsc *dev)
{
	return dev->free_count < NETVSC_SECTIONS / 2 || dev->callbacks->may_send(dev->opaque);
}

static unsigned poll_channel(struct netvsc *dev, unsigned index)
{
	struct netvsc_channel *channel = &dev->channels[index];
	unsigned work = 0;
	uint32_t bytes;

	while (work < CHANNEL_BURST && channel->open && !channel->broken) {
		/* A guest that does not read its answers is not asked for more questions. */
		if (bufring_room(&channel->to_guest) < ANSWER_ROOM || dev->free_count == 0 ||
		    !may_take(dev))
			break;

		int rc = bufring_receive(&channel->from_guest, dev->packet, &bytes);

		if (rc == BUFRING_EMPTY)
			break;
		if (rc < 0) {
			netvsc_malformed(dev, "a broken ring: its channel is closed");
			channel->broken = true;
			break;
		}
		netvsc_take_packet(dev, index, dev->packet, bytes);
		work++;
	}
	return work;
}

/* Completions of receive sections must get through even when there is no free section. */
static unsigned poll_completions(struct netvsc *dev)
{
	unsigned work = 0;

	if (dev->free_count != 0)
		return 0;
	for (unsigned i = 0; i < AZHOST_QUEUES_MAX; i++) {
		struct netvsc_channel *channel = &dev->channels[i];
		uint32_t bytes;

		if (!channel->open || channel->broken ||
		    bufring_room(&channel->to_guest) < ANSWER_ROOM)
			continue;
		if (bufring_receive(&channel->from_guest, dev->packet, &bytes) != BUFRING_OK)
			continue;
		netvsc_take_packet(dev, i, dev->packet, bytes);
		work++;
	}
	return work;
}

static unsigned poll_device(void *opaque)
{
	struct netvsc *dev = opaque;
	unsigned work = 0;

	if (!dev->connected || dev->stalled)
		return 0;
	for (unsigned i = 0; i < AZHOST_QUEUES_MAX && dev->connected; i++)
		if (dev->channels[i].open)
			work += poll_channel(dev, i);
	work += poll_completions(dev);
	if (work != 0)
		dev->busy_ns = loop_now_ns();
	return work;
}

static bool may_sleep(void *opaque)
{
	struct netvsc *dev = opaque;
	uint64_t sleep_us = (loop_now_ns() - dev->busy_ns) / (SLEEP_FRACTION * 1000u);

	if (sleep_us < SLEEP_MIN_US)
		sleep_us = SLEEP_MIN_US;
	if (sleep_us > SLEEP_MAX_US)
		sleep_us = SLEEP_MAX_US;
	dev->poller.sleep_us = (uint32_t)sleep_us;
	if (!dev->connected || dev->stalled)
		dev->poller.sleep_us = LOOP_WOKEN;
	return true;
}

void netvsc_open(struct netvsc *dev, pid_t guest)
{
	dev->connected = true;
	dev->guest = guest;
	dev->stats.opens++;
	dev->busy_ns = loop_now_ns();
	channel_rings(&dev->channels[0], dev->memory + dev->region[0].offset);
	netvsc_reset(dev);
	loop_poller_add(dev->loop, &dev->poller);
	say_detail("%s: guest process %d opened the device", dev->name, (int)guest);
}

void netvsc_close(struct netvsc *dev)
{
	if (!dev->connected)
		return;
	loop_poller_remove(dev->loop, &dev->poller);
	dev->connected = false;
	for (unsigned i = 1; i < AZHOST_QUEUES_MAX; i++)
		channel_close(dev, i);
	netvsc_reset(dev);
	say_detail("%s: the guest closed the device", dev->name);
}

void netvsc_set_link(struct netvsc *dev, bool up)
{
	if (dev->link_up == up)
		return;
	dev->link_up = up;
	if (dev->connected && dev->state == NETVSC_RUNNING)
		netvsc_rndis_link(dev);
}

void netvsc_stall(struct netvsc *dev, bool on)
{
	dev->stalled = on;
}

static void layout(struct netvsc *dev)
{
	static const uint64_t sizes[NETVSC_REGIONS] = {
		2ull * NETVSC_RING_BYTES, VMBUS_PAGE,        VMBUS_PAGE,
		NETVSC_RECEIVE_BYTES,     NETVSC_SEND_BYTES,
	};
	uint64_t at = 0;

	for (unsigned i = 0; i < NETVSC_REGIONS; i++) {
		dev->region[i] = (struct netvsc_region){ .offset = at, .size = sizes[i] };
		at += sizes[i];
	}
}

int netvsc_new(const struct netvsc_config *config, const struct tree *tree, struct loop *loop,
	       const struct netvsc_callbacks *callbacks, void *opaque, struct netvsc **ret)
{
	struct netvsc *dev = calloc(1, sizeof(*dev));
	const struct netvsc_region *last;
	void *memory;
	int rc;

	if (dev == NULL)
		return -ENOMEM;
	dev->config = *config;
	snprintf(dev->name, sizeof(dev->name), "%s", config->name);
	snprintf(dev->guid, sizeof(dev->guid), "%s", config->guid);
	snprintf(dev->sysfs, sizeof(dev->sysfs), "sys/bus/vmbus/devices/%s", config->guid);
	dev->tree = tree;
	dev->loop = loop;
	dev->callbacks = callbacks;
	dev->opaque = opaque;
	dev->link_up = true;
	dev->mtu = config->mtu;
	dev->memory_fd = -1;
	dev->poller = (struct loop_poller){
		.poll = poll_device,
		.may_sleep = may_sleep,
		.opaque = dev,
		.sleep_us = SLEEP_MIN_US,
	};
	for (unsigned i = 0; i < AZHOST_QUEUES_MAX; i++) {
		dev->channels[i].memory_fd = -1;
		dev->channels[i].relid = RELID_FIRST + config->index * RELIDS_A_NIC + i;
	}
	layout(dev);
	last = &dev->region[NETVSC_REGIONS - 1];
	rc = share_new("azhost-vmbus", last->offset + last->size, &memory, &dev->memory_fd);
	if (rc == 0) {
		dev->memory = memory;
		dev->receive_buffer = dev->memory + dev->region[3].offset;
		dev->send_buffer = dev->memory + dev->region[4].offset;
		rc = netvsc_sysfs_device(dev);
	}
	if (rc == 0)
		rc = netvsc_sysfs_channel(dev, 0);
	if (rc < 0) {
		netvsc_free(dev);
		return rc;
	}
	*ret = dev;
	return 0;
}

void netvsc_free(struct netvsc *dev)
{
	if (dev == NULL)
		return;
	netvsc_close(dev);
	if (dev->memory != NULL) {
		const struct netvsc_region *last = &dev->region[NETVSC_REGIONS - 1];

		munmap(dev->memory, last->offset + last->size);
	}
	if (dev->memory_fd >= 0)
		close(dev->memory_fd);
	free(dev);
}

void netvsc_get_stats(const struct netvsc *dev, struct netvsc_stats *ret)
{
	*ret = dev->stats;
	ret->sections = NETVSC_SECTIONS;
	ret->sections_free = dev->free_count;
	ret->filter = dev->filter;
	ret->connected = dev->connected;
	for (unsigned i = 0; i < AZHOST_QUEUES_MAX; i++)
		ret->channels += dev->channels[i].open;
}

bool netvsc_get_queue_stats(const struct netvsc *dev, unsigned queue,
			    struct netvsc_queue_stats *ret)
{
	if (queue >= AZHOST_QUEUES_MAX || !dev->channels[queue].open)
		return false;
	*ret = dev->channels[queue].stats;
	return true;
}

int netvsc_memory(const struct netvsc *dev, struct netvsc_region ret[NETVSC_REGIONS])
{
	memcpy(ret, dev->region, sizeof(dev->region));
	return dev->memory_fd;
}

int netvsc_ring_memory(const struct netvsc *dev, unsigned relid)
{
	for (unsigned i = 1; i < AZHOST_QUEUES_MAX; i++)
		if (dev->channels[i].open && dev->channels[i].relid == relid)
			return dev->channels[i].memory_fd;
	return -ENOENT;
}

const char *netvsc_guid(const struct netvsc *dev)
{
	return dev->guid;
}
