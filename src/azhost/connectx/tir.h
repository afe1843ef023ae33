/*
 * Where received frames may be sent: transport interface receive objects (TIR), their tables of
 * receive queues (RQT), and the counters of frames that found no buffer.
 *
 * Under cx_lock().
 */
#ifndef AZHOST_CONNECTX_TIR_H
#define AZHOST_CONNECTX_TIR_H

#include "azhost/connectx/object.h"
#include "azhost/connectx/queue.h"
#include "azhost/connectx/rss.h"

#include <stddef.h>
#include <stdint.h>

struct cx_q_counter {
	struct mlx5dv_devx_obj object;
	uint8_t id; /* counter_set_id */
	uint32_t out_of_buffer;
	uint32_t cleared; /* out_of_buffer at the last clearing query */
};

struct cx_rqt {
	struct mlx5dv_devx_obj object;
	uint32_t max_size;
	uint32_t n;
	struct cx_rq **rqs; /* n of them, each counted as used */
};

struct cx_tir {
	struct mlx5dv_devx_obj object;
	struct steer_tir steer;                   /* what a rule points at */
	struct cx_rq *rq;                         /* direct dispatch, or NULL */
	struct cx_rqt *rqt;                       /* indirect dispatch, or NULL */
	struct mlx5dv_devx_obj *transport_domain; /* NULL: the context's own */
	bool hashed;
	struct cx_rss rss;
};

static inline struct cx_tir *cx_tir_from_steer(struct steer_tir *steer)
{
	return (struct cx_tir *)((uint8_t *)steer - offsetof(struct cx_tir, steer));
}

/* The queue for a frame, its hash and what was hashed. NULL if the table is empty. */
struct cx_rq *cx_tir_choose(const struct cx_tir *tir, const uint8_t *data, uint32_t length,
			    const struct steer_headers *headers, uint32_t *ret_hash,
			    uint8_t *ret_fields);

/* The counter of that set id, or NULL. */
struct cx_q_counter *cx_q_counter_by_id(const struct cx_device *device, uint32_t id);

/* NULL is fine: the frame is then counted nowhere. */
static inline void cx_q_counter_out_of_buffer(struct cx_q_counter *counter)
{
	if (counter)
		counter->out_of_buffer++;
}

#endif
