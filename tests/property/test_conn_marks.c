/*
 * Random traces with and without connection marks: that a mark says where a connection is never
 * changes a verdict, an entry of the table, or a counter.
 *
 * Two judges see the same bursts. Their tables hash alike, so that what is evicted, moved or
 * refused in one is in the other. What arrives at the second carries marks as a device would write
 * them: of the flow, by rules put in at some time and not looked after since, so that most places
 * are out of date sooner or later. Some slots are other flows' by then, some were never right.
 *
 * Bursts are single packets where the table is so small that connections push each other out.
 */
#include "classify/conn_mark.h"
#include "classify/conn_table.h"
#include "classify/judge.h"
#include "property/model_frame.h"
#include "support/border.h"
#include "support/random_policy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TRACES    120
#define BURSTS    150
#define SINGLES   600
#define LINES_MAX 96
#define START     1000000ULL
#define ENTRIES   1024
#define RULES_MAX 4096

struct line {
	struct model_packet packet; /* as the VM's peer sends it */
	uint32_t acknowledge[DIRECTIONS];
	uint32_t mark; /* 0: no rule of the device is for it */
};

struct judge {
	struct conn_table *connections;
	struct fragment_table *fragments;
	struct judge_context context;
	struct rule_hit hits[RULES_MAX];
	struct packet packets[JUDGE_BURST_MAX];
	struct decision decisions[JUDGE_BURST_MAX];
};

struct trace {
	uint64_t seed;
	struct random random;
	bool is_crowded; /* few entries, many flows, single packets */
	unsigned line_count;
	struct line lines[LINES_MAX];
	struct judge plain, marked;
	struct conn_marks *marks;
	uint32_t next_slot;
	struct ruleset *rulesets[SINGLES + 1];
	size_t ruleset_count;
	uint64_t now;
	uint64_t judged, carried, placed, evicted;
};

/* --- policies --- */

static void change_policy(struct trace *trace)
{
	const struct random_policy_options policy_options = { .rules_max = 4 };
	struct random *random = &trace->random;
	struct policy *policy = random_policy(random, &policy_options);
	const struct ruleset_options options = {
		.mac = model_frame_vm_mac,
		.generation = trace->ruleset_count + 1,
		.longest = conn_deadlines_longest(&conn_timeouts_default),
	};
	struct ruleset **ruleset = &trace->rulesets[trace->ruleset_count];

	policy->mode = random_percent(random, 12) ? POLICY_AUDIT : POLICY_ENFORCE;
	policy->source_guard = random_percent(random, 20);
	for (int s = 0; s < STAGES; s++)
		policy->stage[s].flush_connection = random_percent(random, 25);
	assert_int_equal(ruleset_new(policy, &options,
				     trace->ruleset_count ? trace->plain.context.ruleset : NULL,
				     ruleset, NULL),
			 0);
	assert_true((*ruleset)->hit_count <= RULES_MAX);
	ruleset_enter(*ruleset, trace->now);
	trace->ruleset_count++;
	trace->plain.context.ruleset = trace->marked.context.ruleset = *ruleset;
	memset(trace->plain.hits, 0, sizeof(trace->plain.hits));
	memset(trace->marked.hits, 0, sizeof(trace->marked.hits));
}

/* --- flows and packets --- */

static struct line random_line(struct trace *trace)
{
	struct random *random = &trace->random;
	const struct tuple tuple = border_tuple(trace->rulesets[0]->policy, random);
	struct line line = { .packet = { .direction = DIRECTION_INBOUND,
					 .source = tuple.source,
					 .destination = tuple.destination,
					 .protocol = random_percent(random, 50) ? IP_PROTOCOL_TCP
										: IP_PROTOCOL_UDP,
					 .source_port = tuple.source_port,
					 .destination_port = tuple.destination_port } };

	return line;
}

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

static struct model_packet random_packet(struct trace *trace, struct line *line,
					 enum direction direction)
{
	static const uint8_t flags[] = {
		MODEL_SYN, MODEL_SYN | MODEL_ACK,
		MODEL_ACK, MODEL_ACK,
		MODEL_ACK, MODEL_ACK,
		MODEL_ACK, MODEL_ACK,
		MODEL_ACK, MODEL_FIN | MODEL_ACK,
		MODEL_RST, 8 /* PSH alone */
	};
	struct random *random = &trace->random;
	struct model_packet packet =
		direction == DIRECTION_INBOUND ? line->packet : turned(&line->packet);

