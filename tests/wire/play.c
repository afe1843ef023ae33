/*
 * Playing: see play.h.
 */
#include "wire/play.h"

#include "compile/reference.h"
#include "support/border.h"
#include "wire/line.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PENDING_MAX 4096   /* packets that are sent before they are looked at */
#define WRONG_MAX   20     /* that are told */
#define OLD_MAX     400    /* lines of earlier policies */
#define OLD_MS      120000 /* see forget_lines() */
#define TUPLES_MAX  300
#define TRIES       16   /* to find a tuple of the sort that is wanted */
#define LATE_MS     1500 /* less than the margin that the model leaves */
#define ONE_WAY     32   /* first packets: which of two that meet came first must be certain */
#define TCP_PSH     8
#define TCP_ECE_CWR 0xc0
#define START_MS    1000000

struct pending {
	struct model_packet packet;
	struct model_packet quoted; /* by an ICMP error */
	enum model_verdict verdict;
	enum frame_form form;
	uint32_t id;
	uint64_t at;
	struct line *line; /* NULL: a first packet, whose verdict hangs on no time */
};

struct play {
	struct cable *cable;
	struct oracle oracle;
	struct policy *policy;
	unsigned policies; /* so far */
	struct random random;
	uint64_t started; /* of CLOCK_MONOTONIC, ms */
	struct line old[OLD_MAX];
	unsigned old_count;
	struct pending pending[PENDING_MAX];
	unsigned pending_count;
	uint64_t pending_since; /* when the first of them was sent */
	uint64_t counted[3];    /* by what the oracle says */
	uint64_t late;          /* see settle() */
	struct json *wrong;
	unsigned wrong_count;
	struct json *tuples;
	unsigned tuple_count;
};

static uint64_t clock_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static uint64_t now_of(const struct play *play)
{
	return START_MS + clock_ms() - play->started;
}

static void check_memory(bool there)
{
	if (there)
		return;
	fprintf(stderr, "wire: no memory\n");
	exit(1);
}

struct play *play_new(struct cable *cable, uint64_t seed)
{
	struct play *play = calloc(1, sizeof(*play));

	check_memory(play != NULL);
	play->cable = cable;
	play->random.state = seed;
	play->started = clock_ms();
	check_memory(oracle_init(&play->oracle, START_MS) == 0);
	return play;
}

void play_free(struct play *play)
{
	if (!play)
		return;
	oracle_fini(&play->oracle);
	policy_free(play->policy);
	json_free(play->wrong);
	json_free(play->tuples);
	free(play);
}

void play_set_policy(struct play *play, struct policy *policy)
{
	check_memory(oracle_set_policy(&play->oracle, policy) == 0);
	policy_free(play->policy);
	play->policy = policy;
	play->policies++;
	json_free(play->wrong);
	json_free(play->tuples);
	play->wrong = json_new_array();
	play->tuples = json_new_array();
	play->wrong_count = play->tuple_count = 0;
	memset(play->counted, 0, sizeof(play->counted));
	play->late = 0;
	cable_begin(play->cable);
}

/* --- looking --- */

static void complain(struct play *play, const struct pending *pending, bool passed)
{
	static const char *const forms[] = { "", ", with options", ", first fragment",
					     ", later fragment" };
	const struct model_packet *packet = &pending->packet;
	const struct tuple tuple = oracle_tuple(packet);
	struct judgement judgement;
	char text[TUPLE_TEXT_MAX], history[LINE_TEXT_MAX];

	if (play->wrong_count++ >= WRONG_MAX)
		return;
	if (packet->icmp == MODEL_ICMP_ERROR) {
		const struct tuple quoted = oracle_tuple(&pending->quoted);

		json_add_format(play->wrong, NULL,
				"an error about %s flags 0x%02x:", tuple_text(&quoted, text),
				pending->quoted.tcp_flags);
	}
	reference_judge(play->policy, &tuple, &judgement);
	json_add_format(play->wrong, NULL,
			"%s flags 0x%02x icmp %d id %u%s: should %s, and %s (rules: %s by %s)",
			tuple_text(&tuple, text), packet->tcp_flags, packet->icmp, packet->icmp_id,
			forms[pending->form],
			pending->verdict == MODEL_PASS ? "pass" : "be dropped",
			passed ? "passed" : "was dropped", access_name(judgement.access),
			judgement.rule ? judgement.rule->name : "none");
	if (pending->line)
		json_add_format(play->wrong, NULL, "  before it, under policy %u: %s",
				play->policies, line_text(pending->line, history));
}

