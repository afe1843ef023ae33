/*
 * The connection state machine. Pure; any thread.
 */
#include "classify/conn_state.h"

#include "base/net.h"

#include <stddef.h>
#include <stdlib.h>

#define RESET_WINDOW 65536

const struct conn_timeouts conn_timeouts_default = {
	.half_open = 30,
	.unconfirmed = 30,
	.established = 240,
	.closing = 30,
	.reset = 5,
	.udp = 30,
	.udp_replied = 240,
	.icmp = 30,
	.other = 60,
};

static const char *const phase_names[CONN_PHASES] = {
#define CONN_PHASE_(name, text) [CONN_##name] = text,
	CONN_PHASES_TABLE(CONN_PHASE_)
#undef CONN_PHASE_
};

const char *conn_phase_name(enum conn_phase phase)
{
	return (size_t)phase < CONN_PHASES ? phase_names[phase] : "unknown";
}

void conn_deadlines_init(struct conn_deadlines *deadlines, const struct conn_timeouts *timeouts)
{
	*deadlines =
		(struct conn_deadlines){ .ms = {
						 [CONN_HALF_OPEN] = timeouts->half_open * 1000u,
						 [CONN_UNCONFIRMED] = timeouts->unconfirmed * 1000u,
						 [CONN_ESTABLISHED] = timeouts->established * 1000u,
						 [CONN_CLOSING] = timeouts->closing * 1000u,
						 [CONN_RESET] = timeouts->reset * 1000u,
						 [CONN_UDP] = timeouts->udp * 1000u,
						 [CONN_UDP_REPLIED] = timeouts->udp_replied * 1000u,
						 [CONN_ICMP] = timeouts->icmp * 1000u,
						 [CONN_OTHER] = timeouts->other * 1000u,
						 [CONN_STALE] = CONN_STALE_SECONDS * 1000u,
						 [CONN_TOMBSTONE] = CONN_TOMBSTONE_SECONDS * 1000u,
					 } };
}

uint32_t conn_deadlines_longest(const struct conn_timeouts *timeouts)
{
	struct conn_deadlines deadlines;
	uint32_t longest = 0;

	conn_deadlines_init(&deadlines, timeouts);
	for (int phase = 0; phase < CONN_PHASES; phase++) {
		if (deadlines.ms[phase] > longest)
			longest = deadlines.ms[phase];
	}
	return longest;
}

static uint16_t with_phase(uint16_t word, enum conn_phase phase)
{
	return (word & ~CONN_PHASE_MASK) | phase;
}

/* The phase in which a TCP connection rests, its bits being what they are. */
static enum conn_phase tcp_phase(uint16_t word)
{
	const uint16_t both_fins = CONN_FIN(DIRECTION_INBOUND) | CONN_FIN(DIRECTION_OUTBOUND);

	if ((word & both_fins) == both_fins)
		return CONN_CLOSING;
	if (word & CONN_OPENING)
		return CONN_HALF_OPEN;
	return word & CONN_REPLIED ? CONN_ESTABLISHED : CONN_UNCONFIRMED;
}

static enum direction first_direction(uint16_t word)
{
	return word & CONN_FIRST_OUT ? DIRECTION_OUTBOUND : DIRECTION_INBOUND;
}

static enum direction reverse_of(enum direction direction)
{
	return direction == DIRECTION_INBOUND ? DIRECTION_OUTBOUND : DIRECTION_INBOUND;
}

/* The packet was seen: the timeout runs anew, the other side may have shown itself. */
static void note_seen(struct conn_state *state, const struct conn_input *input)
{
	state->seen = input->now;
	if (input->direction != first_direction(state->word))
		state->word |= CONN_REPLIED;
}

static void note_ack(struct conn_state *state, const struct conn_input *input)
{
	if (!input->has_ack)
		return;
	state->ack[input->direction] = input->acknowledge;
	state->word |= CONN_ACK_SEEN(input->direction);
}

static struct conn_state new_state(const struct conn_input *input, enum conn_phase phase,
				   enum direction opened_by)
{
	struct conn_state state = {
		.seen = input->now,
		.generation = input->generation,
		.word = phase,
	};

	if (opened_by == DIRECTION_OUTBOUND)
		state.word |= CONN_OPENED_OUT;
	if (input->direction == DIRECTION_OUTBOUND)
		state.word |= CONN_FIRST_OUT;
	if (phase == CONN_HALF_OPEN)
		state.word |= CONN_OPENING;
	if (input->event == CONN_EVENT_ACK)
		note_ack(&state, input);
	return state;
}

