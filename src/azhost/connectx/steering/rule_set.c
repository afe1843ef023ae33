/*
 * The hash table of a matcher's rules; see rule_set.h for how readers and the writer get along.
 */
#include "azhost/connectx/steering/state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS_MIN 8

/* What stands where a rule was: probes go on behind it. */
static struct steer_rule tombstone;

void rule_set_fini(struct rule_set *set)
{
	free(atomic_load_explicit(&set->array, memory_order_relaxed));
}

static bool same_value(const uint64_t *a, const uint64_t *b, unsigned int n_words)
{
	for (unsigned int i = 0; i < n_words; i++) {
		if (a[i] != b[i])
			return false;
	}
	return true;
}

struct steer_rule *rule_set_find(const struct rule_set *set, uint64_t hash, const uint64_t *packed,
				 unsigned int n_words)
{
	struct rule_array *array = atomic_load_explicit(&set->array, memory_order_acquire);

	if (!array)
		return NULL;
	for (uint64_t at = hash & array->mask;; at = (at + 1) & array->mask) {
		struct rule_slot *slot = &array->slots[at];
		struct steer_rule *rule = atomic_load_explicit(&slot->rule, memory_order_acquire);

		if (!rule)
			return NULL;
		if (rule == &tombstone ||
		    atomic_load_explicit(&slot->hash, memory_order_relaxed) != hash)
			continue;
		if (same_value(rule->value, packed, n_words))
			return rule;
	}
}

/* The first slot on the rule's path that has no rule in it. */
static struct rule_slot *free_slot(struct rule_array *array, uint64_t hash)
{
	for (uint64_t at = hash & array->mask;; at = (at + 1) & array->mask) {
		struct rule_slot *slot = &array->slots[at];
		struct steer_rule *rule = atomic_load_explicit(&slot->rule, memory_order_relaxed);

		if (!rule || rule == &tombstone)
			return slot;
	}
}

static void fill_slot(struct rule_slot *slot, struct steer_rule *rule)
{
	atomic_store_explicit(&slot->hash, rule->hash, memory_order_relaxed);
	atomic_store_explicit(&slot->rule, rule, memory_order_release);
}

static struct rule_array *array_new(uint64_t slots)
{
	struct rule_array *array = calloc(1, sizeof(*array) + slots * sizeof(array->slots[0]));

	if (array)
		array->mask = slots - 1;
	return array;
}

/* A new array without tombstones, at most a quarter full. */
static int rebuild(struct rule_set *set, struct gate *gate)
{
	struct rule_array *old = atomic_load_explicit(&set->array, memory_order_relaxed);
	struct rule_array *new;
	uint64_t slots = SLOTS_MIN;

	while (slots < 4 * ((uint64_t)set->live + 1))
		slots *= 2;
	new = array_new(slots);
	if (!new)
		return -ENOMEM;
	for (uint64_t i = 0; old && i <= old->mask; i++) {
		struct steer_rule *rule =
			atomic_load_explicit(&old->slots[i].rule, memory_order_relaxed);

		if (rule && rule != &tombstone)
			fill_slot(free_slot(new, rule->hash), rule);
	}
	atomic_store_explicit(&set->array, new, memory_order_release);
	set->used = set->live;
	if (old) {
		gate_wait(gate);
		free(old);
	}
	return 0;
}

int rule_set_insert(struct rule_set *set, struct gate *gate, struct steer_rule *rule)
{
	struct rule_array *array = atomic_load_explicit(&set->array, memory_order_relaxed);
	struct rule_slot *slot;
	int r;

	if (!array || 2 * ((uint64_t)set->used + 1) > array->mask + 1) {
		r = rebuild(set, gate);
		if (r)
			return r;
		array = atomic_load_explicit(&set->array, memory_order_relaxed);
	}
	slot = free_slot(array, rule->hash);
	if (!atomic_load_explicit(&slot->rule, memory_order_relaxed))
		set->used++;
	set->live++;
	fill_slot(slot, rule);
	return 0;
}

void rule_set_replace(struct rule_set *set, struct steer_rule *rule, struct steer_rule *instead)
{
	struct rule_array *array = atomic_load_explicit(&set->array, memory_order_relaxed);
	uint64_t at = rule->hash & array->mask;

	while (atomic_load_explicit(&array->slots[at].rule, memory_order_relaxed) != rule)
		at = (at + 1) & array->mask;
	if (!instead)
		set->live--;
	atomic_store_explicit(&array->slots[at].rule, instead ? instead : &tombstone,
			      memory_order_release);
}

void rule_set_visit(const struct rule_set *set, void (*visit)(struct steer_rule *rule, void *arg),
		    void *arg)
{
	struct rule_array *array = atomic_load_explicit(&set->array, memory_order_relaxed);

	for (uint64_t i = 0; array && i <= array->mask; i++) {
		struct steer_rule *rule =
			atomic_load_explicit(&array->slots[i].rule, memory_order_relaxed);

		if (rule && rule != &tombstone)
			visit(rule, arg);
	}
}
