/*
 * Random traces: judge_burst() says of every packet what the slow model says.
 *
 * A trace is a few tuples, random packets on them in both directions, a clock that mostly creeps
 * and sometimes leaps over a timeout, and policies that change on the way. Where the model has no
 * answer the packet is not compared; the test fails if that happens too often.
 */
#include "classify/judge.h"
#include "policy/read.h"
#include "property/model.h"
#include "property/model_frame.h"
#include "testpmd/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TRACES         3000
#define PACKETS        250
#define TUPLES         6
#define START          1000000ULL
#define PROTOCOL_GRE   47
#define COMPARED_LEAST 60 /* percent */

struct line {
	struct model_packet packet; /* as the VM's peer sends, or the VM: direction is given */
	uint32_t acknowledge[DIRECTIONS];
};

struct trace {
	uint64_t seed;
	struct random random;
	struct line lines[TUPLES];
	struct model *model;
	struct conn_table *connections;
	struct fragment_table *fragments;
	struct ruleset *rulesets[PACKETS + 1];
	size_t ruleset_count;
	struct judge_context context;
	uint64_t now;
	size_t compared;
	size_t verdicts[2];
	/* what happened, for a failure: by line, -1 for all of them */
	struct note {
		int line;
		char text[200];
	} notes[2 * PACKETS + 1];
	size_t note_count;
};

