/* The synthetic NIC from inside: shared by netvsc*.c, which each handle one layer of it. */
#ifndef AZHOST_VMBUS_NETVSC_PRIVATE_H
#define AZHOST_VMBUS_NETVSC_PRIVATE_H

#include "azhost/host/options.h"
#include "azhost/vmbus/bufring.h"
#include "azhost/vmbus/netvsc.h"
#include "azhost/vmbus/rndis_data.h"
#include "azhost/vmbus/rss.h"

/* As uio_hv_generic has them: 512 pages for each ring, 16 MiB and 8 MiB of buffers. */
#define NETVSC_RING_BYTES    (512u * VMBUS_PAGE)
#define NETVSC_RECEIVE_BYTES (16u << 20)
#define NETVSC_SEND_BYTES    (8u << 20)

#define NETVSC_RECEIVE_SLOT 10240u /* one frame of 9000 bytes with its headers */
#define NETVSC_SEND_SECTION 6144u  /* as Hyper-V */
#define NETVSC_SECTIONS     (NETVSC_RECEIVE_BYTES / NETVSC_RECEIVE_SLOT)

/* Receive sections that data leaves to control messages. */
#define NETVSC_RESERVED_SECTIONS 8u

/* The longest message of the guest: a large send of 64 KiB. */
#define NETVSC_MESSAGE_MAX (128u << 10)

#define NETVSC_GPADL_RECEIVE 101u
#define NETVSC_GPADL_SEND    102u

struct netvsc_channel {
	bool open;
	bool broken; /* the guest spoiled the ring: left alone until it opens the device again */
	unsigned relid;
	int memory_fd; /* of a sub-channel's rings; -1 */
	void *memory;
	struct bufring from_guest;
	struct bufring to_guest;
	struct netvsc_queue_stats stats;
};

/* How far the guest has come in nvsp.h's list. */
enum netvsc_state { NETVSC_NEW, NETVSC_VERSIONED, NETVSC_RECEIVES, NETVSC_RUNNING };

struct netvsc {
	struct netvsc_config config;
	char name[16];
	char guid[AZHOST_GUID_TEXT];
	char sysfs[128]; /* the device's directory in the tree */
	const struct tree *tree;
	struct loop *loop;
	const struct netvsc_callbacks *callbacks;
	void *opaque;

	int memory_fd;
	uint8_t *memory;
	struct netvsc_region region[NETVSC_REGIONS];
	uint8_t *receive_buffer;
	uint8_t *send_buffer;

	struct loop_poller poller;
	uint64_t busy_ns; /* when there last was work */
	bool stalled;

	bool connected;
	pid_t guest;
	enum netvsc_state state;
	uint32_t version;
	uint64_t capabilities;
	uint32_t mtu;
	bool link_up;
	bool wants_note_point;
	uint32_t filter;
	struct rss rss;
	struct netvsc_channel channels[AZHOST_QUEUES_MAX];

	uint16_t free_sections[NETVSC_SECTIONS]; /* a stack */
	uint32_t free_count;
	bool section_used[NETVSC_SECTIONS];

	struct netvsc_stats stats;
	uint8_t packet[VMBUS_PACKET_MAX];
	uint8_t message[NETVSC_MESSAGE_MAX];
	uint8_t scratch[RNDIS_SCRATCH];
};

/* --- netvsc.c --- */

void netvsc_reset(struct netvsc *dev);
/* Make channel @index's rings and sysfs. -errno. */
int netvsc_channel_open(struct netvsc *dev, unsigned index);
/* The guest broke a rule. */
void netvsc_malformed(struct netvsc *dev, const char *what);

/* --- netvsc_receive.c --- */

/* Put a message into a receive section and tell the guest. False: no section or no room. */
bool netvsc_indicate(struct netvsc *dev, unsigned channel, uint32_t rndis_channel,
		     const void *message, uint32_t bytes);

/* --- netvsc_nvsp.c --- */

/*
 * A packet of the guest on @channel; @packet is a private copy of @bytes. There is room in the
 * channel for all that it can be answered with.
 */
void netvsc_take_packet(struct netvsc *dev, unsigned channel, const uint8_t *packet,
			uint32_t bytes);

/* --- netvsc_rndis.c --- */

void netvsc_rndis_control(struct netvsc *dev, const uint8_t *message, uint32_t bytes);
void netvsc_rndis_link(struct netvsc *dev);

/* --- netvsc_sysfs.c --- */

int netvsc_sysfs_device(struct netvsc *dev);
int netvsc_sysfs_channel(struct netvsc *dev, unsigned index);
void netvsc_sysfs_channel_remove(struct netvsc *dev, unsigned index);

#endif
