/*
 * Scenarios of packets: see script.h.
 */
#include "script.h"

#include "../policy/build.h"
#include "base/net.h"
#include "classify/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define WORDS_MAX 12

struct words {
	char text[256];
	char *word[WORDS_MAX];
	unsigned count;
};

static const char *const decided_by[DECIDED_BY] = {
	[DECIDED_BY_FRAME] = "frame",           [DECIDED_BY_FRAGMENT] = "fragment",
	[DECIDED_BY_PLATFORM] = "platform",     [DECIDED_BY_ACL] = "acl",
	[DECIDED_BY_CONNECTION] = "connection", [DECIDED_BY_RELATED] = "related",
	[DECIDED_BY_RULES] = "rules",           [DECIDED_BY_HARDWARE] = "hardware",
};

char *decision_text(const struct ruleset *ruleset, const struct decision *decision, char *buffer,
		    size_t size)
{
	const struct rule *rule =
		ruleset_rule(ruleset, decision->rule_direction, decision->stage, decision->rule);
	const char *name = rule ? rule->name : "";
	const char *space = rule ? " " : "";

	if (decision->action == DECISION_HOLD)
		snprintf(buffer, size, "hold");
	else if (decision->action == DECISION_DROP)
		snprintf(buffer, size, "drop %s%s%s", drop_reason_name(decision->reason), space,
			 name);
	else if (decision->reason != DROP_NONE)
		snprintf(buffer, size, "pass %s%s%s but %s", decided_by[decision->by], space, name,
			 drop_reason_name(decision->reason));
	else
		snprintf(buffer, size, "pass %s%s%s", decided_by[decision->by], space, name);
	return buffer;
}

static struct ruleset *ruleset_of(const char *text, uint64_t generation,
				  const struct ruleset *previous)
{
	struct ruleset_options options = { .generation = generation };
	struct built built = { 0 };
	struct policy *policy = NULL;
	struct ruleset *ruleset = NULL;
	struct accelnet_error err;

	memcpy(options.mac.bytes, frame_nic_mac, sizeof(frame_nic_mac));
	if (strcmp(text, "none") != 0) {
		built = build(text, NULL);
		if (!built.policy)
			print_report(&built.report);
		assert_non_null(built.policy);
		policy = built.policy;
		built.policy = NULL;
		built_fini(&built);
	}
	assert_int_equal(ruleset_new(policy, &options, previous, &ruleset, &err), 0);
	return ruleset;
}

void judge_fixture_init(struct judge_fixture *fixture, const char *policy, uint32_t connections)
{
	const struct conn_table_options options = {
		.max = connections ? connections : 1000,
		.timeouts = conn_timeouts_default,
	};
	struct conn_table *table;
	struct fragment_table *fragments;

	assert_int_equal(conn_table_new(&options, &table), 0);
	assert_int_equal(fragment_table_new(&fragments), 0);
	judge_context_init(&fixture->context, table, fragments);
	fixture->ruleset = ruleset_of(policy, 1, NULL);
	fixture->context.ruleset = fixture->ruleset;
}

void judge_fixture_fini(struct judge_fixture *fixture)
{
	ruleset_free(fixture->ruleset);
	fragment_table_free(fixture->context.fragments);
	conn_table_free(fixture->context.connections);
}

struct decision judge_fixture_frame(struct judge_fixture *fixture, const struct frame *frame,
				    uint64_t now)
{
	const struct packet_frame input = { frame->bytes, frame->length, frame->length };
	struct packet packet = { .owner = (void *)frame };
	struct decision decision;

	packet_parse_burst(&input, 1, frame->direction, &packet);
	packet.owner = (void *)frame;
	judge_burst(&fixture->context, frame->direction, &packet, 1, now, &decision);
	return decision;
}

static void split(const char *line, size_t length, struct words *ret)
{
	char *save = NULL;

	ret->count = 0;
	snprintf(ret->text, sizeof(ret->text), "%.*s", (int)length, line);
	for (char *word = strtok_r(ret->text, " ", &save); word && ret->count < WORDS_MAX;
	     word = strtok_r(NULL, " ", &save))
		ret->word[ret->count++] = word;
	for (unsigned i = ret->count; i < WORDS_MAX; i++)
		ret->word[i] = NULL;
}

static uint32_t number(const char *word)
{
	return word ? (uint32_t)strtoul(word, NULL, 0) : 0;
}

static uint8_t flags_of(const char *letters)
{
	uint8_t flags = 0;

	for (const char *p = letters; *p; p++) {
		flags |= *p == 'S' ? TCP_SYN : 0;
		flags |= *p == 'A' ? TCP_ACK : 0;
		flags |= *p == 'F' ? TCP_FIN : 0;
		flags |= *p == 'R' ? TCP_RST : 0;
		flags |= *p == 'P' ? TCP_PSH : 0;
		flags |= *p == 'U' ? TCP_URG : 0;
	}
	return flags;
}

