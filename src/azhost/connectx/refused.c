/*
 * Entry points that the PMDs link to and this device does not do: queues and flows by Verbs (the
 * PMD's way without DevX), imported protection domains, packet pacing, doorbell allocation for
 * virtio. Each answers as rdma-core does on a device without the feature: NULL or an error number,
 * errno set. None is reached while the PMD runs on DevX with its default dv_flow_en=1.
 *
 * Those of steering are in dr_refused.c.
 */
#include "azhost/connectx/export.h"

#include <errno.h>
#include <infiniband/mlx5dv.h>
#include <infiniband/verbs.h>
#include <stddef.h>

#define REFUSE_POINTER(type, name, ...)   \
	CX_EXPORT type *name(__VA_ARGS__) \
	{                                 \
		errno = EOPNOTSUPP;       \
		return NULL;              \
	}

#define REFUSE_INT(name, ...)              \
	CX_EXPORT int name(__VA_ARGS__)    \
	{                                  \
		return errno = EOPNOTSUPP; \
	}

#define REFUSE_VOID(name, ...)           \
	CX_EXPORT void name(__VA_ARGS__) \
	{                                \
	}

#define UNUSED __attribute__((unused))

REFUSE_POINTER(struct ibv_cq, ibv_create_cq, struct ibv_context *c UNUSED, int cqe UNUSED,
	       void *cookie UNUSED, struct ibv_comp_channel *channel UNUSED, int vector UNUSED)
REFUSE_INT(ibv_destroy_cq, struct ibv_cq *cq UNUSED)
REFUSE_POINTER(struct ibv_comp_channel, ibv_create_comp_channel, struct ibv_context *c UNUSED)
REFUSE_INT(ibv_destroy_comp_channel, struct ibv_comp_channel *channel UNUSED)
REFUSE_INT(ibv_get_cq_event, struct ibv_comp_channel *channel UNUSED, struct ibv_cq **cq UNUSED,
	   void **cookie UNUSED)
REFUSE_VOID(ibv_ack_cq_events, struct ibv_cq *cq UNUSED, unsigned int n UNUSED)
REFUSE_POINTER(struct ibv_qp, ibv_create_qp, struct ibv_pd *pd UNUSED,
	       struct ibv_qp_init_attr *attr UNUSED)
REFUSE_INT(ibv_modify_qp, struct ibv_qp *qp UNUSED, struct ibv_qp_attr *attr UNUSED,
	   int mask UNUSED)
REFUSE_INT(ibv_destroy_qp, struct ibv_qp *qp UNUSED)
REFUSE_POINTER(struct ibv_pd, ibv_import_pd, struct ibv_context *c UNUSED, uint32_t handle UNUSED)
REFUSE_VOID(ibv_unimport_pd, struct ibv_pd *pd UNUSED)

REFUSE_POINTER(struct ibv_cq_ex, mlx5dv_create_cq, struct ibv_context *c UNUSED,
	       struct ibv_cq_init_attr_ex *attr UNUSED, struct mlx5dv_cq_init_attr *dv UNUSED)
REFUSE_POINTER(struct ibv_wq, mlx5dv_create_wq, struct ibv_context *c UNUSED,
	       struct ibv_wq_init_attr *attr UNUSED, struct mlx5dv_wq_init_attr *dv UNUSED)
REFUSE_POINTER(struct ibv_qp, mlx5dv_create_qp, struct ibv_context *c UNUSED,
	       struct ibv_qp_init_attr_ex *attr UNUSED, struct mlx5dv_qp_init_attr *dv UNUSED)
REFUSE_POINTER(struct ibv_flow, mlx5dv_create_flow, struct mlx5dv_flow_matcher *matcher UNUSED,
	       struct mlx5dv_flow_match_parameters *value UNUSED, size_t n UNUSED,
	       struct mlx5dv_flow_action_attr actions[] UNUSED)
REFUSE_POINTER(struct mlx5dv_flow_matcher, mlx5dv_create_flow_matcher, struct ibv_context *c UNUSED,
	       struct mlx5dv_flow_matcher_attr *attr UNUSED)
REFUSE_INT(mlx5dv_destroy_flow_matcher, struct mlx5dv_flow_matcher *matcher UNUSED)
REFUSE_POINTER(struct ibv_flow_action, mlx5dv_create_flow_action_modify_header,
	       struct ibv_context *c UNUSED, size_t bytes UNUSED, uint64_t actions[] UNUSED,
	       enum mlx5dv_flow_table_type type UNUSED)
REFUSE_POINTER(struct ibv_flow_action, mlx5dv_create_flow_action_packet_reformat,
	       struct ibv_context *c UNUSED, size_t bytes UNUSED, void *data UNUSED,
	       enum mlx5dv_flow_action_packet_reformat_type reformat UNUSED,
	       enum mlx5dv_flow_table_type type UNUSED)
REFUSE_POINTER(struct mlx5dv_var, mlx5dv_alloc_var, struct ibv_context *c UNUSED,
	       uint32_t flags UNUSED)
REFUSE_VOID(mlx5dv_free_var, struct mlx5dv_var *var UNUSED)
REFUSE_POINTER(struct mlx5dv_pp, mlx5dv_pp_alloc, struct ibv_context *c UNUSED, size_t bytes UNUSED,
	       const void *context UNUSED, uint32_t flags UNUSED)
REFUSE_VOID(mlx5dv_pp_free, struct mlx5dv_pp *pp UNUSED)
REFUSE_INT(mlx5dv_devx_qp_query, struct ibv_qp *qp UNUSED, const void *in UNUSED,
	   size_t in_bytes UNUSED, void *out UNUSED, size_t out_bytes UNUSED)
REFUSE_INT(mlx5dv_devx_wq_query, struct ibv_wq *wq UNUSED, const void *in UNUSED,
	   size_t in_bytes UNUSED, void *out UNUSED, size_t out_bytes UNUSED)
