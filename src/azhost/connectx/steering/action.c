/*
 * Actions: their making, and what they hold. Runs on control threads.
 */
#include "azhost/connectx/steering/state.h"

#include <errno.h>
#include <stdlib.h>

#define TPID_CVLAN 0x8100
#define TPID_SVLAN 0x88a8

static int action_new(enum steer_action_kind kind, struct steer_action **ret_action)
{
	struct steer_action *action = calloc(1, sizeof(*action));

	if (!action)
		return -ENOMEM;
	action->kind = kind;
	*ret_action = action;
	return 0;
}

int steer_action_new_drop(struct steer_action **ret_action)
{
	return action_new(ACTION_DROP, ret_action);
}

int steer_action_new_default_miss(struct steer_action **ret_action)
{
	return action_new(ACTION_MISS, ret_action);
}

int steer_action_new_pop_vlan(struct steer_action **ret_action)
{
	return action_new(ACTION_POP_VLAN, ret_action);
}

int steer_action_new_tag(uint32_t tag, struct steer_action **ret_action)
{
	struct steer_action *action;
	int r = action_new(ACTION_TAG, &action);

	if (r)
		return r;
	action->tag = tag & 0xffffff;
	*ret_action = action;
	return 0;
}

int steer_action_new_push_vlan(uint32_t header, struct steer_action **ret_action)
{
	struct steer_action *action;
	int r;

	if (header >> 16 != TPID_CVLAN && header >> 16 != TPID_SVLAN)
		return -EINVAL;
	r = action_new(ACTION_PUSH_VLAN, &action);
	if (r)
		return r;
	action->vlan = header;
	*ret_action = action;
	return 0;
}

int steer_action_new_counter(struct steer_counters *counters, uint32_t offset,
			     struct steer_action **ret_action)
{
	struct steer_action *action;
	int r = action_new(ACTION_COUNTER, &action);

	if (r)
		return r;
	action->counter.counters = counters;
	action->counter.offset = offset;
	*ret_action = action;
	return 0;
}

int steer_action_new_dest_tir(struct steer_tir *tir, struct steer_action **ret_action)
{
	struct steer_action *action;
	int r = action_new(ACTION_TIR, &action);

	if (r)
		return r;
	action->tir = tir;
	*ret_action = action;
	return 0;
}

int steer_action_new_dest_table(struct steer_table *table, struct steer_action **ret_action)
{
	struct steering *s = table->domain->steering;
	struct steer_action *action;
	int r;

	if (table_is_root(table))
		return -EINVAL;
	r = action_new(ACTION_TABLE, &action);
	if (r)
		return r;
	action->table = table;
	action->domain = table->domain;
	pthread_mutex_lock(&s->lock);
	table->refs++;
	domain_get(table->domain);
	pthread_mutex_unlock(&s->lock);
	*ret_action = action;
	return 0;
}

/* Firmware refuses a root list that is too long with EOPNOTSUPP (kernel, cmd.c,
 * mlx5_cmd_modify_header_alloc), rdma-core one above with EINVAL. */
static int check_modify_limits(const struct steering *s, bool root, size_t n)
{
	uint32_t limit = root ? s->limits.max_root_modify_actions : s->limits.max_modify_actions;

	if (!root && !s->limits.sw_steering)
		return -EOPNOTSUPP;
	if (limit && n > limit)
		return root ? -EOPNOTSUPP : -EINVAL;
	return 0;
}

int steer_action_new_modify_header(struct steer_domain *domain, bool root, const void *commands,
				   size_t n, struct steer_action **ret_action)
{
	struct steering *s = domain->steering;
	struct rewrite_command *program;
	struct steer_action *action;
	int r;

	r = check_modify_limits(s, root, n);
	if (r)
		return r;
	program = calloc(n ? n : 1, sizeof(*program));
	if (!program)
		return -ENOMEM;
	r = rewrite_compile(domain->direction, commands, n, program);
	if (r)
		goto free_program;
	r = action_new(ACTION_MODIFY, &action);
	if (r)
		goto free_program;
	action->modify.root = root;
	action->modify.n = (uint32_t)n;
	action->modify.program = program;
	action->domain = domain;
	pthread_mutex_lock(&s->lock);
	if (s->failed)
		r = -EIO;
	else
		domain_get(domain);
	pthread_mutex_unlock(&s->lock);
	if (r)
		goto free_action;
	*ret_action = action;
	return 0;

free_action:
	free(action);
free_program:
	free(program);
	return r;
}

int steer_action_destroy(struct steer_action *action)
{
	struct steer_domain *domain = action->domain;

	if (atomic_load(&action->refs))
		return -EBUSY;
	if (domain) {
		pthread_mutex_lock(&domain->steering->lock);
		if (action->kind == ACTION_TABLE)
			action->table->refs--;
		domain_put(domain);
		pthread_mutex_unlock(&domain->steering->lock);
	}
	if (action->kind == ACTION_MODIFY)
		free(action->modify.program);
	free(action);
	return 0;
}

void actions_hold(struct steer_action *const *actions, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		atomic_fetch_add(&actions[i]->refs, 1);
		if (actions[i]->kind == ACTION_TIR)
			atomic_fetch_add(&actions[i]->tir->rules, 1);
		if (actions[i]->kind == ACTION_COUNTER)
			atomic_fetch_add(&actions[i]->counter.counters->rules, 1);
	}
}

void actions_release(struct steer_action *const *actions, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (actions[i]->kind == ACTION_TIR)
			atomic_fetch_sub(&actions[i]->tir->rules, 1);
		if (actions[i]->kind == ACTION_COUNTER)
			atomic_fetch_sub(&actions[i]->counter.counters->rules, 1);
		atomic_fetch_sub(&actions[i]->refs, 1);
	}
}

/* ---- dump ---- */

static void print_one(FILE *out, const struct steer_action *action)
{
	switch (action->kind) {
	case ACTION_DROP:
		fprintf(out, " drop");
		break;
	case ACTION_MISS:
		fprintf(out, " default_miss");
		break;
	case ACTION_TIR:
		fprintf(out, " tir=%p", (void *)action->tir);
		break;
	case ACTION_TABLE:
		fprintf(out, " table=%p/%u", (void *)action->table, action->table->level);
		break;
	case ACTION_TAG:
		fprintf(out, " tag=%06x", action->tag);
		break;
	case ACTION_COUNTER: {
		const struct steer_count *cell =
			&action->counter.counters->cells[action->counter.offset];

		fprintf(out, " counter=%p+%u/%llu,%llu", (void *)action->counter.counters,
			action->counter.offset, (unsigned long long)atomic_load(&cell->packets),
			(unsigned long long)atomic_load(&cell->octets));
		break;
	}
	case ACTION_MODIFY:
		rewrite_print(out, action->modify.program, action->modify.n);
		break;
	case ACTION_POP_VLAN:
		fprintf(out, " pop_vlan");
		break;
	case ACTION_PUSH_VLAN:
		fprintf(out, " push_vlan=%08x", action->vlan);
		break;
	case ACTION_KINDS:
		break;
	}
}

void actions_print(FILE *out, struct steer_action *const *actions, size_t n)
{
	for (size_t i = 0; i < n; i++)
		print_one(out, actions[i]);
}
