/*
 * Verdicts that change: see verdict_diff.h.
 */
#include "compile/verdict_diff.h"

#include "compile/space_box.h"
#include "compile/space_classes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SAMPLE_LEAST 2000 /* tuples of a box that is too large to be walked */
#define SEEN_SLOTS   4096 /* a power of two, above VERDICT_DIFF_CHANGES */

/* A rule of one program that the other does not have. */
struct suspect {
	const struct space_chain *chain; /* NULL: anything may have changed */
	size_t rule;
	uint64_t size; /* of its box, in tuples */
};

struct search {
	const struct space *space;
	struct verdict_diff *diff;
	uint64_t budget;
	bool full; /* no room for more changes */
	struct suspect *suspects;
	size_t count;
	size_t capacity;
	uint32_t seen[SEEN_SLOTS]; /* 1 + index of a change, by its pair of rules; 0: free */
};

/* --- rules that are not the same on both sides --- */

static bool same_column(const struct space *space, const struct space_chain *a, size_t i,
			const struct space_chain *b, size_t k)
{
	for (enum space_field f = 0; f < SPACE_FIELDS; f++) {
		for (size_t v = 0; v < space->count[f]; v++) {
			bool left = space_words(a, f, v)[i / 64] >> i % 64 & 1;
			bool right = space_words(b, f, v)[k / 64] >> k % 64 & 1;

			if (left != right)
				return false;
		}
	}
	return true;
}

