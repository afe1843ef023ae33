/*
 * Comparing policies rule by rule, by a 64-bit digest of each: see delta.h.
 */
#include "nic/delta.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct digests {
	uint64_t *values; /* sorted */
	size_t count;
};

static uint64_t mix(uint64_t hash, const void *data, size_t size)
{
	const unsigned char *p = data;

	for (size_t i = 0; i < size; i++)
		hash = (hash ^ p[i]) * 0x100000001b3ULL; /* FNV-1a */
	return hash;
}

static uint64_t mix_text(uint64_t hash, const char *text)
{
	return text ? mix(hash, text, strlen(text) + 1) : mix(hash, "\xff", 1);
}

static uint64_t mix_integer(uint64_t hash, uint64_t value)
{
	return mix(hash, &value, sizeof(value));
}

static uint64_t mix_set(uint64_t hash, const struct address_set *set)
{
	hash = mix_text(hash, set->name);
	hash = mix_integer(hash, set->kind);
	for (size_t i = 0; i < set->prefix_count; i++) {
		hash = mix_integer(hash, set->prefixes[i].family);
		hash = mix_integer(hash, set->prefixes[i].length);
		hash = mix(hash, &set->prefixes[i].number, sizeof(set->prefixes[i].number));
	}
	return hash;
}

static uint64_t mix_side(uint64_t hash, const struct rule_side *side)
{
	for (size_t i = 0; i < side->set_count; i++)
		hash = mix_set(hash, side->sets[i]);
	return mix_integer(hash, side->set_count);
}

static uint64_t mix_ports(uint64_t hash, const struct port_set *ports)
{
	hash = mix_integer(hash, ports->any);
	for (size_t i = 0; i < ports->range_count; i++)
		hash = mix_integer(hash,
				   (uint64_t)ports->ranges[i].first << 16 | ports->ranges[i].last);
	return hash;
}

static uint64_t digest(enum stage stage, const struct rule *rule)
{
	uint64_t hash = mix_integer(0xcbf29ce484222325ULL, stage);

	hash = mix_text(hash, rule->name);
	hash = mix_integer(hash, rule->priority);
	hash = mix_integer(hash, rule->direction);
	hash = mix_integer(hash, rule->access);
	hash = mix_integer(hash, (uint64_t)rule->protocol);
	hash = mix_side(hash, &rule->source);
	hash = mix_side(hash, &rule->destination);
	hash = mix_ports(hash, &rule->source_ports);
	return mix_ports(hash, &rule->destination_ports);
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static size_t count_rules(const struct policy *policy)
{
	size_t count = 0;

	for (int s = 0; s < STAGES; s++) {
		for (int d = 0; d < DIRECTIONS; d++)
			count += policy->stage[s].list[d].count;
	}
	return count;
}

static int digests_init(struct digests *digests, const struct policy *policy)
{
	*digests = (struct digests){ 0 };
	if (!policy)
		return 0;
	digests->values = calloc(count_rules(policy) + 1, sizeof(*digests->values));
	if (!digests->values)
		return -ENOMEM;
	for (int s = 0; s < STAGES; s++) {
		for (int d = 0; d < DIRECTIONS; d++) {
			const struct rule_list *list = &policy->stage[s].list[d];

			for (size_t i = 0; i < list->count; i++) {
				if (!list->rules[i].is_default)
					digests->values[digests->count++] =
						digest((enum stage)s, &list->rules[i]);
			}
		}
	}
	qsort(digests->values, digests->count, sizeof(*digests->values), compare);
	return 0;
}

static size_t count_common(const struct digests *a, const struct digests *b)
{
	size_t i = 0, j = 0, common = 0;

	while (i < a->count && j < b->count) {
		if (a->values[i] == b->values[j]) {
			common++;
			i++;
			j++;
		} else if (a->values[i] < b->values[j]) {
			i++;
		} else {
			j++;
		}
	}
	return common;
}

int policy_delta(const struct policy *before, const struct policy *after, struct policy_delta *ret)
{
	struct digests old, new;
	int r = digests_init(&old, before);

	if (r < 0)
		return r;
	r = digests_init(&new, after);
	if (r == 0) {
		ret->kept = count_common(&old, &new);
		ret->added = new.count - ret->kept;
		ret->removed = old.count - ret->kept;
		free(new.values);
	}
	free(old.values);
	return r;
}
