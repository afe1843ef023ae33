/*
 * Matchers: a mask at its place in the order of search. Runs on control threads, under the
 * steering lock; walkers follow `next` meanwhile.
 */
#include "azhost/connectx/steering/state.h"

#include <errno.h>
#include <stdlib.h>

/* Whether a comes before b in one table. */
static bool comes_before(const struct steer_limits *limits, const struct steer_matcher *a,
			 const struct steer_matcher *b)
{
	if (a->priority != b->priority)
		return a->priority < b->priority;
	if (limits->root_by_layer && table_is_root(a->table) && a->mask.layer != b->mask.layer)
		return a->mask.layer > b->mask.layer;
	return a->order < b->order;
}

static void set_next(struct search *search, struct steer_matcher *after,
		     struct steer_matcher *matcher)
{
	_Atomic(struct steer_matcher *) *link = after ? &after->next : &search->first;

	atomic_store_explicit(link, matcher, memory_order_release);
}

/* Looked for from the end: programs mostly add below what they have. */
static void link_in(struct steering *s, struct steer_matcher *matcher)
{
	struct search *search = matcher->table->search;
	struct steer_matcher *after = search->last, *next;

	while (after && comes_before(&s->limits, matcher, after))
		after = after->previous;
	next = atomic_load_explicit(after ? &after->next : &search->first, memory_order_relaxed);
	matcher->previous = after;
	atomic_store_explicit(&matcher->next, next, memory_order_relaxed);
	set_next(search, after, matcher);
	if (next)
		next->previous = matcher;
	else
		search->last = matcher;
}

static void link_out(struct steering *s, struct steer_matcher *matcher)
{
	struct search *search = matcher->table->search;
	struct steer_matcher *next = atomic_load_explicit(&matcher->next, memory_order_relaxed);

	set_next(search, matcher->previous, next);
	if (next)
		next->previous = matcher->previous;
	else
		search->last = matcher->previous;
	gate_wait(&s->gate);
}

static int admit(const struct steering *s, const struct steer_table *table)
{
	if (s->failed)
		return -EIO;
	if (s->limits.max_matchers && s->stats.matchers >= s->limits.max_matchers)
		return table_is_root(table) ? -ENOSPC : -ENOMEM;
	return 0;
}

int steer_matcher_new(struct steer_table *table, uint16_t priority, uint8_t criteria,
		      const void *mask, size_t mask_size, struct steer_matcher **ret_matcher)
{
	struct steering *s = table->domain->steering;
	struct steer_matcher *matcher = calloc(1, sizeof(*matcher));
	int r;

	if (!matcher)
		return -ENOMEM;
	matcher->table = table;
	matcher->priority = priority;
	r = match_mask_compile(criteria, mask, mask_size, table_is_root(table), &matcher->mask);
	if (r)
		goto free_matcher;
	pthread_mutex_lock(&s->lock);
	r = admit(s, table);
	if (!r) {
		s->stats.matchers++;
		table->refs++;
		matcher->order = tie_order(s);
		link_in(s, matcher);
	}
	pthread_mutex_unlock(&s->lock);
	if (r)
		goto free_matcher;
	*ret_matcher = matcher;
	return 0;

free_matcher:
	free(matcher);
	return r;
}

int steer_matcher_destroy(struct steer_matcher *matcher)
{
	struct steering *s = matcher->table->domain->steering;
	int r = -EBUSY;

	pthread_mutex_lock(&s->lock);
	if (!matcher->n_rules) {
		link_out(s, matcher);
		s->stats.matchers--;
		matcher->table->refs--;
		r = 0;
	}
	pthread_mutex_unlock(&s->lock);
	if (r)
		return r;
	rule_set_fini(&matcher->rules);
	free(matcher);
	return 0;
}
