/*
 * DR entry points that the PMD links to and the emulated VF does not do: tunnels, meters, ASO
 * objects, samplers, mirrors, the E-Switch, steering anchors. Each answers what rdma-core 44
 * answers on a device without the feature, so that the PMD refuses the rule, and nothing is ever
 * accepted and not done. See dr.h.
 */
#include "azhost/connectx/dr.h"

#include "azhost/connectx/export.h"

CX_EXPORT struct mlx5dv_dr_action *mlx5dv_dr_action_create_packet_reformat(
	struct mlx5dv_dr_domain *domain, uint32_t flags,
	enum mlx5dv_flow_action_packet_reformat_type type, size_t data_sz, void *data)
{
	(void)domain;
	(void)flags;
	(void)type;
	(void)data_sz;
	(void)data;
	return dr_made(-EOPNOTSUPP, NULL);
}

CX_EXPORT struct mlx5dv_dr_action *mlx5dv_dr_action_create_flow_meter(
	struct mlx5dv_dr_flow_meter_attr *attr)
{
	(void)attr;
	return dr_made(-EOPNOTSUPP, NULL);
}

CX_EXPORT int mlx5dv_dr_action_modify_flow_meter(struct mlx5dv_dr_action *action,
						 struct mlx5dv_dr_flow_meter_attr *attr,
						 __be64 modify_field_select)
{
	(void)action;
	(void)attr;
	(void)modify_field_select;
	return dr_done(-EINVAL); /* there is no meter that it could be */
}

CX_EXPORT struct mlx5dv_dr_action *mlx5dv_dr_action_create_flow_sampler(
	struct mlx5dv_dr_flow_sampler_attr *attr)
{
	(void)attr;
	return dr_made(-EOPNOTSUPP, NULL);
}

CX_EXPORT struct mlx5dv_dr_action *mlx5dv_dr_action_create_dest_array(
	struct mlx5dv_dr_domain *domain, size_t num_dest,
	struct mlx5dv_dr_action_dest_attr *dests[])
{
	(void)domain;
	(void)dests;
	return dr_made(num_dest <= 1 ? -EINVAL : -EOPNOTSUPP, NULL);
}

CX_EXPORT struct mlx5dv_dr_action *mlx5dv_dr_action_create_aso(struct mlx5dv_dr_domain *domain,
							       struct mlx5dv_devx_obj *devx_obj,
							       uint32_t offset, uint32_t flags,
							       uint8_t return_reg_c)
{
	(void)domain;
	(void)devx_obj;
	(void)offset;
	(void)flags;
	(void)return_reg_c;
	return dr_made(-EOPNOTSUPP, NULL);
}

CX_EXPORT struct mlx5dv_dr_action *mlx5dv_dr_action_create_dest_ib_port(
	struct mlx5dv_dr_domain *domain, uint32_t ib_port)
{
	(void)domain;
	(void)ib_port;
	return dr_made(-EOPNOTSUPP, NULL);
}

/* The PMD's drop queue and RSS go by TIR; a Verbs QP has no receive side here. */
CX_EXPORT struct mlx5dv_dr_action *mlx5dv_dr_action_create_dest_ibv_qp(struct ibv_qp *ibqp)
{
	(void)ibqp;
	return dr_made(-EOPNOTSUPP, NULL);
}

CX_EXPORT struct mlx5dv_dr_action *mlx5dv_dr_action_create_dest_root_table(
	struct mlx5dv_dr_table *table, uint16_t priority)
{
	(void)table;
	(void)priority;
	return dr_made(-EOPNOTSUPP, NULL);
}

CX_EXPORT struct mlx5dv_steering_anchor *mlx5dv_create_steering_anchor(
	struct ibv_context *context, struct mlx5dv_steering_anchor_attr *attr)
{
	(void)context;
	(void)attr;
	return dr_made(-EOPNOTSUPP, NULL);
}

CX_EXPORT int mlx5dv_destroy_steering_anchor(struct mlx5dv_steering_anchor *sa)
{
	(void)sa;
	return dr_done(-EINVAL);
}
