/*
 * Compressed receive completions (PRM, "CQE compression"; read by mlx5_rx_poll_len() and
 * rxq_cq_decompress_v(), DPDK 22.11 drivers/net/mlx5).
 *
 * A session of n completions that differ little takes n slots of the CQ, as they would. The first
 * slot has the title, a CQE as ever, but for its format bits and its byte count, which is n. From
 * the next slot on, as a second "array" from the slot 8 behind the title, and from each 8 behind
 * that, lie the mini CQEs, 8 of 8 bytes each to a slot: what each completion has of its own. The
 * program gives the slots between back by an invalid opcode. A session does not cross the end of
 * the ring.
 *
 * Which completions join a session is decided here; cq.c writes them. Under cx_lock().
 */
#ifndef AZHOST_CONNECTX_COMPRESS_H
#define AZHOST_CONNECTX_COMPRESS_H

#include "azhost/connectx/cqe.h"

#include <stdbool.h>
#include <stdint.h>

#define CX_SESSION_MAX 64u /* completions; a burst from the wire has no more */
#define CX_MINI_ARRAY  8u  /* mini CQEs of a slot */

/* cqc.mini_cqe_res_format: what a mini CQE has beside the byte count. */
enum cx_mini_format {
	CX_MINI_HASH = 0,   /* the hash */
	CX_MINI_STRIDE = 3, /* the stride, and no hash: all of a session have the same */
};

struct cx_mini_cqe {
	union {
		uint32_t rx_hash_result;
		struct {
			uint16_t
				checksum; /* over the whole packet: 0 here, the PMD does not look */
			uint16_t stride;
		};
	};
	uint32_t byte_count;
};

static_assert(sizeof(struct cx_mini_cqe) * CX_MINI_ARRAY == CX_CQE_SIZE, "8 to a slot");

/* Owner: its CQ. */
struct cx_session {
	enum cx_mini_format format;
	uint32_t n;
	struct cx_cqe next;  /* being filled */
	struct cx_cqe title; /* the first one, whole */
	struct cx_mini_cqe minis[CX_SESSION_MAX];
};

struct cx_session *cx_session_new(enum cx_mini_format format);
void cx_session_free(struct cx_session *session);

/* Whether `next` differs from those in the session only by what a mini CQE can say. */
bool cx_session_takes_next(const struct cx_session *session);
/* Add `next`. There is room. */
void cx_session_add_next(struct cx_session *session);

#endif
