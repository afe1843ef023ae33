/*
 * The objects of steering.h as the files of this folder see them. Counts and lists are under the
 * lock of struct steering; what walkers read is atomic, or never changes while they can reach it.
 */
#ifndef AZHOST_CONNECTX_STEERING_STATE_H
#define AZHOST_CONNECTX_STEERING_STATE_H

#include "azhost/connectx/steering/gate.h"
#include "azhost/connectx/steering/match.h"
#include "azhost/connectx/steering/rewrite.h"
#include "azhost/connectx/steering/rule_set.h"
#include "azhost/connectx/steering/steering.h"
#include "azhost/connectx/steering/walk_cache.h"

#include <pthread.h>
#include <sys/queue.h>

/* What a walk searches: matchers in their order. The root tables' are the steering's, those of
 * other tables their own. */
struct search {
	_Atomic(struct steer_matcher *) first;
	struct steer_matcher *last; /* no walker reads it */
};

struct steer_faults {
	uint64_t fail_in; /* creations until the fault begins, 0 = none */
	uint64_t fail_count;
	int error; /* positive */
	uint32_t rule_limit;
	uint32_t rule_us; /* how long a creation takes, as on a card; 0: no longer than here */
};

/* Owner: the emulated device, and every domain that is open on it (refs). */
struct steering {
	struct gate gate;
	struct search roots[STEER_DIRECTIONS];
	struct walk_cache cache;
	_Atomic uint32_t root_rules[STEER_DIRECTIONS];
	pthread_mutex_t lock;
	unsigned int refs;
	bool failed; /* steer_fail() */
	struct steer_limits limits;
	struct steer_faults faults;
	struct steer_stats stats;
	uint64_t serial; /* numbers matchers and rules in the order of their creation */
};

struct steer_domain {
	struct steering *steering;
	enum steer_direction direction;
	unsigned int refs; /* tables, and actions that name the domain */
	bool allow_duplicates;
	TAILQ_HEAD(, steer_table) tables;
};

struct steer_table {
	struct steer_domain *domain;
	uint32_t level;
	unsigned int refs; /* matchers, and actions that go there */
	struct search *search;
	struct search own;
	TAILQ_ENTRY(steer_table) in_domain;
};

struct steer_matcher {
	/* read by walkers */
	_Atomic(struct steer_matcher *) next;
	struct rule_set rules;
	struct match_mask mask;
	/* the rest is not */
	struct steer_matcher *previous;
	struct steer_table *table;
	unsigned int n_rules;
	uint16_t priority;
	uint64_t order; /* see tie_order() */
};

enum steer_action_kind {
	ACTION_DROP,
	ACTION_MISS,
	ACTION_TIR,
	ACTION_TABLE,
	ACTION_TAG,
	ACTION_COUNTER,
	ACTION_MODIFY,
	ACTION_POP_VLAN,
	ACTION_PUSH_VLAN,
	ACTION_KINDS,
};

/* Immutable while a rule uses it. Owner: whoever made it. */
struct steer_action {
	enum steer_action_kind kind;
	atomic_uint refs;            /* rules: counted under the locks of several VFs, perhaps */
	struct steer_domain *domain; /* MODIFY, TABLE */
	union {
		struct steer_tir *tir;
		struct steer_table *table;
		uint32_t tag;
		uint32_t vlan; /* TPID << 16 | TCI */
		struct {
			struct steer_counters *counters;
			uint32_t offset;
		} counter;
		struct {
			bool root;
			uint32_t n;
			struct rewrite_command *program;
		} modify;
	};
};

/* One rule of a matcher: its packed value and its actions follow in one allocation. */
struct steer_rule {
	_Atomic(struct steer_rule *) twin; /* the next rule of the same value */
	uint64_t hash;
	const uint64_t *value;         /* matcher->mask.n_words words */
	struct steer_action **actions; /* as given */
	uint8_t n_actions;
	uint16_t kinds; /* bits of enum steer_action_kind */
	struct steer_matcher *matcher;
	uint64_t order;
	uint64_t storage[];
};

static inline bool table_is_root(const struct steer_table *table)
{
	return table->level == 0;
}

/* The place of a new object among its equals: the lower, the earlier it is tried. Unique. Takes
 * the next serial number. */
uint64_t tie_order(struct steering *s);

void domain_get(struct steer_domain *domain);
void domain_put(struct steer_domain *domain);

/* Whether a rule of these actions may be in that table: 0 or the errno of steer_rule_new(). */
int actions_check(const struct steer_table *table, struct steer_action *const *actions, size_t n);
/* Takes, and gives back, the rule's holds on its actions and on what they point at. */
void actions_hold(struct steer_action *const *actions, size_t n);
void actions_release(struct steer_action *const *actions, size_t n);
/* Root table: whether two rules of one value contradict each other. */
bool actions_conflict(const struct steer_rule *a, const struct steer_rule *b);
/* " count tag=1234 tir": for people. */
void actions_print(FILE *out, struct steer_action *const *actions, size_t n);

#endif
