/*
 * What all SIMD paths share of a look-up: which row each key has in each field, and what becomes of
 * the first set bits. Private to classifier_{scalar,avx2,avx512}.c, each of which compiles it for
 * its own instructions; so everything here is static.
 */
#ifndef CLASSIFY_CLASSIFIER_LOOKUP_H
#define CLASSIFY_CLASSIFIER_LOOKUP_H

#include "classify/classifier_tables.h"

#include <stddef.h>
#include <string.h>

/* Where a burst's keys stand: rows as line numbers, addresses as ranks. */
struct places {
	uint32_t rank[SIDES][CLASSIFIER_BURST_MAX];
	uint32_t address_line[SIDES][CLASSIFIER_BURST_MAX];
	uint32_t list[SIDES][CLASSIFIER_BURST_MAX];
	uint32_t port_line[SIDES][CLASSIFIER_BURST_MAX];
};

/* What a sparse rule compares besides addresses: so many bytes of a key, as they stand in it. */
struct transport {
	uint16_t port[SIDES]; /* network byte order */
	uint8_t protocol;
	uint8_t kind;
};
#define TRANSPORT_IN(key)                                                                       \
	_Static_assert(                                                                         \
		offsetof(struct key, remote_port) == offsetof(struct key, local_port) + 2 &&    \
			offsetof(struct key, protocol) == offsetof(struct key, local_port) + 4, \
		"the layout of struct transport")
TRANSPORT_IN(key4);
TRANSPORT_IN(key6);

static inline const struct transport *transport4(const struct key4 *key)
{
	return (const struct transport *)&key->local_port;
}

static inline const struct transport *transport6(const struct key6 *key)
{
	return (const struct transport *)&key->local_port;
}

/* The four rows of one key, and the one that is the same for all. */
struct row_words {
	const uint64_t *local;
	const uint64_t *remote;
	const uint64_t *local_port;
	const uint64_t *remote_port;
	const uint64_t *live;
};

static inline struct row_words row_words_of(const struct table_set *set,
					    const struct places *places, unsigned i)
{
	const uint64_t *rows = (const uint64_t *)set->rows;

	return (struct row_words){
		.local = rows + (size_t)places->address_line[SIDE_LOCAL][i] * LINE_WORDS,
		.remote = rows + (size_t)places->address_line[SIDE_REMOTE][i] * LINE_WORDS,
		.local_port = rows + (size_t)places->port_line[SIDE_LOCAL][i] * LINE_WORDS,
		.remote_port = rows + (size_t)places->port_line[SIDE_REMOTE][i] * LINE_WORDS,
		.live = set->live,
	};
}

static inline uint64_t word_of(const struct row_words *rows, unsigned word)
{
	return rows->local[word] & rows->remote[word] & rows->local_port[word] &
	       rows->remote_port[word] & rows->live[word];
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

static inline uint64_t outcome_of_all(const uint64_t *outcomes, unsigned segments)
{
	unsigned s = segments - 1;
	uint64_t outcome = outcomes[s];

	while (s-- > 0)
		outcome = outcome_before(outcomes[s], outcome);
	return outcome;
}

/*
 * Of two outcomes of one stage, that of the rule that comes first: the others' lanes are all ones.
 * The first of two that name no rule.
 */
static inline uint64_t outcome_first(uint64_t a, uint64_t b)
{
	/* as arithmetic, since compilers make a branch of a choice, which cannot be foretold */
	uint64_t choose_a = -(uint64_t)((a & OUTCOME_RULES) <= (b & OUTCOME_RULES));

	return b ^ ((a ^ b) & choose_a);
}

/* Written without a branch: whether it matches cannot be foretold. */
static inline bool sparse_rule_matches(const struct sparse *sparse, const struct sparse_rule *rule,
				       const struct transport *transport)
{
	uint16_t local = (uint16_t)(__builtin_bswap16(transport->port[SIDE_LOCAL]) -
				    rule->port_first[SIDE_LOCAL]);
	uint16_t remote = (uint16_t)(__builtin_bswap16(transport->port[SIDE_REMOTE]) -
				     rule->port_first[SIDE_REMOTE]);

	return ((rule->protocols & sparse->protocols[transport->protocol]) != 0) &
	       (local <= rule->port_width[SIDE_LOCAL]) & (remote <= rule->port_width[SIDE_REMOTE]);
}

/* The better of what rows found and of a sparse rule of the same stage. */
static inline uint64_t outcome_with(const struct sparse *sparse, const struct sparse_rule *rule,
				    const struct transport *transport, uint64_t outcome)
{
	/* all ones, which come last, unless it matches */
	uint64_t none = (uint64_t)sparse_rule_matches(sparse, rule, transport) - 1;

	return outcome_first(outcome, rule->outcome | none);
}

/* Which entries of a block hold `rank`: a bit each. Every path has its own. */
static inline uint32_t block_hits(const struct sparse_block *block, uint32_t rank);

/* Betters the outcomes of one key by what its lists hold. */
static inline void judge_lists(const struct table_set *set, const struct places *places, unsigned i,
			       const struct transport *transport, uint64_t *outcomes)
{
	const struct sparse *sparse = &set->sparse;

	for (unsigned side = 0; side < SIDES; side++) {
		uint32_t list = places->list[side][i];
		uint32_t rank = places->rank[side ^ 1][i];
		uint32_t block = SPARSE_LIST_BLOCK(list), end = block + SPARSE_LIST_COUNT(list);

		for (; block < end; block++) {
			const uint32_t *rules = sparse->blocks[block].rule;
			uint32_t hits = block_hits(&sparse->blocks[block], rank);

			for (; hits; hits &= hits - 1) {
				const struct sparse_rule *rule =
					&sparse->rules[rules[__builtin_ctz(hits)]];
				uint64_t *outcome = &outcomes[rule->segment];

				*outcome = outcome_with(sparse, rule, transport, *outcome);
			}
		}
	}
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
		return set->ports[SIDE_LOCAL].root[base];
	return line_of_port(&set->ports[SIDE_LOCAL], base & ~PROTOCOL_PORTS,
			    __builtin_bswap16(port));
}

static inline uint32_t line_of_remote_port(const struct table_set *set, uint16_t port)
{
	return line_of_port(&set->ports[SIDE_REMOTE], 0, __builtin_bswap16(port));
}

static inline uint64_t load_high(const uint8_t *address)
{
	uint64_t number;

	memcpy(&number, address, sizeof(number));
	return __builtin_bswap64(number);
}

/* The rank of an address whose high half has the rank `high_rank`. */
static inline uint32_t rank_in_span(const struct tree6 *tree, size_t high_rank,
				    const uint8_t *address)
{
	const struct span6 *span = &tree->spans[high_rank];
	const uint64_t *lows = tree->lows + span->first;
	uint64_t low = load_high(address + 8);
	uint32_t at = 0;

	if (load_high(address) != span->high)
		return span->first + span->count - 1;
	for (uint32_t count = span->count; count > 1; count -= count / 2)
		at += lows[at + count / 2] <= low ? count / 2 : 0;
	return span->first + at;
}

static inline void judge_nothing(const struct table_set *set, unsigned count, struct verdict *ret)
{
	for (unsigned i = 0; i < count; i++)
		store_verdict(&ret[i], set->outcomes[0]);
}

#endif
