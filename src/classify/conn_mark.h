/*
 * Connection marks: which entry of the connection table a mark of a long flow names.
 *
 * A rule of the hardware matches the flow's 5-tuple and writes the mark; this table has, for the
 * mark's slot, where the entry stands. It is a hint and no more: a worker believes it only after
 * comparing the whole key, and goes the ordinary way where that fails, because the entry has moved,
 * expired or given way to another, or the slot is another flow's by now. So a value that is out of
 * date costs time and nothing else, and values are written and read one by one, without a lock.
 *
 * What a mark saves is the hash and the search of two buckets. It counts for entries that were last
 * judged under the rule set in force, hence publishing a rule set makes all of them mean nothing.
 *
 * One table for each NIC, as long as its connection table. Written by the control thread, read by
 * workers.
 */
#ifndef CLASSIFY_CONN_MARK_H
#define CLASSIFY_CONN_MARK_H

#include "classify/conn.h"
#include "classify/mark.h"

/* By slot of a mark: 1 + conn_hint.slot of the entry; 0: the mark means nothing. */
struct conn_marks {
	uint32_t places[MARK_CONNECTION_SLOTS_MAX];
};

/* Both families of keys. */
struct conn_key {
	enum ip_family family;
	union {
		struct key4 key4;
		struct key6 key6;
	};
};

/* All marks mean nothing. NULL: out of memory. Free with free(). */
struct conn_marks *conn_marks_new(void);

/* Thread: control. `place` CONN_NOT_FOUND: it means nothing. */
static inline void conn_marks_set(struct conn_marks *marks, uint32_t slot, uint32_t place)
{
	__atomic_store_n(&marks->places[slot], place + 1, __ATOMIC_RELAXED);
}

/* Where the entry stood when the mark was given; CONN_NOT_FOUND. */
static inline uint32_t conn_marks_place(const struct conn_marks *marks, uint32_t mark)
{
	uint32_t slot = mark_connection_slot(mark);

	_Static_assert(CONN_NOT_FOUND + 1 == 0, "what is not written is void");
	if (slot == UINT32_MAX)
		return CONN_NOT_FOUND;
	return __atomic_load_n(&marks->places[slot], __ATOMIC_RELAXED) - 1;
}

/* What the control thread wants to know of a marked connection. */
struct conn_standing {
	uint32_t place; /* for conn_marks_set() */
	enum conn_phase phase;
	uint16_t generation;
	uint32_t idle_ms;
};
/* False where there is no live connection of this key (a tombstone is none). Any thread. */
bool conn_stands(const struct conn_table *table, const struct conn_key *key, uint64_t now,
		 struct conn_standing *ret);

#endif
