/*
 * Random traces with and without hardware: what a plan marks and drops never changes what happens
 * to a packet.
 *
 * Two judges see one trace. One judges every packet; the other stands behind the interpreter of a
 * plan of the same policy, as the datapath does: what the plan drops it is never shown, what has a
 * settled mark passes it by, what has a verdict mark comes with its verdict. The marks of a policy
 * come in late, some of the time.
 *
 * Segments that pass by leave no connection behind. Where that shows, the test lets a difference
 * pass, and only there: docs/offload.md, "What a mark saves". In a trace of real TCP conversations
 * it lets none pass.
 */
#include "classify/judge.h"
#include "classify/mark.h"
#include "compile/plan.h"
#include "property/model_frame.h"
#include "support/border.h"
#include "support/random_policy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TRACES        900
#define PACKETS       200
#define LINES         8
#define START         1000000ULL
#define PROTOCOL_GRE  47
#define LEAP          350000 /* beyond every timeout */
#define IDLE          241000 /* beyond that of an established connection */
#define POLICIES_MAX  (PACKETS + 1)
#define DIFFERENT_MAX 3 /* percent of all packets */

struct line {
	struct model_packet packet; /* as the VM's peer sends it */
	uint32_t acknowledge[DIRECTIONS];
	bool unknown;         /* see may_differ(); since the last leap */
	size_t unknown_under; /* the newest one, as a count of policies */
	bool loose;           /* and a difference has shown: states differ from then on */
	unsigned stage;       /* of a conversation */
};

struct policy_in_force {
	struct ruleset *ruleset;
	struct plan *plan;
	struct mark_table *marks;
	bool settles;
};

struct judge {
	struct conn_table *connections;
	struct fragment_table *fragments;
	struct judge_context context;
};

struct trace {
	uint64_t seed;
	struct random random;
	enum plan_tier tier;
	bool conversations;
	struct line lines[LINES];
	struct judge plain, marked;
	struct policy_in_force policies[POLICIES_MAX];
	size_t policy_count;
	bool marks_are_in;
	uint64_t now;
	uint64_t settled, given, dropped, different, judged;
};

/* --- policies --- */

static struct mark_table *marks_of(const struct plan *plan)
{
	struct mark_table *table =
		calloc(1, sizeof(*table) + (plan->slot_count + 1) * sizeof(table->slots[0]));

	assert_non_null(table);
	table->count = (uint32_t)plan->slot_count;
	for (size_t i = 0; i < plan->slot_count; i++) {
		const struct plan_entry *entry = &plan->entries[plan->slots[i].entry];
		struct mark_slot *slot = &table->slots[i];

		slot->kind = plan->slots[i].settled ? MARK_SETTLED : MARK_VERDICT;
		memcpy(slot->verdict.rule, entry->rule, sizeof(slot->verdict.rule));
		slot->verdict.access = entry->access;
		slot->verdict.stage = entry->stage;
	}
	return table;
}

static struct policy *make_policy(struct trace *trace)
{
	const struct random_policy_options options = { .rules_max = 8 };
	struct random *random = &trace->random;
	struct policy *policy = random_policy(random, &options);

	policy->mode = random_percent(random, 12) ? POLICY_AUDIT : POLICY_ENFORCE;
	policy->source_guard = random_percent(random, 20);
	for (int s = 0; s < STAGES; s++)
		policy->stage[s].flush_connection = random_percent(random, 15);
	return policy;
}

static void change_policy(struct trace *trace)
{
	struct policy_in_force *force = &trace->policies[trace->policy_count];
	struct policy *policy = make_policy(trace);
	const struct plan_options plan_options = {
		.tier = trace->tier,
		.drops = policy->mode == POLICY_ENFORCE,
	};
	const struct ruleset_options options = {
		.mac = model_frame_vm_mac,
		.generation = ++trace->policy_count,
		.longest = conn_deadlines_longest(&conn_timeouts_default),
	};

	assert_int_equal(ruleset_new(policy, &options,
				     trace->policy_count > 1 ? trace->plain.context.ruleset : NULL,
				     &force->ruleset, NULL),
			 0);
	assert_int_equal(
		plan_new(policy, force->ruleset->program, &plan_options, &force->plan, NULL), 0);
	force->marks = marks_of(force->plan);
	ruleset_enter(force->ruleset, trace->now);
	for (uint32_t i = 0; i < force->marks->count; i++)
		force->settles |= force->marks->slots[i].kind == MARK_SETTLED;
	trace->plain.context.ruleset = force->ruleset;
	trace->marked.context.ruleset = force->ruleset;
	trace->marked.context.settles = force->settles;
	trace->marks_are_in = random_percent(&trace->random, 80);
}