static void note(struct trace *trace, int line, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static void note(struct trace *trace, int line, const char *format, ...)
{
	struct note *entry = &trace->notes[trace->note_count++];
	va_list args;

	entry->line = line;
	va_start(args, format);
	(void)vsnprintf(entry->text, sizeof(entry->text), format, args);
	va_end(args);
}

static void print_notes(const struct trace *trace, int line)
{
	for (size_t i = 0; i < trace->note_count; i++) {
		if (line < 0 || trace->notes[i].line < 0 || trace->notes[i].line == line)
			print_message("%s\n", trace->notes[i].text);
	}
}

/* --- policies --- */

static const char *pick(struct random *random, const char *const *of, size_t count)
{
	return of[random_below(random, (uint32_t)count)];
}

#define PICK(random, ...)                                    \
	pick((random), (const char *const[]){ __VA_ARGS__ }, \
	     sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(char *))

static struct json *random_nsg(struct random *random)
{
	struct json *nsg = json_new_object(), *properties, *rules;
	const unsigned count = random_below(random, 7);

	properties = json_add_object(nsg, "properties");
	json_add_bool(properties, "flushConnection", random_percent(random, 40));
	rules = json_add_array(properties, "securityRules");
	for (unsigned i = 0; i < count; i++) {
		struct json *rule = json_add_object(rules, NULL), *inner;

		json_add_format(rule, "name", "rule-%u", i);
		inner = json_add_object(rule, "properties");
		json_add_integer(inner, "priority", 100 + i);
		json_add_string(inner, "direction", PICK(random, "Inbound", "Outbound"));
		json_add_string(inner, "access", PICK(random, "Allow", "Allow", "Deny"));
		json_add_string(inner, "protocol", PICK(random, "*", "*", "Tcp", "Udp", "Icmp"));
		json_add_string(inner, "sourceAddressPrefix",
				PICK(random, "*", "*", "203.0.113.0/24", "VirtualNetwork",
				     "2001:db8:99::/48"));
		json_add_string(inner, "sourcePortRange", "*");
		json_add_string(
			inner, "destinationAddressPrefix",
			PICK(random, "*", "*", "10.1.0.0/16", "Internet", "2001:db8:1::/48"));
		json_add_string(inner, "destinationPortRange",
				PICK(random, "*", "*", "*", "80", "1000-65535"));
	}
	return nsg;
}

static struct policy *make_policy(struct random *random)
{
	JSON_CLEANUP struct json *document = json_new_object();
	struct json *context, *network, *options;
	struct report report;
	struct policy *policy = NULL;

	json_add_string(document, "apiVersion", POLICY_API_VERSION);
	if (random_percent(random, 80))
		json_add(document, "nicNsg", random_nsg(random));
	if (random_percent(random, 30))
		json_add(document, "subnetNsg", random_nsg(random));
	context = json_add_object(document, "context");
	network = json_add_array(context, "virtualNetwork");
	json_add_string(network, NULL, "10.1.0.0/16");
	json_add_string(network, NULL, "2001:db8:1::/48");
	json_add_bool(json_add_object(document, "isolation"), "sourceGuard", false);
	options = json_add_object(document, "options");
	json_add_string(options, "mode", random_percent(random, 12) ? "audit" : "enforce");
	json_add_string(options, "icmpErrors", random_percent(random, 80) ? "related" : "rules");
	report_init(&report);
	if (policy_build(document, NULL, &report, &policy) < 0)
		fail_msg("%s: %s", report.problems[0].pointer, report.problems[0].detail);
	report_fini(&report);
	return policy;
}

static void change_policy(struct trace *trace)
{
	struct policy *policy = make_policy(&trace->random);
	const struct ruleset_options options = {
		.mac = model_frame_vm_mac,
		.generation = trace->ruleset_count + 1,
	};
	struct ruleset **ret = &trace->rulesets[trace->ruleset_count];

	assert_int_equal(ruleset_new(policy, &options,
				     trace->ruleset_count ? trace->context.ruleset : NULL, ret,
				     NULL),
			 0);
	trace->context.ruleset = *ret;
	trace->ruleset_count++;
	model_set_policy(trace->model, (*ret)->policy);
	note(trace, -1, "           policy: %s, flush %d %d", (*ret)->audit ? "audit" : "enforce",
	     (*ret)->policy->stage[STAGE_SUBNET].flush_connection,
	     (*ret)->policy->stage[STAGE_NIC].flush_connection);
}

/* --- packets --- */

static struct ip_addr address(const char *text)
{
	struct ip_addr ret;

	assert_int_equal(ip_addr_parse(text, &ret), 0);
	return ret;
}

/* `packet` of a line is one that arrives. */
static struct line random_line(struct random *random, unsigned index)
{
	static const uint8_t protocols[TUPLES] = { IP_PROTOCOL_TCP,  IP_PROTOCOL_TCP,
						   IP_PROTOCOL_TCP,  IP_PROTOCOL_UDP,
						   IP_PROTOCOL_ICMP, PROTOCOL_GRE };
	const bool is_v4 = random_percent(random, 60);
	struct line line = { .packet = { .direction = DIRECTION_INBOUND } };
	struct model_packet *packet = &line.packet;

	packet->source = address(is_v4 ? PICK(random, "203.0.113.9", "10.1.2.4")
				       : PICK(random, "2001:db8:99::9", "2001:db8:1::2:4"));
	packet->destination = address(is_v4 ? "10.1.1.4" : "2001:db8:1::1:4");
	packet->protocol = protocols[index];
	if (ip_protocol_has_ports(packet->protocol)) {
		packet->source_port = (uint16_t)(40000 + index);
		packet->destination_port = random_percent(random, 60) ? 80 : 22;
	} else if (packet->protocol == IP_PROTOCOL_ICMP) {
		packet->protocol = is_v4 ? IP_PROTOCOL_ICMP : IP_PROTOCOL_ICMPV6;
		packet->icmp = MODEL_ICMP_REQUEST;
		packet->icmp_id = (uint16_t)random_below(random, 65536);
	}
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

static void random_tcp(struct random *random, struct line *line, struct model_packet *packet)
{
	static const uint8_t flags[] = {
		MODEL_SYN,
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
		MODEL_FIN | MODEL_ACK,
		MODEL_RST,
		MODEL_RST | MODEL_ACK,
		8 /* PSH alone */
	};
	const enum direction other =
		packet->direction == DIRECTION_INBOUND ? DIRECTION_OUTBOUND : DIRECTION_INBOUND;

	packet->tcp_flags = flags[random_below(random, sizeof(flags))];
	packet->sequence = line->acknowledge[other] + random_below(random, 1000);
	if ((packet->tcp_flags & MODEL_RST) && random_percent(random, 30))
		packet->sequence += 1U << 24;
	if (packet->tcp_flags & MODEL_ACK) {
		line->acknowledge[packet->direction] += random_below(random, 100);
		packet->acknowledge = line->acknowledge[packet->direction];
	}
}

/* An error about a packet of the line, or about one that was never sent. */
static void make_error(struct trace *trace, const struct line *line, struct model_packet *packet,
		       struct model_packet *quoted)
{
	*quoted = random_percent(&trace->random, 50) ? line->packet : turned(&line->packet);
	if (random_percent(&trace->random, 15) && quoted->source_port)
		quoted->source_port ^= 0x100;
	if (quoted->protocol == IP_PROTOCOL_TCP)
		quoted->tcp_flags = MODEL_ACK;
	*packet = (struct model_packet){
		.direction = quoted->direction == DIRECTION_INBOUND ? DIRECTION_OUTBOUND
								    : DIRECTION_INBOUND,
		.source = quoted->destination,
		.destination = quoted->source,
		.protocol = quoted->source.family == IP_FAMILY_V4 ? IP_PROTOCOL_ICMP
								  : IP_PROTOCOL_ICMPV6,
		.icmp = MODEL_ICMP_ERROR,
		.quoted = quoted,
	};
}

static void random_packet(struct trace *trace, struct line *line, struct model_packet *packet,
			  struct model_packet *quoted)
{
	struct random *random = &trace->random;

	if (random_percent(random, 8)) {
		make_error(trace, line, packet, quoted);
		return;
	}
	*packet = random_percent(random, 50) ? line->packet : turned(&line->packet);
	if (packet->protocol == IP_PROTOCOL_TCP)
		random_tcp(random, line, packet);
	else if (packet->icmp != MODEL_NOT_ICMP && random_percent(random, 50))
		packet->icmp = MODEL_ICMP_REPLY;
}

static uint64_t random_step(struct random *random)
{
	const uint32_t dice = random_below(random, 100);

	if (dice < 70)
		return random_below(random, 150);
	if (dice < 90)
		return random_below(random, 3000);
	return random_below(random, dice < 97 ? 40000 : 350000);
}

/* --- the comparison --- */

static const char *const verdict_names[] = { "pass", "drop", "either" };

static void describe(struct trace *trace, int line, const struct model_packet *packet,
		     enum model_verdict expected, const struct decision *got)
{
	char from[IP_TEXT_MAX], to[IP_TEXT_MAX];

	note(trace, line,
	     "%10.3f %s %s.%u > %s.%u protocol %u%s%s%s%s icmp %d seq %u ack %u: %s, %s %s",
	     (double)(trace->now - START) / 1000, direction_name(packet->direction),
	     ip_addr_format(&packet->source, from), packet->source_port,
	     ip_addr_format(&packet->destination, to), packet->destination_port, packet->protocol,
	     packet->tcp_flags & MODEL_SYN ? " SYN" : "",
	     packet->tcp_flags & MODEL_FIN ? " FIN" : "",
	     packet->tcp_flags & MODEL_RST ? " RST" : "",
	     packet->tcp_flags & MODEL_ACK ? " ACK" : "", packet->icmp, packet->sequence,
	     packet->acknowledge, verdict_names[expected],
	     got->action == DECISION_PASS ? "passed" : "dropped",
	     drop_reason_name((enum drop_reason)got->reason));
}

static void judge(struct trace *trace, const struct model_packet *packet, struct decision *ret)
{
	uint8_t frame[MODEL_FRAME_MAX];
	const size_t length = model_frame(packet, frame);
	struct packet parsed = { .owner = NULL };

	assert_int_equal(
		packet_parse(frame, (uint32_t)length, (uint32_t)length, packet->direction, &parsed),
		DROP_NONE);
	judge_burst(&trace->context, packet->direction, &parsed, 1, trace->now, ret);
	assert_true(ret->action == DECISION_PASS || ret->action == DECISION_DROP);
}

static void step(struct trace *trace)
{
	struct model_packet packet, quoted;
	struct decision got;
	enum model_verdict expected;
	int line;

	if (random_percent(&trace->random, 2))
		change_policy(trace);
	trace->now += random_step(&trace->random);
	line = (int)random_below(&trace->random, TUPLES);
	random_packet(trace, &trace->lines[line], &packet, &quoted);
	expected = model_judge(trace->model, &packet, trace->now);
	judge(trace, &packet, &got);
	describe(trace, line, &packet, expected, &got);
	if (expected == MODEL_EITHER)
		return;
	if ((expected == MODEL_PASS) != (got.action == DECISION_PASS)) {
		print_notes(trace, getenv("MODEL_NOTES_ALL") ? -1 : line);
		fail_msg("seed %llu: the last packet should %s", (unsigned long long)trace->seed,
			 verdict_names[expected]);
	}
	trace->compared++;
	trace->verdicts[expected]++;
}

static void open_trace(struct trace *trace, uint64_t seed)
{
	const struct conn_table_options options = { .max = 4096,
						    .timeouts = conn_timeouts_default };

	memset(trace, 0, sizeof(*trace));
	trace->seed = seed;
	trace->random.state = seed;
	trace->now = START;
	trace->model = model_new(START);
	assert_non_null(trace->model);
	assert_int_equal(conn_table_new(&options, &trace->connections), 0);
	conn_table_set_grace(trace->connections, START + CONN_GRACE_SECONDS * 1000);
	assert_int_equal(fragment_table_new(&trace->fragments), 0);
	judge_context_init(&trace->context, trace->connections, trace->fragments);
	for (unsigned i = 0; i < TUPLES; i++)
		trace->lines[i] = random_line(&trace->random, i);
	change_policy(trace);
}

static void close_trace(struct trace *trace)
{
	for (size_t i = 0; i < trace->ruleset_count; i++)
		ruleset_free(trace->rulesets[i]);
	fragment_table_free(trace->fragments);
	conn_table_free(trace->connections);
	model_free(trace->model);
}

static void judge_agrees_with_the_model(void **state)
{
	static struct trace trace;
	size_t compared = 0, verdicts[2] = { 0, 0 };

	(void)state;
	for (uint64_t seed = 1; seed <= TRACES; seed++) {
		open_trace(&trace, seed);
		for (int i = 0; i < PACKETS; i++)
			step(&trace);
		compared += trace.compared;
		verdicts[MODEL_PASS] += trace.verdicts[MODEL_PASS];
		verdicts[MODEL_DROP] += trace.verdicts[MODEL_DROP];
		close_trace(&trace);
	}
	print_message("%zu of %d packets compared, %zu pass, %zu drop\n", compared,
		      TRACES * PACKETS, verdicts[MODEL_PASS], verdicts[MODEL_DROP]);
	assert_true(compared * 100 > (size_t)TRACES * PACKETS * COMPARED_LEAST);
	assert_true(verdicts[MODEL_PASS] * 5 > compared);
	assert_true(verdicts[MODEL_DROP] * 10 > compared);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(judge_agrees_with_the_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
