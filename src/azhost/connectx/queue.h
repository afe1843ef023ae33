/*
 * Completion, send and receive queues: rings in the program's memory that the device works through.
 *
 * Doorbells. The device never traps the UAR page: the PMD writes the doorbell record in memory
 * before it rings (mlx5_doorbell_ring(), DPDK 22.11 drivers/common/mlx5/mlx5_common.h), so the
 * record alone is polled. Records are pairs of big-endian words: a CQ has consumer index and arm, a
 * work queue has receive count and send count, each counted from the queue's last reset.
 *
 * Ordering. A record is loaded with acquire before anything it announces is read; a CQE's last
 * byte, with its owner bit, is stored with release after the rest. This holds on any architecture.
 *
 * A record that is not cleared would, after a reset, announce work of before the reset: hardware
 * waits for the next ring of the UAR instead. The device therefore clears the record at reset,
 * which the PMD cannot tell from hardware's behaviour, since it writes absolute counts.
 *
 * Device thread, or a control call; cx_lock() held.
 */
#ifndef AZHOST_CONNECTX_QUEUE_H
#define AZHOST_CONNECTX_QUEUE_H

#include "azhost/connectx/cqe.h"
#include "azhost/connectx/frame.h"
#include "azhost/connectx/memory.h"
#include "azhost/connectx/object.h"
#include "azhost/connectx/prm.h"

#include <endian.h>
#include <stdbool.h>
#include <stdint.h>

struct cx_event_channel;
struct cx_q_counter;
struct cx_session;

/* A doorbell record's words. */
enum cx_doorbell {
	DOORBELL_RECEIVE = 0, /* receive count; of a CQ: consumer index */
	DOORBELL_SEND = 1,    /* send count; of a CQ: arm, sequence << 28 | index */
};
#define CX_DOORBELL_BYTES 8u

/* A ring in a umem and its doorbell record, possibly in another one. */
struct cx_ring {
	uint8_t *memory;
	uint32_t log_entries;
	uint32_t log_stride; /* bytes of an entry */
	uint32_t *doorbell;
	struct cx_umem *umem;
	struct cx_umem *doorbell_umem;
};

static inline uint32_t cx_ring_doorbell(const struct cx_ring *ring, enum cx_doorbell word)
{
	return be32toh(__atomic_load_n(&ring->doorbell[word], __ATOMIC_ACQUIRE));
}

static inline uint8_t *cx_ring_entry(const struct cx_ring *ring, uint32_t index)
{
	return ring->memory +
	       ((size_t)(index & ((1u << ring->log_entries) - 1)) << ring->log_stride);
}

struct cx_cq {
	struct mlx5dv_devx_obj object;
	struct cx_ring ring;
	uint32_t produced;                /* CQEs written, modulo 2^32 */
	uint64_t frames;                  /* frames among them */
	uint32_t consumer;                /* the program's index when it was last looked at */
	struct cx_event_channel *channel; /* not owned; NULL: no events */
	uint64_t cookie;
	uint32_t last_arm;
	bool armed_once;
	struct cx_session *session; /* owned; NULL: it does not compress (compress.h) */
};

struct cx_sq {
	struct mlx5dv_devx_obj object;
	struct cx_ring ring;
	struct cx_cq *cq;
	struct mlx5dv_devx_obj *tis;
	uint32_t user_index;
	uint8_t state; /* enum prm_queue_state */
	bool flush_in_error;
	bool multi_packet;
	bool vlan_insert;
	uint8_t min_inline;
	uint8_t checksums;     /* WQE_CHECKSUM_L3 and so on that it can write */
	uint16_t max_bytes;    /* of a descriptor */
	uint16_t consumed;     /* basic blocks of 64 bytes */
	uint32_t sent_of_head; /* frames of the descriptor at the head that are out already */
};