/* --- packets --- */

static struct model_packet turned(const struct model_packet *packet)
{
	struct model_packet back = *packet;

	back.direction = DIRECTION_OUTBOUND;
	back.source = packet->destination;
	back.destination = packet->source;
	back.source_port = packet->destination_port;
	back.destination_port = packet->source_port;
	return back;
}

static struct line random_line(struct trace *trace)
{
	struct random *random = &trace->random;
	const struct policy *policy = trace->policies[0].ruleset->policy;
	const struct tuple tuple = border_tuple(policy, random);
	struct line line = { .packet = { .direction = DIRECTION_INBOUND,
					 .source = tuple.source,
					 .destination = tuple.destination,
					 .protocol = tuple.protocol,
					 .source_port = tuple.source_port,
					 .destination_port = tuple.destination_port } };
	struct model_packet *packet = &line.packet;

	if (trace->conversations || random_percent(random, 60)) {
		packet->protocol = IP_PROTOCOL_TCP;
	} else if (packet->protocol == IP_PROTOCOL_ICMP || packet->protocol == IP_PROTOCOL_ICMPV6) {
		packet->protocol = packet->source.family == IP_FAMILY_V4 ? IP_PROTOCOL_ICMP
									 : IP_PROTOCOL_ICMPV6;
		packet->icmp = MODEL_ICMP_REQUEST;
		packet->icmp_id = (uint16_t)random_below(random, 65536);
		packet->source_port = packet->destination_port = 0;
	} else if (packet->protocol != IP_PROTOCOL_UDP && packet->protocol != IP_PROTOCOL_TCP) {
		packet->protocol = PROTOCOL_GRE;
		packet->source_port = packet->destination_port = 0;
	}
	return line;
}

static void number(struct random *random, struct line *line, struct model_packet *packet)
{
	const enum direction other =
		packet->direction == DIRECTION_INBOUND ? DIRECTION_OUTBOUND : DIRECTION_INBOUND;

	packet->sequence = line->acknowledge[other] + random_below(random, 1000);
	if (packet->tcp_flags & MODEL_ACK) {
		line->acknowledge[packet->direction] += random_below(random, 30000);
		packet->acknowledge = line->acknowledge[packet->direction];
	}
}

static void random_packet(struct trace *trace, struct line *line, struct model_packet *packet)
{
	static const uint8_t flags[] = {
		MODEL_SYN,
		MODEL_SYN,
		MODEL_SYN | MODEL_ACK,
		MODEL_SYN | MODEL_ACK,
		MODEL_ACK,
		MODEL_ACK,
		MODEL_ACK,
		MODEL_ACK,
		MODEL_ACK,
		MODEL_ACK,
		MODEL_FIN | MODEL_ACK,
		MODEL_RST,
		MODEL_RST | MODEL_ACK,
		8 /* PSH alone */
	};
	struct random *random = &trace->random;

	*packet = random_percent(random, 50) ? line->packet : turned(&line->packet);
	if (packet->protocol == IP_PROTOCOL_TCP) {
		packet->tcp_flags = flags[random_below(random, sizeof(flags))];
		number(random, line, packet);
		if ((packet->tcp_flags & MODEL_RST) && random_percent(random, 20))
			packet->sequence += 1U << 24;
	} else if (packet->icmp != MODEL_NOT_ICMP && random_percent(random, 50)) {
		packet->icmp = MODEL_ICMP_REPLY;
	}
}

/*
 * The next packet of a conversation that one side opens and both go on with: each segment that
 * arrives is answered.
 */
