/*
 * "Did you mean": see suggest.h.
 */
#include "base/suggest.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#define WORD_MAX 64

static size_t min(size_t a, size_t b)
{
	return a < b ? a : b;
}

static bool same(char a, char b)
{
	return tolower((unsigned char)a) == tolower((unsigned char)b);
}

/* Optimal string alignment, three rows of the table at a time. */
size_t edit_distance(const char *a, const char *b)
{
	size_t rows[3][WORD_MAX + 1];
	size_t *before = rows[0], *last = rows[1], *row = rows[2];
	const size_t length_a = min(strlen(a), WORD_MAX), length_b = min(strlen(b), WORD_MAX);

	for (size_t j = 0; j <= length_b; j++)
		last[j] = j;
	for (size_t i = 1; i <= length_a; i++) {
		size_t *free_row;

		row[0] = i;
		for (size_t j = 1; j <= length_b; j++) {
			row[j] = min(min(last[j] + 1, row[j - 1] + 1),
				     last[j - 1] + !same(a[i - 1], b[j - 1]));
			if (i > 1 && j > 1 && same(a[i - 1], b[j - 2]) && same(a[i - 2], b[j - 1]))
				row[j] = min(row[j], before[j - 2] + 1);
		}
		free_row = before;
		before = last;
		last = row;
		row = free_row;
	}
	return last[length_b];
}

void suggestion_init(struct suggestion *suggestion, const char *typed)
{
	/* A third of the letters may be wrong; more is no slip of the finger. */
	*suggestion = (struct suggestion){ .typed = typed, .distance = 1 + strlen(typed) / 3 };
}

void suggestion_offer(struct suggestion *suggestion, const char *word)
{
	size_t distance = edit_distance(suggestion->typed, word);

	if (distance < suggestion->distance ||
	    (distance == suggestion->distance && !suggestion->found)) {
		suggestion->distance = distance;
		suggestion->found = word;
	}
}