static void note(const struct play *play, const struct pending *pending, bool passed)
{
	const struct line_event event = {
		.policy = play->policies,
		.passed = passed,
		.verdict = pending->verdict,
		.at = pending->at,
	};

	line_note(pending->line, &pending->packet, &event);
}

/*
 * Waits for all that is pending, and compares. Where a busy machine let the NIC wait for so long
 * that it and the model may have the packets at different times, their lines end there.
 */
static void settle(struct play *play)
{
	bool is_late;

	cable_wait(play->cable);
	is_late = clock_ms() - play->pending_since > LATE_MS;
	for (unsigned i = 0; i < play->pending_count; i++) {
		struct pending *pending = &play->pending[i];
		const bool passed = cable_passed(play->cable, pending->id);

		if (pending->line && is_late) {
			pending->verdict = MODEL_EITHER;
			pending->line->ended = true;
			play->late++;
		} else {
			play->counted[pending->verdict]++;
		}
		if (pending->verdict != MODEL_EITHER && (pending->verdict == MODEL_PASS) != passed)
			complain(play, pending, passed);
		if (pending->line)
			note(play, pending, passed);
	}
	play->pending_count = 0;
}

/* --- sending --- */

static void send_one(struct play *play, const struct frame_spec *spec, enum model_verdict verdict,
		     struct line *line)
{
	struct pending *pending;

	if (play->pending_count == PENDING_MAX)
		settle(play);
	if (play->pending_count == 0)
		play->pending_since = clock_ms();
	pending = &play->pending[play->pending_count++];
	*pending = (struct pending){
		.packet = *spec->packet,
		.verdict = verdict,
		.form = spec->form,
		.id = cable_send(play->cable, spec),
		.at = now_of(play),
		.line = line,
	};
	if (spec->packet->quoted)
		pending->quoted = *spec->packet->quoted;
}

static enum frame_form some_form(struct random *random)
{
	const uint32_t dice = random_below(random, 100);

	if (dice < 8)
		return FRAME_OPTIONS;
	return dice < 14 ? FRAME_FIRST_FRAGMENT : FRAME_PLAIN;
}

/* A packet whose verdict is known, whole or in two fragments, the second of which follows the
 * first.
 */
static void send_packet(struct play *play, const struct model_packet *packet,
			enum model_verdict verdict, struct line *line)
{
	struct frame_spec spec = { .packet = packet, .form = some_form(&play->random) };

	/* extension headers of what is no packet of TCP or UDP say nothing more */
	if (packet->icmp == MODEL_ICMP_ERROR)
		spec.form = FRAME_PLAIN;
	if (packet->tcp_flags == 0)
		spec.more_tcp_flags = TCP_PSH;
	else if (packet->tcp_flags == MODEL_SYN && random_percent(&play->random, 20))
		spec.more_tcp_flags = TCP_ECE_CWR; /* RFC 3168 section 6.1.1 */
	else if (packet->tcp_flags == MODEL_ACK && random_percent(&play->random, 50))
		spec.more_tcp_flags = TCP_PSH;
	spec.fragment = (uint32_t)random_next(&play->random);
	send_one(play, &spec, verdict, line);
	if (spec.form != FRAME_FIRST_FRAGMENT)
		return;
	spec.form = FRAME_LATER_FRAGMENT;
	send_one(play, &spec, verdict, line);
}

/* --- first packets --- */

/* ESP, AH and what is left of the border's protocols mean nothing to the parser but themselves. */
static bool is_sendable(const struct tuple *tuple)
{
	return tuple->source.family == IP_FAMILY_V4 ||
	       tuple->protocol != 0; /* hop-by-hop options */
}

/* What settled marks are for is more often among them, where it may be settled. */
static uint8_t first_flags(struct random *random, bool may_settle)
{
	static const struct {
		uint8_t percent;
		uint8_t flags;
	} shares[] = {
		{ 45, MODEL_SYN },
		{ 30, MODEL_ACK },
		{ 7, MODEL_SYN | MODEL_ACK },
		{ 6, MODEL_FIN | MODEL_ACK },
		{ 6, MODEL_RST },
		{ 6, 0 },
	};
	uint32_t dice = random_below(random, 100);
	size_t i = 0;

	if (may_settle && random_percent(random, 50))
		return MODEL_ACK;
	for (; dice >= shares[i].percent; i++)
		dice -= shares[i].percent;
	return shares[i].flags;
}

