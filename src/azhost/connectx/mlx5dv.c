/*
 * The libmlx5.so.1 entry points that are neither commands (devx.c), events (event.c) nor steering
 * (dr.c): opening a device, what it can do, and the number of a protection domain.
 */
#include "azhost/connectx/device.h"
#include "azhost/connectx/export.h"
#include "azhost/connectx/lock.h"
#include "azhost/connectx/pd.h"
#include "azhost/connectx/verbs.h"
#include "azhost/connectx/vf.h"

#include <errno.h>
#include <infiniband/mlx5dv.h>
#include <string.h>

CX_EXPORT struct ibv_context *mlx5dv_open_device(struct ibv_device *ibv,
						 struct mlx5dv_context_attr *attributes)
{
	struct cx_device *device;
	int r;

	if (attributes->flags & ~(uint32_t)MLX5DV_CONTEXT_FLAGS_DEVX) {
		errno = EOPNOTSUPP;
		return NULL;
	}
	r = cx_device_open((struct cx_vf *)ibv, &device);
	if (r < 0) {
		errno = -r;
		return NULL;
	}
	return &device->contexts->verbs.context;
}

/* Only what the caller asks for by comp_mask is filled in, and only what is known stays in it. */
CX_EXPORT int mlx5dv_query_device(struct ibv_context *context, struct mlx5dv_context *attributes)
{
	const struct cx_device *device = cx_device_from(context);
	uint64_t asked = attributes->comp_mask, answered = 0;

	if (cx_device_failed(device))
		return EIO;
	attributes->version = 0;
	attributes->flags = MLX5DV_CONTEXT_FLAGS_CQE_V1;
	if (device->profile.enhanced_mpw)
		attributes->flags |=
			MLX5DV_CONTEXT_FLAGS_MPW_ALLOWED | MLX5DV_CONTEXT_FLAGS_ENHANCED_MPW;
	if (asked & MLX5DV_CONTEXT_MASK_SWP) {
		memset(&attributes->sw_parsing_caps, 0, sizeof(attributes->sw_parsing_caps));
		answered |= MLX5DV_CONTEXT_MASK_SWP;
	}
	if (asked & MLX5DV_CONTEXT_MASK_TUNNEL_OFFLOADS) {
		attributes->tunnel_offloads_caps = 0;
		answered |= MLX5DV_CONTEXT_MASK_TUNNEL_OFFLOADS;
	}
	if (asked & MLX5DV_CONTEXT_MASK_STRIDING_RQ) {
		attributes->striding_rq_caps = (struct mlx5dv_striding_rq_caps){
			.min_single_stride_log_num_of_bytes = CX_LOG_STRIDE_BYTES_MIN,
			.max_single_stride_log_num_of_bytes = CX_LOG_STRIDE_BYTES_MAX,
			.min_single_wqe_log_num_of_strides = CX_LOG_STRIDES_MIN,
			.max_single_wqe_log_num_of_strides = CX_LOG_STRIDES_MAX,
			.supported_qpts = 1 << IBV_QPT_RAW_PACKET,
		};
		answered |= MLX5DV_CONTEXT_MASK_STRIDING_RQ;
	}
	attributes->comp_mask = answered;
	return 0;
}

/* Where rdma-core would allocate queue buffers: nothing here allocates any. */
CX_EXPORT int mlx5dv_set_context_attr(struct ibv_context *context,
				      enum mlx5dv_set_ctx_attr_type type, void *attribute)
{
	(void)context;
	(void)type;
	(void)attribute;
	return 0;
}

CX_EXPORT int mlx5dv_init_obj(struct mlx5dv_obj *object, uint64_t type)
{
	if (type != MLX5DV_OBJ_PD)
		return errno = EOPNOTSUPP;
	object->pd.out->pdn = CX_PD;
	object->pd.out->comp_mask = 0;
	return 0;
}

/* Vport numbers and registers of an E-Switch: a VF has none to tell. */
CX_EXPORT int _mlx5dv_query_port(struct ibv_context *context, uint32_t port,
				 struct mlx5dv_port *info, size_t size)
{
	if (port != 1)
		return EINVAL;
	if (cx_device_failed(cx_device_from(context)))
		return EIO;
	memset(info, 0, size);
	return 0;
}
