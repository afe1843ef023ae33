/*
 * What all SIMD paths share of a look-up: which row each key has in each field, and what becomes of
 * the first set bits. Private to classifier_{scalar,avx2,avx512}.c, each of which compiles it for
 * its own instructions; so everything here is static.
 */
#ifndef CLASSIFY_CLASSIFIER_LOOKUP_H
#define CLASSIFY_CLASSIFIER_LOOKUP_H

#include "classify/classifier_tables.h"

#include <string.h>

/* The rows of a burst, as line numbers. */
struct row_lines {
	uint32_t local[CLASSIFIER_BURST_MAX];
	uint32_t remote[CLASSIFIER_BURST_MAX];
	uint32_t local_port[CLASSIFIER_BURST_MAX];
	uint32_t remote_port[CLASSIFIER_BURST_MAX];
};

/* The four rows of one key. */
struct row_words {
	const uint64_t *local;
	const uint64_t *remote;
	const uint64_t *local_port;
	const uint64_t *remote_port;
};

static inline struct row_words row_words_of(const struct table_set *set,
					    const struct row_lines *lines, unsigned i)
{
	const uint64_t *rows = (const uint64_t *)set->rows;

	return (struct row_words){
		.local = rows + (size_t)lines->local[i] * LINE_WORDS,
		.remote = rows + (size_t)lines->remote[i] * LINE_WORDS,
		.local_port = rows + (size_t)lines->local_port[i] * LINE_WORDS,
		.remote_port = rows + (size_t)lines->remote_port[i] * LINE_WORDS,
	};
}

static inline uint64_t word_of(const struct row_words *rows, unsigned word)
{
	return rows->local[word] & rows->remote[word] & rows->local_port[word] &
	       rows->remote_port[word];
}

/* The outcome of the first set bit of `word`, which has one. */
static inline uint64_t outcome_of(const struct table_set *set, const struct row_words *rows,
				  unsigned word)
{
	uint64_t bits = word_of(rows, word);

	return set->outcomes[word * 64 + (unsigned)__builtin_ctzll(bits)];
}

static inline void store_verdict(struct verdict *to, uint64_t outcome)
{
	memcpy(to, &outcome, sizeof(outcome));
}

/*
 * Puts what an earlier stage found before what the later ones found: the rules side by side, access
 * and stage from the first stage that does not simply allow, else from the last. An outcome has its
 * rules in the low 48 bits, then access, then stage.
 */
#define OUTCOME_RULES ((UINT64_C(1) << 48) - 1)

static inline uint64_t outcome_before(uint64_t earlier, uint64_t later)
{
	uint64_t decided = (earlier >> 48 & 0xff) == ACCESS_ALLOW ? later : earlier;

	return (earlier & later & OUTCOME_RULES) | (decided & ~OUTCOME_RULES);
}

static inline uint32_t line_of_port(const struct port_map *map, uint32_t base, uint16_t port)
{
	uint32_t line = map->root[base + port / PORT_BLOCK];

	if (line & PORT_MIXED)
		line = map->mixed[(line & ~PORT_MIXED) + port % PORT_BLOCK];
	return line;
}

/* Ports in network byte order, as keys have them. */
static inline uint32_t line_of_local_port(const struct table_set *set, uint8_t protocol,
					  uint16_t port)
{
	uint32_t base = set->protocols[protocol];

	if (!(base & PROTOCOL_PORTS))
		return set->local_ports.root[base];
	return line_of_port(&set->local_ports, base & ~PROTOCOL_PORTS, __builtin_bswap16(port));
}

static inline uint32_t line_of_remote_port(const struct table_set *set, uint16_t port)
{
	return line_of_port(&set->remote_ports, 0, __builtin_bswap16(port));
}

static inline uint64_t load_high(const uint8_t *address)
{
	uint64_t number;

	memcpy(&number, address, sizeof(number));
	return __builtin_bswap64(number);
}

/* The row of an address whose high half has this rank. */
static inline uint32_t line_in_span(const struct tree6 *tree, size_t rank, const uint8_t *address)
{
	const struct span6 *span = &tree->spans[rank];
	const uint64_t *lows = tree->lows + span->first;
	uint64_t low = load_high(address + 8);
	uint32_t at = 0;

	if (load_high(address) != span->high)
		return span->after;
	for (uint32_t count = span->count; count > 1; count -= count / 2)
		at += lows[at + count / 2] <= low ? count / 2 : 0;
	return tree->low_lines[span->first + at];
}

static inline void judge_nothing(const struct table_set *set, unsigned count, struct verdict *ret)
{
	for (unsigned i = 0; i < count; i++)
		store_verdict(&ret[i], set->outcomes[0]);
}

#endif
