/*
 * Lines: see line.h.
 */
#include "wire/line.h"

#include <stdio.h>
#include <string.h>

#define S  MODEL_SYN
#define SA (MODEL_SYN | MODEL_ACK)
#define A  MODEL_ACK
#define FA (MODEL_FIN | MODEL_ACK)
#define R  MODEL_RST
#define RA (MODEL_RST | MODEL_ACK)

#define STEPS_MAX      12
#define FROM_RESPONDER 0x80

/* What the responder sends has FROM_RESPONDER; 0 ends a script. */
#define Y(flags) ((flags) | FROM_RESPONDER)
static const uint8_t scripts[][STEPS_MAX + 1] = {
	/* opened, used, closed by both, opened again */
	{ S, Y(SA), A, A, Y(A), FA, Y(A), Y(FA), A, A, S, Y(SA) },
	/* half open: the answer does not come, or late */
	{ S, A, Y(A), S, Y(SA), A, Y(A) },
	/* reset by the responder, and gone on with */
	{ S, Y(SA), A, Y(R), A, Y(A), S, Y(SA), A },
	/* refused, tried again */
	{ S, Y(RA), S, Y(SA), A, A, RA, Y(A), A },
	/* no connection: answers to nothing, segments in mid-stream */
	{ Y(SA), Y(A), A, Y(A), A, FA },
	/* closed by one side alone */
	{ S, Y(SA), A, Y(FA), A, A, Y(A), A },
	/* a new SYN on a connection that lives */
	{ S, Y(SA), A, S, Y(SA), A, Y(A), S, A },
	/* RST and FIN of nothing */
	{ R, Y(R), FA, Y(FA), S, Y(SA), A },
};
#define SCRIPTS (sizeof(scripts) / sizeof(scripts[0]))

static struct model_packet turned(const struct model_packet *packet)
{
	struct model_packet back = *packet;

	back.direction =
		packet->direction == DIRECTION_INBOUND ? DIRECTION_OUTBOUND : DIRECTION_INBOUND;
	back.source = packet->destination;
	back.destination = packet->source;
	back.source_port = packet->destination_port;
	back.destination_port = packet->source_port;
	return back;
}

struct line line_new(const struct tuple *tuple, uint64_t now, struct random *random)
{
	const bool is_v4 = tuple->source.family == IP_FAMILY_V4;
	struct line line = {
		.packet = { .direction = tuple->direction,
			    .source = tuple->source,
			    .destination = tuple->destination,
			    .protocol = tuple->protocol },
		.script = LINE_NO_SCRIPT,
		.born = now,
	};

	if (ip_protocol_has_ports(tuple->protocol)) {
		line.packet.source_port = tuple->source_port;
		line.packet.destination_port = tuple->destination_port;
	}
	if (tuple->protocol == (is_v4 ? IP_PROTOCOL_ICMP : IP_PROTOCOL_ICMPV6)) {
		line.packet.icmp = MODEL_ICMP_REQUEST;
		line.packet.icmp_id = (uint16_t)random_next(random);
	}
	if (tuple->protocol == IP_PROTOCOL_TCP && random_percent(random, 50))
		line.script = random_below(random, SCRIPTS);
	return line;
}

static bool meets(const struct model_packet *a, const struct model_packet *b)
{
	const struct model_packet back = turned(b);

	if (a->direction != b->direction)
		b = &back;
	return ip_addr_equal(&a->source, &b->source) &&
	       ip_addr_equal(&a->destination, &b->destination) && a->protocol == b->protocol &&
	       a->source_port == b->source_port && a->destination_port == b->destination_port;
}

bool line_meets_any(const struct line *line, const struct line *lines, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		if (meets(&line->packet, &lines[i].packet))
			return true;
	}
	return false;
}

/* An error about a packet of the line, or about one that was never sent. */
static void make_error(const struct line *line, struct random *random, struct model_packet *ret,
		       struct model_packet *quoted)
{
	*quoted = random_percent(random, 50) ? line->packet : turned(&line->packet);
	if (random_percent(random, 15) && quoted->source_port)
		quoted->source_port ^= 0x100;
	if (quoted->protocol == IP_PROTOCOL_TCP)
		quoted->tcp_flags = MODEL_ACK;
	*ret = turned(quoted);
	ret->source_port = ret->destination_port = 0;
	ret->tcp_flags = 0;
	ret->protocol =
		quoted->source.family == IP_FAMILY_V4 ? IP_PROTOCOL_ICMP : IP_PROTOCOL_ICMPV6;
	ret->icmp = MODEL_ICMP_ERROR;
	ret->icmp_id = 0;
	ret->quoted = quoted;
}

