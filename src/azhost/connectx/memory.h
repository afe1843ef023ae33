/*
 * What a device may touch of the program's memory. Rings and doorbell records lie in umems, named
 * by number and offset in the commands that create queues; packets lie in memory regions, named by
 * a key and an address in each descriptor. An access outside of them is an error completion or a
 * bad parameter, never an access.
 *
 * Everything here is called with cx_lock() held. Returned addresses are good until it is given
 * back.
 */
#ifndef AZHOST_CONNECTX_MEMORY_H
#define AZHOST_CONNECTX_MEMORY_H

#include <infiniband/mlx5dv.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cx_umem {
	struct mlx5dv_devx_umem handle; /* what the PMD sees */
	struct cx_device *device;
	uint8_t *address;
	size_t size;
	uint32_t users; /* queues and keys in it */
	struct cx_umem *next;
};

/* One entry of an indirect key: a stretch of another key's address space. */
struct cx_klm {
	uint32_t key;
	uint32_t length;
	uint64_t address;
};

/* A memory key. Its address space [start, start + length) maps to memory, or to its klms in order.
 */
struct cx_mkey {
	uint32_t key; /* index << 8 | variant, as in descriptors */
	bool writable;
	uint64_t start;
	uint64_t length;
	uint8_t *memory;
	struct cx_umem *umem; /* that memory is in, if it is */
	uint32_t n_klms;
	struct cx_klm *klms; /* owned */
};

struct cx_memory {
	struct cx_umem *umems;
	uint32_t last_umem;
	struct cx_mkey **keys; /* by index */
	uint32_t n_keys;
	uint32_t next_key; /* no index below is free */
	uint8_t variant;   /* low byte of the next region's key */
};

void cx_memory_init(struct cx_memory *memory);
void cx_memory_fini(struct cx_memory *memory);

/* NULL without memory (errno). Owned by memory until cx_umem_remove(). */
struct cx_umem *cx_umem_add(struct cx_memory *memory, void *address, size_t size);
/* -EBUSY while a queue or a key is in it. */
int cx_umem_remove(struct cx_memory *memory, struct cx_umem *umem);
/* The umem of that number if [offset, offset + length) is inside it, else NULL. */
struct cx_umem *cx_umem_find(struct cx_memory *memory, uint32_t number, uint64_t offset,
			     uint64_t length);

/* Give the key a free index; key->key is its variant (low 8 bits) before. The key stays the
 * caller's, who removes it before it is freed. 0, -ENOSPC or -ENOMEM. */
int cx_mkey_add(struct cx_memory *memory, struct cx_mkey *key);
void cx_mkey_remove(struct cx_memory *memory, struct cx_mkey *key);

/* Indirect keys may nest this deep. */
#define CX_KLM_DEPTH 4

/* The long way of cx_memory_at(): indirect keys. */
uint8_t *cx_memory_at_indirect(const struct cx_memory *memory, const struct cx_mkey *key,
			       uint64_t address, uint32_t length, bool write, unsigned int depth);

/* Where [address, address + length) of a key's address space lies, or NULL if the key does not
 * allow it. length is at least 1. */
static inline uint8_t *cx_memory_at(const struct cx_memory *memory, uint32_t key, uint64_t address,
				    uint32_t length, bool write)
{
	const struct cx_mkey *k = key >> 8 < memory->n_keys ? memory->keys[key >> 8] : NULL;
	uint64_t offset;

	if (!k || k->key != key || (write && !k->writable))
		return NULL;
	offset = address - k->start;
	if (offset >= k->length || length > k->length - offset)
		return NULL;
	if (k->n_klms)
		return cx_memory_at_indirect(memory, k, address, length, write, CX_KLM_DEPTH);
	return k->memory + offset;
}

#endif
