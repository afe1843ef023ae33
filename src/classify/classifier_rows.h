/*
 * The distinct rows of a field while a table set is built.
 *
 * A sweep over a field's values keeps one current bitmap and a hash of it that each flipped bit
 * updates (Zobrist's, so that the order of flips does not matter); where a row is needed it is
 * found again by that hash and compared bit by bit, so a hash collision costs time and no verdict.
 * Private to classifier*.c.
 */
#ifndef CLASSIFY_CLASSIFIER_ROWS_H
#define CLASSIFY_CLASSIFIER_ROWS_H

#include <stddef.h>
#include <stdint.h>

/* What the rows of one field may take. Real policies need a thousandth of it. */
#define ROWS_BYTES_MAX ((size_t)1 << 30)

struct rows {
	size_t words; /* of a row */
	uint64_t *bits;
	size_t count;
	size_t capacity;
	uint64_t *hashes;
	uint32_t *slots;
	size_t slot_count;
	/* the bitmap of the sweep */
	uint64_t *current;
	uint64_t hash;
};

/* 0 or -ENOMEM; rows_fini() in any case. `words` is a multiple of LINE_WORDS. */
int rows_init(struct rows *rows, size_t words);
void rows_fini(struct rows *rows);

/* Makes the current bitmap empty again. */
void rows_clear(struct rows *rows);
void rows_flip(struct rows *rows, uint32_t bit);

/*
 * The number of the current bitmap's row, which is added where there is none. 0, -ENOMEM, or
 * -ENOSPC where the rows would pass ROWS_BYTES_MAX.
 */
int rows_current(struct rows *rows, uint32_t *ret);

#endif
