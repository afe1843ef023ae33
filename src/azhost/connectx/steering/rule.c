/*
 * Rules: admission, the chain of rules of one value, and removal under the walkers' feet. Runs on
 * control threads, under the steering lock.
 */
#include "azhost/connectx/steering/state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- admission: faults and limits ---- */

static int fault_hit(struct steer_faults *faults)
{
	if (!faults->fail_in)
		return 0;
	if (faults->fail_in > 1) {
		faults->fail_in--;
		return 0;
	}
	if (faults->fail_count && !--faults->fail_count)
		faults->fail_in = 0;
	return -faults->error;
}

static bool reached(uint32_t limit, uint32_t count)
{
	return limit && count >= limit;
}

static int admit(struct steering *s, const struct steer_matcher *matcher, size_t n_actions)
{
	const struct steer_limits *limits = &s->limits;
	bool root = table_is_root(matcher->table);
	int r;

	if (s->failed)
		return -EIO;
	r = fault_hit(&s->faults);
	if (r)
		return r;
	if (root && limits->root_priorities && matcher->priority >= limits->root_priorities)
		return -EINVAL;
	if (n_actions > UINT8_MAX ||
	    (limits->max_rule_actions && n_actions > limits->max_rule_actions))
		return -EINVAL;
	if (reached(limits->max_rules, s->stats.rules) ||
	    reached(s->faults.rule_limit, s->stats.rules) ||
	    (root && reached(limits->max_root_rules, s->stats.root_rules)))
		return root ? -ENOSPC : -ENOMEM;
	return 0;
}

/* ---- the rule itself ---- */

static struct steer_rule *rule_alloc(struct steer_matcher *matcher,
				     struct steer_action *const *actions, size_t n_actions)
{
	size_t value_bytes = matcher->mask.n_words * sizeof(uint64_t);
	struct steer_rule *rule =
		malloc(sizeof(*rule) + value_bytes + n_actions * sizeof(struct steer_action *));

	if (!rule)
		return NULL;
	memset(rule, 0, sizeof(*rule));
	rule->matcher = matcher;
	rule->value = rule->storage;
	rule->actions = (struct steer_action **)(rule->storage + matcher->mask.n_words);
	rule->n_actions = (uint8_t)n_actions;
	for (size_t i = 0; i < n_actions; i++) {
		rule->actions[i] = actions[i];
		rule->kinds |= (uint16_t)(1u << actions[i]->kind);
	}
	return rule;
}

static struct steer_rule *twin_of(const struct steer_rule *rule)
{
	return atomic_load_explicit(&rule->twin, memory_order_relaxed);
}

/* Whether a second rule of one value may be. */
static int check_twins(struct steering *s, const struct steer_rule *rule,
		       const struct steer_rule *head)
{
	const struct steer_table *table = rule->matcher->table;
	unsigned int twins = 0;

	if (!table_is_root(table))
		return table->domain->allow_duplicates ? 0 : -EEXIST;
	if (!s->limits.root_conflicts)
		return 0;
	for (; head; head = twin_of(head), twins++) {
		if (actions_conflict(rule, head))
			return -EEXIST;
	}
	return twins < STEER_MAX_TIRS ? 0 : -ENOSPC;
}

/* Puts the rule at its place in the chain that begins at head. */
static void chain_in(struct rule_set *set, struct steer_rule *head, struct steer_rule *rule)
{
	struct steer_rule *next;

	if (rule->order < head->order) {
		atomic_store_explicit(&rule->twin, head, memory_order_relaxed);
		rule_set_replace(set, head, rule);
		return;
	}
	while ((next = twin_of(head)) && next->order < rule->order)
		head = next;
	atomic_store_explicit(&rule->twin, next, memory_order_relaxed);
	atomic_store_explicit(&head->twin, rule, memory_order_release);
}

static void chain_out(struct rule_set *set, struct steer_rule *head, struct steer_rule *rule)
{
	if (head == rule) {
		rule_set_replace(set, rule, twin_of(rule));
		return;
	}
	while (twin_of(head) != rule)
		head = twin_of(head);
	atomic_store_explicit(&head->twin, twin_of(rule), memory_order_release);
}

static int link_in(struct steering *s, struct steer_rule *rule)
{
	struct steer_matcher *matcher = rule->matcher;
	struct steer_rule *head;
	int r;

	head = rule_set_find(&matcher->rules, rule->hash, rule->value, matcher->mask.n_words);
	r = head ? check_twins(s, rule, head) : 0;
	if (r)
		return r;
	rule->order = tie_order(s);
	if (head)
		chain_in(&matcher->rules, head, rule);
	else
		r = rule_set_insert(&matcher->rules, &s->gate, rule);
	walk_cache_void(&s->cache);
	return r;
}

static void account(struct steering *s, const struct steer_matcher *matcher, int change)
{
	s->stats.rules += (uint32_t)change;
	if (!table_is_root(matcher->table))
		return;
	s->stats.root_rules += (uint32_t)change;
	atomic_fetch_add(&s->root_rules[matcher->table->domain->direction], (uint32_t)change);
}

static int rule_make(struct steering *s, struct steer_matcher *matcher, const void *value,
		     size_t value_size, struct steer_action *const *actions, size_t n_actions,
		     struct steer_rule **ret_rule)
{
	struct steer_rule *rule;
	int r;

	r = admit(s, matcher, n_actions);
	if (!r)
		r = actions_check(matcher->table, actions, n_actions);
	if (r)
		return r;
	rule = rule_alloc(matcher, actions, n_actions);
	if (!rule)
		return -ENOMEM;
	r = match_value_pack(&matcher->mask, value, value_size, rule->storage);
	if (r)
		goto free_rule;
	rule->hash = match_hash(rule->value, matcher->mask.n_words);
	actions_hold(actions, n_actions);
	r = link_in(s, rule);
	if (r)
		goto release_actions;
	matcher->n_rules++;
	account(s, matcher, 1);
	*ret_rule = rule;
	return 0;

release_actions:
	actions_release(actions, n_actions);
free_rule:
	free(rule);
	return r;
}

int steer_rule_new(struct steer_matcher *matcher, const void *value, size_t value_size,
		   struct steer_action *const *actions, size_t n_actions,
		   struct steer_rule **ret_rule)
{
	struct steering *s = matcher->table->domain->steering;
	uint32_t us;
	int r;

	pthread_mutex_lock(&s->lock);
	us = s->faults.rule_us;
	r = rule_make(s, matcher, value, value_size, actions, n_actions, ret_rule);
	if (r)
		s->stats.rules_refused++;
	else
		s->stats.rules_created++;
	pthread_mutex_unlock(&s->lock);
	if (us != 0)
		usleep(us);
	return r;
}

void steer_rule_destroy(struct steer_rule *rule)
{
	struct steer_matcher *matcher = rule->matcher;
	struct steering *s = matcher->table->domain->steering;
	struct steer_rule *head;

	pthread_mutex_lock(&s->lock);
	head = rule_set_find(&matcher->rules, rule->hash, rule->value, matcher->mask.n_words);
	chain_out(&matcher->rules, head, rule);
	matcher->n_rules--;
	account(s, matcher, -1);
	walk_cache_void(&s->cache);
	gate_wait(&s->gate);
	pthread_mutex_unlock(&s->lock);
	actions_release(rule->actions, rule->n_actions);
	free(rule);
}
