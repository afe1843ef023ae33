/*
 * From the numbers of rule sets to those of policies: see generations.h.
 */
#include "nic/generations.h"

void generations_note(struct generations *generations, uint64_t ruleset, uint64_t policy)
{
	const size_t last = (generations->count - 1) % GENERATIONS_MAX;
	const size_t next = generations->count % GENERATIONS_MAX;

	generations->newest = ruleset;
	if (generations->count && generations->spans[last].policy == policy)
		return;
	generations->spans[next].ruleset = ruleset;
	generations->spans[next].policy = policy;
	generations->count++;
}

bool generations_find(const struct generations *generations, uint16_t ruleset, uint64_t *ret_policy)
{
	const uint16_t age = (uint16_t)((uint16_t)generations->newest - ruleset);
	const size_t kept =
		generations->count < GENERATIONS_MAX ? generations->count : GENERATIONS_MAX;

	if (age > generations->newest)
		return false;
	for (size_t i = 1; i <= kept; i++) {
		const size_t at = (generations->count - i) % GENERATIONS_MAX;

		if (generations->spans[at].ruleset > generations->newest - age)
			continue;
		*ret_policy = generations->spans[at].policy;
		return true;
	}
	return false;
}
