/*
 * The connection state machine, walked event by event in every state.
 */
#include "base/net.h"
#include "classify/conn_state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define OUT DIRECTION_OUTBOUND
#define IN  DIRECTION_INBOUND
#define NOW 100000

static struct conn_input input_of(enum conn_event event, enum direction direction)
{
	return (struct conn_input){
		.event = event,
		.direction = direction,
		.protocol = IP_PROTOCOL_TCP,
		.has_ack = event != CONN_EVENT_SYN && event != CONN_EVENT_NO_ACK,
		.sequence = 5000,
		.acknowledge = 7000,
		.now = NOW,
		.generation = 3,
		.rules = CONN_RULES_ALLOW,
	};
}

/* A connection that came to its state by the packets `path`: "event direction" letters. */
static struct conn_state state_by(const char *path)
{
	struct conn_state state = { 0 };

	for (const char *p = path; *p; p += 2) {
		static const char letters[] = "SaApFRuo";
		static const uint8_t events[] = { CONN_EVENT_SYN, CONN_EVENT_SYN_ACK,
						  CONN_EVENT_ACK, CONN_EVENT_NO_ACK,
						  CONN_EVENT_FIN, CONN_EVENT_RST,
						  CONN_EVENT_UDP, CONN_EVENT_OTHER };
		struct conn_input input =
			input_of(events[strchr(letters, *p) - letters], p[1] == '>' ? OUT : IN);
		struct conn_state next;
		enum conn_step step;

		input.now = 1;
		input.sequence = 7000;
		step = state.word ? conn_state_step(&state, &input, &next)
				  : conn_state_open(&input, &next);
		assert_true(step == CONN_STEP_PASS || step == CONN_STEP_OPEN);
		state = next;
	}
	return state;
}

/* What a step came to: "=phase" passed, "+phase" a new entry, else the name of the outcome. */
static const char *outcome(enum conn_step step, const struct conn_state *next, char *buffer)
{
	static const char *const names[] = {
		[CONN_STEP_UNTOUCHED] = "untouched",
		[CONN_STEP_NOTHING] = "nothing",
		[CONN_STEP_RULES] = "rules",
		[CONN_STEP_REVERSE] = "reverse",
		[CONN_STEP_DENY] = "deny",
		[CONN_STEP_NO_CONNECTION] = "no-connection",
		[CONN_STEP_CUT] = "cut",
	};

	if (step != CONN_STEP_PASS && step != CONN_STEP_OPEN)
		return names[step];
	buffer[0] = step == CONN_STEP_PASS ? '=' : '+';
	strcpy(buffer + 1, conn_phase_name(conn_state_phase(next)));
	return buffer;
}

#define EVENTS 6
static const enum conn_event walked[EVENTS] = { CONN_EVENT_SYN, CONN_EVENT_SYN_ACK,
						CONN_EVENT_ACK, CONN_EVENT_NO_ACK,
						CONN_EVENT_FIN, CONN_EVENT_RST };