	if (packet.protocol != IP_PROTOCOL_TCP)
		return packet;
	packet.tcp_flags = flags[random_below(random, sizeof(flags))];
	packet.sequence = line->acknowledge[!direction] + random_below(random, 1000);
	if (packet.tcp_flags & MODEL_ACK) {
		line->acknowledge[direction] += random_below(random, 30000);
		packet.acknowledge = line->acknowledge[direction];
	}
	return packet;
}

static void parse(const struct model_packet *packet, uint8_t frame[MODEL_FRAME_MAX],
		  struct packet *ret)
{
	const size_t length = model_frame(packet, frame);

	ret->owner = NULL;
	assert_int_equal(
		packet_parse(frame, (uint32_t)length, (uint32_t)length, packet->direction, ret),
		DROP_NONE);
}

/* --- the device --- */

static struct conn_key key_of(const struct line *line)
{
	uint8_t frame[MODEL_FRAME_MAX];
	struct model_packet segment = line->packet;
	struct packet packet;
	struct conn_key key = { 0 };

	segment.tcp_flags = segment.protocol == IP_PROTOCOL_TCP ? MODEL_ACK : 0;
	parse(&segment, frame, &packet);
	key.family = packet.kind == PACKET_IP4 ? IP_FAMILY_V4 : IP_FAMILY_V6;
	if (key.family == IP_FAMILY_V4)
		key.key4 = packet.key4;
	else
		key.key6 = packet.key6;
	return key;
}

/* A rule for the flow, under a slot that was another's, or nobody's; or its place is found anew. */
static void mark_line(struct trace *trace, struct line *line)
{
	const struct conn_key key = key_of(line);
	struct conn_standing standing;
	uint32_t slot;

	if (!conn_stands(trace->marked.connections, &key, trace->now, &standing))
		return;
	slot = line->mark && random_percent(&trace->random, 50)
		       ? mark_connection_slot(line->mark)
		       : trace->next_slot++ % (LINES_MAX / 4);
	line->mark = mark_of_connection(slot);
	conn_marks_set(trace->marks, slot, standing.place);
	if (random_percent(&trace->random, 5))
		conn_marks_set(trace->marks, slot, CONN_NOT_FOUND);
}

/* The place that a packet comes with. The rule matches segments with ACK alone, and datagrams. */
static uint32_t place_of(struct trace *trace, const struct line *line,
			 const struct model_packet *packet)
{
	const uint8_t flags = packet->tcp_flags & (MODEL_SYN | MODEL_FIN | MODEL_RST | MODEL_ACK);

	if (packet->direction != DIRECTION_INBOUND || !line->mark ||
	    (packet->protocol == IP_PROTOCOL_TCP && flags != MODEL_ACK))
		return CONN_NOT_FOUND;
	trace->carried++;
	return conn_marks_place(trace->marks, line->mark);
}

/* --- judging --- */

static void compare_decisions(const struct trace *trace, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		const struct decision *plain = &trace->plain.decisions[i];
		const struct decision *marked = &trace->marked.decisions[i];

		if (memcmp(plain, marked, sizeof(*plain)) != 0)
			fail_msg("seed %llu, packet %u of %u: %s by %u, with marks %s by %u",
				 (unsigned long long)trace->seed, i, count,
				 drop_reason_name((enum drop_reason)plain->reason), plain->by,
				 drop_reason_name((enum drop_reason)marked->reason), marked->by);
	}
}

static void run_burst(struct trace *trace)
{
	static uint8_t frames[JUDGE_BURST_MAX][MODEL_FRAME_MAX];
	const enum direction direction =
		random_percent(&trace->random, 60) ? DIRECTION_INBOUND : DIRECTION_OUTBOUND;
	const unsigned count = trace->is_crowded ? 1 : 1 + random_below(&trace->random, 24);
	uint32_t places[JUDGE_BURST_MAX];

	for (unsigned i = 0; i < count; i++) {
		struct line *line = &trace->lines[random_below(&trace->random, trace->line_count)];
		const struct model_packet packet = random_packet(trace, line, direction);

		parse(&packet, frames[i], &trace->plain.packets[i]);
		trace->marked.packets[i] = trace->plain.packets[i];
		places[i] = place_of(trace, line, &packet);
	}
	trace->marked.context.places = places;
	judge_burst(&trace->plain.context, direction, trace->plain.packets, count, trace->now,
		    trace->plain.decisions);
	judge_burst(&trace->marked.context, direction, trace->marked.packets, count, trace->now,
		    trace->marked.decisions);
	trace->judged += count;
	trace->placed += trace->marked.context.placed;
	compare_decisions(trace, count);
}