static void number(struct line *line, struct random *random, struct model_packet *packet)
{
	const enum direction other =
		packet->direction == DIRECTION_INBOUND ? DIRECTION_OUTBOUND : DIRECTION_INBOUND;

	packet->sequence = line->acknowledge[other] + random_below(random, 1000);
	if (packet->tcp_flags & MODEL_ACK) {
		line->acknowledge[packet->direction] += random_below(random, 100);
		packet->acknowledge = line->acknowledge[packet->direction];
	}
}

static void anything(struct line *line, struct random *random, struct model_packet *ret)
{
	static const uint8_t flags[] = { S, S, S, SA, SA, A, A, A, A, A, A, FA, FA, R, RA, 0 };

	*ret = random_percent(random, 50) ? line->packet : turned(&line->packet);
	if (ret->protocol == IP_PROTOCOL_TCP) {
		ret->tcp_flags = flags[random_below(random, sizeof(flags))];
		number(line, random, ret);
		/* one of the VM's counts always where settled marks hide what the other side sent
		 */
		if ((ret->tcp_flags & MODEL_RST) && ret->direction == DIRECTION_INBOUND &&
		    random_percent(random, 30))
			ret->sequence += 1U << 24;
	} else if (ret->icmp != MODEL_NOT_ICMP && random_percent(random, 50)) {
		ret->icmp = MODEL_ICMP_REPLY;
	}
}

void line_next(struct line *line, struct random *random, struct model_packet *ret,
	       struct model_packet *quoted)
{
	uint8_t step;

	if (random_percent(random, 4)) {
		make_error(line, random, ret, quoted);
		return;
	}
	step = line->script == LINE_NO_SCRIPT ? 0 : scripts[line->script][line->step];
	if (step == 0) {
		line->script = LINE_NO_SCRIPT;
		anything(line, random, ret);
		return;
	}
	line->step++;
	*ret = step & FROM_RESPONDER ? turned(&line->packet) : line->packet;
	ret->tcp_flags = step & ~FROM_RESPONDER;
	number(line, random, ret);
}

bool line_is_beyond(const struct line *line, const struct model_packet *packet)
{
	const uint8_t flags = packet->tcp_flags;

	/* a frame without any of the four flags has PSH: see play.c */
	return line->unseen &&
	       (packet->icmp == MODEL_ICMP_ERROR ||
		(packet->protocol == IP_PROTOCOL_TCP &&
		 (flags == 0 || (flags & (MODEL_SYN | MODEL_ACK)) == (MODEL_SYN | MODEL_ACK))));
}

static void remember(struct line *line, const struct model_packet *packet,
		     const struct line_event *event)
{
	struct line_event *at = &line->events[line->event_count++ % LINE_EVENTS];

	*at = *event;
	at->direction = (uint8_t)packet->direction;
	at->tcp_flags = packet->tcp_flags;
	at->icmp = (uint8_t)packet->icmp;
}

void line_note(struct line *line, const struct model_packet *packet, const struct line_event *event)
{
	const uint8_t flags = packet->tcp_flags;

	remember(line, packet, event);
	if (!event->passed || packet->protocol != IP_PROTOCOL_TCP)
		return;
	if (flags & (MODEL_FIN | MODEL_RST))
		line->opened = false;
	else if (flags & MODEL_SYN)
		line->opened = true;
	else if (flags == MODEL_ACK && !line->opened)
		line->unseen = true;
}

char *line_text(const struct line *line, char *text)
{
	static const char *const verdicts[] = { "pass", "drop", "either" };
	const unsigned first =
		line->event_count > LINE_EVENTS ? line->event_count - LINE_EVENTS : 0;
	size_t length = 0;

	text[0] = '\0';
	for (unsigned i = first; i < line->event_count && length < LINE_TEXT_MAX; i++) {
		const struct line_event *event = &line->events[i % LINE_EVENTS];

		length += (size_t)snprintf(text + length, LINE_TEXT_MAX - length,
					   "%s%.3f policy %u %s flags 0x%02x icmp %d: %s, %s",
					   i > first ? "; " : "", (double)event->at / 1000,
					   event->policy,
					   direction_name((enum direction)event->direction),
					   event->tcp_flags, event->icmp, verdicts[event->verdict],
					   event->passed ? "passed" : "dropped");
	}
	return text;
}
