/*
 * Inside of the judge and the table: what most packets do to their connection, without a lock.
 *
 * A packet that changes neither phase nor bits stores the time and the last ACK. A store that comes
 * too late, into a slot that has another connection by then, sets that one's time to now, or its
 * last ACK to a wrong number until its next segment: neither is more than a timeout. Thread:
 * workers.
 */
#ifndef CLASSIFY_CONN_REFRESH_H
#define CLASSIFY_CONN_REFRESH_H

#include "classify/conn_table.h"

/* The same for all packets of a burst. */
struct conn_terms {
	uint32_t now;
	uint16_t rejudge_below; /* entries of an older generation must be re-judged... */
	bool rejudge;           /* ...if this is true */
	bool enforcing;         /* entries that only audit let through must be re-judged, too */
};

static inline bool conn_must_rejudge(const struct conn_terms *terms, const struct conn_state *state)
{
	if (terms->enforcing && (state->word & CONN_AUDIT_ONLY))
		return true;
	return terms->rejudge && (int16_t)(state->generation - terms->rejudge_below) < 0;
}

/* True where a packet would change neither phase nor bits. */
static __attribute__((always_inline)) inline bool conn_is_quiet(uint16_t word,
								enum conn_event event,
								enum direction direction)
{
	/* The phases in which this event changes nothing, once its direction has been seen. */
	static const uint16_t phases[CONN_EVENTS] = {
		[CONN_EVENT_ACK] = 1 << CONN_ESTABLISHED | 1 << CONN_UNCONFIRMED,
		[CONN_EVENT_UDP] = 1 << CONN_UDP | 1 << CONN_UDP_REPLIED,
		[CONN_EVENT_ICMP_REQUEST] = 1 << CONN_ICMP,
		[CONN_EVENT_ICMP_REPLY] = 1 << CONN_ICMP,
		[CONN_EVENT_OTHER] = 1 << CONN_OTHER,
	};
	uint16_t seen = CONN_REPLIED | (event == CONN_EVENT_ACK ? CONN_ACK_SEEN(direction) : 0);

	if (!(word & CONN_REPLIED) && direction != conn_unseen_direction(word))
		seen &= ~CONN_REPLIED;
	return (phases[event] >> (word & CONN_PHASE_MASK) & 1) && (word & seen) == seen;
}

/* True where that was all; false: conn_apply() is needed. The hint is of a key that was found. */
static __attribute__((always_inline)) inline bool conn_refresh(
	struct conn_table *table, enum ip_family family, const struct conn_hint *hint,
	enum conn_event event, enum direction direction, uint32_t acknowledge,
	const struct conn_terms *terms, enum direction *ret_opened_by)
{
	uint32_t slot = hint->slot & ~CONN_SLOT_IP6;
	size_t stride =
		family == IP_FAMILY_V4 ? sizeof(struct conn_bucket) : sizeof(struct conn_bucket6);
	struct conn_bucket *bucket =
		(struct conn_bucket *)(table->side[family].buckets + slot / CONN_SLOTS * stride);
	struct conn_state *stored = &bucket->state[slot % CONN_SLOTS];
	struct conn_state state = {
		.word = __atomic_load_n(&stored->word, __ATOMIC_ACQUIRE),
		.generation = __atomic_load_n(&stored->generation, __ATOMIC_ACQUIRE),
		.seen = __atomic_load_n(&stored->seen, __ATOMIC_ACQUIRE),
	};

	if (conn_version(bucket) != hint->version || !conn_is_quiet(state.word, event, direction) ||
	    conn_must_rejudge(terms, &state) ||
	    conn_state_expired(&state, &table->deadlines, terms->now))
		return false;
	/* Not stored where nothing changes: the line stays clean, and shared. */
	if (state.seen != terms->now)
		__atomic_store_n(&stored->seen, terms->now, __ATOMIC_RELAXED);
	if (event == CONN_EVENT_ACK &&
	    __atomic_load_n(&stored->ack[direction], __ATOMIC_RELAXED) != acknowledge)
		__atomic_store_n(&stored->ack[direction], acknowledge, __ATOMIC_RELAXED);
	*ret_opened_by = conn_state_opened_by(&state);
	return true;
}

#endif
