/*
 * Actions: their making, which of them may be together in a rule, and what they hold. Runs on
 * control threads.
 */
#include "azhost/connectx/steering/state.h"

#include <errno.h>
#include <stdlib.h>

#define TPID_CVLAN 0x8100
#define TPID_SVLAN 0x88a8
#define MAX_VLANS  2 /* pushes or pops in one rule (rdma-core, mlx5dv_dr.h) */

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

/* ---- which actions may be together ---- */

#define BIT(kind) (1u << (kind))

/* How far a list of actions has come: what may follow depends on it (rdma-core, dr_action.c,
 * next_action_state). Tags and counters leave the stage as it is. */
enum stage { AT_START, MODIFIED, POPPED, PUSHED, ENDED, STAGES };

#define RX_ENDS (BIT(ACTION_TIR) | BIT(ACTION_TABLE))
#define TX_ENDS BIT(ACTION_TABLE)
#define NOTES   (BIT(ACTION_TAG) | BIT(ACTION_COUNTER))

static const uint16_t may_follow[STEER_DIRECTIONS][STAGES] = {
	[STEER_RX] = {
		[AT_START] = RX_ENDS | NOTES | BIT(ACTION_DROP) | BIT(ACTION_MISS) |
			     BIT(ACTION_MODIFY) | BIT(ACTION_POP_VLAN) | BIT(ACTION_PUSH_VLAN),
		[MODIFIED] = RX_ENDS | NOTES | BIT(ACTION_PUSH_VLAN),
		[POPPED] = RX_ENDS | NOTES | BIT(ACTION_POP_VLAN) | BIT(ACTION_MODIFY),
		[PUSHED] = RX_ENDS | NOTES | BIT(ACTION_PUSH_VLAN),
		[ENDED] = BIT(ACTION_COUNTER),
	},
	[STEER_TX] = {
		[AT_START] = TX_ENDS | BIT(ACTION_COUNTER) | BIT(ACTION_DROP) | BIT(ACTION_MISS) |
			     BIT(ACTION_MODIFY) | BIT(ACTION_POP_VLAN) | BIT(ACTION_PUSH_VLAN),
		[MODIFIED] = TX_ENDS | BIT(ACTION_COUNTER) | BIT(ACTION_PUSH_VLAN),
		[POPPED] = TX_ENDS | BIT(ACTION_COUNTER) | BIT(ACTION_POP_VLAN) |
			   BIT(ACTION_PUSH_VLAN) | BIT(ACTION_MODIFY),
		[PUSHED] = TX_ENDS | BIT(ACTION_COUNTER) | BIT(ACTION_PUSH_VLAN),
		[ENDED] = BIT(ACTION_COUNTER),
	},
};

static enum stage next_stage(enum stage stage, enum steer_action_kind kind)
{
	switch (kind) {
	case ACTION_TAG:
	case ACTION_COUNTER:
		return stage;
	case ACTION_MODIFY:
		return MODIFIED;
	case ACTION_POP_VLAN:
		return POPPED;
	case ACTION_PUSH_VLAN:
		return PUSHED;
	default:
		return ENDED;
	}
}

static int check_table_action(const struct steer_table *table, const struct steer_action *action)
{
	if (action->table->domain != table->domain)
		return -EINVAL;
	return action->table->level > table->level ? 0 : -EINVAL;
}

/* What an action needs wherever it is. */
static int check_one(const struct steer_table *table, const struct steer_action *action)
{
	switch (action->kind) {
	case ACTION_TABLE:
		return check_table_action(table, action);
	case ACTION_COUNTER:
		return action->counter.offset < action->counter.counters->n ? 0 : -EINVAL;
	case ACTION_MODIFY:
		if (action->domain->direction != table->domain->direction)
			return -EINVAL;
		return action->modify.root == table_is_root(table) ? 0 : -EINVAL;
	default:
		return 0;
	}
}

/* Above the root, where rdma-core checks. ConnectX-5 (STE v0) neither pushes on receive nor pops
 * on transmit. */
static int check_sw(enum steer_direction direction, struct steer_action *const *actions, size_t n)
{
	static const enum steer_action_kind cannot[] = {
		[STEER_RX] = ACTION_PUSH_VLAN,
		[STEER_TX] = ACTION_POP_VLAN,
	};
	unsigned int seen[ACTION_KINDS] = { 0 };
	enum stage stage = AT_START;

	for (size_t i = 0; i < n; i++) {
		enum steer_action_kind kind = actions[i]->kind;
		bool vlan = kind == ACTION_POP_VLAN || kind == ACTION_PUSH_VLAN;

		if (kind == cannot[direction] || ++seen[kind] > (vlan ? MAX_VLANS : 1))
			return -EINVAL;
		if (!(may_follow[direction][stage] & BIT(kind)))
			return -EOPNOTSUPP;
		stage = next_stage(stage, kind);
	}
	return 0;
}

/* In the root table, where the kernel and firmware do: one of a kind, one destination, and on
 * receive there must be one. */
static int check_root(enum steer_direction direction, struct steer_action *const *actions, size_t n)
{
	const uint16_t ends = RX_ENDS | BIT(ACTION_DROP) | BIT(ACTION_MISS);
	uint16_t seen = 0;

	for (size_t i = 0; i < n; i++) {
		uint16_t bit = (uint16_t)BIT(actions[i]->kind);

		if (actions[i]->kind == ACTION_POP_VLAN || actions[i]->kind == ACTION_PUSH_VLAN)
			return -ENOTSUP;
		if (direction == STEER_TX && (bit & (BIT(ACTION_TIR) | BIT(ACTION_TAG))))
			return -EINVAL;
		if ((seen & bit) || ((seen & ends) && (bit & ends)))
			return -EOPNOTSUPP;
		seen |= bit;
	}
	return direction == STEER_RX && !(seen & ends) ? -EINVAL : 0;
}

int actions_check(const struct steer_table *table, struct steer_action *const *actions, size_t n)
{
	enum steer_direction direction = table->domain->direction;

	for (size_t i = 0; i < n; i++) {
		int r = check_one(table, actions[i]);

		if (r)
			return r;
	}
	return table_is_root(table) ? check_root(direction, actions, n)
				    : check_sw(direction, actions, n);
}

/* ---- root table: rules of one value ---- */

static const struct steer_action *find_kind(const struct steer_rule *rule,
					    enum steer_action_kind kind)
{
	for (unsigned int i = 0; i < rule->n_actions; i++) {
		if (rule->actions[i]->kind == kind)
			return rule->actions[i];
	}
	return NULL;
}

/* Kernel, fs_core.c, check_conflicting_ftes(): what does not merely add a destination or a counter
 * contradicts. */
bool actions_conflict(const struct steer_rule *a, const struct steer_rule *b)
{
	const uint16_t additive = BIT(ACTION_TIR) | BIT(ACTION_COUNTER);
	const struct steer_action *x, *y;

	if ((a->kinds | additive) != (b->kinds | additive))
		return true;
	if ((a->kinds ^ b->kinds) & BIT(ACTION_TIR))
		return true;
	x = find_kind(a, ACTION_TAG);
	y = find_kind(b, ACTION_TAG);
	if (x && y && x->tag != y->tag)
		return true;
	x = find_kind(a, ACTION_TABLE);
	y = find_kind(b, ACTION_TABLE);
	if (x && y && x->table != y->table)
		return true;
	return find_kind(a, ACTION_MODIFY) != find_kind(b, ACTION_MODIFY);
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
