/*
 * One packet applied to the table: without a lock where it changes nothing but the time, else with
 * its bucket held. Thread: workers.
 */
#include "classify/conn_refresh.h"

#include <errno.h>

static enum conn_answer answer_of(enum conn_step step)
{
	static const uint8_t answers[] = {
		[CONN_STEP_PASS] = CONN_ANSWER_PASS,
		[CONN_STEP_UNTOUCHED] = CONN_ANSWER_PASS,
		[CONN_STEP_OPEN] = CONN_ANSWER_NEW,
		[CONN_STEP_NOTHING] = CONN_ANSWER_NOTHING,
		[CONN_STEP_RULES] = CONN_ANSWER_RULES,
		[CONN_STEP_REVERSE] = CONN_ANSWER_REVERSE,
		[CONN_STEP_DENY] = CONN_ANSWER_DENY,
		[CONN_STEP_NO_CONNECTION] = CONN_ANSWER_NO_CONNECTION,
		[CONN_STEP_CUT] = CONN_ANSWER_CUT,
	};

	return answers[step];
}

static struct conn_terms terms_of(const struct conn_question *question)
{
	return (struct conn_terms){
		.now = question->input.now,
		.rejudge_below = question->rejudge_below,
		.rejudge = question->rejudge,
		.enforcing = question->enforcing,
	};
}

/* Re-judging comes before the packet itself. True where it has answered. */
static bool rejudge(struct conn_table *table, struct conn_entry *entry,
		    const struct conn_question *question, uint8_t protocol,
		    struct conn_state *state, enum conn_answer *ret)
{
	const struct conn_terms terms = terms_of(question);

	if (conn_state_phase(state) == CONN_TOMBSTONE || !conn_must_rejudge(&terms, state))
		return false;
	if (question->rejudged == CONN_RULES_UNKNOWN) {
		*ret = question->over_rate ? CONN_ANSWER_PASS : CONN_ANSWER_REJUDGE;
		/* a SYN would be a new connection, which nobody has judged: it will come again */
		if (question->over_rate && question->input.event == CONN_EVENT_SYN)
			*ret = CONN_ANSWER_CUT;
		if (question->over_rate)
			*state = conn_state_stale(state, question->input.now);
	} else if (question->rejudged == CONN_RULES_DENY) {
		*ret = CONN_ANSWER_CUT;
		*state = conn_state_cut(state, question->input.now);
		conn_count(&table->shared.cut);
	} else {
		*state = conn_state_confirmed(state, protocol, question->input.generation,
					      question->rejudged);
		conn_entry_update(table, entry, state);
		return false;
	}
	if (*ret != CONN_ANSWER_REJUDGE)
		conn_entry_update(table, entry, state);
	return true;
}

/* The entry is there and held. True where `*ret` is the answer; else the entry is gone. */
static bool apply_to_entry(struct conn_table *table, struct conn_entry *entry,
			   const struct conn_question *question, enum conn_answer *ret,
			   enum direction *ret_opened_by)
{
	const struct conn_input *input = &question->input;
	struct conn_state state;
	struct conn_state next;
	enum conn_step step;

	conn_state_load(&entry->bucket->state[entry->slot], &state);
	*ret_opened_by = conn_state_opened_by(&state);
	if (conn_state_expired(&state, &table->deadlines, input->now)) {
		conn_count(&table->shared.expired);
		conn_entry_remove(table, &entry->place, entry->index, entry->bucket, entry->slot);
		return false;
	}
	if (rejudge(table, entry, question, input->protocol, &state, ret))
		return true;
	step = conn_state_step(&state, input, &next);
	if (step == CONN_STEP_OPEN) {
		conn_count(&table->shared.replaced);
		conn_entry_remove(table, &entry->place, entry->index, entry->bucket, entry->slot);
		return false;
	}
	if (step == CONN_STEP_PASS) {
		conn_entry_update(table, entry, &next);
		*ret_opened_by = conn_state_opened_by(&next);
	}
	*ret = answer_of(step);
	return true;
}

/*
 * There is no entry, and the key's first bucket is held. True where `*ret` is the answer; else it
 * must be tried again after no bucket was held, and room was made where none is reserved.
 */
static bool apply_to_none(struct conn_table *table, struct conn_entry *entry,
			  const struct conn_query *query, const struct conn_question *question,
			  bool *reserved, enum conn_answer *ret, enum direction *ret_opened_by)
{
	struct conn_state state;
	enum conn_step step = conn_state_open(&question->input, &state);
	int r;

	*ret = answer_of(step);
	if (step != CONN_STEP_OPEN)
		return true;
	*ret_opened_by = conn_state_opened_by(&state);
	if (!*reserved && !conn_reserve(table, *ret_opened_by))
		return false;
	*reserved = true;
	r = conn_entry_insert(table, entry, query, &state);
	if (r == -EAGAIN)
		return false;
	if (r < 0) {
		conn_count(&table->shared.refused_bucket);
		*ret = CONN_ANSWER_FULL;
		return true;
	}
	*reserved = false; /* the entry has it now */
	return true;
}

static void query_of(const struct packet *packet, struct conn_query *ret)
{
	if (packet->kind == PACKET_IP4)
		conn_query4(&packet->key4, ret);
	else
		conn_query6(&packet->key6, ret);
}

static enum conn_answer apply_held(struct conn_table *table, const struct conn_query *query,
				   const struct conn_place *place,
				   const struct conn_question *question,
				   enum direction *ret_opened_by)
{
	bool reserved = false;
	enum conn_answer answer;

	for (;;) {
		struct conn_entry entry;
		bool answered;

		conn_entry_hold(table, query, place, &entry);
		if (entry.slot >= 0) {
			answered = apply_to_entry(table, &entry, question, &answer, ret_opened_by);
			conn_entry_release(&entry);
			if (!answered)
				continue; /* as if there had been none */
			break;
		}
		answered = apply_to_none(table, &entry, query, question, &reserved, &answer,
					 ret_opened_by);
		conn_entry_release(&entry);
		if (answered)
			break;
		if (!reserved)
			reserved = conn_reserve_hard(table, *ret_opened_by, question->now);
		if (!reserved) {
			conn_count(&table->shared.refused_full);
			answer = CONN_ANSWER_FULL;
			break;
		}
	}
	if (reserved)
		conn_unreserve(table);
	return answer;
}

enum conn_answer conn_apply(struct conn_table *table, const struct packet *packet,
			    const struct conn_hint *hint, const struct conn_question *question,
			    enum direction *ret_opened_by)
{
	enum ip_family family = packet->kind == PACKET_IP4 ? IP_FAMILY_V4 : IP_FAMILY_V6;
	const struct conn_terms terms = terms_of(question);
	struct conn_query query;
	struct conn_place place;

	if (hint->slot != CONN_NOT_FOUND &&
	    conn_refresh(table, family, hint, question->input.event, question->input.direction,
			 question->input.acknowledge, &terms, ret_opened_by))
		return CONN_ANSWER_PASS;
	query_of(packet, &query);
	conn_place_of_hash(table, family, hint->hash, &place);
	return apply_held(table, &query, &place, question, ret_opened_by);
}

bool conn_peek(const struct conn_table *table, const struct packet *packet, uint64_t now,
	       struct conn_state *ret)
{
	struct conn_query query;

	query_of(packet, &query);
	return conn_query_peek(table, &query, ret) && conn_state_phase(ret) != CONN_TOMBSTONE &&
	       !conn_state_expired(ret, &table->deadlines, (uint32_t)now);
}