static bool is_allowed(const struct play *play, const struct tuple *tuple)
{
	struct judgement judgement;

	reference_judge(play->policy, tuple, &judgement);
	return judgement.access != ACCESS_DENY;
}

/* Borders are mostly beyond what is allowed, so for half of the tuples it looks some more. */
static struct tuple some_tuple(struct play *play, enum direction direction)
{
	struct random *random = &play->random;
	const bool wants_allowed = random_percent(random, 50);
	const bool wants_tcp = random_percent(random, 45);
	struct tuple tuple;

	for (int i = 0; i < TRIES; i++) {
		tuple = border_tuple(play->policy, random);
		if (wants_tcp)
			tuple.protocol = IP_PROTOCOL_TCP;
		if (tuple.direction == direction && (!wants_allowed || is_allowed(play, &tuple)))
			break;
	}
	tuple.direction = direction;
	return tuple;
}

/* Hardware has rules for what arrives alone. */
static enum direction some_direction(struct random *random)
{
	return random_percent(random, 70) ? DIRECTION_INBOUND : DIRECTION_OUTBOUND;
}

static void note_tuple(struct play *play, const struct model_packet *packet)
{
	const struct tuple tuple = oracle_tuple(packet);
	struct judgement judgement;
	struct json *json;
	char text[IP_TEXT_MAX];

	if (play->tuple_count == TUPLES_MAX || oracle_refuses(&play->oracle, packet))
		return;
	play->tuple_count++;
	reference_judge(play->policy, &tuple, &judgement);
	json = json_add_object(play->tuples, NULL);
	json_add_string(json, "direction", direction_name(tuple.direction));
	json_add_unsigned(json, "protocol", tuple.protocol);
	json_add_string(json, "source", ip_addr_format(&tuple.source, text));
	json_add_string(json, "destination", ip_addr_format(&tuple.destination, text));
	if (ip_protocol_has_ports(tuple.protocol)) {
		json_add_unsigned(json, "sourcePort", tuple.source_port);
		json_add_unsigned(json, "destinationPort", tuple.destination_port);
	}
	json_add_string(json, "access", access_name(judgement.access));
	json_add_string(json, "rule", judgement.rule ? judgement.rule->name : NULL);
}

static void first_packet(struct play *play, enum direction direction)
{
	const struct tuple tuple = some_tuple(play, direction);
	struct line line = line_new(&tuple, 0, &play->random);
	struct model_packet *packet = &line.packet;
	const uint64_t now = now_of(play);

	if (packet->protocol == IP_PROTOCOL_TCP)
		packet->tcp_flags = first_flags(&play->random, direction == DIRECTION_INBOUND &&
								       is_allowed(play, &tuple));
	if (packet->icmp == MODEL_ICMP_REQUEST && random_percent(&play->random, 15))
		packet->icmp = MODEL_ICMP_REPLY;
	if (packet->direction == DIRECTION_OUTBOUND && packet->protocol == IP_PROTOCOL_TCP &&
	    (packet->tcp_flags & (MODEL_FIN | MODEL_RST)))
		packet->tcp_flags = MODEL_SYN;
	if (!is_sendable(&tuple) || !oracle_knows(&play->oracle, packet, now) ||
	    model_has(play->oracle.model, packet, now))
		return;
	note_tuple(play, packet);
	send_packet(play, packet, oracle_judge(&play->oracle, packet, now), NULL);
}

void play_first_packets(struct play *play, unsigned count)
{
	enum direction direction = DIRECTION_INBOUND;

	for (unsigned i = 0; i < count; i++) {
		if (i % ONE_WAY == 0) {
			settle(play);
			direction = some_direction(&play->random);
		}
		first_packet(play, direction);
	}
	settle(play);
}

/* --- lines --- */

static void next_of(struct play *play, struct line *line)
{
	const uint64_t now = now_of(play);
	struct model_packet packet, quoted;

	if (line->ended)
		return;
	line_next(line, &play->random, &packet, &quoted);
	if (line_is_beyond(line, &packet) || !oracle_knows(&play->oracle, &packet, now))
		return;
	send_packet(play, &packet, oracle_judge(&play->oracle, &packet, now), line);
}

/* Where only the NIC's own addresses may send, most lines have one of them. */
static void make_local(struct play *play, struct tuple *tuple)
{
	const struct policy *policy = play->policy;
	struct ip_addr *local =
		tuple->direction == DIRECTION_INBOUND ? &tuple->destination : &tuple->source;

	if (!policy->source_guard || policy->address_count == 0 ||
	    random_percent(&play->random, 15))
		return;
	for (size_t i = 0; i < policy->address_count; i++) {
		if (policy->addresses[i].family == local->family)
			*local = policy->addresses[i];
	}
}

