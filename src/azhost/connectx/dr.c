/*
 * Domains, tables, matchers and rules of DR steering; see dr.h.
 */
#include "azhost/connectx/dr.h"

#include "azhost/connectx/export.h"
#include "azhost/connectx/objects.h"

CX_EXPORT struct mlx5dv_dr_domain *mlx5dv_dr_domain_create(struct ibv_context *ctx,
							   enum mlx5dv_dr_domain_type type)
{
	static const enum steer_direction directions[] = {
		[MLX5DV_DR_DOMAIN_TYPE_NIC_RX] = STEER_RX,
		[MLX5DV_DR_DOMAIN_TYPE_NIC_TX] = STEER_TX,
	};
	struct steer_domain *domain = NULL;
	int r;

	if (type > MLX5DV_DR_DOMAIN_TYPE_FDB)
		return dr_made(-EINVAL, NULL);
	/* A VF is no E-Switch manager. */
	if (type == MLX5DV_DR_DOMAIN_TYPE_FDB)
		return dr_made(-EOPNOTSUPP, NULL);
	r = steer_domain_new(cx_device_steering(cx_device_of(ctx)), directions[type], &domain);
	return dr_made(r, domain);
}

CX_EXPORT int mlx5dv_dr_domain_destroy(struct mlx5dv_dr_domain *domain)
{
	return dr_done(steer_domain_destroy(dr_domain(domain)));
}

CX_EXPORT int mlx5dv_dr_domain_sync(struct mlx5dv_dr_domain *domain, uint32_t flags)
{
	const uint32_t known = MLX5DV_DR_DOMAIN_SYNC_FLAGS_SW | MLX5DV_DR_DOMAIN_SYNC_FLAGS_HW |
			       MLX5DV_DR_DOMAIN_SYNC_FLAGS_MEM;

	if (flags & ~known)
		return dr_done(-EOPNOTSUPP);
	return dr_done(steer_domain_sync(dr_domain(domain)));
}

/* Advice about device memory, of which there is none. */
CX_EXPORT void mlx5dv_dr_domain_set_reclaim_device_memory(struct mlx5dv_dr_domain *dmn, bool enable)
{
	(void)dmn;
	(void)enable;
}

CX_EXPORT void mlx5dv_dr_domain_allow_duplicate_rules(struct mlx5dv_dr_domain *domain, bool allow)
{
	steer_domain_allow_duplicates(dr_domain(domain), allow);
}

CX_EXPORT struct mlx5dv_dr_table *mlx5dv_dr_table_create(struct mlx5dv_dr_domain *domain,
							 uint32_t level)
{
	struct steer_table *table = NULL;
	int r = steer_table_new(dr_domain(domain), level, &table);

	return dr_made(r, table);
}

CX_EXPORT int mlx5dv_dr_table_destroy(struct mlx5dv_dr_table *table)
{
	return dr_done(steer_table_destroy(dr_table(table)));
}

CX_EXPORT struct mlx5dv_dr_matcher *mlx5dv_dr_matcher_create(
	struct mlx5dv_dr_table *table, uint16_t priority, uint8_t match_criteria_enable,
	struct mlx5dv_flow_match_parameters *mask)
{
	struct steer_matcher *matcher = NULL;
	int r;

	r = steer_matcher_new(dr_table(table), priority, match_criteria_enable,
			      mask ? mask->match_buf : NULL, mask ? mask->match_sz : 0, &matcher);
	return dr_made(r, matcher);
}

CX_EXPORT int mlx5dv_dr_matcher_destroy(struct mlx5dv_dr_matcher *matcher)
{
	return dr_done(steer_matcher_destroy(dr_matcher(matcher)));
}

CX_EXPORT struct mlx5dv_dr_rule *mlx5dv_dr_rule_create(struct mlx5dv_dr_matcher *matcher,
						       struct mlx5dv_flow_match_parameters *value,
						       size_t num_actions,
						       struct mlx5dv_dr_action *actions[])
{
	struct steer_rule *rule = NULL;
	int r;

	r = steer_rule_new(dr_matcher(matcher), value ? value->match_buf : NULL,
			   value ? value->match_sz : 0, (struct steer_action *const *)actions,
			   num_actions, &rule);
	return dr_made(r, rule);
}

CX_EXPORT int mlx5dv_dr_rule_destroy(struct mlx5dv_dr_rule *rule)
{
	steer_rule_destroy(dr_rule(rule));
	return 0;
}

CX_EXPORT int mlx5dv_dump_dr_domain(FILE *out, struct mlx5dv_dr_domain *domain)
{
	if (!out || !domain)
		return EINVAL;
	return -steer_domain_dump(out, dr_domain(domain));
}

CX_EXPORT int mlx5dv_dump_dr_rule(FILE *out, struct mlx5dv_dr_rule *rule)
{
	if (!out || !rule)
		return EINVAL;
	return -steer_rule_dump(out, dr_rule(rule));
}