static void begin_ip(struct frame *frame, enum direction direction, const char *remote,
		     uint8_t protocol)
{
	bool six = strchr(remote, ':') != NULL;

	frame_begin(frame, direction, six ? WIRE_ETHERTYPE_IP6 : WIRE_ETHERTYPE_IP4);
	if (six)
		frame_ip6(frame, "fd00::4", remote, protocol);
	else
		frame_ip4(frame, "10.1.0.4", remote, protocol);
}

static void make_error(struct frame *frame, enum direction direction, char **word)
{
	enum direction back =
		direction == DIRECTION_INBOUND ? DIRECTION_OUTBOUND : DIRECTION_INBOUND;
	bool six = strchr(word[2], ':') != NULL;
	struct frame quoted;

	begin_ip(&quoted, back, word[5], IP_PROTOCOL_UDP);
	frame_udp(&quoted, number(word[4]), number(word[6]));
	frame_end(&quoted);
	begin_ip(frame, direction, word[2], six ? IP_PROTOCOL_ICMPV6 : IP_PROTOCOL_ICMP);
	frame_icmp(frame, number(word[1]), 0, 0);
	frame_payload(frame, quoted.bytes + quoted.l3, quoted.length - quoted.l3);
}

/* `word` begins behind the direction. */
static void make_frame(struct frame *frame, enum direction direction, char **word)
{
	const char *what = word[0];

	if (strcmp(what, "tcp") == 0) {
		begin_ip(frame, direction, word[2], IP_PROTOCOL_TCP);
		frame_tcp(frame, number(word[1]), number(word[3]), flags_of(word[4]),
			  number(word[5]), number(word[6]));
	} else if (strcmp(what, "udp") == 0) {
		begin_ip(frame, direction, word[2], IP_PROTOCOL_UDP);
		frame_udp(frame, number(word[1]), number(word[3]));
	} else if (strcmp(what, "icmp") == 0) {
		begin_ip(frame, direction, word[3],
			 strchr(word[3], ':') ? IP_PROTOCOL_ICMPV6 : IP_PROTOCOL_ICMP);
		frame_icmp(frame, number(word[1]), 0, number(word[2]));
	} else if (strcmp(what, "ip") == 0) {
		begin_ip(frame, direction, word[2], number(word[1]));
		frame_payload(frame, NULL, 40);
	} else if (strcmp(what, "error") == 0) {
		make_error(frame, direction, word);
	} else if (strcmp(what, "first") == 0) {
		begin_ip(frame, direction, word[4], IP_PROTOCOL_UDP);
		frame_fragment4(frame, number(word[1]), 0, true);
		frame_udp(frame, number(word[3]), number(word[5]));
		frame_payload(frame, NULL, 56);
	} else if (strcmp(what, "later") == 0) {
		begin_ip(frame, direction, word[2], IP_PROTOCOL_UDP);
		frame_fragment4(frame, number(word[1]), number(word[3]),
				strcmp(word[4], "more") == 0);
		frame_payload(frame, NULL, 64);
	} else {
		fail_msg("a script says '%s'", what);
	}
	frame_end(frame);
}

/* A line, and where it stands in the run. */
struct line {
	const char *text;
	uint64_t now;
	struct words what;
	const char *expected;
	struct frame frame;
	bool is_packet;
};

static void read_line(const char *text, uint64_t *now, struct line *ret)
{
	const char *equals = strstr(text, " = ");
	char **word = ret->what.word;

	split(text, equals ? (size_t)(equals - text) : strlen(text), &ret->what);
	if (strspn(word[0], "0123456789.") == strlen(word[0])) {
		*now = (uint64_t)(strtod(word[0], NULL) * 1000 + 0.5);
		memmove(word, word + 1, sizeof(*word) * (WORDS_MAX - 1));
	}
	ret->text = text;
	ret->now = *now;
	ret->expected = equals ? equals + 3 : NULL;
	ret->is_packet = word[0][0] == '>' || word[0][0] == '<';
	if (ret->is_packet)
		make_frame(&ret->frame, word[0][0] == '>' ? DIRECTION_OUTBOUND : DIRECTION_INBOUND,
			   word + 1);
}

struct run {
	const struct script *script;
	struct judge_fixture fixture;
	uint64_t generation;
};

static void change_policy(struct run *run, const char *text)
{
	struct ruleset *old = run->fixture.ruleset;

	run->fixture.ruleset = ruleset_of(text, ++run->generation, old);
	run->fixture.context.ruleset = run->fixture.ruleset;
	ruleset_free(old);
}

