/*
 * Classes of values: see space_classes.h.
 */
#include "compile/space_classes.h"

#include <errno.h>
#include <stdlib.h>

struct stretch {
	uint64_t id;
	ip_number first;
	ip_number last;
	int score;
};

/* The finaliser of splitmix64: different numbers, unrelated keys. */
uint64_t class_key(uint64_t number)
{
	uint64_t z = (number + 1) * 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static int add_event(struct class_cutter *cutter, ip_number at, uint64_t key)
{
	if (cutter->count == cutter->capacity) {
		size_t capacity = cutter->capacity ? cutter->capacity * 2 : 64;
		struct class_event *grown = reallocarray(cutter->events, capacity, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		cutter->events = grown;
		cutter->capacity = capacity;
	}
	cutter->events[cutter->count++] = (struct class_event){ .at = at, .key = key };
	return 0;
}

int class_cutter_add(struct class_cutter *cutter, ip_number first, ip_number last, uint64_t key)
{
	int r = add_event(cutter, first, key);

	if (r == 0 && last < cutter->last)
		r = add_event(cutter, last + 1, key);
	return r;
}

static int compare_events(const void *left, const void *right)
{
	const struct class_event *a = left, *b = right;

	return a->at < b->at ? -1 : a->at > b->at;
}

/* By class; in a class the best stretch first, among equals the lowest. */
static int compare_stretches(const void *left, const void *right)
{
	const struct stretch *a = left, *b = right;

	if (a->id != b->id)
		return a->id < b->id ? -1 : 1;
	if (a->score != b->score)
		return a->score > b->score ? -1 : 1;
	return a->first < b->first ? -1 : a->first > b->first;
}

static int compare_values(const void *left, const void *right)
{
	const ip_number *a = left, *b = right;

	return *a < *b ? -1 : *a > *b;
}

/* The stretches between events, which must be sorted; there is room for count + 1. */
static size_t cut(const struct class_cutter *cutter, const struct class_taste *taste,
		  struct stretch *stretches)
{
	ip_number first = 0;
	uint64_t id = 0;
	size_t n = 0, i = 0;

	for (;;) {
		ip_number last;

		while (i < cutter->count && cutter->events[i].at == first)
			id ^= cutter->events[i++].key;
		last = i < cutter->count ? cutter->events[i].at - 1 : cutter->last;
		stretches[n++] = (struct stretch){
			.id = id,
			.first = first,
			.last = last,
			.score = taste->score(first, last),
		};
		if (i == cutter->count)
			return n;
		first = last + 1;
	}
}

int class_cutter_finish(struct class_cutter *cutter, const struct class_taste *taste,
			ip_number **ret, size_t *ret_count)
{
	struct stretch *stretches = calloc(cutter->count + 1, sizeof(*stretches));
	ip_number *values = calloc(cutter->count + 1, sizeof(*values));
	size_t n, count = 0;

	if (!stretches || !values) {
		free(stretches);
		free(values);
		return -ENOMEM;
	}
	if (cutter->count)
		qsort(cutter->events, cutter->count, sizeof(*cutter->events), compare_events);
	n = cut(cutter, taste, stretches);
	qsort(stretches, n, sizeof(*stretches), compare_stretches);
	for (size_t i = 0; i < n; i++) {
		if (i == 0 || stretches[i].id != stretches[i - 1].id)
			values[count++] = taste->choose(stretches[i].first, stretches[i].last);
	}
	qsort(values, count, sizeof(*values), compare_values);
	free(stretches);
	class_cutter_fini(cutter);
	*ret = values;
	*ret_count = count;
	return 0;
}

void class_cutter_fini(struct class_cutter *cutter)
{
	free(cutter->events);
	*cutter = (struct class_cutter){ .last = cutter->last };
}