static int add_suspect(struct search *search, const struct space_chain *chain, size_t rule)
{
	struct space_box box;
	int r;

	if (search->count == search->capacity) {
		size_t capacity = search->capacity ? search->capacity * 2 : 16;
		struct suspect *grown = reallocarray(search->suspects, capacity, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		search->suspects = grown;
		search->capacity = capacity;
	}
	r = space_box_init(&box, search->space, chain, rule);
	if (r < 0)
		return r;
	search->suspects[search->count++] = (struct suspect){
		.chain = chain,
		.rule = rule,
		.size = space_box_size(&box, search->space),
	};
	space_box_fini(&box);
	return 0;
}

/* Walks both chains by priority, which is how both are sorted. */
static int compare_chains(struct search *search, const struct space_chain *a,
			  const struct space_chain *b)
{
	size_t i = 0, k = 0;
	int r = 0;

	if (a->chain->present != b->chain->present)
		r = add_suspect(search, NULL, 0); /* no rule at all has an effect of its own */
	while (r == 0 && (i < a->chain->count || k < b->chain->count)) {
		const struct program_rule *left = i < a->chain->count ? &a->chain->rules[i] : NULL;
		const struct program_rule *right = k < b->chain->count ? &b->chain->rules[k] : NULL;

		if (left && right && left->rule->priority == right->rule->priority) {
			if (left->access != right->access ||
			    !same_column(search->space, a, i, b, k)) {
				r = add_suspect(search, a, i);
				r = r < 0 ? r : add_suspect(search, b, k);
			}
			i++;
			k++;
		} else if (left && (!right || left->rule->priority < right->rule->priority)) {
			r = add_suspect(search, a, i++);
		} else {
			r = add_suspect(search, b, k++);
		}
	}
	return r;
}

/* --- changes --- */

static bool same_pair(const struct verdict_change *change, const struct judgement *before,
		      const struct judgement *after)
{
	return change->before.rule == before->rule && change->after.rule == after->rule &&
	       change->before.stage == before->stage && change->after.stage == after->stage;
}

static uint32_t *slot_of(struct search *search, const struct judgement *before,
			 const struct judgement *after)
{
	uint64_t hash = class_key((uintptr_t)before->rule) ^
			class_key((uintptr_t)after->rule + 1 + after->stage);
	uint32_t *slot;

	for (;; hash++) {
		slot = &search->seen[hash % SEEN_SLOTS];
		if (*slot == 0 || same_pair(&search->diff->changes[*slot - 1], before, after))
			return slot;
	}
}

static bool visit(void *context, const size_t at[SPACE_FIELDS])
{
	struct search *search = context;
	struct verdict_diff *diff = search->diff;
	struct judgement before, after;
	uint32_t *slot;

	space_judge(search->space, 0, at, &before);
	space_judge(search->space, 1, at, &after);
	if (before.access == after.access)
		return true;
	slot = slot_of(search, &before, &after);
	if (*slot != 0)
		return true;
	if (diff->count == VERDICT_DIFF_CHANGES) {
		diff->complete = false;
		return false;
	}
	diff->changes[diff->count] = (struct verdict_change){
		.tuple = space_tuple(search->space, at),
		.before = before,
		.after = after,
	};
	*slot = (uint32_t)++diff->count;
	return true;
}

static int compare_suspects(const void *left, const void *right)
{
	const struct suspect *a = left, *b = right;

	return a->size < b->size ? -1 : a->size > b->size;
}

/* Walks the suspect's box, or where that is too much, takes samples of it. */
static int search_box(struct search *search, const struct suspect *suspect, size_t left)
{
	uint64_t share = search->budget / left;
	struct space_box box;
	int r = space_box_init(&box, search->space, suspect->chain, suspect->rule);

	if (r < 0)
		return r;
	if (suspect->size <= search->budget) {
		search->full = !space_box_walk(&box, search->space, visit, search);
		search->budget -= suspect->size;
	} else {
		search->diff->complete = false;
		share = share > SAMPLE_LEAST ? share : SAMPLE_LEAST;
		search->full = !space_box_sample(&box, search->space, share, visit, search);
		search->budget -= share < search->budget ? share : search->budget;
	}
	space_box_fini(&box);
	return 0;
}

static int search_boxes(struct search *search)
{
	int r = 0;

	if (search->count)
		qsort(search->suspects, search->count, sizeof(*search->suspects), compare_suspects);
	for (size_t i = 0; i < search->count && !search->full && r == 0; i++)
		r = search_box(search, &search->suspects[i], search->count - i);
	return r;
}

static int search_space(const struct space *space, uint64_t budget, struct verdict_diff *diff,
			struct accelnet_error *err)
{
	struct search *search = calloc(1, sizeof(*search));
	int r = search ? 0 : -ENOMEM;

	for (size_t stage = 0; stage < STAGES && r == 0; stage++) {
		search->space = space;
		r = compare_chains(search, &space->chain[0][stage], &space->chain[1][stage]);
	}
	if (r == 0) {
		search->diff = diff;
		search->budget = budget;
		r = search_boxes(search);
	}
	free(search ? search->suspects : NULL);
	free(search);
	return r < 0 ? fail(err, ACCELNET_E_MEMORY, NULL, "out of memory") : 0;
}

int verdict_diff_new(const struct program *before, const struct program *after, uint64_t budget,
		     struct verdict_diff **ret, struct accelnet_error *err)
{
	const struct program *const programs[] = { before, after };
	struct verdict_diff *diff = calloc(1, sizeof(*diff));
	int r = 0;

	if (diff)
		diff->changes = calloc(VERDICT_DIFF_CHANGES, sizeof(*diff->changes));
	if (!diff || !diff->changes) {
		free(diff);
		return fail(err, ACCELNET_E_MEMORY, NULL, "out of memory");
	}
	diff->complete = true;
	for (int part = 0; part < DIRECTIONS * IP_FAMILIES && r == 0; part++) {
		struct space *space = NULL;

		r = space_new(programs, 2, (enum direction)(part / IP_FAMILIES),
			      (enum ip_family)(part % IP_FAMILIES), &space, err);
		if (r == 0)
			r = search_space(space, budget / (DIRECTIONS * IP_FAMILIES), diff, err);
		space_free(space);
	}
	if (r < 0) {
		verdict_diff_free(diff);
		return r;
	}
	*ret = diff;
	return 0;
}

void verdict_diff_free(struct verdict_diff *diff)
{
	if (!diff)
		return;
	free(diff->changes);
	free(diff);
}