static void next_of_conversation(struct trace *trace, struct line *line,
				 struct model_packet *packet)
{
	static const uint8_t opening[] = { MODEL_SYN, MODEL_SYN | MODEL_ACK, MODEL_ACK };
	struct random *random = &trace->random;
	const bool vm_opens = (line->packet.source_port ^ line->packet.destination_port) & 1;
	bool arrives = (line->stage & 1) == vm_opens;

	*packet = arrives ? line->packet : turned(&line->packet);
	packet->tcp_flags = line->stage < 3 ? opening[line->stage] : MODEL_ACK;
	if (line->stage > 10 && random_percent(random, 5))
		packet->tcp_flags |= random_percent(random, 50) ? MODEL_RST : MODEL_FIN;
	number(random, line, packet);
}

/* --- judging --- */

static void parse(const struct model_packet *packet, uint8_t frame[MODEL_FRAME_MAX],
		  struct packet *ret)
{
	const size_t length = model_frame(packet, frame);

	ret->owner = NULL;
	assert_int_equal(
		packet_parse(frame, (uint32_t)length, (uint32_t)length, packet->direction, ret),
		DROP_NONE);
}

static void judge(struct judge *judge, const struct model_packet *packet,
		  const struct verdict *given, uint64_t now, struct decision *ret)
{
	uint8_t frame[MODEL_FRAME_MAX];
	struct packet parsed;

	parse(packet, frame, &parsed);
	judge->context.given = given ? &given : NULL;
	judge_burst(&judge->context, packet->direction, &parsed, 1, now, ret);
}

static void ask_plan(const struct policy_in_force *force, const struct model_packet *packet,
		     struct plan_answer *ret)
{
	const struct plan_packet seen = {
		.family = packet->source.family,
		.source = packet->source.number,
		.destination = packet->destination.number,
		.protocol = packet->protocol,
		.source_port = packet->source_port,
		.destination_port = packet->destination_port,
		.tcp_flags = packet->tcp_flags,
	};

	plan_judge(force->plan, &seen, ret);
}

/* Of the connection in mid-stream it is not known what has passed by before. */
static void note_unknown(const struct trace *trace, struct line *line)
{
	line->unknown = true;
	line->unknown_under = trace->policy_count;
}

static void note_settled(struct trace *trace, struct line *line, const struct model_packet *packet)
{
	uint8_t frame[MODEL_FRAME_MAX];
	struct conn_state state;
	struct packet parsed;

	trace->settled++;
	parse(packet, frame, &parsed);
	if (!conn_peek(trace->marked.connections, &parsed, trace->now, &state))
		note_unknown(trace, line);
}

/* As the datapath does it. */
static void judge_behind_hardware(struct trace *trace, struct line *line,
				  const struct model_packet *packet, struct decision *ret)
{
	const struct policy_in_force *force = &trace->policies[trace->policy_count - 1];
	struct plan_answer answer = { .action = PLAN_UNMARKED };
	const struct mark_slot *slot = NULL;

	if (trace->marks_are_in && packet->direction == DIRECTION_INBOUND)
		ask_plan(force, packet, &answer);
	if (answer.action == PLAN_DROP) {
		*ret = (struct decision){ .action = DECISION_DROP, .by = DECIDED_BY_HARDWARE };
		trace->dropped++;
		/* what re-judging would have done now, it does at the next packet */
		line->loose |= trace->now < force->ruleset->settles_from;
		return;
	}
	if (answer.action == PLAN_MARK)
		slot = mark_look_up(force->marks, mark_of_slot(answer.slot));
	if (slot && slot->kind == MARK_SETTLED && trace->now >= force->ruleset->settles_from &&
	    !conn_table_has_tombstones(trace->marked.connections)) {
		*ret = (struct decision){ .action = DECISION_PASS, .by = DECIDED_BY_HARDWARE };
		note_settled(trace, line, packet);
		return;
	}
	trace->given += slot != NULL;
	judge(&trace->marked, packet, slot ? &slot->verdict : NULL, trace->now, ret);
	if (ret->new_connection && packet->direction == DIRECTION_OUTBOUND &&
	    packet->protocol == IP_PROTOCOL_TCP && !(packet->tcp_flags & MODEL_SYN))
		note_unknown(trace, line);
}

