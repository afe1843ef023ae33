/*
 * Moving tables into one block: see classifier_arena.h.
 */
#include "classify/classifier_arena.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define LINE      64
#define HUGE_PAGE (2U << 20)
#define PAGE      4096U
/* Below this a huge page would be mostly empty. */
#define HUGE_FROM (HUGE_PAGE / 2)

void pieces_fini(struct pieces *pieces)
{
	for (size_t i = 0; i < pieces->count; i++)
		free(pieces->items[i].data);
	free(pieces->items);
	*pieces = (struct pieces){ 0 };
}

int pieces_add(struct pieces *pieces, const void **slot, void *data, size_t size)
{
	if (pieces->count == pieces->capacity) {
		size_t capacity = pieces->capacity ? pieces->capacity * 2 : 64;
		struct piece *items = reallocarray(pieces->items, capacity, sizeof(*items));

		if (!items) {
			free(data);
			return -ENOMEM;
		}
		pieces->items = items;
		pieces->capacity = capacity;
	}
	pieces->items[pieces->count++] = (struct piece){ slot, data, size };
	return 0;
}

static size_t round_up(size_t size, size_t to)
{
	return (size + to - 1) / to * to;
}

/* `size` bytes at a multiple of HUGE_PAGE: maps more and gives back what stands over. */
static void *map_huge(size_t size)
{
	uint8_t *map = mmap(NULL, size + HUGE_PAGE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	size_t before;

	if (map == MAP_FAILED)
		return NULL;
	before = round_up((uintptr_t)map, HUGE_PAGE) - (uintptr_t)map;
	if (before > 0)
		munmap(map, before);
	munmap(map + before + size, HUGE_PAGE - before);
	/* only a hint: without huge pages it is slower, not wrong */
	(void)madvise(map + before, size, MADV_HUGEPAGE);
	return map + before;
}

static void *map_small(size_t size)
{
	void *map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return map == MAP_FAILED ? NULL : map;
}

int arena_move(struct pieces *pieces, void **ret, size_t *ret_size)
{
	size_t size = LINE, used = 0;
	uint8_t *arena;

	for (size_t i = 0; i < pieces->count; i++)
		size += round_up(pieces->items[i].size, LINE);
	if (size >= HUGE_FROM) {
		size = round_up(size, HUGE_PAGE);
		arena = map_huge(size);
	} else {
		size = round_up(size, PAGE);
		arena = map_small(size);
	}
	if (!arena)
		return -ENOMEM;
	for (size_t i = 0; i < pieces->count; i++) {
		struct piece *piece = &pieces->items[i];

		if (piece->size > 0)
			memcpy(arena + used, piece->data, piece->size);
		*piece->slot = arena + used;
		used += round_up(piece->size, LINE);
	}
	*ret = arena;
	*ret_size = size;
	return 0;
}

void arena_free(void *arena, size_t size)
{
	if (arena)
		munmap(arena, size);
}