static void kill_connection(struct run *run, const struct line *line)
{
	char **word = (char **)line->what.word + 1;
	struct frame frame;
	struct packet packet = { 0 };
	char flags[] = "A";
	char *with_flags[WORDS_MAX] = { word[0], word[1], word[2], word[3], flags };

	make_frame(&frame, DIRECTION_OUTBOUND, with_flags);
	assert_int_equal(
		packet_parse(frame.bytes, frame.length, frame.length, DIRECTION_OUTBOUND, &packet),
		DROP_NONE);
	assert_int_equal(conn_kill4(run->fixture.context.connections, &packet.key4, line->now), 0);
	(void)conn_expire_slice(run->fixture.context.connections, line->now);
}

static void add_released(struct run *run, char *text, size_t size)
{
	struct fragment_releases *released = &run->fixture.context.released;

	for (unsigned i = 0; i < released->count; i++) {
		size_t length = strlen(text);
		enum drop_reason drop = released->packets[i].drop;

		snprintf(text + length, size - length, "%s+ %s", length ? " " : "",
			 drop == DROP_NONE ? "pass" : drop_reason_name(drop));
	}
	released->count = 0;
}

static void compare(const struct run *run, const struct line *line, const char *found)
{
	if (strcmp(found, line->expected) != 0)
		fail_msg("%s: '%s' came to '%s'", run->script->name, line->text, found);
}

static void run_command(struct run *run, const struct line *line)
{
	char *const *word = line->what.word;
	char found[128] = "";

	if (strcmp(word[0], "policy") == 0) {
		change_policy(run, run->script->policies[number(word[1])]);
	} else if (strcmp(word[0], "grace") == 0) {
		conn_table_set_grace(run->fixture.context.connections,
				     line->now + number(word[1]) * 1000);
	} else if (strcmp(word[0], "kill") == 0) {
		kill_connection(run, line);
	} else if (strcmp(word[0], "expire") == 0) {
		fragment_expire(run->fixture.context.fragments, line->now,
				&run->fixture.context.released);
		add_released(run, found, sizeof(found));
		compare(run, line, found);
	} else {
		fail_msg("%s: '%s' is no command", run->script->name, line->text);
	}
}

static unsigned run_burst(struct run *run, struct line *lines, unsigned count, unsigned limit)
{
	struct packet_frame frames[JUDGE_BURST_MAX];
	struct packet packets[JUDGE_BURST_MAX];
	struct decision decisions[JUDGE_BURST_MAX];
	unsigned taken = 0;

	while (taken < count && taken < limit && lines[taken].is_packet &&
	       lines[taken].now == lines[0].now &&
	       lines[taken].frame.direction == lines[0].frame.direction &&
	       !strchr(lines[taken].expected, '+')) {
		frames[taken] =
			(struct packet_frame){ lines[taken].frame.bytes, lines[taken].frame.length,
					       lines[taken].frame.length };
		packets[taken].owner = &lines[taken];
		taken++;
	}
	if (taken == 0) { /* one that releases others goes alone, so that they can be told */
		frames[0] = (struct packet_frame){ lines[0].frame.bytes, lines[0].frame.length,
						   lines[0].frame.length };
		packets[0].owner = &lines[0];
		taken = 1;
	}
	packet_parse_burst(frames, taken, lines[0].frame.direction, packets);
	judge_burst(&run->fixture.context, lines[0].frame.direction, packets, taken, lines[0].now,
		    decisions);
	for (unsigned i = 0; i < taken; i++) {
		char found[256];

		decision_text(run->fixture.ruleset, &decisions[i], found, sizeof(found));
		if (i + 1 == taken)
			add_released(run, found, sizeof(found));
		compare(run, &lines[i], found);
	}
	return taken;
}

static void run_lines(const struct script *script, unsigned limit)
{
	struct run run = { .script = script, .generation = 1 };
	struct line *lines;
	unsigned count = 0;
	uint64_t now = 1000;

	while (script->lines[count])
		count++;
	lines = calloc(count, sizeof(*lines));
	assert_non_null(lines);
	for (unsigned i = 0; i < count; i++)
		read_line(script->lines[i], &now, &lines[i]);
	judge_fixture_init(&run.fixture, script->policies[0], script->connections);
	for (unsigned i = 0; i < count;) {
		if (lines[i].is_packet) {
			i += run_burst(&run, &lines[i], count - i, limit);
			continue;
		}
		run_command(&run, &lines[i++]);
	}
	fragment_drain(run.fixture.context.fragments, &run.fixture.context.released);
	judge_fixture_fini(&run.fixture);
	free(lines);
}

void script_run(const struct script *script)
{
	run_lines(script, 1);
}

void script_run_in_bursts(const struct script *script)
{
	run_lines(script, JUDGE_BURST_MAX);
}
