/*
 * The steering object of a VF, its domains and tables, faults and figures. Runs on control
 * threads; everything here is under the steering lock.
 */
#include "azhost/connectx/steering/state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ROOT_PRIORITIES 16 /* MLX5_BY_PASS_NUM_REGULAR_PRIOS of the kernel */

void steer_limits_default(struct steer_limits *limits)
{
	*limits = (struct steer_limits){
		.sw_steering = true,
		.root_by_layer = true,
		.root_conflicts = true,
		.root_priorities = ROOT_PRIORITIES,
		.tie = STEER_TIE_NEWEST,
	};
}

int steering_new(const struct steer_limits *limits, struct steering **ret_steering)
{
	struct steering *s = aligned_alloc(_Alignof(struct steering), sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	memset(s, 0, sizeof(*s));
	r = pthread_mutex_init(&s->lock, NULL);
	if (r) {
		free(s);
		return -r;
	}
	s->refs = 1;
	s->limits = *limits;
	walk_cache_init(&s->cache);
	*ret_steering = s;
	return 0;
}

static void steering_put(struct steering *s)
{
	unsigned int left;

	pthread_mutex_lock(&s->lock);
	left = --s->refs;
	pthread_mutex_unlock(&s->lock);
	if (left)
		return;
	pthread_mutex_destroy(&s->lock);
	free(s);
}

void steering_free(struct steering *s)
{
	if (s)
		steering_put(s);
}

void steer_fault_rule_create(struct steering *s, uint64_t nth, uint64_t count, int error)
{
	pthread_mutex_lock(&s->lock);
	s->faults.fail_in = nth;
	s->faults.fail_count = nth ? count : 0;
	s->faults.error = error;
	pthread_mutex_unlock(&s->lock);
}

void steer_fault_rule_limit(struct steering *s, uint32_t limit)
{
	pthread_mutex_lock(&s->lock);
	s->faults.rule_limit = limit;
	pthread_mutex_unlock(&s->lock);
}

void steer_fault_slow_rule(struct steering *s, uint32_t us)
{
	pthread_mutex_lock(&s->lock);
	s->faults.rule_us = us;
	pthread_mutex_unlock(&s->lock);
}

void steer_fail(struct steering *s)
{
	pthread_mutex_lock(&s->lock);
	s->failed = true;
	pthread_mutex_unlock(&s->lock);
}

void steering_stats(struct steering *s, struct steer_stats *ret_stats)
{
	pthread_mutex_lock(&s->lock);
	*ret_stats = s->stats;
	pthread_mutex_unlock(&s->lock);
}

unsigned int steer_enter(struct steering *s)
{
	return gate_enter(&s->gate);
}

void steer_leave(struct steering *s, unsigned int walk)
{
	gate_leave(&s->gate, walk);
}

void steer_synchronize(struct steering *s)
{
	pthread_mutex_lock(&s->lock);
	gate_wait(&s->gate);
	pthread_mutex_unlock(&s->lock);
}

bool steer_active(struct steering *s, enum steer_direction direction)
{
	return atomic_load_explicit(&s->root_rules[direction], memory_order_relaxed);
}

static uint64_t shuffled(uint64_t serial, uint32_t seed)
{
	/* Two orders of one serial never meet: an odd factor permutes, and the low bits of the
	 * serial break what is left. */
	return match_mix(serial, seed * 0xa0761d6478bd642full + 1) << 24 | (serial & 0xffffff);
}

uint64_t tie_order(struct steering *s)
{
	uint64_t serial = ++s->serial;

	switch (s->limits.tie) {
	case STEER_TIE_NEWEST:
		return UINT64_MAX - serial;
	case STEER_TIE_SHUFFLED:
		return shuffled(serial, s->limits.tie_seed);
	case STEER_TIE_OLDEST:
		break;
	}
	return serial;
}

/* ---- domains ---- */

void domain_get(struct steer_domain *domain)
{
	domain->refs++;
}

void domain_put(struct steer_domain *domain)
{
	domain->refs--;
}

int steer_domain_new(struct steering *s, enum steer_direction direction,
		     struct steer_domain **ret_domain)
{
	struct steer_domain *domain = calloc(1, sizeof(*domain));
	bool failed;

	if (!domain)
		return -ENOMEM;
	domain->steering = s;
	domain->direction = direction;
	domain->allow_duplicates = true;
	TAILQ_INIT(&domain->tables);
	pthread_mutex_lock(&s->lock);
	failed = s->failed;
	s->refs += failed ? 0 : 1;
	pthread_mutex_unlock(&s->lock);
	if (failed) {
		free(domain);
		return -EIO;
	}
	*ret_domain = domain;
	return 0;
}

int steer_domain_destroy(struct steer_domain *domain)
{
	struct steering *s = domain->steering;
	unsigned int refs;

	pthread_mutex_lock(&s->lock);
	refs = domain->refs;
	pthread_mutex_unlock(&s->lock);
	if (refs)
		return -EBUSY;
	free(domain);
	steering_put(s);
	return 0;
}

void steer_domain_allow_duplicates(struct steer_domain *domain, bool allow)
{
	pthread_mutex_lock(&domain->steering->lock);
	domain->allow_duplicates = allow;
	pthread_mutex_unlock(&domain->steering->lock);
}

int steer_domain_sync(struct steer_domain *domain)
{
	if (!domain->steering->limits.sw_steering)
		return -EOPNOTSUPP;
	steer_synchronize(domain->steering);
	return 0;
}

/* ---- tables ---- */

static int table_admit(const struct steering *s, uint32_t level)
{
	if (s->failed)
		return -EIO;
	if (!level)
		return 0;
	if (!s->limits.sw_steering)
		return -EOPNOTSUPP;
	if (s->limits.max_tables && s->stats.tables >= s->limits.max_tables)
		return -ENOMEM;
	return 0;
}

int steer_table_new(struct steer_domain *domain, uint32_t level, struct steer_table **ret_table)
{
	struct steering *s = domain->steering;
	struct steer_table *table = calloc(1, sizeof(*table));
	int r;

	if (!table)
		return -ENOMEM;
	table->domain = domain;
	table->level = level;
	table->search = level ? &table->own : &s->roots[domain->direction];
	pthread_mutex_lock(&s->lock);
	r = table_admit(s, level);
	if (!r) {
		s->stats.tables += level ? 1 : 0;
		domain_get(domain);
		TAILQ_INSERT_TAIL(&domain->tables, table, in_domain);
	}
	pthread_mutex_unlock(&s->lock);
	if (r) {
		free(table);
		return r;
	}
	*ret_table = table;
	return 0;
}

int steer_table_destroy(struct steer_table *table)
{
	struct steering *s = table->domain->steering;
	int r = -EBUSY;

	pthread_mutex_lock(&s->lock);
	if (!table->refs) {
		s->stats.tables -= table->level ? 1 : 0;
		TAILQ_REMOVE(&table->domain->tables, table, in_domain);
		domain_put(table->domain);
		r = 0;
	}
	pthread_mutex_unlock(&s->lock);
	if (!r)
		free(table);
	return r;
}
