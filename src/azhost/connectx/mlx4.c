/*
 * libmlx4.so.1 for the child: DPDK loads every PMD it finds, the mlx4 one too, and that one wants
 * these symbols. No ConnectX-3 is emulated, so none of them is ever called.
 */
#include "azhost/connectx/export.h"

#include <errno.h>
#include <infiniband/mlx4dv.h>

CX_EXPORT int mlx4dv_init_obj(struct mlx4dv_obj *object, uint64_t type)
{
	(void)object;
	(void)type;
	return EOPNOTSUPP;
}

CX_EXPORT int mlx4dv_set_context_attr(struct ibv_context *context,
				      enum mlx4dv_set_ctx_attr_type type, void *attribute)
{
	(void)context;
	(void)type;
	(void)attribute;
	return EOPNOTSUPP;
}

CX_EXPORT int mlx4dv_query_device(struct ibv_context *context, struct mlx4dv_context *attributes)
{
	(void)context;
	(void)attributes;
	return EOPNOTSUPP;
}
