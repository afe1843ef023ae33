/*
 * What the control thread does with connections: looks at them, and asks for their end. It takes no
 * bucket's lock, so that no worker ever waits for it.
 */
#include "classify/conn_table.h"

#include <errno.h>

/* One slot as it was at one moment; false where it is free. */
static bool snapshot(const struct conn_bucket *bucket, unsigned slot, enum ip_family family,
		     struct conn_query *ret_query, struct conn_state *ret_state)
{
	for (;; _mm_pause()) {
		uint16_t version = conn_version(bucket);
		bool used;

		if (version & 1)
			continue;
		used = conn_lane_used(bucket, slot);
		if (used) {
			conn_slot_read(bucket, slot, family, ret_query);
			conn_state_load(&bucket->state[slot], ret_state);
		}
		if (conn_version(bucket) == version)
			return used;
	}
}

static void describe(const struct conn_table *table, const struct conn_query *query,
		     const struct conn_state *state, uint32_t now, struct conn_info *ret)
{
	struct conn_lane lane = query->lane;
	uint32_t timeout = table->deadlines.ms[conn_state_phase(state)];

	lane.tail &= ~CONN_LANE_USED;
	*ret = (struct conn_info){
		.family = query->family,
		.opened_by = conn_state_opened_by(state),
		.phase = conn_state_phase(state),
		.replied = state->word & CONN_REPLIED,
		.audit_only = state->word & CONN_AUDIT_ONLY,
		.generation = state->generation,
	};
	if ((int32_t)(now - state->seen) > 0)
		ret->idle_ms = now - state->seen;
	ret->expires_ms = timeout > ret->idle_ms ? timeout - ret->idle_ms : 0;
	if (query->family == IP_FAMILY_V4) {
		memcpy(&ret->key4, &lane, sizeof(lane));
		return;
	}
	memcpy(ret->key6.local, &query->local, 16);
	memcpy(ret->key6.remote, &query->remote, 16);
	memcpy((uint8_t *)&ret->key6 + 32, &lane, sizeof(lane));
}

void conn_foreach(const struct conn_table *table, uint64_t now, uint64_t *cursor,
		  conn_visitor visitor, void *context)
{
	uint64_t border = (uint64_t)table->side[IP_FAMILY_V4].count * CONN_SLOTS;
	uint64_t end = border + (uint64_t)table->side[IP_FAMILY_V6].count * CONN_SLOTS;

	for (uint64_t at = *cursor; at < end; at++) {
		enum ip_family family = at < border ? IP_FAMILY_V4 : IP_FAMILY_V6;
		const struct conn_side *side = &table->side[family];
		uint64_t slot = at < border ? at : at - border;
		struct conn_query query;
		struct conn_state state;
		struct conn_info info;

		if (conn_side_live(table, family) == 0) {
			at = at < border ? border - 1 : end - 1;
			continue;
		}
		if (!snapshot(conn_bucket_at(side, (uint32_t)(slot / CONN_SLOTS)),
			      slot % CONN_SLOTS, family, &query, &state) ||
		    conn_state_expired(&state, &table->deadlines, (uint32_t)now))
			continue;
		describe(table, &query, &state, (uint32_t)now, &info);
		if (!visitor(context, &info)) {
			*cursor = at + 1 < end ? at + 1 : 0;
			return;
		}
	}
	*cursor = 0;
}

static bool lookup_live(const struct conn_table *table, const struct conn_query *query,
			uint64_t now)
{
	struct conn_state state;

	return conn_query_peek(table, query, &state) &&
	       conn_state_phase(&state) != CONN_TOMBSTONE &&
	       !conn_state_expired(&state, &table->deadlines, (uint32_t)now);
}

static int ask_kill(struct conn_table *table, const struct conn_query *query, uint64_t now)
{
	if (!lookup_live(table, query, now))
		return -ENOENT;
	for (unsigned i = 0; i < CONN_KILLS_MAX; i++) {
		struct conn_kill *kill = &table->kills[i];

		if (__atomic_load_n(&kill->state, __ATOMIC_ACQUIRE) != CONN_KILL_FREE)
			continue;
		kill->query = *query;
		__atomic_store_n(&kill->state, CONN_KILL_ASKED, __ATOMIC_RELEASE);
		__atomic_fetch_add(&table->shared.kills_asked, 1, __ATOMIC_RELAXED);
		return 0;
	}
	return -EAGAIN;
}

int conn_kill4(struct conn_table *table, const struct key4 *key, uint64_t now)
{
	struct conn_query query;

	conn_query4(key, &query);
	return ask_kill(table, &query, now);
}

int conn_kill6(struct conn_table *table, const struct key6 *key, uint64_t now)
{
	struct conn_query query;

	conn_query6(key, &query);
	return ask_kill(table, &query, now);
}
