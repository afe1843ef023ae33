/*
 * One block of memory for everything that a classifier looks at per packet.
 *
 * Tables are built in memory of their own, registered as pieces, and moved into the block at the
 * end, each on a cache line of its own. A large block is aligned to and offered for huge pages.
 * Private to classifier*.c.
 */
#ifndef CLASSIFY_CLASSIFIER_ARENA_H
#define CLASSIFY_CLASSIFIER_ARENA_H

#include <stddef.h>

struct piece {
	const void **slot; /* gets the piece's place in the block */
	void *data;        /* owned until the move */
	size_t size;
};

struct pieces {
	struct piece *items;
	size_t count;
	size_t capacity;
};

void pieces_fini(struct pieces *pieces);

/* Takes ownership of `data`, which was malloc'd, on failure too. 0 or -ENOMEM. */
int pieces_add(struct pieces *pieces, const void **slot, void *data, size_t size);

/* Moves all pieces into one block. 0 or -ENOMEM. The block is freed with arena_free(). */
int arena_move(struct pieces *pieces, void **ret, size_t *ret_size);
void arena_free(void *arena, size_t size);

#endif