struct listing {
	struct conn_info entries[ENTRIES];
	size_t count;
};

static bool list_entry(void *context, const struct conn_info *info)
{
	struct listing *listing = context;

	assert_true(listing->count < ENTRIES);
	listing->entries[listing->count++] = *info;
	return true;
}

static void list_entries(const struct trace *trace, const struct judge *judge, struct listing *ret)
{
	uint64_t cursor = 0;

	memset(ret, 0, sizeof(*ret));
	conn_foreach(judge->connections, trace->now, &cursor, list_entry, ret);
}

/* Everything of an entry, the bytes that conn_info does not show included. */
static void compare_states(const struct trace *trace, const struct conn_info *info)
{
	struct conn_query query;
	struct conn_state plain, marked;

	if (info->family == IP_FAMILY_V4)
		conn_query4(&info->key4, &query);
	else
		conn_query6(&info->key6, &query);
	assert_true(conn_query_peek(trace->plain.connections, &query, &plain));
	assert_true(conn_query_peek(trace->marked.connections, &query, &marked));
	if (memcmp(&plain, &marked, sizeof(plain)) != 0)
		fail_msg("seed %llu: another state", (unsigned long long)trace->seed);
}

static void compare_tables(const struct trace *trace)
{
	static struct listing plain, marked;
	struct conn_stats stats[2];

	list_entries(trace, &trace->plain, &plain);
	list_entries(trace, &trace->marked, &marked);
	assert_int_equal(plain.count, marked.count);
	assert_memory_equal(plain.entries, marked.entries, plain.count * sizeof(plain.entries[0]));
	for (size_t i = 0; i < plain.count; i++)
		compare_states(trace, &plain.entries[i]);
	memset(stats, 0, sizeof(stats));
	conn_table_stats(trace->plain.connections, &stats[0]);
	conn_table_stats(trace->marked.connections, &stats[1]);
	assert_memory_equal(&stats[0], &stats[1], sizeof(stats[0]));
	assert_memory_equal(trace->plain.hits, trace->marked.hits, sizeof(trace->plain.hits));
}

static void step(struct trace *trace)
{
	struct random *random = &trace->random;
	const uint32_t dice = random_below(random, 100);

	if (dice < 3)
		change_policy(trace);
	if (dice >= 98)
		trace->now += 241000; /* beyond the timeout of an established connection */
	else
		trace->now += random_below(random, 300);
	for (unsigned i = 0; i < trace->line_count; i++) {
		if (random_percent(random, 25))
			mark_line(trace, &trace->lines[i]);
		else if (random_percent(random, 1))
			trace->lines[i].mark = 0;
	}
	conn_expire_slice(trace->plain.connections, trace->now);
	conn_expire_slice(trace->marked.connections, trace->now);
	run_burst(trace);
	compare_tables(trace);
}

/* --- traces --- */

static void open_judge(struct judge *judge, uint32_t max, const struct judge *like)
{
	const struct conn_table_options options = { .max = max, .timeouts = conn_timeouts_default };

	assert_int_equal(conn_table_new(&options, &judge->connections), 0);
	if (like)
		memcpy(judge->connections->seed, like->connections->seed,
		       sizeof(like->connections->seed));
	assert_int_equal(fragment_table_new(&judge->fragments), 0);
	judge_context_init(&judge->context, judge->connections, judge->fragments);
	judge->context.hits = judge->hits;
}

static void close_judge(struct judge *judge)
{
	fragment_table_free(judge->fragments);
	conn_table_free(judge->connections);
}

static uint64_t evicted_of(const struct judge *judge)
{
	struct conn_stats stats;

	conn_table_stats(judge->connections, &stats);
	return stats.evicted;
}

