/*
 * Priorities that stay: see priorities.h.
 */
#include "offload/priorities.h"

#include "offload/match.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NONE UINT32_MAX

/* Rules of one group, family and kind: the others never meet them, but for those without a kind. */
struct bucket {
	uint32_t group;
	enum ip_family family;
	enum plan_kind kind;
};

/* One priority of the plan within a bucket. */
struct level {
	uint32_t number;  /* in the plan */
	uint32_t present; /* in the device; NONE */
	uint32_t before;  /* in the longest chain of present ones that grows: the level before */
	bool is_anchor;   /* it keeps its present number */
	uint32_t given;
};

/* --- what the device has --- */

struct present {
	const struct layout *layout;
	uint32_t *table; /* of rules in the device, by all but their priority */
	bool *several;   /* by place in the table: it stands for more than one */
	size_t mask;
};

static struct plan_rule without_priority(const struct plan_rule *rule)
{
	struct plan_rule copy = *rule;

	copy.priority = 0;
	return copy;
}

/* The rule's place in the table, or the one that it would have. */
static size_t present_find(const struct present *present, const struct plan_rule *wanted)
{
	struct plan_rule rule = without_priority(wanted);
	size_t at = match_hash(&rule) & present->mask;

	while (present->table[at] != NONE) {
		struct plan_rule other =
			without_priority(&present->layout->plan->rules[present->table[at]]);

		if (match_same(&other, &rule))
			break;
		at = (at + 1) & present->mask;
	}
	return at;
}

static int present_init(struct present *present, const struct layout *layout)
{
	size_t count = layout_count(layout), size = 16;

	while (size < count * 2)
		size *= 2;
	*present = (struct present){ .layout = layout, .mask = size - 1 };
	present->table = malloc(size * sizeof(*present->table));
	if (!present->table)
		return -ENOMEM;
	memset(present->table, 0xff, size * sizeof(*present->table));
	present->several = calloc(size, sizeof(*present->several));
	if (!present->several)
		return -ENOMEM;
	for (uint32_t i = 0; i < count; i++) {
		size_t at;

		if (!layout->states[i].handle)
			continue;
		at = present_find(present, &layout->plan->rules[i]);
		present->several[at] = present->table[at] != NONE;
		present->table[at] = i;
	}
	return 0;
}

static void present_fini(struct present *present)
{
	free(present->table);
	free(present->several);
}

/* Where several priorities have the rule, it says nothing. */
static uint32_t present_priority(const struct present *present, const struct plan_rule *rule)
{
	size_t at = present_find(present, rule);

	if (present->table[at] == NONE || present->several[at])
		return NONE;
	return present->layout->plan->rules[present->table[at]].priority;
}

/* --- levels --- */

static bool is_of(const struct bucket *bucket, const struct plan_rule *rule)
{
	return rule->match.has_kind && rule->group == bucket->group &&
	       rule->match.family == bucket->family && rule->match.kind == bucket->kind;
}

static int by_number(const void *a, const void *b)
{
	const struct level *x = a, *y = b;

	return (x->number > y->number) - (x->number < y->number);
}

/* Ascending, each once; the first of its rules that the device has says what it is there. */
static size_t find_levels(const struct plan *plan, const struct bucket *bucket,
			  const struct present *present, struct level *levels)
{
	size_t count = 0, kept = 0;

	for (size_t i = 0; i < plan->rule_count; i++) {
		if (is_of(bucket, &plan->rules[i]))
			levels[count++] = (struct level){
				.number = plan->rules[i].priority,
				.present = present_priority(present, &plan->rules[i]),
			};
	}
	qsort(levels, count, sizeof(*levels), by_number);
	for (size_t i = 0; i < count; i++) {
		if (kept > 0 && levels[kept - 1].number == levels[i].number) {
			if (levels[kept - 1].present == NONE)
				levels[kept - 1].present = levels[i].present;
			continue;
		}
		levels[kept++] = levels[i];
	}
	return kept;
}

/*
 * The longest chain of levels whose present numbers grow as their order does. `ends[n]` is the
 * level with the smallest present number that ends a chain of n + 1.
 */
static void choose_anchors(struct level *levels, size_t count, uint32_t *ends)
{
	uint32_t longest = 0;

	for (uint32_t i = 0; i < count; i++) {
		uint32_t low = 0, high = longest;

		if (levels[i].present == NONE)
			continue;
		while (low < high) {
			uint32_t middle = (low + high) / 2;

			if (levels[ends[middle]].present < levels[i].present)
				low = middle + 1;
			else
				high = middle;
		}
		levels[i].before = low > 0 ? ends[low - 1] : NONE;
		ends[low] = i;
		longest = low == longest ? longest + 1 : longest;
	}
	for (uint32_t i = longest > 0 ? ends[longest - 1] : NONE; i != NONE; i = levels[i].before)
		levels[i].is_anchor = true;
}