static void describe(const struct trace *trace, const struct model_packet *packet,
		     const struct decision *plain, const struct decision *marked)
{
	char from[IP_TEXT_MAX], to[IP_TEXT_MAX];

	fail_msg("%s, seed %llu: %s %s.%u > %s.%u protocol %u flags %x: %s (%s, by %u) without "
		 "hardware, %s (%s, by %u) behind it",
		 plan_tier_name(trace->tier), (unsigned long long)trace->seed,
		 direction_name(packet->direction), ip_addr_format(&packet->source, from),
		 packet->source_port, ip_addr_format(&packet->destination, to),
		 packet->destination_port, packet->protocol, packet->tcp_flags,
		 plain->action == DECISION_PASS ? "passes" : "is dropped",
		 drop_reason_name((enum drop_reason)plain->reason), plain->by,
		 marked->action == DECISION_PASS ? "passes" : "is dropped",
		 drop_reason_name((enum drop_reason)marked->reason), marked->by);
}

/*
 * Lenient: what the VM sends is taken for an answer if the inbound rules allow what it would
 * answer. The rest comes from segments of no known connection that passed by: the table does not
 * know that they came first (whose connection is it, when it is judged again?), nor, if the policy
 * changes before they are answered, that they came; and what nothing sends in mid-stream finds
 * none.
 */
static bool may_differ(const struct trace *trace, const struct line *line,
		       const struct model_packet *packet, const struct decision *plain,
		       const struct decision *marked)
{
	if (line->loose)
		return true;
	if (marked->action == DECISION_PASS && packet->direction == DIRECTION_OUTBOUND &&
	    packet->protocol == IP_PROTOCOL_TCP && !(packet->tcp_flags & MODEL_SYN) &&
	    marked->by == DECIDED_BY_RULES && marked->rule_direction == DIRECTION_INBOUND)
		return true;
	if (!line->unknown)
		return false;
	return line->unknown_under != trace->policy_count || plain->reason == DROP_CONNECTION_CUT ||
	       marked->reason == DROP_CONNECTION_CUT ||
	       (!trace->conversations &&
		(packet->tcp_flags & (MODEL_SYN | MODEL_ACK)) != MODEL_ACK);
}

/* A line's connections are unlike from now on: in conversations it begins a new one. */
static void let_differ(struct trace *trace, struct line *line)
{
	trace->different++;
	line->loose = !trace->conversations;
	if (trace->conversations) {
		line->packet.source_port ^= (uint16_t)(2 + 2 * random_below(&trace->random, 1000));
		line->stage = 0;
	}
}

static void compare(struct trace *trace, struct line *line, const struct model_packet *packet)
{
	struct decision plain, marked;

	judge(&trace->plain, packet, NULL, trace->now, &plain);
	judge_behind_hardware(trace, line, packet, &marked);
	trace->judged++;
	if (plain.action != marked.action && !may_differ(trace, line, packet, &plain, &marked))
		describe(trace, packet, &plain, &marked);
	/* in audit mode the reason says what enforcing would do: the entries are unlike, too */
	if (plain.action != marked.action ||
	    (plain.action == DECISION_PASS && plain.reason != marked.reason)) {
		let_differ(trace, line);
		return;
	}
	line->stage += plain.action == DECISION_PASS;
	if (line->loose || line->unknown || plain.by != marked.by ||
	    plain.rule_direction != marked.rule_direction ||
	    (plain.by != DECIDED_BY_RULES && plain.by != DECIDED_BY_ACL))
		return;
	if (plain.stage != marked.stage || plain.rule != marked.rule ||
	    plain.reason != marked.reason)
		fail_msg("%s, seed %llu: another rule decides", plan_tier_name(trace->tier),
			 (unsigned long long)trace->seed);
}

static void step_time(struct trace *trace)
{
	const uint32_t dice = random_below(&trace->random, 1000);

	trace->now += random_below(&trace->random, 150);
	if (trace->conversations) {
		trace->now += dice < 10 ? IDLE : 0;
		return;
	}
	if (dice > 30)
		return;
	trace->now += LEAP;
	for (int i = 0; i < LINES; i++)
		trace->lines[i].unknown = trace->lines[i].loose = false;
}