static const struct ip_addr *remote_of(const struct tuple *tuple)
{
	return tuple->direction == DIRECTION_INBOUND ? &tuple->source : &tuple->destination;
}

/* More lines behind those there are, each for a connection of its own; returns how many in all. */
static unsigned add_lines(struct play *play, struct line *lines, unsigned made, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		struct tuple tuple = some_tuple(play, some_direction(&play->random));

		make_local(play, &tuple);
		if (!is_sendable(&tuple) || oracle_is_platform(remote_of(&tuple)))
			continue;
		lines[made] = line_new(&tuple, now_of(play), &play->random);
		/* what a first packet has begun may be known to the model alone: see struct line */
		made += !line_meets_any(&lines[made], lines, made) &&
			!model_has(play->oracle.model, &lines[made].packet, now_of(play));
	}
	return made;
}

/*
 * A line of TCP that is older than this may live in the model, which sees every segment, and be
 * forgotten by the NIC, whose settled marks hide some.
 */
static void forget_lines(struct play *play)
{
	const uint64_t now = now_of(play);
	unsigned kept = 0;

	for (unsigned i = 0; i < play->old_count; i++) {
		const struct line *line = &play->old[i];

		if (now - line->born < OLD_MS)
			play->old[kept++] = *line;
	}
	play->old_count = kept;
}

static void keep_lines(struct play *play, const struct line *lines, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		unsigned at = play->old_count;

		if (lines[i].unseen || lines[i].ended)
			continue;
		if (at == OLD_MAX)
			at = random_below(&play->random, OLD_MAX);
		else
			play->old_count++;
		play->old[at] = lines[i];
		play->old[at].script = LINE_NO_SCRIPT;
	}
}

/* Some of the old ones; they leave the list. */
static unsigned take_lines(struct play *play, struct line *lines, unsigned count)
{
	unsigned taken = 0;

	while (taken < count && play->old_count > 0) {
		unsigned at = random_below(&play->random, play->old_count);

		lines[taken] = play->old[at];
		play->old[at] = play->old[--play->old_count];
		taken += !line_meets_any(&lines[taken], lines, taken);
	}
	return taken;
}

void play_lines(struct play *play, unsigned count, unsigned rounds)
{
	struct line *lines = calloc(2 * (size_t)count + 1, sizeof(*lines));
	unsigned made;

	check_memory(lines != NULL);
	forget_lines(play);
	made = take_lines(play, lines, count / 3);
	made = add_lines(play, lines, made, count);
	for (unsigned round = 0; round < rounds; round++) {
		for (unsigned i = 0; i < made; i++)
			next_of(play, &lines[i]);
		settle(play);
	}
	keep_lines(play, lines, made);
	free(lines);
}

/* --- the result --- */

static void add_hits(const struct play *play, struct json *json)
{
	for (int d = 0; d < DIRECTIONS; d++) {
		for (int s = 0; s < STAGES; s++) {
			const struct rule_list *list = &play->policy->stage[s].list[d];

			for (size_t i = 0; i < list->count; i++) {
				struct json *rule = json_add_object(json, NULL);

				json_add_string(rule, "level", stage_name((enum stage)s));
				json_add_string(rule, "direction",
						direction_name((enum direction)d));
				json_add_string(rule, "rule", list->rules[i].name);
				json_add_unsigned(rule, "hits", play->oracle.hits[d][s][i]);
				json_add_unsigned(rule, "shared",
						  d == DIRECTION_INBOUND ? play->oracle.shared[s][i]
									 : 0);
			}
		}
	}
}

struct json *play_result(const struct play *play)
{
	struct json *json = json_new_object();

	json_add_unsigned(json, "sent", play->counted[0] + play->counted[1] + play->counted[2]);
	json_add_unsigned(json, "passed", play->counted[MODEL_PASS]);
	json_add_unsigned(json, "dropped", play->counted[MODEL_DROP]);
	json_add_unsigned(json, "open", play->counted[MODEL_EITHER]);
	json_add_unsigned(json, "late", play->late);
	json_add_unsigned(json, "strange", cable_strange(play->cable));
	json_add_unsigned(json, "wrongCount", play->wrong_count);
	json_add(json, "wrong", json_copy(play->wrong));
	json_add(json, "tuples", json_copy(play->tuples));
	add_hits(play, json_add_array(json, "hits"));
	return json;
}
