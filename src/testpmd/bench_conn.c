/*
 * The connection bench: cycles of a look-up, of a look-up with the refresh that every packet does,
 * and of an insert, and the bytes of a connection, beside rte_hash with the same keys.
 *
 * Keys are drawn at random from all connections of the table by a trace of millions, so that a
 * large one really leaves the caches; what is timed is a piece of the trace, of which the best
 * counts.
 */
#include "classify/conn_refresh.h"
#include "testpmd/bench.h"
#include "testpmd/bench_conn_keys.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_hash.h>
#include <rte_hash_crc.h>
#include <rte_malloc.h>

#define BURST CONN_BURST_MAX
#define TRACE (1u << 22)
#define PIECE (1u << 16)

struct fixture {
	uint32_t count;
	struct conn_table *table;
	struct rte_hash *hash;
	size_t hash_bytes;
	struct key4 *keys;
	struct key4 *trace;
	size_t at; /* in the trace */
	uint32_t now;
	uint64_t found;
};

/* In huge pages where there are any: a bench of tables is not one of the TLB. */
static void *map(size_t bytes)
{
	void *memory =
		mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		return NULL;
	(void)madvise(memory, bytes, MADV_HUGEPAGE);
	return memory;
}

static void unmap(void *memory, size_t bytes)
{
	if (memory)
		(void)munmap(memory, bytes);
}

static int new_table(uint32_t count, struct conn_table **ret)
{
	const struct conn_table_options options = {
		.max = count,
		.timeouts = conn_timeouts_default,
	};

	return conn_table_new(&options, ret);
}

static size_t heap_bytes(void)
{
	struct rte_malloc_socket_stats stats;

	return rte_malloc_get_socket_stats((int)rte_socket_id(), &stats) == 0
		       ? stats.heap_allocsz_bytes
		       : 0;
}

static struct rte_hash *new_hash(uint32_t count)
{
	const struct rte_hash_parameters parameters = {
		.name = "bench_conn",
		.entries = count + count / 4,
		.key_len = sizeof(struct key4),
		.hash_func = rte_hash_crc,
		.socket_id = (int)rte_socket_id(),
	};

	return rte_hash_create(&parameters);
}

static void fixture_fini(struct fixture *f)
{
	rte_hash_free(f->hash);
	conn_table_free(f->table);
	unmap(f->trace, TRACE * sizeof(*f->trace));
	unmap(f->keys, f->count * sizeof(*f->keys));
}

static int fixture_init(struct fixture *f, uint32_t count)
{
	struct random random = { 20260101 };
	size_t before = heap_bytes();
	uint32_t taken;
	int r;

	*f = (struct fixture){ .count = count, .now = 1 };
	f->keys = map(count * sizeof(*f->keys));
	f->trace = map(TRACE * sizeof(*f->trace));
	f->hash = new_hash(count);
	f->hash_bytes = heap_bytes() - before;
	if (!f->keys || !f->trace || !f->hash)
		return -ENOMEM;
	r = new_table(count, &f->table);
	if (r < 0)
		return r;
	bench_conn_make_keys(&random, f->keys, count);
	taken = bench_conn_load(f->table, f->keys, count);
	/* One in millions finds both of its buckets full. */
	if (taken + 10 < count)
		return -ENOSPC;
	for (uint32_t i = 0; i < count && r == 0; i++)
		r = rte_hash_add_key_data(f->hash, &f->keys[i], &f->keys[i]);
	for (uint32_t i = 0; i < TRACE; i++)
		f->trace[i] = f->keys[random_below(&random, taken)];
	return r;
}

/* The keys of the next burst. */
static void next_burst(struct fixture *f, const struct key4 **ret)
{
	for (unsigned i = 0; i < BURST; i++)
		ret[i] = &f->trace[f->at + i];
	f->at = (f->at + BURST) % TRACE;
}

static void look_up_ours(struct fixture *f)
{
	const struct key4 *keys[BURST];
	struct conn_hint hints[BURST];

	next_burst(f, keys);
	conn_lookup4(f->table, keys, BURST, hints);
	for (unsigned i = 0; i < BURST; i++)
		f->found += hints[i].slot != CONN_NOT_FOUND;
}

static void look_up_hash(struct fixture *f)
{
	const struct key4 *keys[BURST];
	void *data[BURST];
	uint64_t hits = 0;

	next_burst(f, keys);
	(void)rte_hash_lookup_bulk_data(f->hash, (const void **)keys, BURST, &hits, data);
	f->found += (unsigned)__builtin_popcountll(hits);
}

/* As the judge does it: keys in packets, states fetched after the look-up, one time per burst. */
static void refresh_ours(struct fixture *f)
{
	struct packet packets[BURST];
	const struct key4 *keys[BURST];
	struct conn_hint hints[BURST];
	const struct conn_terms terms = { .now = f->now, .enforcing = true };
	enum direction opened_by;

	next_burst(f, keys);
	for (unsigned i = 0; i < BURST; i++) {
		packets[i].key4 = *keys[i];
		packets[i].kind = PACKET_IP4;
		keys[i] = &packets[i].key4;
	}
	conn_lookup4(f->table, keys, BURST, hints);
	for (unsigned i = 0; i < BURST; i++)
		conn_prefetch_state(f->table, &hints[i]);
	for (unsigned i = 0; i < BURST; i++)
		f->found += conn_refresh(f->table, IP_FAMILY_V4, &hints[i], CONN_EVENT_UDP,
					 DIRECTION_OUTBOUND, 0, &terms, &opened_by);
}