static void step(struct trace *trace)
{
	struct line *line = &trace->lines[random_below(&trace->random, LINES)];
	struct model_packet packet;

	if (random_percent(&trace->random, 2))
		change_policy(trace);
	else if (random_percent(&trace->random, 10))
		trace->marks_are_in = true;
	step_time(trace);
	conn_expire_slice(trace->plain.connections, trace->now);
	conn_expire_slice(trace->marked.connections, trace->now);
	if (trace->conversations)
		next_of_conversation(trace, line, &packet);
	else
		random_packet(trace, line, &packet);
	compare(trace, line, &packet);
}

/* --- traces --- */

static void open_judge(struct judge *judge)
{
	const struct conn_table_options options = { .max = 4096,
						    .timeouts = conn_timeouts_default };

	assert_int_equal(conn_table_new(&options, &judge->connections), 0);
	assert_int_equal(fragment_table_new(&judge->fragments), 0);
	judge_context_init(&judge->context, judge->connections, judge->fragments);
}

static void close_judge(struct judge *judge)
{
	fragment_table_free(judge->fragments);
	conn_table_free(judge->connections);
}

static void run_trace(struct trace *trace)
{
	trace->random.state = trace->seed;
	trace->now = START;
	open_judge(&trace->plain);
	open_judge(&trace->marked);
	change_policy(trace);
	for (int i = 0; i < LINES; i++)
		trace->lines[i] = random_line(trace);
	for (int i = 0; i < PACKETS; i++)
		step(trace);
	for (size_t i = 0; i < trace->policy_count; i++) {
		free(trace->policies[i].marks);
		plan_free(trace->policies[i].plan);
		ruleset_free(trace->policies[i].ruleset);
	}
	close_judge(&trace->marked);
	close_judge(&trace->plain);
}

/*
 * About half of what the seeds come to, of 300,000 packets. T1 drops next to nothing: any deny that
 * could meet what Azure's services send is software's there.
 */
static const struct floor {
	uint64_t settled, given, dropped;
} floors[PLAN_TIERS][2] = {
	[TIER_T1] = { { 0, 0, 2 } },
	[TIER_T2] = { { 1700, 1800, 4900 }, { 2700, 1700, 25000 } },
	[TIER_T3] = { { 2800, 2800, 7300 }, { 4300, 3200, 38000 } },
};

static void check(enum plan_tier tier, bool conversations)
{
	const struct floor *floor = &floors[tier][conversations];
	uint64_t settled = 0, given = 0, dropped = 0, different = 0, judged = 0;
	static struct trace trace;

	for (uint64_t seed = 1; seed <= TRACES; seed++) {
		memset(&trace, 0, sizeof(trace));
		trace.seed = seed;
		trace.tier = tier;
		trace.conversations = conversations;
		run_trace(&trace);
		settled += trace.settled;
		given += trace.given;
		dropped += trace.dropped;
		different += trace.different;
		judged += trace.judged;
	}
	print_message("%s, %s: %llu packets, %llu settled, %llu with a verdict, %llu dropped in "
		      "hardware, %llu different\n",
		      plan_tier_name(tier), conversations ? "conversations" : "random flags",
		      (unsigned long long)judged, (unsigned long long)settled,
		      (unsigned long long)given, (unsigned long long)dropped,
		      (unsigned long long)different);
	assert_true(settled >= floor->settled);
	assert_true(given >= floor->given);
	assert_true(dropped >= floor->dropped);
	assert_true(different * 100 <= judged * DIFFERENT_MAX);
}

static void random_flags_t3(void **state)
{
	(void)state;
	check(TIER_T3, false);
}

static void random_flags_t2(void **state)
{
	(void)state;
	check(TIER_T2, false);
}

static void random_flags_t1(void **state)
{
	(void)state;
	check(TIER_T1, false);
}

static void conversations_t3(void **state)
{
	(void)state;
	check(TIER_T3, true);
}

static void conversations_t2(void **state)
{
	(void)state;
	check(TIER_T2, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_flags_t3),  cmocka_unit_test(random_flags_t2),
		cmocka_unit_test(random_flags_t1),  cmocka_unit_test(conversations_t3),
		cmocka_unit_test(conversations_t2),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