/* Each state, and for each event what it does when leaving and when arriving. */
static const struct row {
	const char *name;
	const char *path;
	const char *outcomes[EVENTS][2]; /* out, in */
} rows[] = {
	{ "half-open, opened by the VM",
	  "S>",
	  { { "=half-open", "=half-open" },
	    { "=half-open", "=established" },
	    { "=half-open", "=half-open" },
	    { "=half-open", "=half-open" },
	    { "=closing", "=closing" },
	    { "=reset", "=reset" } } },
	{ "half-open, opened by the other side",
	  "S<",
	  { { "=half-open", "=half-open" },
	    { "=established", "=half-open" },
	    { "=half-open", "=half-open" },
	    { "=half-open", "=half-open" },
	    { "=closing", "=closing" },
	    { "=reset", "=reset" } } },
	{ "unconfirmed, leaving segment",
	  "A>",
	  { { "+half-open", "+half-open" },
	    { "=unconfirmed", "=established" },
	    { "=unconfirmed", "=established" },
	    { "=unconfirmed", "=established" },
	    { "=closing", "=closing" },
	    { "=reset", "untouched" } } },
	{ "established",
	  "S>a<A>",
	  { { "=established", "=established" },
	    { "=established", "=established" },
	    { "=established", "=established" },
	    { "=established", "=established" },
	    { "=closing", "=closing" },
	    { "untouched", "untouched" } } },
	{ "half-confirmed",
	  "S>a<",
	  { { "=established", "=established" },
	    { "=established", "=established" },
	    { "=established", "=established" },
	    { "=established", "=established" },
	    { "=closing", "=closing" },
	    { "untouched", "=reset" } } },
	{ "closing, one FIN",
	  "S>a<A>F>",
	  { { "+half-open", "+half-open" },
	    { "=established", "=established" },
	    { "=established", "=established" },
	    { "=established", "=established" },
	    { "=closing", "=closing" },
	    { "untouched", "untouched" } } },
	{ "one FIN, then data",
	  "S>a<A>F>A<",
	  { { "=established", "=established" },
	    { "=established", "=established" },
	    { "=established", "=established" },
	    { "=established", "=established" },
	    { "=closing", "=closing" },
	    { "untouched", "untouched" } } },
	{ "closing, both FINs",
	  "S>a<A>F>F<A>",
	  { { "+half-open", "+half-open" },
	    { "=closing", "=closing" },
	    { "=closing", "=closing" },
	    { "=closing", "=closing" },
	    { "=closing", "=closing" },
	    { "untouched", "untouched" } } },
	{ "reset",
	  "S>a<A>R<",
	  { { "+half-open", "+half-open" },
	    { "=established", "=established" },
	    { "=established", "=established" },
	    { "=established", "=established" },
	    { "=closing", "=closing" },
	    { "untouched", "untouched" } } },
	{ "opener refused",
	  "S>R<",
	  { { "+half-open", "+half-open" },
	    { "=half-open", "=established" },
	    { "=half-open", "=half-open" },
	    { "=half-open", "=half-open" },
	    { "=closing", "=closing" },
	    { "=reset", "=reset" } } },
	{ "nothing",
	  "",
	  { { "+half-open", "+half-open" },
	    { "no-connection", "no-connection" },
	    { "+unconfirmed", "+unconfirmed" },
	    { "no-connection", "no-connection" },
	    { "nothing", "nothing" },
	    { "nothing", "nothing" } } },
};

/*
 * Sequence numbers here are out of every window (5000 where 7000 was acknowledged is inside, so it
 * is moved): RST is "untouched" where the other side's ACK was seen.
 */
static void every_event_in_every_state(void **unused)
{
	(void)unused;
	for (size_t r = 0; r < sizeof(rows) / sizeof(rows[0]); r++) {
		struct conn_state state = state_by(rows[r].path);

		for (unsigned e = 0; e < EVENTS; e++) {
			for (unsigned d = 0; d < 2; d++) {
				struct conn_input input = input_of(walked[e], d == 0 ? OUT : IN);
				struct conn_state next;
				enum conn_step step;
				char buffer[32];
				const char *found;

				input.sequence = 7000 + 65537;
				step = state.word ? conn_state_step(&state, &input, &next)
						  : conn_state_open(&input, &next);
				found = outcome(step, &next, buffer);
				if (strcmp(found, rows[r].outcomes[e][d]) != 0)
					fail_msg("%s, event %u %s: %s instead of %s", rows[r].name,
						 walked[e], d == 0 ? "out" : "in", found,
						 rows[r].outcomes[e][d]);
			}
		}
	}
}