struct cx_rq {
	struct mlx5dv_devx_obj object;
	struct cx_ring ring;
	struct cx_cq *cq;
	struct cx_q_counter *counter; /* NULL: not counted */
	uint32_t user_index;
	uint8_t state;
	bool flush_in_error;
	bool vlan_strip;
	bool striding;
	bool fed;            /* has had buffers since its last reset */
	bool stalled;        /* a frame waited for it in vain */
	uint8_t log_strides; /* of one descriptor */
	uint8_t log_stride_bytes;
	uint16_t consumed;    /* descriptors */
	uint32_t next_stride; /* of the descriptor at the head */
};

/* ---- command_cq.c ---- */

/*
 * Find a ring, whose log_entries and log_stride are set, and its doorbell record in umems, and hold
 * these. PRM_BAD_PARAMETER if either is not wholly inside its umem, or not aligned.
 */
enum prm_status cx_ring_attach(struct cx_device *device, struct cx_ring *ring, uint32_t umem,
			       uint64_t offset, uint32_t dbr_umem, uint64_t dbr_offset);
void cx_ring_detach(struct cx_ring *ring);

/* ---- cq.c ---- */

/* The place for the next CQE, zeroed, or NULL if the queue is full. */
struct cx_cqe *cx_cq_reserve(struct cx_cq *cq);
/* Hand the CQE to the program, at once or, where it may be compressed, by cx_cq_flush(). frames: 1
 * if the CQE brings a frame. */
void cx_cq_post(struct cx_cq *cq, struct cx_cqe *cqe, enum cx_cqe_opcode opcode,
		unsigned int frames);
/* Hand over what is still kept; returns frames that were compressed. After a round of work, and
 * before anything else changes the queue. */
unsigned int cx_cq_flush(struct cx_cq *cq);
/* An error completion; lost if the queue is full. */
void cx_cq_post_error(struct cx_cq *cq, enum cx_cqe_opcode opcode, enum cx_syndrome syndrome,
		      uint32_t opcode_qpn, uint16_t wqe_counter, uint32_t user_index);
/* Frames among its CQEs that the program has not consumed yet. */
uint64_t cx_cq_unseen(const struct cx_cq *cq);
/* Send the event that the program armed the queue for, if it is due. */
void cx_cq_notify(struct cx_cq *cq);

/* ---- sq.c ---- */

/* Work on descriptors until there are none, max_frames are out, or the wire is full. Returns frames
 * and descriptors dealt with: 0 is idle. */
unsigned int cx_sq_poll(struct cx_sq *sq, unsigned int max_frames);
/* Frames posted and not sent: a TSO message counts as one. */
uint64_t cx_sq_unsent(struct cx_sq *sq);
void cx_sq_set_state(struct cx_sq *sq, enum prm_queue_state state);

/* ---- rq.c ---- */

/* What a receive completion says of a frame. */
struct cx_receive_info {
	uint32_t hash;
	uint8_t hash_fields;
	bool vlan_tagged;      /* the outermost tag is 802.1Q */
	uint16_t header_types; /* CQE_L3_IPV4 and so on, checksums included */
	uint32_t flow_tag;
	uint32_t metadata;
	uint64_t timestamp;
};

enum cx_receive_result {
	CX_RECEIVED,
	CX_NO_BUFFER,      /* counted as out_of_buffer */
	CX_RECEIVE_FAILED, /* an error completion was written */
	CX_QUEUE_CLOSED,   /* not in the ready state */
};

/* A frame that has been steered and waits for a buffer of its queue. */
struct cx_waiting {
	struct cx_rq *rq; /* NULL: there is none */
	struct cx_frame frame;
	struct cx_receive_info info;
	uint64_t since;  /* on the device's clock */
	uint8_t *buffer; /* owned; as long as a device's receive_buffer */
};

enum cx_receive_result cx_rq_receive(struct cx_rq *rq, const struct cx_frame *frame,
				     const struct cx_receive_info *info);
/* Fail the next descriptor as if its memory were protected, and flush the queue. */
enum cx_receive_result cx_rq_fail(struct cx_rq *rq, enum cx_syndrome syndrome);
void cx_rq_set_state(struct cx_rq *rq, enum prm_queue_state state);
/* True if the queue is in service: ready, and the program has given it buffers. */
bool cx_rq_serving(struct cx_rq *rq);

#endif