/* Numbers for levels[from..to), strictly between `above` and `below`; false: there is no room. */
static bool spread(struct level *levels, size_t from, size_t to, uint32_t above, uint32_t below)
{
	uint64_t count = to - from, room = below - above;

	if (room <= count)
		return false;
	for (size_t i = from; i < to; i++)
		levels[i].given = above + (uint32_t)((i - from + 1) * room / (count + 1));
	return true;
}

static bool give_between_anchors(struct level *levels, size_t count, uint32_t floor,
				 uint32_t ceiling)
{
	size_t from = 0;

	for (size_t i = 0; i < count; i++) {
		if (!levels[i].is_anchor)
			continue;
		if (levels[i].present <= floor || levels[i].present >= ceiling ||
		    (i > from && !spread(levels, from, i, floor, levels[i].present)))
			return false;
		levels[i].given = floor = levels[i].present;
		from = i + 1;
	}
	return from == count || spread(levels, from, count, floor, ceiling);
}

/* --- a bucket --- */

/* Between which numbers (first 0 and 0) the bucket may move: rules without a kind keep their places
 * around it. */
static bool find_bounds(const struct plan *plan, const struct bucket *bucket,
			const struct level *levels, size_t count, uint32_t *ret_floor,
			uint32_t *ret_ceiling)
{
	uint32_t first = levels[0].number, last = levels[count - 1].number;
	bool has_ceiling = false;

	for (size_t i = 0; i < plan->rule_count; i++) {
		const struct plan_rule *rule = &plan->rules[i];

		if (rule->match.has_kind || rule->group != bucket->group ||
		    rule->match.family != bucket->family)
			continue;
		if (rule->priority >= first && rule->priority <= last)
			return false;
		if (rule->priority < first && rule->priority > *ret_floor) {
			*ret_floor = rule->priority;
		} else if (rule->priority > last &&
			   (!has_ceiling || rule->priority < *ret_ceiling)) {
			*ret_ceiling = rule->priority;
			has_ceiling = true;
		}
	}
	/* without a rule below, nothing tells how far the device's numbers go */
	return has_ceiling && first > 0;
}

static void renumber(struct plan *plan, const struct bucket *bucket, const struct level *levels,
		     size_t count)
{
	for (size_t i = 0; i < plan->rule_count; i++) {
		const struct level key = { .number = plan->rules[i].priority };

		if (is_of(bucket, &plan->rules[i]))
			plan->rules[i].priority =
				((const struct level *)bsearch(&key, levels, count, sizeof(*levels),
							       by_number))
					->given;
	}
}

static void keep_bucket(struct plan *plan, const struct bucket *bucket,
			const struct present *present, struct level *levels, uint32_t *ends)
{
	size_t count = find_levels(plan, bucket, present, levels);
	uint32_t floor = 0, ceiling = 0;

	if (count == 0 || !find_bounds(plan, bucket, levels, count, &floor, &ceiling))
		return;
	choose_anchors(levels, count, ends);
	if (give_between_anchors(levels, count, floor, ceiling) ||
	    spread(levels, 0, count, floor, ceiling))
		renumber(plan, bucket, levels, count);
}

static uint32_t last_group(const struct plan *plan)
{
	uint32_t last = 0;

	for (size_t i = 0; i < plan->rule_count; i++)
		last = plan->rules[i].group > last ? plan->rules[i].group : last;
	return last;
}

int priorities_keep(struct plan *plan, const struct layout *old)
{
	struct bucket bucket = { .group = last_group(plan) };
	struct present present = { 0 };
	struct level *levels = NULL;
	uint32_t *ends = NULL;
	int r = -ENOMEM;

	if (bucket.group == 0)
		return 0;
	levels = calloc(plan->rule_count + 1, sizeof(*levels));
	ends = calloc(plan->rule_count + 1, sizeof(*ends));
	if (levels && ends)
		r = present_init(&present, old);
	for (int f = 0; r == 0 && f < IP_FAMILIES; f++) {
		for (int k = 0; k < PLAN_KINDS; k++) {
			bucket.family = (enum ip_family)f;
			bucket.kind = (enum plan_kind)k;
			keep_bucket(plan, &bucket, &present, levels, ends);
		}
	}
	present_fini(&present);
	free(levels);
	free(ends);
	return r;
}