static void run_trace(struct trace *trace)
{
	const uint32_t max = trace->is_crowded ? 24 : 512;

	trace->random.state = trace->seed;
	trace->now = START;
	trace->marks = conn_marks_new();
	assert_non_null(trace->marks);
	open_judge(&trace->plain, max, NULL);
	open_judge(&trace->marked, max, &trace->plain);
	change_policy(trace);
	trace->line_count = trace->is_crowded ? 40 : 12;
	for (unsigned i = 0; i < trace->line_count; i++)
		trace->lines[i] = random_line(trace);
	for (int i = 0; i < (trace->is_crowded ? SINGLES : BURSTS); i++)
		step(trace);
	trace->evicted = evicted_of(&trace->marked);
	for (size_t i = 0; i < trace->ruleset_count; i++)
		ruleset_free(trace->rulesets[i]);
	close_judge(&trace->marked);
	close_judge(&trace->plain);
	free(trace->marks);
}

/* `least`: of all packets, in thousandths, whose marks spare a look-up; half of what seeds give. */
static void check(bool is_crowded, uint64_t least)
{
	uint64_t judged = 0, carried = 0, placed = 0, evicted = 0;
	static struct trace trace;

	for (uint64_t seed = 1; seed <= TRACES; seed++) {
		memset(&trace, 0, sizeof(trace));
		trace.seed = seed;
		trace.is_crowded = is_crowded;
		run_trace(&trace);
		judged += trace.judged;
		carried += trace.carried;
		placed += trace.placed;
		evicted += trace.evicted;
	}
	print_message("%llu packets, %llu with a connection mark, %llu not looked up; %llu entries "
		      "evicted\n",
		      (unsigned long long)judged, (unsigned long long)carried,
		      (unsigned long long)placed, (unsigned long long)evicted);
	assert_true(placed * 1000 >= judged * least);
	assert_true(!is_crowded || evicted > 0);
}

static void bursts(void **state)
{
	(void)state;
	check(false, 20);
}

static void entries_that_give_way(void **state)
{
	(void)state;
	check(true, 2);
}

/* A mark means nothing from the moment another rule set is in force, whatever that one says. */
static void a_rule_set_revokes_all(void **state)
{
	static struct trace trace;
	const struct ruleset_options options = { .mac = model_frame_vm_mac, .generation = 7 };
	struct ruleset_options next = options;
	struct conn_key key = { .family = IP_FAMILY_V4 };
	struct ruleset *rulesets[2];
	struct conn_standing standing;
	uint8_t frame[MODEL_FRAME_MAX];

	(void)state;
	memset(&trace, 0, sizeof(trace));
	next.generation = 8;
	trace.lines[0].packet = (struct model_packet){
		.direction = DIRECTION_INBOUND,
		.source = { IP_FAMILY_V4, 0xcb007109 },
		.destination = { IP_FAMILY_V4, 0x0a010004 },
		.protocol = IP_PROTOCOL_UDP,
		.source_port = 4000,
		.destination_port = 53,
	};
	assert_int_equal(ruleset_new(policy_new_empty(), &options, NULL, &rulesets[0], NULL), 0);
	assert_int_equal(ruleset_new(policy_new_empty(), &next, rulesets[0], &rulesets[1], NULL),
			 0);
	open_judge(&trace.marked, 64, NULL);
	for (int i = 0; i < 4; i++) {
		struct packet *packet = &trace.marked.packets[0];

		trace.marked.context.ruleset = rulesets[i == 3];
		trace.marked.context.places = i > 1 ? &standing.place : NULL;
		parse(&trace.lines[0].packet, frame, packet);
		key.key4 = packet->key4;
		judge_burst(&trace.marked.context, DIRECTION_INBOUND, packet, 1, START,
			    trace.marked.decisions);
		assert_int_equal(trace.marked.decisions[0].action, DECISION_PASS);
		assert_int_equal(trace.marked.context.placed, i == 2);
		assert_true(conn_stands(trace.marked.connections, &key, START, &standing));
	}
	close_judge(&trace.marked);
	ruleset_free(rulesets[1]);
	ruleset_free(rulesets[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bursts),
		cmocka_unit_test(entries_that_give_way),
		cmocka_unit_test(a_rule_set_revokes_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
