/*
 * Actions of DR steering that the emulated VF does; those that it does not are in dr_refused.c.
 * See dr.h.
 */
#include "azhost/connectx/dr.h"

#include "azhost/connectx/export.h"
#include "azhost/connectx/objects.h"

CX_EXPORT struct mlx5dv_dr_action *mlx5dv_dr_action_create_drop(void)
{
	struct steer_action *action = NULL;
	int r = steer_action_new_drop(&action);

	return dr_made(r, action);
}

CX_EXPORT struct mlx5dv_dr_action *mlx5dv_dr_action_create_default_miss(void)
{
	struct steer_action *action = NULL;
	int r = steer_action_new_default_miss(&action);

	return dr_made(r, action);
}

CX_EXPORT struct mlx5dv_dr_action *mlx5dv_dr_action_create_tag(uint32_t tag_value)
{
	struct steer_action *action = NULL;
	int r = steer_action_new_tag(tag_value, &action);

	return dr_made(r, action);
}

CX_EXPORT struct mlx5dv_dr_action *mlx5dv_dr_action_create_flow_counter(
	struct mlx5dv_devx_obj *devx_obj, uint32_t offset)
{
	struct steer_counters *counters = cx_counters_of(devx_obj);
	struct steer_action *action = NULL;
	int r = counters ? steer_action_new_counter(counters, offset, &action) : -EINVAL;

	return dr_made(r, action);
}

CX_EXPORT struct mlx5dv_dr_action *mlx5dv_dr_action_create_dest_devx_tir(
	struct mlx5dv_devx_obj *devx_obj)
{
	struct steer_tir *tir = cx_tir_of(devx_obj);
	struct steer_action *action = NULL;
	int r = tir ? steer_action_new_dest_tir(tir, &action) : -EINVAL;

	return dr_made(r, action);
}

CX_EXPORT struct mlx5dv_dr_action *mlx5dv_dr_action_create_dest_table(struct mlx5dv_dr_table *table)
{
	struct steer_action *action = NULL;
	int r = steer_action_new_dest_table(dr_table(table), &action);

	return dr_made(r, action);
}

CX_EXPORT struct mlx5dv_dr_action *mlx5dv_dr_action_create_pop_vlan(void)
{
	struct steer_action *action = NULL;
	int r = steer_action_new_pop_vlan(&action);

	return dr_made(r, action);
}

CX_EXPORT struct mlx5dv_dr_action *mlx5dv_dr_action_create_push_vlan(
	struct mlx5dv_dr_domain *domain, __be32 vlan_hdr)
{
	struct steer_action *action = NULL;

	(void)domain; /* push is the same in all of them */
	int r = steer_action_new_push_vlan(be32toh(vlan_hdr), &action);

	return dr_made(r, action);
}

CX_EXPORT struct mlx5dv_dr_action *mlx5dv_dr_action_create_modify_header(
	struct mlx5dv_dr_domain *domain, uint32_t flags, size_t actions_sz, __be64 actions[])
{
	bool root = flags & MLX5DV_DR_ACTION_FLAGS_ROOT_LEVEL;
	struct steer_action *action = NULL;
	int r = -EINVAL;

	if (!(flags & ~MLX5DV_DR_ACTION_FLAGS_ROOT_LEVEL) && actions_sz % sizeof(__be64) == 0)
		r = steer_action_new_modify_header(dr_domain(domain), root, actions,
						   actions_sz / sizeof(__be64), &action);
	return dr_made(r, action);
}

CX_EXPORT int mlx5dv_dr_action_destroy(struct mlx5dv_dr_action *action)
{
	return dr_done(steer_action_destroy(dr_action(action)));
}
