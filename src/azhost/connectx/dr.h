/*
 * The mlx5dv_dr_* entry points (dr.c, dr_action.c, dr_refused.c): DR steering as libmlx5 offers it
 * to the PMD, over steering/steering.h. Its objects are opaque to the PMD, so a handle simply is a
 * pointer to the steering's object.
 *
 * Contract of every entry point, from rdma-core 44: what creates answers NULL and errno, what
 * destroys answers a positive errno or 0. Any thread of the PMD calls them.
 */
#ifndef AZHOST_CONNECTX_DR_H
#define AZHOST_CONNECTX_DR_H

#include "azhost/connectx/steering/steering.h"

#include <errno.h>
#include <infiniband/mlx5dv.h>

static inline struct steer_domain *dr_domain(struct mlx5dv_dr_domain *domain)
{
	return (struct steer_domain *)domain;
}

static inline struct steer_table *dr_table(struct mlx5dv_dr_table *table)
{
	return (struct steer_table *)table;
}

static inline struct steer_matcher *dr_matcher(struct mlx5dv_dr_matcher *matcher)
{
	return (struct steer_matcher *)matcher;
}

static inline struct steer_rule *dr_rule(struct mlx5dv_dr_rule *rule)
{
	return (struct steer_rule *)rule;
}

static inline struct steer_action *dr_action(struct mlx5dv_dr_action *action)
{
	return (struct steer_action *)action;
}

/* The object that a steering call made, or NULL with errno set from its result. */
static inline void *dr_made(int r, void *object)
{
	if (!r)
		return object;
	errno = -r;
	return NULL;
}

/* The positive errno of a steering call's result, in errno too. */
static inline int dr_done(int r)
{
	if (r)
		errno = -r;
	return -r;
}

#endif
