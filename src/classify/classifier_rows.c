/*
 * Deduplication of rows: see classifier_rows.h.
 */
#include "classify/classifier_rows.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define EMPTY_SLOT UINT32_MAX

static uint64_t zobrist(uint32_t bit)
{
	uint64_t z = (bit + UINT64_C(1)) * 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

int rows_init(struct rows *rows, size_t words)
{
	*rows = (struct rows){ .words = words };
	rows->current = calloc(words, sizeof(*rows->current));
	return rows->current ? 0 : -ENOMEM;
}

void rows_fini(struct rows *rows)
{
	free(rows->bits);
	free(rows->hashes);
	free(rows->slots);
	free(rows->current);
	*rows = (struct rows){ 0 };
}

void rows_clear(struct rows *rows)
{
	memset(rows->current, 0, rows->words * sizeof(*rows->current));
	rows->hash = 0;
}

void rows_flip(struct rows *rows, uint32_t bit)
{
	rows->current[bit / 64] ^= UINT64_C(1) << (bit % 64);
	rows->hash ^= zobrist(bit);
}

static int grow(struct rows *rows)
{
	size_t capacity = rows->capacity ? rows->capacity * 2 : 64;
	uint64_t *bits, *hashes;
	uint32_t *slots;

	if (capacity > ROWS_BYTES_MAX / sizeof(*bits) / rows->words)
		return -ENOSPC;
	bits = reallocarray(rows->bits, capacity, rows->words * sizeof(*bits));
	if (!bits)
		return -ENOMEM;
	rows->bits = bits;
	hashes = reallocarray(rows->hashes, capacity, sizeof(*hashes));
	if (!hashes)
		return -ENOMEM;
	rows->hashes = hashes;
	slots = malloc(capacity * 2 * sizeof(*slots));
	if (!slots)
		return -ENOMEM;

	memset(slots, 0xff, capacity * 2 * sizeof(*slots));
	for (size_t i = 0; i < rows->count; i++) {
		size_t at = hashes[i] & (capacity * 2 - 1);

		while (slots[at] != EMPTY_SLOT)
			at = (at + 1) & (capacity * 2 - 1);
		slots[at] = (uint32_t)i;
	}
	free(rows->slots);
	rows->slots = slots;
	rows->slot_count = capacity * 2;
	rows->capacity = capacity;
	return 0;
}

int rows_current(struct rows *rows, uint32_t *ret)
{
	size_t bytes = rows->words * sizeof(*rows->bits);
	size_t at;

	if (rows->count == rows->capacity) {
		int r = grow(rows);

		if (r < 0)
			return r;
	}
	at = rows->hash & (rows->slot_count - 1);
	for (; rows->slots[at] != EMPTY_SLOT; at = (at + 1) & (rows->slot_count - 1)) {
		uint32_t row = rows->slots[at];

		if (rows->hashes[row] == rows->hash &&
		    memcmp(rows->bits + row * rows->words, rows->current, bytes) == 0) {
			*ret = row;
			return 0;
		}
	}
	memcpy(rows->bits + rows->count * rows->words, rows->current, bytes);
	rows->hashes[rows->count] = rows->hash;
	rows->slots[at] = (uint32_t)rows->count;
	*ret = (uint32_t)rows->count++;
	return 0;
}
