/*
 * Umems and memory keys of one device.
 */
#include "azhost/connectx/memory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Index 0 and key 0x100 are left out: 0x100 is the "invalid key" that ends a scatter list. */
#define FIRST_KEY_INDEX 16u
#define MAX_KEYS        (1u << 22)

void cx_memory_init(struct cx_memory *memory)
{
	memset(memory, 0, sizeof(*memory));
	memory->next_key = FIRST_KEY_INDEX;
}

void cx_memory_fini(struct cx_memory *memory)
{
	struct cx_umem *umem = memory->umems;

	while (umem) {
		struct cx_umem *next = umem->next;

		free(umem);
		umem = next;
	}
	free(memory->keys);
	cx_memory_init(memory);
}

struct cx_umem *cx_umem_add(struct cx_memory *memory, void *address, size_t size)
{
	struct cx_umem *umem = calloc(1, sizeof(*umem));

	if (!umem)
		return NULL;
	umem->address = address;
	umem->size = size;
	umem->handle.umem_id = ++memory->last_umem;
	umem->next = memory->umems;
	memory->umems = umem;
	return umem;
}

int cx_umem_remove(struct cx_memory *memory, struct cx_umem *umem)
{
	struct cx_umem **at = &memory->umems;

	if (umem->users > 0)
		return -EBUSY;
	while (*at && *at != umem)
		at = &(*at)->next;
	if (*at)
		*at = umem->next;
	free(umem);
	return 0;
}

struct cx_umem *cx_umem_find(struct cx_memory *memory, uint32_t number, uint64_t offset,
			     uint64_t length)
{
	for (struct cx_umem *u = memory->umems; u; u = u->next) {
		if (u->handle.umem_id != number)
			continue;
		return offset <= u->size && length <= u->size - offset ? u : NULL;
	}
	return NULL;
}

static int keys_grow(struct cx_memory *memory)
{
	uint32_t n = memory->n_keys ? memory->n_keys * 2 : 256;
	struct cx_mkey **keys;

	if (n > MAX_KEYS)
		return -ENOSPC;
	keys = reallocarray(memory->keys, n, sizeof(struct cx_mkey *));
	if (!keys)
		return -ENOMEM;
	memset(keys + memory->n_keys, 0, (n - memory->n_keys) * sizeof(struct cx_mkey *));
	memory->keys = keys;
	memory->n_keys = n;
	return 0;
}

int cx_mkey_add(struct cx_memory *memory, struct cx_mkey *key)
{
	uint32_t index = memory->next_key;
	int r;

	while (index < memory->n_keys && memory->keys[index])
		index++;
	if (index >= memory->n_keys) {
		r = keys_grow(memory);
		if (r < 0)
			return r;
	}
	key->key = index << 8 | (key->key & 0xff);
	memory->keys[index] = key;
	memory->next_key = index + 1;
	return 0;
}

void cx_mkey_remove(struct cx_memory *memory, struct cx_mkey *key)
{
	uint32_t index = key->key >> 8;

	memory->keys[index] = NULL;
	if (index < memory->next_key)
		memory->next_key = index;
}

uint8_t *cx_memory_at_indirect(const struct cx_memory *memory, const struct cx_mkey *key,
			       uint64_t address, uint32_t length, bool write, unsigned int depth)
{
	uint64_t offset = address - key->start;

	for (uint32_t i = 0; depth > 0 && i < key->n_klms; i++) {
		const struct cx_klm *klm = &key->klms[i];
		const struct cx_mkey *next;

		if (offset >= klm->length) {
			offset -= klm->length;
			continue;
		}
		if (length > klm->length - offset || klm->key >> 8 >= memory->n_keys)
			return NULL;
		next = memory->keys[klm->key >> 8];
		if (!next || next->key != klm->key || (write && !next->writable))
			return NULL;
		address = klm->address + offset;
		offset = address - next->start;
		if (offset >= next->length || length > next->length - offset)
			return NULL;
		if (!next->n_klms)
			return next->memory + offset;
		return cx_memory_at_indirect(memory, next, address, length, write, depth - 1);
	}
	return NULL;
}
