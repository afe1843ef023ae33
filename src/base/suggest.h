/*
 * "Did you mean": the nearest of several words, where one is near enough; case does not count.
 * Pure.
 */
#ifndef BASE_SUGGEST_H
#define BASE_SUGGEST_H

#include <stddef.h>

struct suggestion {
	const char *typed;
	const char *found; /* NULL: nothing near enough yet; borrowed from what was offered */
	size_t distance;
};

void suggestion_init(struct suggestion *suggestion, const char *typed);
void suggestion_offer(struct suggestion *suggestion, const char *word);

/* Insertions, deletions, replacements and swaps of neighbours between two short texts. */
size_t edit_distance(const char *a, const char *b);

#endif
