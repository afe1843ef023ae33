/*
 * The rules of one matcher, found by value: a hash table with open addressing that walkers read
 * while one control thread writes.
 *
 * A slot is a rule or a tombstone or empty; a probe goes on until it meets an empty one. Rules of
 * one and the same value hang together behind the first (steer_rule.twin) and take one slot. A
 * rule's hash is stored in its slot before the rule, so that a probe touches no rule but those
 * whose hash agrees; a hash that belongs to the slot's next rule can only cost a comparison, since
 * the rule itself is compared too. Growing publishes a new array and frees the old one when
 * walkers have left.
 *
 * Threads: rule_set_find() anybody (walkers inside the gate, or under the steering lock), the rest
 * under the steering lock.
 */
#ifndef AZHOST_CONNECTX_STEERING_RULE_SET_H
#define AZHOST_CONNECTX_STEERING_RULE_SET_H

#include "azhost/connectx/steering/gate.h"

#include <stdint.h>

struct steer_rule;

struct rule_slot {
	_Atomic(struct steer_rule *) rule;
	_Atomic uint64_t hash;
};

struct rule_array {
	uint64_t mask; /* slots - 1 */
	struct rule_slot slots[];
};

struct rule_set {
	_Atomic(struct rule_array *) array; /* NULL: never had a rule */
	uint32_t used;                      /* slots that are not empty, tombstones included */
	uint32_t live;                      /* slots with rules */
};

void rule_set_fini(struct rule_set *set);

/* The head of the rules with this value, or NULL. n_words: length of packed. */
struct steer_rule *rule_set_find(const struct rule_set *set, uint64_t hash, const uint64_t *packed,
				 unsigned int n_words);

/* No rule of its value may be in. -ENOMEM. */
int rule_set_insert(struct rule_set *set, struct gate *gate, struct steer_rule *rule);
/* `instead` takes the slot of `rule`, which must be a head; NULL leaves it empty. */
void rule_set_replace(struct rule_set *set, struct steer_rule *rule, struct steer_rule *instead);

/* Calls visit for every head, in no order. */
void rule_set_visit(const struct rule_set *set, void (*visit)(struct steer_rule *rule, void *arg),
		    void *arg);

#endif