static void tombstones_let_only_openers_through(void **unused)
{
	struct conn_state established = state_by("S>a<A>");
	struct conn_state tombstone = conn_state_cut(&established, NOW);

	(void)unused;
	assert_int_equal(tombstone.seen, NOW);
	for (unsigned e = 0; e < EVENTS; e++) {
		struct conn_input input = input_of(walked[e], OUT);
		struct conn_state next;

		assert_int_equal(conn_state_step(&tombstone, &input, &next),
				 walked[e] == CONN_EVENT_SYN ? CONN_STEP_OPEN : CONN_STEP_CUT);
	}
}

static void a_syn_is_always_judged(void **unused)
{
	static const char *const paths[] = { "S>", "A>", "S>a<A>", "S>a<A>F>", "S>a<A>R<" };

	(void)unused;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		struct conn_state state = state_by(paths[i]);
		struct conn_input input = input_of(CONN_EVENT_SYN, IN);
		struct conn_state next;

		input.rules = CONN_RULES_UNKNOWN;
		assert_int_equal(conn_state_step(&state, &input, &next), CONN_STEP_RULES);
		input.rules = CONN_RULES_DENY;
		assert_int_equal(conn_state_step(&state, &input, &next), CONN_STEP_DENY);
	}
}

static void a_syn_answered_over_an_established_entry_replaces_it(void **unused)
{
	struct conn_state state = state_by("S>a<A>S<");
	struct conn_input input = input_of(CONN_EVENT_SYN_ACK, IN);
	struct conn_state next;

	(void)unused;
	assert_int_equal(conn_state_phase(&state), CONN_ESTABLISHED);
	assert_int_equal(conn_state_opened_by(&state), OUT);
	/* From the side that sent the SYN it is no answer. */
	assert_int_equal(conn_state_step(&state, &input, &next), CONN_STEP_PASS);
	assert_int_equal(conn_state_opened_by(&next), OUT);
	input = input_of(CONN_EVENT_SYN_ACK, OUT);
	assert_int_equal(conn_state_step(&state, &input, &next), CONN_STEP_PASS);
	assert_int_equal(conn_state_opened_by(&next), IN);
	assert_int_equal(conn_state_phase(&next), CONN_ESTABLISHED);
	assert_false(next.word & CONN_SYN(IN));
}

static void a_syn_over_an_established_entry_does_not_refresh_it(void **unused)
{
	struct conn_state state = state_by("S>a<A>");
	struct conn_input input = input_of(CONN_EVENT_SYN, OUT);
	struct conn_state next;

	(void)unused;
	assert_int_equal(conn_state_step(&state, &input, &next), CONN_STEP_PASS);
	assert_int_equal(next.seen, state.seen);
}

static void resets_count_within_the_window(void **unused)
{
	static const struct {
		uint32_t acknowledged;
		uint32_t sequence;
		bool counts;
	} cases[] = {
		{ 7000, 7000, true },
		{ 7000, 7000 + 65536, true },
		{ 7000, 7000 + 65537, false },
		{ 7000, 7000u - 65536u, true },
		{ 7000, 7000u - 65537u, false },
		{ 0xffffff00, 0x00000100, true }, /* around zero */
		{ 0x00000100, 0xffffff00, true },
		{ 0x80000000, 0x00000000, false },
	};

	(void)unused;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct conn_state state = state_by("S>a<A>");
		struct conn_input input = input_of(CONN_EVENT_RST, IN);
		struct conn_state next;

		state.ack[OUT] = cases[i].acknowledged;
		input.sequence = cases[i].sequence;
		assert_int_equal(conn_state_step(&state, &input, &next),
				 cases[i].counts ? CONN_STEP_PASS : CONN_STEP_UNTOUCHED);
	}
}

