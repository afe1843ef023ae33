/*
 * The Verbs side of the device: what a context answers to libibverbs' inline functions.
 */
#ifndef AZHOST_CONNECTX_VERBS_H
#define AZHOST_CONNECTX_VERBS_H

#include <infiniband/verbs.h>

/* Fill in the operations that the device has. The others stay NULL, for which libibverbs' inline
 * functions answer "not supported". */
void cx_verbs_init(struct verbs_context *verbs, struct ibv_device *device);

/* What mlx5dv_query_device() says of striding receive queues; command_queue.c obeys it. */
#define CX_LOG_STRIDE_BYTES_MIN 6
#define CX_LOG_STRIDE_BYTES_MAX 13
#define CX_LOG_STRIDES_MIN      3
#define CX_LOG_STRIDES_MAX      16

#endif
