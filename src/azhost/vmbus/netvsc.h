/*
 * The synthetic NIC, host's end: one VMBus device of class "network" with its channels, speaking
 * NVSP (nvsp.h) and RNDIS (rndis.h) to the netvsc PMD in the guest. Everything that comes from the
 * guest is checked; a guest that breaks the rules loses the channel or the message, never the host.
 *
 * The host process's only thread.
 */
#ifndef AZHOST_VMBUS_NETVSC_H
#define AZHOST_VMBUS_NETVSC_H

#include "azhost/host/loop.h"
#include "azhost/host/tree.h"
#include "azhost/vswitch/vmport.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct netvsc;

struct netvsc_config {
	unsigned index;   /* of /dev/uio<index> */
	const char *name; /* for messages: "nic0" */
	const char *guid;
	uint8_t mac[6];
	unsigned queues; /* channels offered, 1..AZHOST_QUEUES_MAX */
	uint32_t mtu;    /* largest; the guest may ask for less */
};

struct netvsc_callbacks {
	/* The guest sent a frame; checksums and segments are done. */
	void (*send)(void *opaque, const uint8_t *frame, uint32_t length);
	/*
	 * Whether packets of the guest may be taken now; else they are left in its ring. Not asked
	 * while the guest's completions, which are in the same ring, are needed.
	 */
	bool (*may_send)(void *opaque);
	/* SET_DATAPATH. Also called with false when the guest goes away. */
	void (*datapath)(void *opaque, bool vf);
	/* The guest can take a VF association note now: it has finished CHIM_CONN. */
	void (*note_point)(void *opaque);
	/* The guest's receive filter has been opened or closed. */
	void (*receiving)(void *opaque, bool on);
};

struct netvsc_queue_stats {
	uint64_t to_guest;
	uint64_t from_guest;
	uint64_t ring_full; /* the guest's receive ring had no room */
};

struct netvsc_stats {
	uint64_t opens;           /* guests so far */
	uint64_t chimney_packets; /* sent through the send buffer */
	uint64_t gpa_packets;     /* sent straight from guest memory */
	uint64_t checksums;       /* packets whose checksum the host filled in */
	uint64_t segmented;       /* large sends */
	uint64_t segments;        /* ... and the packets made of them */
	uint64_t vlan_inserted;
	uint64_t vlan_stripped;
	uint64_t controls;      /* RNDIS control messages */
	uint64_t malformed;     /* messages of any kind that were refused */
	uint64_t no_section;    /* frames for the guest without a free receive section */
	uint64_t memory_faults; /* guest addresses that could not be read */
	uint32_t sections_free, sections;
	uint32_t filter;
	unsigned channels; /* in use */
	bool connected;
};

/* Makes the device and its sysfs. */
int netvsc_new(const struct netvsc_config *config, const struct tree *tree, struct loop *loop,
	       const struct netvsc_callbacks *callbacks, void *opaque, struct netvsc **ret);
void netvsc_free(struct netvsc *dev);

/* The guest opens /dev/uio<index> the first time, or has closed it the last time. */
void netvsc_open(struct netvsc *dev, pid_t guest);
void netvsc_close(struct netvsc *dev);

/* A burst, or the segments of a large send, would be taken, or would not be wanted. */
bool netvsc_has_room(const struct netvsc *dev);

/* A frame for the guest. */
enum vm_delivery netvsc_receive(struct netvsc *dev, const uint8_t *frame, uint32_t length);

/* VF association; does nothing where the guest cannot be told now (it will be at note_point). */
void netvsc_note(struct netvsc *dev, bool allocated, uint32_t serial);

void netvsc_set_link(struct netvsc *dev, bool up);

/* Fault: leave all rings alone, as a host that is wedged. */
void netvsc_stall(struct netvsc *dev, bool on);

void netvsc_get_stats(const struct netvsc *dev, struct netvsc_stats *ret);
/* Returns false past the last channel in use. */
bool netvsc_get_queue_stats(const struct netvsc *dev, unsigned queue,
			    struct netvsc_queue_stats *ret);

/* What the guest's /dev/uio<index> is made of. */
#define NETVSC_REGIONS 5

struct netvsc_region {
	uint64_t offset; /* in the memfd */
	uint64_t size;
};

int netvsc_memory(const struct netvsc *dev, struct netvsc_region ret[NETVSC_REGIONS]);
/* memfd of a sub-channel's rings, by relid; -ENOENT. Not to be closed. */
int netvsc_ring_memory(const struct netvsc *dev, unsigned relid);
const char *netvsc_guid(const struct netvsc *dev);

#endif
