/*
 * Hits of rules, by name: see hardware_weigh.h.
 */
#include "nic/hardware_weigh.h"

#include "nic/hardware_rules.h"
#include "nic/nic_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static uint64_t software_hits(const struct snapshot *snapshot, enum stage stage, size_t index)
{
	uint32_t at = snapshot->ruleset->hit_base[DIRECTION_INBOUND][stage] + (uint32_t)index;
	uint64_t hits = 0;

	for (uint16_t q = 0; q < snapshot->counted->lanes; q++)
		hits += __atomic_load_n(&snapshot->counted->hits[q][at].packets, __ATOMIC_RELAXED);
	return hits;
}

static int by_name(const void *a, const void *b)
{
	const struct hardware_hit *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static int read_stage(const struct snapshot *snapshot, const struct hardware_rules *rules,
		      enum stage stage, struct hardware_hits *ret)
{
	const struct program_chain *chain =
		&snapshot->ruleset->program->chain[DIRECTION_INBOUND][stage];
	struct hardware_hit *list = calloc(chain->count + 1, sizeof(*list));

	ret->of[stage] = list;
	if (!list)
		return -ENOMEM;
	for (size_t i = 0; i < chain->count; i++) {
		struct hardware_hit hit = { .name = strdup(chain->rules[i].rule->name) };

		if (!hit.name)
			return -ENOMEM;
		hit.hits = software_hits(snapshot, stage, i);
		if (rules)
			hit.hits += rules->of[stage][i].dropped;
		ret->total += hit.hits;
		list[ret->count[stage]++] = hit;
	}
	qsort(list, ret->count[stage], sizeof(*list), by_name);
	return 0;
}

int hardware_hits_read(const struct nic *nic, struct hardware_hits *ret)
{
	const struct snapshot *snapshot = nic_snapshot(nic);
	struct hardware_hits hits = { .total = 0 };
	struct hardware_rules *rules;
	int r = hardware_rules_new(nic, &rules);

	for (int s = 0; r == 0 && snapshot->ruleset->has_policy && s < STAGES; s++)
		r = read_stage(snapshot, rules, (enum stage)s, &hits);
	hardware_rules_free(rules);
	if (r < 0)
		hardware_hits_fini(&hits);
	else
		*ret = hits;
	return r;
}

void hardware_hits_fini(struct hardware_hits *hits)
{
	for (int s = 0; s < STAGES; s++) {
		for (size_t i = 0; i < hits->count[s]; i++)
			free(hits->of[s][i].name);
		free(hits->of[s]);
	}
	*hits = (struct hardware_hits){ .total = 0 };
}

static uint64_t *give_stage(const struct hardware_hits *hits, const struct program_chain *chain,
			    enum stage stage)
{
	uint64_t *given = calloc(chain->count + 1, sizeof(*given));

	for (size_t i = 0; given && i < chain->count; i++) {
		struct hardware_hit key = { .name = chain->rules[i].rule->name };
		const struct hardware_hit *hit =
			bsearch(&key, hits->of[stage], hits->count[stage], sizeof(key), by_name);

		given[i] = hit ? hit->hits : 0;
	}
	return given;
}

void hardware_hits_give(const struct hardware_hits *hits, const struct program *program,
			uint64_t *ret[STAGES])
{
	for (int s = 0; s < STAGES; s++) {
		ret[s] = NULL;
		if (hits->count[s] > 0)
			ret[s] = give_stage(hits, &program->chain[DIRECTION_INBOUND][s],
					    (enum stage)s);
	}
}

void hardware_hits_take_back(uint64_t *given[STAGES])
{
	for (int s = 0; s < STAGES; s++)
		free(given[s]);
}