static void picking_up_asks_the_right_rules(void **unused)
{
	static const struct {
		enum direction direction;
		bool grace;
		enum conn_rules rules;
		enum conn_rules reverse;
		const char *outcome;
		enum direction opened_by;
	} cases[] = {
		{ OUT, false, CONN_RULES_UNKNOWN, 0, "rules", 0 },
		{ OUT, false, CONN_RULES_ALLOW, 0, "+unconfirmed", OUT },
		{ OUT, false, CONN_RULES_DENY, 0, "deny", 0 },
		{ OUT, true, CONN_RULES_ALLOW, 0, "+unconfirmed", OUT },
		{ OUT, true, CONN_RULES_DENY, CONN_RULES_UNKNOWN, "reverse", 0 },
		{ OUT, true, CONN_RULES_DENY, CONN_RULES_ALLOW, "+unconfirmed", IN },
		{ OUT, true, CONN_RULES_DENY, CONN_RULES_DENY, "deny", 0 },
		{ IN, true, CONN_RULES_ALLOW, 0, "+unconfirmed", IN },
		{ IN, true, CONN_RULES_DENY, CONN_RULES_ALLOW, "deny", 0 }, /* never the mirror */
	};

	(void)unused;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct conn_input input = input_of(CONN_EVENT_ACK, cases[i].direction);
		struct conn_state next = { 0 };
		enum conn_step step;
		char buffer[32];

		input.grace = cases[i].grace;
		input.rules = cases[i].rules;
		input.reverse = cases[i].reverse;
		step = conn_state_open(&input, &next);
		assert_string_equal(outcome(step, &next, buffer), cases[i].outcome);
		if (step == CONN_STEP_OPEN)
			assert_int_equal(conn_state_opened_by(&next), cases[i].opened_by);
	}
}

static void a_reverse_pick_up_is_confirmed_by_the_initiator(void **unused)
{
	struct conn_input input = input_of(CONN_EVENT_ACK, OUT);
	struct conn_state state, next;

	(void)unused;
	input.grace = true;
	input.rules = CONN_RULES_DENY;
	input.reverse = CONN_RULES_ALLOW;
	assert_int_equal(conn_state_open(&input, &state), CONN_STEP_OPEN);
	assert_int_equal(conn_state_step(&state, &input, &next), CONN_STEP_PASS);
	assert_int_equal(conn_state_phase(&next), CONN_UNCONFIRMED);
	input = input_of(CONN_EVENT_ACK, IN);
	assert_int_equal(conn_state_step(&state, &input, &next), CONN_STEP_PASS);
	assert_int_equal(conn_state_phase(&next), CONN_ESTABLISHED);
}

static void datagrams_have_their_timeouts(void **unused)
{
	static const struct {
		enum conn_event event;
		uint8_t protocol;
		enum conn_phase first;
		enum conn_phase replied;
	} cases[] = {
		{ CONN_EVENT_UDP, IP_PROTOCOL_UDP, CONN_UDP, CONN_UDP_REPLIED },
		{ CONN_EVENT_ICMP_REQUEST, IP_PROTOCOL_ICMP, CONN_ICMP, CONN_ICMP },
		{ CONN_EVENT_ICMP_REQUEST, IP_PROTOCOL_ICMPV6, CONN_ICMP, CONN_ICMP },
		{ CONN_EVENT_OTHER, IP_PROTOCOL_SCTP, CONN_OTHER, CONN_OTHER },
		{ CONN_EVENT_OTHER, IP_PROTOCOL_ESP, CONN_OTHER, CONN_OTHER },
	};

	(void)unused;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct conn_input input = input_of(cases[i].event, OUT);
		struct conn_state state, next;

		input.protocol = cases[i].protocol;
		assert_int_equal(conn_state_open(&input, &state), CONN_STEP_OPEN);
		assert_int_equal(conn_state_phase(&state), cases[i].first);
		assert_true(conn_state_unreplied(&state));
		assert_int_equal(conn_state_step(&state, &input, &next), CONN_STEP_PASS);
		assert_int_equal(conn_state_phase(&next), cases[i].first);
		assert_true(conn_state_unreplied(&next));
		input.direction = IN;
		assert_int_equal(conn_state_step(&state, &input, &next), CONN_STEP_PASS);
		assert_int_equal(conn_state_phase(&next), cases[i].replied);
		assert_false(conn_state_unreplied(&next));
	}
}

