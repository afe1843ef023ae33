/*
 * The connection table as a whole: its memory, its sizes, its counters. Thread: control; counters
 * any.
 */
#include "classify/conn_table.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/random.h>

/*
 * Share of the slots that `max` connections fill. At 57 percent, 3 of 13 million inserts up to the
 * last found both buckets and all ways out of them full; with their places in the ring connections
 * take at most 64 bytes at a million.
 */
#define LOAD_PERCENT    56
#define BUCKETS_MIN     64
#define RING_MIN        8192
#define HUGE_PAGE_BYTES (2u << 20)

static size_t in_huge_pages(size_t size)
{
	return (size + HUGE_PAGE_BYTES - 1) / HUGE_PAGE_BYTES * HUGE_PAGE_BYTES;
}

/*
 * Straight from the kernel, zeroed, and in huge pages where it grants them: with small ones every
 * look-up would miss the TLB, too. `advice` says whether to fault it in now, which spares workers
 * the faults. NULL where there is no memory.
 */
static void *map(size_t size, int advice)
{
	void *memory = mmap(NULL, in_huge_pages(size), PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (memory == MAP_FAILED)
		return NULL;
	/* A kernel that does not know these does no harm. */
	(void)madvise(memory, in_huge_pages(size), MADV_HUGEPAGE);
	(void)madvise(memory, in_huge_pages(size), advice);
	return memory;
}

static void unmap(void *memory, size_t size)
{
	if (memory)
		(void)munmap(memory, in_huge_pages(size));
}

static int make_side(struct conn_side *side, uint32_t buckets, uint32_t stride, int advice)
{
	side->count = buckets;
	side->stride = stride;
	side->buckets = map((size_t)buckets * stride, advice);
	return side->buckets ? 0 : -ENOMEM;
}

static size_t side_size(const struct conn_side *side)
{
	return in_huge_pages((size_t)side->count * side->stride);
}

/* Twice what it must hold: conn_limits.c says why. */
static uint32_t ring_size(uint32_t max_unreplied)
{
	uint32_t size = RING_MIN;

	while (size < 2ull * max_unreplied)
		size *= 2;
	return size;
}

static size_t ring_bytes(const struct conn_ring *ring)
{
	return (ring->mask + 1) * sizeof(*ring->slots);
}

static int make_ring(struct conn_ring *ring, uint32_t size)
{
	ring->mask = size - 1;
	ring->slots = map(ring_bytes(ring), MADV_POPULATE_WRITE);
	return ring->slots ? 0 : -ENOMEM;
}

static int fill_random(void *to, size_t size)
{
	ssize_t got = getrandom(to, size, 0);

	if (got < 0)
		return -errno;
	return (size_t)got == size ? 0 : -EIO;
}

static void set_limits(struct conn_table *table, uint32_t max)
{
	table->max = max;
	table->max_inbound = max - max / 10;
	table->max_unreplied = max > 1 ? max / 2 : 1;
}

static int set_up(struct conn_table *table, const struct conn_table_options *options)
{
	uint64_t buckets = (uint64_t)options->max * 100 / (CONN_SLOTS * LOAD_PERCENT) + 1;
	int err;

	if (buckets < BUCKETS_MIN)
		buckets = BUCKETS_MIN;
	set_limits(table, options->max);
	conn_deadlines_init(&table->deadlines, &options->timeouts);
	err = conn_finder_choose(table, options->simd);
	if (err)
		return err;
	err = fill_random(table->seed, sizeof(table->seed));
	if (err)
		return err;
	table->seed[3] |= 1; /* a multiplier: never 0 */
	err = make_side(&table->side[IP_FAMILY_V4], (uint32_t)buckets, sizeof(struct conn_bucket),
			MADV_POPULATE_WRITE);
	if (err)
		return err;
	err = make_side(&table->side[IP_FAMILY_V6], (uint32_t)buckets, sizeof(struct conn_bucket6),
			MADV_NORMAL);
	if (err)
		return err;
	return make_ring(&table->ring, ring_size(table->max_unreplied));
}

int conn_table_new(const struct conn_table_options *options, struct conn_table **ret)
{
	struct conn_table *table;
	int err;

	if (options->max == 0 || options->max > CONN_MAX_LIMIT)
		return -EINVAL;
	table = aligned_alloc(64, sizeof(*table));
	if (!table)
		return -ENOMEM;
	memset(table, 0, sizeof(*table));
	err = set_up(table, options);
	if (err) {
		conn_table_free(table);
		return err;
	}
	*ret = table;
	return 0;
}

void conn_table_free(struct conn_table *table)
{
	if (!table)
		return;
	unmap(table->ring.slots, ring_bytes(&table->ring));
	for (unsigned family = 0; family < IP_FAMILIES; family++)
		unmap(table->side[family].buckets, side_size(&table->side[family]));
	free(table);
}

void conn_table_set_grace(struct conn_table *table, uint64_t until)
{
	__atomic_store_n(&table->grace_until, until, __ATOMIC_RELAXED);
}

bool conn_table_in_grace(const struct conn_table *table, uint64_t now)
{
	return now < __atomic_load_n(&table->grace_until, __ATOMIC_RELAXED);
}

bool conn_table_has_tombstones(const struct conn_table *table)
{
	return __atomic_load_n(&table->shared.tombstones, __ATOMIC_RELAXED) > 0;
}

void conn_table_stats(const struct conn_table *table, struct conn_stats *ret)
{
	const struct conn_side *ip4 = &table->side[IP_FAMILY_V4];
	const struct conn_side *ip6 = &table->side[IP_FAMILY_V6];
	size_t others = in_huge_pages(ring_bytes(&table->ring)) + sizeof(*table);

	*ret = (struct conn_stats){
		.live = __atomic_load_n(&table->shared.live, __ATOMIC_RELAXED),
		.unreplied = __atomic_load_n(&table->shared.unreplied, __ATOMIC_RELAXED),
		.max = table->max,
		.expired = __atomic_load_n(&table->shared.expired, __ATOMIC_RELAXED),
		.evicted = __atomic_load_n(&table->shared.evicted, __ATOMIC_RELAXED),
		.refused_full = __atomic_load_n(&table->shared.refused_full, __ATOMIC_RELAXED),
		.refused_bucket = __atomic_load_n(&table->shared.refused_bucket, __ATOMIC_RELAXED),
		.cut = __atomic_load_n(&table->shared.cut, __ATOMIC_RELAXED),
		.memory = side_size(ip4) + side_size(ip6) + others,
		.memory_ip4 = side_size(ip4) + others,
	};
	ret->families[IP_FAMILY_V4] = conn_side_live(table, IP_FAMILY_V4);
	ret->families[IP_FAMILY_V6] = conn_side_live(table, IP_FAMILY_V6);
	ret->created = ret->live + ret->expired + ret->evicted +
		       __atomic_load_n(&table->shared.replaced, __ATOMIC_RELAXED);
}
