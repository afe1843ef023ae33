/*
 * Entries of the connection table by their place: see conn_mark.h.
 */
#include "classify/conn_mark.h"

#include "classify/conn_table.h"

#include <stdlib.h>

struct conn_marks *conn_marks_new(void)
{
	return calloc(1, sizeof(struct conn_marks));
}

bool conn_stands(const struct conn_table *table, const struct conn_key *key, uint64_t now,
		 struct conn_standing *ret)
{
	struct conn_state state;
	struct conn_query query;
	uint32_t place;

	if (key->family == IP_FAMILY_V4)
		conn_query4(&key->key4, &query);
	else
		conn_query6(&key->key6, &query);
	if (!conn_query_find(table, &query, &place, &state) ||
	    conn_state_phase(&state) == CONN_TOMBSTONE ||
	    conn_state_expired(&state, &table->deadlines, (uint32_t)now))
		return false;
	*ret = (struct conn_standing){
		.place = place,
		.phase = conn_state_phase(&state),
		.generation = state.generation,
	};
	if ((int32_t)((uint32_t)now - state.seen) > 0)
		ret->idle_ms = (uint32_t)now - state.seen;
	return true;
}
