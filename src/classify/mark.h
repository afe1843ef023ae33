/*
 * What the marks of hardware mean: an immutable table that belongs to a snapshot.
 *
 * A NIC's hardware writes a mark into packets that it judged; the mark is a number that names a
 * slot. The table says which verdict the slot stands for under this snapshot's rule set. A mark
 * that the table does not vouch for (out of range, void) means nothing: software decides.
 * Publishing a table is therefore what revokes marks.
 *
 * Made by the control thread, read by workers, freed when no worker can hold it any more.
 *
 * Two kinds, told apart by one bit of the value:
 *
 *     verdict, settled   (slot + 1) << 1                         slots of the snapshot's table
 *     connection         MARK_CONNECTION | slot << 1             slots of conn_mark.h's table
 *
 * A mark is never 0 and stays below MARK_LIMIT, because mlx5 refuses larger ones (DPDK 22.11,
 * drivers/net/mlx5/mlx5_flow.c, mlx5_flow_validate_action_mark(): MLX5_FLOW_MARK_MAX 0xfffff0).
 *
 * Two marks must never differ by one: for a burst around the first rule with a mark after a start,
 * mlx5's vector receive delivers the mark plus one (mlx5_rxtx_vec_sse.h:417 and :565 read a flag
 * that mlx5_flow.c, flow_rxq_mark_flag_set(), sets meanwhile). An odd mark means nothing here.
 */
#ifndef CLASSIFY_MARK_H
#define CLASSIFY_MARK_H

#include "classify/classifier.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MARK_LIMIT     0xfffff0U
#define MARK_SLOTS_MAX 262144U /* of one NIC; regions that find no slot stay unmarked */

#define MARK_CONNECTION           0x800000U
#define MARK_CONNECTION_SLOTS_MAX 32768U /* of one NIC */
_Static_assert((MARK_SLOTS_MAX + 1) << 1 < MARK_CONNECTION, "no mark is of both kinds");
_Static_assert((MARK_CONNECTION | MARK_CONNECTION_SLOTS_MAX << 1) < MARK_LIMIT, "taken by mlx5");

enum mark_kind {
	MARK_VOID,    /* means nothing: software decides */
	MARK_VERDICT, /* the rules' verdict is known; the connection is looked up as ever */
	MARK_SETTLED, /* segments of established TCP connections: forward without looking */
};

struct mark_slot {
	struct verdict verdict; /* an Allow, with the rule of each stage */
	uint8_t kind;           /* enum mark_kind */
};

struct mark_table {
	uint32_t count;
	struct mark_slot slots[];
};

static inline uint32_t mark_of_slot(uint32_t slot)
{
	return (slot + 1) << 1;
}

static inline uint32_t mark_of_connection(uint32_t slot)
{
	return MARK_CONNECTION | slot << 1;
}

/* The slot of a connection mark; UINT32_MAX: it is none. */
static inline uint32_t mark_connection_slot(uint32_t mark)
{
	uint32_t slot = (mark ^ MARK_CONNECTION) >> 1;

	return (mark & 1) || slot >= MARK_CONNECTION_SLOTS_MAX ? UINT32_MAX : slot;
}

/* NULL where the mark means nothing under this table, which may itself be NULL. */
static inline const struct mark_slot *mark_look_up(const struct mark_table *table, uint32_t mark)
{
	uint32_t slot = (mark >> 1) - 1; /* of 0 and 1: beyond every count */

	if (!table || (mark & 1) || slot >= table->count || table->slots[slot].kind == MARK_VOID)
		return NULL;
	return &table->slots[slot];
}

#endif
