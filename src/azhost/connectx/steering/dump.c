/*
 * The dump that `flow dump` asks for. The text is for people: rdma-core's own is numbers for a
 * tool that decodes hardware formats (mlx_steering_dump), which there are none of here.
 */
#include "azhost/connectx/steering/state.h"

#include <errno.h>

static const char *const direction_names[] = {
	[STEER_RX] = "rx",
	[STEER_TX] = "tx",
};

static const char *const layer_names[] = {
	[MATCH_L2] = "l2",
	[MATCH_L3] = "l3",
	[MATCH_L4] = "l4",
};

static void print_rule(FILE *out, const struct steer_rule *rule)
{
	fprintf(out, "    rule %p", (const void *)rule);
	match_print(out, &rule->matcher->mask, rule->value);
	fprintf(out, " :");
	actions_print(out, rule->actions, rule->n_actions);
	fprintf(out, "\n");
}

static void print_chain(struct steer_rule *rule, void *arg)
{
	for (; rule; rule = atomic_load_explicit(&rule->twin, memory_order_relaxed))
		print_rule(arg, rule);
}

static void print_table(FILE *out, const struct steer_table *table)
{
	const struct steer_matcher *matcher =
		atomic_load_explicit(&table->search->first, memory_order_relaxed);

	fprintf(out, "table %p %s level=%u\n", (const void *)table,
		direction_names[table->domain->direction], table->level);
	for (; matcher; matcher = atomic_load_explicit(&matcher->next, memory_order_relaxed)) {
		/* The root table is everybody's: each handle shows its own. */
		if (matcher->table != table)
			continue;
		fprintf(out, "  matcher %p priority=%u layer=%s rules=%u", (const void *)matcher,
			matcher->priority, layer_names[matcher->mask.layer], matcher->n_rules);
		match_print(out, &matcher->mask, NULL);
		fprintf(out, "\n");
		rule_set_visit(&matcher->rules, print_chain, out);
	}
}

static int written(FILE *out)
{
	return ferror(out) ? -EIO : 0;
}

int steer_domain_dump(FILE *out, struct steer_domain *domain)
{
	struct steer_table *table;

	pthread_mutex_lock(&domain->steering->lock);
	TAILQ_FOREACH(table, &domain->tables, in_domain)
		print_table(out, table);
	pthread_mutex_unlock(&domain->steering->lock);
	return written(out);
}

int steer_rule_dump(FILE *out, struct steer_rule *rule)
{
	struct steering *s = rule->matcher->table->domain->steering;

	pthread_mutex_lock(&s->lock);
	print_rule(out, rule);
	pthread_mutex_unlock(&s->lock);
	return written(out);
}