static double measure(struct fixture *f, double seconds, void (*burst)(struct fixture *))
{
	uint64_t now = rte_rdtsc(), end = now + bench_cycles(seconds);
	double best = 0;

	while (now < end) {
		uint64_t before = rte_rdtsc();
		double cycles;

		for (unsigned i = 0; i < PIECE; i += BURST)
			burst(f);
		now = rte_rdtsc();
		f->now++;
		cycles = (double)(now - before) / PIECE;
		best = best == 0 || cycles < best ? cycles : best;
	}
	return best;
}

static double measure_look_up_ours(void *context, double seconds)
{
	return measure(context, seconds, look_up_ours);
}

static double measure_look_up_hash(void *context, double seconds)
{
	return measure(context, seconds, look_up_hash);
}

static double measure_refresh_ours(void *context, double seconds)
{
	return measure(context, seconds, refresh_ours);
}

/* Fills a table or hash once: the best piece of the second half, when it is no longer empty. */
static double fill(struct fixture *f, int (*insert)(void *target, const struct key4 *key),
		   void *target)
{
	uint32_t piece = f->count / 16;
	double best = 0;

	for (uint32_t at = 0; at + piece <= f->count; at += piece) {
		uint64_t before = rte_rdtsc();
		double cycles;

		for (uint32_t i = at; i < at + piece; i++)
			f->found += insert(target, &f->keys[i]) >= 0;
		cycles = (double)(rte_rdtsc() - before) / piece;
		if (at >= f->count / 2 && (best == 0 || cycles < best))
			best = cycles;
	}
	return best;
}

static int insert_into_table(void *target, const struct key4 *key)
{
	return bench_conn_insert(target, key);
}

static int insert_into_hash(void *target, const struct key4 *key)
{
	return rte_hash_add_key_data(target, key, NULL);
}

static double measure_insert_ours(void *context, double seconds)
{
	struct fixture *f = context;
	double best = 0;

	for (uint64_t end = rte_rdtsc() + bench_cycles(seconds); best == 0 || rte_rdtsc() < end;) {
		struct conn_table *table;
		double cycles;

		if (new_table(f->count, &table) < 0)
			return 0;
		cycles = fill(f, insert_into_table, table);
		best = best == 0 || cycles < best ? cycles : best;
		conn_table_free(table);
	}
	return best;
}

static double measure_insert_hash(void *context, double seconds)
{
	struct fixture *f = context;
	double best = 0;

	for (uint64_t end = rte_rdtsc() + bench_cycles(seconds); best == 0 || rte_rdtsc() < end;) {
		double cycles;

		rte_hash_reset(f->hash);
		cycles = fill(f, insert_into_hash, f->hash);
		best = best == 0 || cycles < best ? cycles : best;
	}
	return best;
}

static double bytes_ours(void *context, double seconds)
{
	struct fixture *f = context;
	struct conn_stats stats;

	(void)seconds;
	conn_table_stats(f->table, &stats);
	return (double)stats.memory_ip4 / stats.max;
}

static double bytes_hash(void *context, double seconds)
{
	struct fixture *f = context;

	(void)seconds;
	return (double)f->hash_bytes / f->count;
}

static const struct measurement {
	const char *what;
	const char *unit;
	bench_side_fn *ours;
	bench_side_fn *peer;
	const char *peer_name;
} measurements[] = {
	{ "lookup", "cycles", measure_look_up_ours, measure_look_up_hash, "rte_hash bulk" },
	{ "refresh", "cycles", measure_refresh_ours, measure_look_up_hash,
	  "rte_hash bulk, look-up alone" },
	{ "insert", "cycles", measure_insert_ours, measure_insert_hash, "rte_hash add" },
	{ "bytes", "bytes", bytes_ours, bytes_hash, "rte_hash, keys alone" },
};

static int run_size(const struct bench_options *options, struct bench_result_list *list,
		    uint32_t count)
{
	struct fixture f;
	int r = fixture_init(&f, count);

	if (r < 0)
		(void)fprintf(stderr, "conn: %u connections: %s\n", count, strerror(-r));
	for (size_t i = 0; r == 0 && i < sizeof(measurements) / sizeof(*measurements); i++) {
		const struct measurement *m = &measurements[i];
		const struct bench_side ours = { conn_table_simd_name(f.table), m->ours, &f };
		const struct bench_side peer = { m->peer_name, m->peer, &f };
		struct bench_result *result;
		char name[BENCH_NAME_MAX];

		(void)snprintf(name, sizeof(name), "conn/%s/%u", m->what, count);
		result = bench_compare(options, list, name, m->unit, &ours, &peer);
		result->notes = json_new_object();
		json_add_unsigned(result->notes, "burst", BURST);
		json_add_bool(result->notes, "hugePages", rte_eal_has_hugepages());
	}
	fixture_fini(&f);
	return r;
}

static int run(const struct bench_options *options, struct bench_result_list *list)
{
	static const uint32_t counts[] = { 1000, 100000, CONN_MAX_DEFAULT };
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof(counts) / sizeof(*counts); i++)
		r = run_size(options, list, counts[i]);
	return r;
}

const struct bench bench_conn = {
	.name = "conn",
	.help = "cycles for a connection's look-up, refresh and insert at burst 64, beside rte_hash",
	.run = run,
};
