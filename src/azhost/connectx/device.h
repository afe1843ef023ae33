/*
 * An opened VF: its contexts, memory, objects, queues, steering and wire.
 *
 * Lives from mlx5dv_open_device() to ibv_close_device(). All of it is under cx_lock(), except what
 * says otherwise; the device thread is in thread.c, the host's messages arrive in host.c.
 */
#ifndef AZHOST_CONNECTX_DEVICE_H
#define AZHOST_CONNECTX_DEVICE_H

#include "azhost/connectx/context.h"
#include "azhost/connectx/frame.h"
#include "azhost/connectx/memory.h"
#include "azhost/connectx/object.h"
#include "azhost/connectx/objects.h"
#include "azhost/connectx/profile.h"
#include "azhost/connectx/wqe.h"

#include <infiniband/verbs.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * With flow control, how long a frame waits for a buffer of its Rx queue before it is dropped after
 * all. From then on nothing waits for that queue until it has received again: a queue that nobody
 * reads does not hold up the others for ever (as a ConnectX's "device stall" watermark has it).
 */
#define CX_PATIENCE_NS UINT64_C(5000000000)

struct cx_host;
struct cx_rq;
struct cx_sq;
struct cx_vf;
struct cx_waiting;

/* Faults that the host may order (vfproto.h). Each counts the times that it still happens. */
enum cx_fault {
	CX_FAULT_RX_ERROR,
	CX_FAULT_TX_ERROR,
	CX_FAULTS,
};

/* What became of frames. Written by the device thread; read under the lock. */
struct cx_counters {
	uint64_t delivered;   /* to an RQ, with a completion */
	uint64_t consumed;    /* of those, in completion queues that are gone by now */
	uint64_t no_buffer;   /* the RQ was empty */
	uint64_t dropped;     /* by a rule, a fault, or for want of a destination */
	uint64_t to_kernel;   /* no rule took them */
	uint64_t sent;        /* by send queues, to the wire */
	uint64_t kernel_sent; /* by the kernel's interface, to the wire */
	uint64_t wire_full;   /* frames of the kernel that met a full wire */
	uint64_t unsent;      /* posted to send queues that went before they were sent */
	/* Which ways were taken: of descriptors sent, and of frames delivered. */
	uint64_t sends;
	uint64_t segmentations;
	uint64_t multi_packets;
	uint64_t inline_segments; /* data segments inside descriptors, of any opcode */
	uint64_t
		inline_headers; /* bytes of frames in Ethernet segments: descriptors that had any */
	uint64_t gathered;      /* frames made of several segments */
	uint64_t scattered;     /* frames delivered to several buffers */
	uint64_t striding;      /* frames delivered to striding queues */
	uint64_t compressed;    /* frames delivered by compressed completions */
};

struct cx_device {
	struct cx_context
		*contexts; /* through which the PMD holds it; at least one while it is open */
	struct cx_vf *vf;
	struct cx_profile profile;
	struct steering *steering; /* thread-safe by itself */
	atomic_bool failed;        /* after a fatal event; no lock */
	bool stopped;              /* queues stand still: the device has died and told nobody yet */
	bool link_up;
	bool flow_control; /* frames wait for buffers */
	uint32_t
		queue_ms; /* how long a receive queue takes, as on a card; 0: no longer than here */

	struct cx_memory memory;
	struct cx_object_table objects;
	struct cx_sq **sqs;
	struct cx_rq **rqs;
	unsigned int n_sqs, n_rqs;
	uint32_t counters_alive;
	uint32_t counters_limit; /* fault; 0: none but the profile's */
	uint32_t next_counter_id;

	struct cx_host *host; /* NULL: no launcher */
	struct cx_counters counters;
	uint64_t faults[CX_FAULTS];
	uint64_t now;               /* device clock of this round, nanoseconds */
	uint64_t next_kernel;       /* when to look at the kernel's interface again */
	unsigned int walk;          /* of steer_enter(), for this round */
	bool receiving;             /* some RQ has had buffers: the host was told */
	struct cx_waiting *waiting; /* owned */

	uint32_t max_message; /* bytes of a TSO message; 0: no TSO */
	uint8_t *message_buffer;
	uint8_t *segment_buffer;
	uint8_t *receive_buffer;
	uint8_t wqe_buffer[WQE_MAX_BYTES + WQE_BLOCK];
};

static inline struct cx_device *cx_device_from(struct ibv_context *context)
{
	return cx_context_from(context)->device;
}

/* The device alone, as its profile says, without thread and host: commands work, and frames move
 * when somebody polls. */
int cx_device_build(struct cx_vf *vf, struct cx_device **ret_device);
void cx_device_dismantle(struct cx_device *device);

/* Open, with one context, and close, with none left, without the lock. -errno: EBUSY open already,
 * ENODEV revoked, ... */
int cx_device_open(struct cx_vf *vf, struct cx_device **ret_device);
void cx_device_close(struct cx_device *device);

/* One more queue for the device thread to look at, or one less. */
int cx_device_add_sq(struct cx_device *device, struct cx_sq *sq);
void cx_device_remove_sq(struct cx_device *device, struct cx_sq *sq);
int cx_device_add_rq(struct cx_device *device, struct cx_rq *rq);
void cx_device_remove_rq(struct cx_device *device, struct cx_rq *rq);

/* Tell the program: IBV_EVENT_DEVICE_FATAL (which also fails the device), PORT_ERR, PORT_ACTIVE. */
void cx_device_raise(struct cx_device *device, enum ibv_event_type type);

/* True as many times as the fault was ordered. */
bool cx_device_take_fault(struct cx_device *device, enum cx_fault fault);

/* All counters as of now, consumed included. */
struct cx_counters cx_device_counters(const struct cx_device *device);

enum cx_send_result {
	CX_SEND_DONE, /* on the wire, or dropped and counted */
	CX_SEND_HELD, /* the wire is full: try the same frame again */
};

/* A frame from a send queue: egress steering, then the wire. The frame may be changed. */
enum cx_send_result cx_device_send(struct cx_device *device, struct cx_frame *frame,
				   uint32_t metadata, uint32_t sqn);

/* A frame from the wire: steering, then queues or the kernel. The frame may be changed; it needs
 * CX_FRAME_HEADROOM bytes before it. Not to be called while cx_device_waits(). */
void cx_device_receive(struct cx_device *device, struct cx_frame *frame);

/* A frame still waits for a buffer: no other can be received. Tries again to deliver it. */
bool cx_device_waits(struct cx_device *device);
/* The queue goes: a frame that waits for it is dropped. */
void cx_device_stop_waiting(struct cx_device *device, const struct cx_rq *rq);

/* Nanoseconds since some moment: the clock of completions. */
uint64_t cx_device_clock(void);

/* One round of work: kernel interface, wire, send queues, events. Frames moved: 0 is idle. The
 * device thread alone, between steer_enter() and steer_leave() of every open device. */
unsigned int cx_device_poll(struct cx_device *device);

/* After a round of all devices, which may have sent to each other: completions that were kept, and
 * the events that are due for them. */
void cx_device_end_round(struct cx_device *device);

#endif