static void what_makes_nothing_is_judged_each_time(void **unused)
{
	static const enum conn_event events[] = { CONN_EVENT_RST, CONN_EVENT_FIN,
						  CONN_EVENT_ICMP_REPLY, CONN_EVENT_ICMP };

	(void)unused;
	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
		struct conn_input input = input_of(events[i], IN);
		struct conn_state next;

		assert_int_equal(conn_state_open(&input, &next), CONN_STEP_NOTHING);
		input.rules = CONN_RULES_DENY;
		assert_int_equal(conn_state_open(&input, &next), CONN_STEP_DENY);
	}
}

static void timeouts_run_to_the_millisecond(void **unused)
{
	struct conn_deadlines deadlines;

	(void)unused;
	conn_deadlines_init(&deadlines, &conn_timeouts_default);
	for (enum conn_phase phase = CONN_HALF_OPEN; phase < CONN_PHASES; phase++) {
		struct conn_state state = { .seen = UINT32_MAX - 500, .word = phase };
		uint32_t end = state.seen + deadlines.ms[phase];

		assert_true(deadlines.ms[phase] > 0);
		assert_false(conn_state_expired(&state, &deadlines, state.seen));
		assert_false(conn_state_expired(&state, &deadlines, state.seen - 5));
		assert_false(conn_state_expired(&state, &deadlines, end - 1));
		assert_true(conn_state_expired(&state, &deadlines, end));
	}
	assert_int_equal(deadlines.ms[CONN_RESET], 5000);
	assert_int_equal(deadlines.ms[CONN_ESTABLISHED], 240000);
}

static void rejudging_has_three_outcomes(void **unused)
{
	struct conn_state state = state_by("S>a<A>");
	struct conn_state next = conn_state_stale(&state, NOW);

	(void)unused;
	assert_int_equal(conn_state_phase(&next), CONN_STALE);
	assert_int_equal(next.seen, NOW);
	next = conn_state_stale(&next, NOW + 1); /* its end does not move */
	assert_int_equal(next.seen, NOW);
	next = conn_state_confirmed(&next, IP_PROTOCOL_TCP, 9, CONN_RULES_ALLOW);
	assert_int_equal(conn_state_phase(&next), CONN_ESTABLISHED);
	assert_int_equal(next.generation, 9);
	next = conn_state_confirmed(&next, IP_PROTOCOL_TCP, 10, CONN_RULES_AUDIT);
	assert_true(next.word & CONN_AUDIT_ONLY);
	next = conn_state_confirmed(&next, IP_PROTOCOL_TCP, 11, CONN_RULES_ALLOW);
	assert_false(next.word & CONN_AUDIT_ONLY);
	next = conn_state_cut(&next, NOW);
	assert_int_equal(conn_state_phase(&next), CONN_TOMBSTONE);
	assert_false(conn_state_unreplied(&next));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_event_in_every_state),
		cmocka_unit_test(tombstones_let_only_openers_through),
		cmocka_unit_test(a_syn_is_always_judged),
		cmocka_unit_test(a_syn_answered_over_an_established_entry_replaces_it),
		cmocka_unit_test(a_syn_over_an_established_entry_does_not_refresh_it),
		cmocka_unit_test(resets_count_within_the_window),
		cmocka_unit_test(picking_up_asks_the_right_rules),
		cmocka_unit_test(a_reverse_pick_up_is_confirmed_by_the_initiator),
		cmocka_unit_test(datagrams_have_their_timeouts),
		cmocka_unit_test(what_makes_nothing_is_judged_each_time),
		cmocka_unit_test(timeouts_run_to_the_millisecond),
		cmocka_unit_test(rejudging_has_three_outcomes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