static enum conn_step step_syn(const struct conn_state *state, const struct conn_input *input,
			       struct conn_state *ret)
{
	if (input->rules == CONN_RULES_UNKNOWN)
		return CONN_STEP_RULES;
	if (input->rules == CONN_RULES_DENY)
		return CONN_STEP_DENY;
	switch (conn_state_phase(state)) {
	case CONN_HALF_OPEN:
		*ret = *state;
		ret->seen = input->now;
		return CONN_STEP_PASS;
	case CONN_ESTABLISHED:
		*ret = *state;
		ret->word |= CONN_SYN(input->direction);
		if (input->rules == CONN_RULES_AUDIT)
			ret->word |= CONN_AUDIT_ONLY;
		return CONN_STEP_PASS;
	default:
		return conn_state_open(input, ret);
	}
}

/* Answers a SYN that passed over an established entry: now that one is over. */
static void replace_by_answered(struct conn_state *state, const struct conn_input *input)
{
	enum direction opened_by = reverse_of(input->direction);

	*state = (struct conn_state){
		.seen = input->now,
		.generation = state->generation,
		.word = CONN_ESTABLISHED | CONN_REPLIED | (state->word & CONN_AUDIT_ONLY),
	};
	if (opened_by == DIRECTION_OUTBOUND)
		state->word |= CONN_OPENED_OUT | CONN_FIRST_OUT;
	note_ack(state, input);
}

static enum conn_step step_syn_ack(const struct conn_state *state, const struct conn_input *input,
				   struct conn_state *ret)
{
	*ret = *state;
	if (state->word & CONN_SYN(reverse_of(input->direction))) {
		replace_by_answered(ret, input);
		return CONN_STEP_PASS;
	}
	if (input->direction != conn_state_opened_by(state))
		ret->word &= ~CONN_OPENING;
	note_seen(ret, input);
	note_ack(ret, input);
	ret->word = with_phase(ret->word, tcp_phase(ret->word));
	return CONN_STEP_PASS;
}

static enum conn_step step_segment(const struct conn_state *state, const struct conn_input *input,
				   struct conn_state *ret)
{
	*ret = *state;
	note_seen(ret, input);
	note_ack(ret, input);
	ret->word = with_phase(ret->word, tcp_phase(ret->word));
	return CONN_STEP_PASS;
}

static enum conn_step step_fin(const struct conn_state *state, const struct conn_input *input,
			       struct conn_state *ret)
{
	*ret = *state;
	note_seen(ret, input);
	note_ack(ret, input);
	ret->word = with_phase(ret->word | CONN_FIN(input->direction), CONN_CLOSING);
	return CONN_STEP_PASS;
}

static bool reset_counts(const struct conn_state *state, const struct conn_input *input)
{
	enum direction other = reverse_of(input->direction);
	int32_t distance = (int32_t)(input->sequence - state->ack[other]);

	/* then the last acknowledgement that was seen may be an old one */
	if (input->unseen && other == DIRECTION_INBOUND)
		return true;
	return !(state->word & CONN_ACK_SEEN(other)) ||
	       (distance >= -RESET_WINDOW && distance <= RESET_WINDOW);
}

static enum conn_step step_rst(const struct conn_state *state, const struct conn_input *input,
			       struct conn_state *ret)
{
	if (!reset_counts(state, input))
		return CONN_STEP_UNTOUCHED;
	*ret = *state;
	note_seen(ret, input);
	ret->word = with_phase(ret->word, CONN_RESET);
	return CONN_STEP_PASS;
}

static enum conn_phase resting_phase(uint16_t word, uint8_t protocol)
{
	switch (protocol) {
	case IP_PROTOCOL_TCP:
		return tcp_phase(word);
	case IP_PROTOCOL_UDP:
		return word & CONN_REPLIED ? CONN_UDP_REPLIED : CONN_UDP;
	case IP_PROTOCOL_ICMP:
	case IP_PROTOCOL_ICMPV6:
		return CONN_ICMP;
	default:
		return CONN_OTHER;
	}
}

static enum conn_step step_datagram(const struct conn_state *state, const struct conn_input *input,
				    struct conn_state *ret)
{
	*ret = *state;
	note_seen(ret, input);
	ret->word = with_phase(ret->word, resting_phase(ret->word, input->protocol));
	return CONN_STEP_PASS;
}

enum conn_step conn_state_step(const struct conn_state *state, const struct conn_input *input,
			       struct conn_state *ret)
{
	if (conn_state_phase(state) == CONN_TOMBSTONE && input->event != CONN_EVENT_SYN)
		return CONN_STEP_CUT;
	switch (input->event) {
	case CONN_EVENT_SYN:
		return step_syn(state, input, ret);
	case CONN_EVENT_SYN_ACK:
		return step_syn_ack(state, input, ret);
	case CONN_EVENT_ACK:
	case CONN_EVENT_NO_ACK:
		return step_segment(state, input, ret);
	case CONN_EVENT_FIN:
		return step_fin(state, input, ret);
	case CONN_EVENT_RST:
		return step_rst(state, input, ret);
	default:
		return step_datagram(state, input, ret);
	}
}

