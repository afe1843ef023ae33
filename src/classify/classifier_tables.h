/*
 * The classifier's tables as the SIMD paths read them. Private to classifier*.c.
 *
 * Each direction and family has a table set of four fields: local address, remote address, protocol
 * with local port, remote port. A field's table maps a value to a row: a bitmap of the rules that
 * the value matches. Bits stand in the order of evaluation, stage after stage; each stage's segment
 * begins on a 64-bit word and ends with a bit that every row has, so that a first set bit is always
 * found. Rows are counted in lines of 64 bytes, so that a row's name is its line number.
 */
#ifndef CLASSIFY_CLASSIFIER_TABLES_H
#define CLASSIFY_CLASSIFIER_TABLES_H

#include "classify/classifier.h"

#define LINE_BYTES 64
#define LINE_WORDS 8
#define LINE_BITS  512

/*
 * A static search tree over the n sorted borders at which a field's row changes: a node is one
 * cache line of keys that one compare answers. rank(x), the number of borders at or below x, is
 * found by
 *
 *     k = 0
 *     for each level but the last: k = k * (KEYS + 1) + count(node k of the level: key < x)
 *     rank = k * KEYS + count(node k of the last level: key < x)
 *
 * A rank is also the number of the last border at or below x, counted from the border at 0.
 *
 * Keys are border - 1 (a border is never 0), with the top bit flipped, since AVX2 has only signed
 * compares; what pads a node is the largest key, which is below no x.
 */
#define TREE4_KEYS     16
#define TREE6_KEYS     8
#define TREE_DEPTH_MAX 8
#define TREE4_KEY(x)   ((int32_t)((x) ^ 0x80000000))
#define TREE6_KEY(x)   ((int64_t)((x) ^ UINT64_C(0x8000000000000000)))

struct tree4 {
	unsigned depth; /* 1 .. TREE_DEPTH_MAX */
	const int32_t *level[TREE_DEPTH_MAX];
};

/*
 * IPv6 addresses are searched by their high halves; an address whose high half is one that some
 * border has is then searched among that span's low halves. Others belong to the span's last
 * border.
 */
struct span6 {
	uint64_t high;
	uint32_t first; /* border of the span; there is one with the low half 0 */
	uint32_t count; /* at least 1 */
};

struct tree6 {
	unsigned depth;
	const int64_t *level[TREE_DEPTH_MAX];
	const struct span6 *spans; /* by rank */
	const uint64_t *lows;      /* ascending within a span */
	const uint32_t *low_lines;
};

/*
 * Ports in blocks of 64: root[port / 64] is a line, or, with PORT_MIXED, where in `mixed` the
 * block's 64 lines begin.
 */
#define PORT_BLOCK 64
#define PORT_ROOT  (65536 / PORT_BLOCK)
#define PORT_MIXED 0x80000000

struct port_map {
	const uint32_t *root;
	const uint32_t *mixed;
};

/*
 * Where in the local ports' root a protocol's part begins. With PROTOCOL_PORTS it has PORT_ROOT
 * entries; else one, whatever the port fields of the key hold.
 */
#define PROTOCOL_PORTS 0x80000000

enum side { SIDE_LOCAL, SIDE_REMOTE };
#define SIDES 2

/*
 * Of a large rule set most rules match next to no address, and rows for them would be long and
 * empty. These sparse rules stand in lists: each by that of its sides which fewer addresses match,
 * one list for each set of rules that match the same addresses there. An entry says between which
 * borders the rule's other side lies; whoever passes that is compared with the rule itself.
 *
 * A rule of several port ranges is several sparse rules; a side of several address ranges several
 * entries. Rule 0 matches nothing and block 0 holds no rank, so that a look-up which finds nothing
 * can go on without a branch.
 */
#define SPARSE_BLOCK 8
#define SPARSE_LINES 2 /* of rows, where some rules are sparse */

struct sparse_block {
	uint16_t first[SPARSE_BLOCK]; /* border of the other side; its rank is at least that */
	uint16_t width[SPARSE_BLOCK]; /* and at most so much more */
	uint32_t rule[SPARSE_BLOCK];
};
_Static_assert(sizeof(struct sparse_block) == LINE_BYTES, "one line");

struct sparse_rule {
	uint64_t outcome;
	uint32_t protocols; /* classes of protocols, a bit each */
	uint16_t port_first[SIDES];
	uint16_t port_width[SIDES];
	uint8_t segment;
};

/* A list's number: its first block, and how many; 0: the empty list. */
#define SPARSE_LIST(block, count) ((uint32_t)(block) << 6 | (uint32_t)(count))
#define SPARSE_LIST_BLOCK(list)   ((list) >> 6)
#define SPARSE_LIST_COUNT(list)   ((list)&63)
#define SPARSE_LIST_BLOCKS_MAX    63
#define SPARSE_BLOCKS_MAX         (1U << 26)

struct sparse {
	const struct sparse_block *blocks;
	const struct sparse_rule *rules;
	size_t rule_count;
	const uint32_t *protocols; /* 256: the bit of the protocol's class */
};

struct segment {
	uint32_t first_word;
	uint32_t words;
};

/* What an address's rank leads to. */
struct address_place {
	uint32_t line; /* the row's first */
	uint32_t list; /* of sparse rules; 0 where there are none */
};

struct table_set {
	unsigned segment_count; /* 0: no stage is present, and `outcomes` has one entry */
	struct segment segment[STAGES];
	uint32_t line_count; /* of a row */
	const uint8_t *rows;
	/* A row: the bits of rules that a patch has not taken out, and each segment's last. */
	const uint64_t *live;
	/* By bit: a struct verdict in which only that bit's stage is filled in. */
	const uint64_t *outcomes;
	union {
		struct tree4 v4;
		struct tree6 v6;
	} address[SIDES];
	const struct address_place *places[SIDES]; /* by rank */
	const uint32_t *protocols;                 /* 256 */
	struct port_map ports[SIDES];
	bool is_sparse; /* some rules are in `sparse` only */
	struct sparse sparse;
};

typedef void judge4_fn(const struct table_set *set, const struct key4 *keys, unsigned count,
		       struct verdict *ret);
typedef void judge6_fn(const struct table_set *set, const struct key6 *keys, unsigned count,
		       struct verdict *ret);

/* What a classifier and those that were patched from it share. */
struct tables {
	unsigned users;
	struct table_set set[DIRECTIONS][IP_FAMILIES];
	uint8_t *access[DIRECTIONS][STAGES]; /* enum access, by rule of the chain */
	void *arena;                         /* all tables */
	size_t arena_size;
};

struct patch;

struct classifier {
	/* Those of `tables`; of a patched one, without the rules that were taken out. */
	struct table_set set[DIRECTIONS][IP_FAMILIES];
	struct patch *patch[DIRECTIONS]; /* owned; NULL: the tables tell everything */
	struct tables *tables;           /* shared */
	bool has_acl[DIRECTIONS];
	judge4_fn *judge4;
	judge6_fn *judge6;
	const char *simd_name;
};

judge4_fn classifier_judge4_scalar, classifier_judge4_avx2, classifier_judge4_avx512;
judge6_fn classifier_judge6_scalar, classifier_judge6_avx2, classifier_judge6_avx512;

#endif
