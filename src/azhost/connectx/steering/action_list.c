/*
 * Which actions may be together in a rule, and which rules of one value in the root table. Runs on
 * control threads.
 */
#include "azhost/connectx/steering/state.h"

#include <errno.h>

#define MAX_VLANS 2 /* pushes or pops in one rule (rdma-core, mlx5dv_dr.h) */

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