static enum conn_step open_entry(const struct conn_input *input, enum conn_phase phase,
				 enum direction opened_by, enum conn_rules rules,
				 struct conn_state *ret)
{
	*ret = new_state(input, phase, opened_by);
	if (rules == CONN_RULES_AUDIT)
		ret->word |= CONN_AUDIT_ONLY;
	return CONN_STEP_OPEN;
}

/*
 * A segment in mid-stream. The rules of the reverse direction count for leaving ones only, and only
 * in the grace window: else, with Internet allowed outbound, any stray ACK would get in. Where
 * segments arrive unseen, a leaving one is taken for confirmed by them.
 */
static enum conn_step pick_up(const struct conn_input *input, struct conn_state *ret)
{
	bool may_reverse = input->grace && input->direction == DIRECTION_OUTBOUND;
	bool confirmed = input->unseen && input->direction == DIRECTION_OUTBOUND;
	enum conn_phase phase = confirmed ? CONN_ESTABLISHED : CONN_UNCONFIRMED;
	enum direction opened_by = input->direction;
	enum conn_rules rules = input->rules;

	if (input->rules != CONN_RULES_ALLOW && may_reverse) {
		if (input->reverse == CONN_RULES_UNKNOWN)
			return CONN_STEP_REVERSE;
		if (input->reverse == CONN_RULES_ALLOW) {
			opened_by = DIRECTION_INBOUND;
			rules = CONN_RULES_ALLOW;
		}
	}
	if (rules == CONN_RULES_DENY)
		return CONN_STEP_DENY;
	(void)open_entry(input, phase, opened_by, rules, ret);
	ret->word |= confirmed ? CONN_REPLIED : 0;
	return CONN_STEP_OPEN;
}

/*
 * A FIN or RST: judged by the rules, and begins nothing. Where segments arrive unseen it may answer
 * one of them.
 */
static enum conn_step pass_by(const struct conn_input *input)
{
	if (input->rules != CONN_RULES_DENY)
		return CONN_STEP_NOTHING;
	if (!input->unseen || input->direction != DIRECTION_OUTBOUND)
		return CONN_STEP_DENY;
	if (input->reverse == CONN_RULES_UNKNOWN)
		return CONN_STEP_REVERSE;
	return input->reverse == CONN_RULES_ALLOW ? CONN_STEP_NOTHING : CONN_STEP_DENY;
}

enum conn_step conn_state_open(const struct conn_input *input, struct conn_state *ret)
{
	/* What a packet that the rules allow makes; CONN_FREE: nothing. */
	static const uint8_t makes[CONN_EVENTS] = {
		[CONN_EVENT_SYN] = CONN_HALF_OPEN,
		[CONN_EVENT_UDP] = CONN_UDP,
		[CONN_EVENT_OTHER] = CONN_OTHER,
		[CONN_EVENT_ICMP_REQUEST] = CONN_ICMP,
	};

	if (input->event == CONN_EVENT_SYN_ACK || input->event == CONN_EVENT_NO_ACK)
		return CONN_STEP_NO_CONNECTION;
	if (input->rules == CONN_RULES_UNKNOWN)
		return CONN_STEP_RULES;
	if (input->event == CONN_EVENT_ACK)
		return pick_up(input, ret);
	if (input->event == CONN_EVENT_FIN || input->event == CONN_EVENT_RST)
		return pass_by(input);
	if (input->rules == CONN_RULES_DENY)
		return CONN_STEP_DENY;
	if (makes[input->event] == CONN_FREE)
		return CONN_STEP_NOTHING;
	return open_entry(input, makes[input->event], input->direction, input->rules, ret);
}

struct conn_state conn_state_confirmed(const struct conn_state *state, uint8_t protocol,
				       uint16_t generation, enum conn_rules rules)
{
	struct conn_state confirmed = *state;

	confirmed.generation = generation;
	confirmed.word &= ~CONN_AUDIT_ONLY;
	/* a SYN that the rules of before let pass must not become a connection under these */
	confirmed.word &= ~(CONN_SYN(DIRECTION_INBOUND) | CONN_SYN(DIRECTION_OUTBOUND));
	if (rules == CONN_RULES_AUDIT)
		confirmed.word |= CONN_AUDIT_ONLY;
	if (conn_state_phase(state) == CONN_STALE)
		confirmed.word =
			with_phase(confirmed.word, resting_phase(confirmed.word, protocol));
	return confirmed;
}

struct conn_state conn_state_cut(const struct conn_state *state, uint32_t now)
{
	struct conn_state cut = *state;

	cut.seen = now;
	cut.word = with_phase(cut.word, CONN_TOMBSTONE);
	return cut;
}

struct conn_state conn_state_stale(const struct conn_state *state, uint32_t now)
{
	struct conn_state stale = *state;

	if (conn_state_phase(state) == CONN_STALE)
		return stale;
	stale.seen = now;
	stale.word = with_phase(stale.word, CONN_STALE);
	return stale;
}
