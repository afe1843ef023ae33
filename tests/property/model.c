/*
 * The slow model of connections: see model.h. Comments quote docs/policy.md.
 */
#include "property/model.h"

#include "compile/reference.h"

#include <stdlib.h>

#define SECOND       1000ULL
#define HALF_OPEN    (30 * SECOND)
#define UNCONFIRMED  (30 * SECOND)
#define ESTABLISHED  (240 * SECOND)
#define CLOSING      (30 * SECOND)
#define RESET        (5 * SECOND)
#define UDP          (30 * SECOND)
#define UDP_REPLIED  (240 * SECOND)
#define ICMP         (30 * SECOND)
#define OTHER        (60 * SECOND)
#define TOMBSTONE    (30 * SECOND)
#define GRACE        (240 * SECOND)
#define LONGEST      (240 * SECOND)
#define RESET_WINDOW (64U << 10)
/* How exactly a deadline is kept is nobody's promise. */
#define CLOCK_MARGIN (2 * SECOND)
#define LISTS        4096

enum state {
	STATE_HALF_OPEN,
	STATE_UNCONFIRMED,
	STATE_ESTABLISHED, /* and everything that is not TCP */
	STATE_CLOSING,
	STATE_TOMBSTONE,
	STATE_UNKNOWN, /* the text leaves open what has become of it */
};

struct entry {
	struct entry *next;
	/* as the initiator sends */
	struct model_packet key;
	enum state state;
	enum state before; /* of one that is closing: what it was, and is again if it goes on */
	/* alive before `earliest`, gone after `latest` */
	uint64_t earliest;
	uint64_t latest;
	bool heard[DIRECTIONS];
	bool has_fin[DIRECTIONS];
	bool has_acknowledge[DIRECTIONS];
	uint32_t acknowledge[DIRECTIONS]; /* the last one that this direction sent */
	bool has_reset[DIRECTIONS]; /* it sent a RST, whose own acknowledgement may count or not */
	bool has_new_syn;           /* a SYN was let through on an established entry */
	enum direction new_syn;
	bool has_two_initiators; /* each side sent such a SYN: whose connection it is, is not said
				  */
	uint64_t judged;         /* generation */
	bool only_by_audit;
};

struct model {
	struct entry *lists[LISTS]; /* by tuple, the same for both directions */
	const struct policy *policy;
	uint64_t generation;
	uint64_t flush_generation; /* entries judged before it are judged anew */
	uint64_t start;
	bool unseen; /* see model_set_unseen() */
};

struct model *model_new(uint64_t start)
{
	struct model *model = calloc(1, sizeof(*model));

	if (model)
		model->start = start;
	return model;
}

void model_free(struct model *model)
{
	if (!model)
		return;
	for (size_t i = 0; i < LISTS; i++) {
		while (model->lists[i]) {
			struct entry *next = model->lists[i]->next;

			free(model->lists[i]);
			model->lists[i] = next;
		}
	}
	free(model);
}

void model_set_unseen(struct model *model)
{
	model->unseen = true;
}

void model_set_policy(struct model *model, const struct policy *policy)
{
	model->policy = policy;
	model->generation++;
	if (policy->stage[STAGE_SUBNET].flush_connection ||
	    policy->stage[STAGE_NIC].flush_connection)
		model->flush_generation = model->generation;
}

/* --- tuples --- */

static struct model_packet reversed(const struct model_packet *packet)
{
	struct model_packet back = *packet;

	back.direction =
		packet->direction == DIRECTION_INBOUND ? DIRECTION_OUTBOUND : DIRECTION_INBOUND;
	back.source = packet->destination;
	back.destination = packet->source;
	back.source_port = packet->destination_port;
	back.destination_port = packet->source_port;
	if (packet->icmp == MODEL_ICMP_REQUEST)
		back.icmp = MODEL_ICMP_REPLY;
	else if (packet->icmp == MODEL_ICMP_REPLY)
		back.icmp = MODEL_ICMP_REQUEST;
	return back;
}

static bool same_tuple(const struct model_packet *a, const struct model_packet *b)
{
	return a->direction == b->direction && ip_addr_equal(&a->source, &b->source) &&
	       ip_addr_equal(&a->destination, &b->destination) && a->protocol == b->protocol &&
	       a->source_port == b->source_port && a->destination_port == b->destination_port &&
	       a->icmp == b->icmp && a->icmp_id == b->icmp_id;
}

/* Where the entry of a packet, or of one that is reversed, stands. */
static struct entry **list_of(struct model *model, const struct model_packet *packet)
{
	const ip_number sum = packet->source.number + packet->destination.number +
			      packet->source_port + packet->destination_port +
			      packet->protocol * 31U + packet->icmp_id;
	const uint64_t mixed = ((uint64_t)sum ^ (uint64_t)(sum >> 64)) * 0x9e3779b97f4a7c15U;

	return &model->lists[mixed >> 52];
}

static bool allows(const struct model *model, const struct model_packet *packet)
{
	const struct tuple tuple = {
		.direction = packet->direction,
		.source = packet->source,
		.destination = packet->destination,
		.protocol = packet->protocol,
		.source_port = packet->source_port,
		.destination_port = packet->destination_port,
	};
	struct judgement judgement;

	reference_judge(model->policy, &tuple, &judgement);
	return judgement.access != ACCESS_DENY;
}

/* --- entries --- */

static struct entry *find(struct model *model, const struct model_packet *packet, uint64_t now)
{
	const struct model_packet back = reversed(packet);

	for (struct entry **at = list_of(model, packet); *at;) {
		struct entry *entry = *at;

		if (now > entry->latest + CLOCK_MARGIN) {
			*at = entry->next;
			free(entry);
			continue;
		}
		if (same_tuple(&entry->key, packet) || same_tuple(&entry->key, &back))
			return entry;
		at = &entry->next;
	}
	return NULL;
}

static void expires(struct entry *entry, uint64_t when)
{
	entry->earliest = when;
	entry->latest = when;
}

/* The packet may or may not have renewed the timeout. */
static void may_expire(struct entry *entry, uint64_t when)
{
	if (when < entry->earliest)
		entry->earliest = when;
	if (when > entry->latest)
		entry->latest = when;
}

static enum model_verdict lose_track(struct entry *entry, uint64_t now)
{
	entry->state = STATE_UNKNOWN;
	expires(entry, now + LONGEST);
	return MODEL_EITHER;
}

static void begin(struct model *model, struct entry *entry, const struct model_packet *initiator,
		  enum state state, uint64_t deadline)
{
	*entry = (struct entry){
		.next = entry->next,
		.key = *initiator,
		.state = state,
		.judged = model->generation,
	};
	entry->key.quoted = NULL;
	expires(entry, deadline);
}

static struct entry *add(struct model *model, const struct model_packet *initiator,
			 enum state state, uint64_t deadline)
{
	struct entry *entry = calloc(1, sizeof(*entry)), **list = list_of(model, initiator);

	if (!entry)
		abort();
	entry->next = *list;
	*list = entry;
	begin(model, entry, initiator, state, deadline);
	return entry;
}

static void hear(struct entry *entry, const struct model_packet *packet)
{
	entry->heard[packet->direction] = true;
	if (!(packet->tcp_flags & MODEL_ACK))
		return;
	entry->has_acknowledge[packet->direction] = true;
	entry->acknowledge[packet->direction] = packet->acknowledge;
}

static bool heard_both(const struct entry *entry)
{
	return entry->heard[DIRECTION_INBOUND] && entry->heard[DIRECTION_OUTBOUND];
}

/* --- packets without a connection --- */

static bool audits(const struct model *model)
{
	return model->policy->mode == POLICY_AUDIT;
}

/* An allowed first packet makes a connection; audit mode lets the others make one too. */
static enum model_verdict open_if_allowed(struct model *model, const struct model_packet *packet,
					  enum state state, uint64_t deadline)
{
	const bool allowed = allows(model, packet);
	struct entry *entry;

	if (!allowed && !audits(model))
		return MODEL_DROP;
	entry = add(model, packet, state, deadline);
	entry->only_by_audit = !allowed;
	hear(entry, packet);
	return MODEL_PASS;
}

static enum model_verdict judge_only(const struct model *model, const struct model_packet *packet)
{
	return allows(model, packet) || audits(model) ? MODEL_PASS : MODEL_DROP;
}

/* "A TCP segment with ACK and without SYN, FIN or RST begins an unconfirmed connection" */
static enum model_verdict pick_up(struct model *model, const struct model_packet *packet,
				  uint64_t now)
{
	const struct model_packet back = reversed(packet);
	const bool in_grace = now < model->start + GRACE;
	struct entry *entry;

	if (allows(model, packet)) {
		entry = add(model, packet, STATE_UNCONFIRMED, now + UNCONFIRMED);
	} else if (packet->direction == DIRECTION_OUTBOUND && in_grace && allows(model, &back)) {
		entry = add(model, &back, STATE_UNCONFIRMED, now + UNCONFIRMED);
	} else if (audits(model)) {
		/* it passes; whether it begins anything is not said */
		entry = add(model, packet, STATE_UNKNOWN, now + LONGEST);
		return MODEL_PASS;
	} else {
		return MODEL_DROP;
	}
	if (model->unseen && packet->direction == DIRECTION_OUTBOUND)
		may_expire(entry, now + ESTABLISHED);
	hear(entry, packet);
	return MODEL_PASS;
}

static enum model_verdict first_tcp(struct model *model, const struct model_packet *packet,
				    uint64_t now)
{
	const uint8_t flags = packet->tcp_flags;

	if (flags & (MODEL_RST | MODEL_FIN))
		return judge_only(model, packet);
	if ((flags & MODEL_SYN) && !(flags & MODEL_ACK))
		return open_if_allowed(model, packet, STATE_HALF_OPEN, now + HALF_OPEN);
	if (flags == MODEL_ACK)
		return pick_up(model, packet, now);
	/* SYN+ACK without state: no rule is asked, so audit mode's promise is open to reading */
	return audits(model) ? MODEL_EITHER : MODEL_DROP;
}

static enum model_verdict first_icmp(struct model *model, const struct model_packet *packet,
				     uint64_t now)
{
	enum model_verdict verdict;

	if (packet->icmp == MODEL_ICMP_REQUEST)
		return open_if_allowed(model, packet, STATE_ESTABLISHED, now + ICMP);
	verdict = judge_only(model, packet);
	/* An error that belongs to nothing is a first packet like any other, or none: not said. */
	if (packet->icmp == MODEL_ICMP_ERROR && verdict == MODEL_PASS)
		(void)add(model, packet, STATE_UNKNOWN, now + LONGEST);
	return verdict;
}

static enum model_verdict first(struct model *model, const struct model_packet *packet,
				uint64_t now)
{
	if (packet->protocol == IP_PROTOCOL_TCP)
		return first_tcp(model, packet, now);
	if (packet->icmp != MODEL_NOT_ICMP)
		return first_icmp(model, packet, now);
	return open_if_allowed(model, packet, STATE_ESTABLISHED,
			       now + (packet->protocol == IP_PROTOCOL_UDP ? UDP : OTHER));
}

/* --- packets of a connection --- */

/* "A SYN on the tuple of a live connection is judged by the rules." */
static enum model_verdict syn(struct model *model, struct entry *entry,
			      const struct model_packet *packet, uint64_t now)
{
	const bool from_initiator = packet->direction == entry->key.direction;
	const bool allowed = allows(model, packet);

	if (!allowed && !audits(model))
		return MODEL_DROP;
	if (!allowed) {
		/* denied, so it should change nothing; yet it goes to the other side */
		(void)lose_track(entry, now);
		return MODEL_PASS;
	}
	switch (entry->state) {
	case STATE_ESTABLISHED:
		may_expire(entry, now + ESTABLISHED);
		entry->has_two_initiators |=
			entry->has_new_syn && entry->new_syn != packet->direction;
		entry->has_new_syn = true;
		entry->new_syn = packet->direction;
		return MODEL_PASS;
	case STATE_HALF_OPEN:
		if (!from_initiator) {
			/* both open at once: it passes, and who began is not said */
			(void)lose_track(entry, now);
			return MODEL_PASS;
		}
		may_expire(entry, now + HALF_OPEN);
		return MODEL_PASS;
	default:
		begin(model, entry, packet, STATE_HALF_OPEN, now + HALF_OPEN);
		return MODEL_PASS;
	}
}

/* A segment that neither begins nor ends anything. */
static enum model_verdict segment(struct entry *entry, const struct model_packet *packet,
				  uint64_t now)
{
	const bool from_initiator = packet->direction == entry->key.direction;

	hear(entry, packet);
	if (entry->state == STATE_CLOSING && entry->has_fin[DIRECTION_INBOUND] &&
	    entry->has_fin[DIRECTION_OUTBOUND]) {
		/* the last ACK of a connection that both sides have ended */
		may_expire(entry, now + CLOSING);
		may_expire(entry, now + ESTABLISHED);
		return MODEL_PASS;
	}
	if (entry->state == STATE_CLOSING)
		entry->state = entry->before;
	switch (entry->state) {
	case STATE_HALF_OPEN:
		/* "A responder's SYN+ACK gives the connection the timeout of an established one."
		 */
		if (!from_initiator && (packet->tcp_flags & MODEL_SYN))
			break;
		may_expire(entry, now + (heard_both(entry) ? ESTABLISHED : HALF_OPEN));
		return MODEL_PASS;
	case STATE_UNCONFIRMED:
		if (!heard_both(entry)) {
			may_expire(entry, now + UNCONFIRMED);
			return MODEL_PASS;
		}
		break;
	default:
		break;
	}
	entry->state = STATE_ESTABLISHED;
	expires(entry, now + ESTABLISHED);
	return MODEL_PASS;
}

static enum model_verdict syn_ack(struct model *model, struct entry *entry,
				  const struct model_packet *packet, uint64_t now)
{
	const bool from_initiator = packet->direction == entry->key.direction;

	if (entry->has_two_initiators) {
		(void)lose_track(entry, now);
		return MODEL_PASS;
	}
	if (entry->has_new_syn && entry->new_syn != packet->direction) {
		const struct model_packet initiator = reversed(packet);

		begin(model, entry, &initiator, STATE_ESTABLISHED, now + ESTABLISHED);
		hear(entry, packet);
		return MODEL_PASS;
	}
	if (entry->state == STATE_HALF_OPEN && from_initiator)
		return lose_track(entry, now);
	return segment(entry, packet, now);
}

static void close_down(struct entry *entry, const struct model_packet *packet)
{
	hear(entry, packet);
	if (entry->state == STATE_UNCONFIRMED && heard_both(entry))
		entry->state = STATE_ESTABLISHED;
	if (entry->state != STATE_CLOSING)
		entry->before = entry->state;
	entry->state = STATE_CLOSING;
}

/* "A RST counts only if its sequence number is within 64 KB of the last acknowledgement" */
static enum model_verdict rst(struct entry *entry, const struct model_packet *packet, uint64_t now)
{
	const enum direction other =
		packet->direction == DIRECTION_INBOUND ? DIRECTION_OUTBOUND : DIRECTION_INBOUND;
	const uint32_t distance = packet->sequence - entry->acknowledge[other];
	const bool was_unconfirmed =
		entry->state == STATE_UNCONFIRMED ||
		(entry->state == STATE_CLOSING && entry->before == STATE_UNCONFIRMED);

	if (entry->has_reset[other])
		return lose_track(entry, now);
	if (entry->has_acknowledge[other] && distance > RESET_WINDOW && -distance > RESET_WINDOW) {
		/* One that does not count may pass or not; the connection stands. */
		may_expire(entry, now + ESTABLISHED);
		return MODEL_EITHER;
	}
	entry->has_reset[packet->direction] = true;
	close_down(entry, packet);
	expires(entry, now + RESET);
	if (was_unconfirmed && heard_both(entry)) {
		/* whether a RST confirms what it ends is not said */
		(void)lose_track(entry, now);
	}
	return MODEL_PASS;
}

static enum model_verdict fin(struct entry *entry, const struct model_packet *packet, uint64_t now)
{
	entry->has_fin[packet->direction] = true;
	close_down(entry, packet);
	expires(entry, now + CLOSING);
	return MODEL_PASS;
}

static enum model_verdict next_tcp(struct model *model, struct entry *entry,
				   const struct model_packet *packet, uint64_t now)
{
	const uint8_t flags = packet->tcp_flags;

	if (flags & MODEL_RST)
		return rst(entry, packet, now);
	if ((flags & MODEL_SYN) && (flags & MODEL_ACK))
		return syn_ack(model, entry, packet, now);
	if (flags & MODEL_SYN)
		return syn(model, entry, packet, now);
	if (flags & MODEL_FIN)
		return fin(entry, packet, now);
	return segment(entry, packet, now);
}

static enum model_verdict next_other(struct entry *entry, const struct model_packet *packet,
				     uint64_t now)
{
	hear(entry, packet);
	if (packet->protocol == IP_PROTOCOL_UDP)
		expires(entry, now + (heard_both(entry) ? UDP_REPLIED : UDP));
	else
		expires(entry, now + (packet->icmp != MODEL_NOT_ICMP ? ICMP : OTHER));
	return MODEL_PASS;
}

/*
 * "Each connection is judged anew by the new rules, at its next packet of either direction, with
 * its initiator's addresses and direction." MODEL_PASS: it goes on.
 */
static enum model_verdict rejudge(struct model *model, struct entry *entry, uint64_t now)
{
	const bool due =
		entry->judged < model->flush_generation || (entry->only_by_audit && !audits(model));
	bool allowed;

	if (!due)
		return MODEL_PASS;
	if (entry->has_two_initiators)
		return lose_track(entry, now);
	allowed = allows(model, &entry->key);
	entry->judged = model->generation;
	entry->only_by_audit = !allowed && audits(model);
	if (allowed || audits(model))
		return MODEL_PASS;
	entry->state = STATE_TOMBSTONE;
	expires(entry, now + TOMBSTONE);
	return MODEL_DROP;
}

static enum model_verdict closed(struct model *model, struct entry *entry,
				 const struct model_packet *packet, uint64_t now)
{
	const bool opens = packet->protocol != IP_PROTOCOL_TCP ||
			   (packet->tcp_flags & (MODEL_SYN | MODEL_ACK)) == MODEL_SYN;

	may_expire(entry, now + TOMBSTONE);
	/* Rules that would allow it by now, or audit mode: not said. */
	if ((opens && allows(model, packet)) || audits(model))
		return lose_track(entry, now);
	return MODEL_DROP;
}

static enum model_verdict next(struct model *model, struct entry *entry,
			       const struct model_packet *packet, uint64_t now)
{
	enum model_verdict verdict;

	if (entry->state == STATE_UNKNOWN || now + CLOCK_MARGIN > entry->earliest)
		return lose_track(entry, now);
	if (entry->state == STATE_TOMBSTONE)
		return closed(model, entry, packet, now);
	verdict = rejudge(model, entry, now);
	if (verdict != MODEL_PASS)
		return verdict;
	if (packet->protocol == IP_PROTOCOL_TCP)
		return next_tcp(model, entry, packet, now);
	return next_other(entry, packet, now);
}

/* --- ICMP errors --- */

/* MODEL_DROP here means: about nothing, so that the rules judge it. */
static enum model_verdict related(struct model *model, const struct model_packet *packet,
				  uint64_t now)
{
	const struct entry *entry;

	if (model->policy->icmp_errors != ICMP_ERRORS_RELATED ||
	    packet->quoted->direction == packet->direction ||
	    !ip_addr_equal(&packet->quoted->source, &packet->destination))
		return MODEL_DROP;
	entry = find(model, packet->quoted, now);
	if (!entry)
		return MODEL_DROP;
	if (entry->state == STATE_UNKNOWN || entry->state == STATE_TOMBSTONE ||
	    now + CLOCK_MARGIN > entry->earliest || entry->judged < model->flush_generation ||
	    entry->only_by_audit)
		return MODEL_EITHER;
	return MODEL_PASS;
}

enum model_verdict model_judge(struct model *model, const struct model_packet *packet, uint64_t now)
{
	struct entry *entry;

	if (packet->icmp == MODEL_ICMP_ERROR) {
		enum model_verdict verdict = related(model, packet, now);

		if (verdict != MODEL_DROP)
			return verdict;
	}
	entry = find(model, packet, now);
	return entry ? next(model, entry, packet, now) : first(model, packet, now);
}

bool model_has(struct model *model, const struct model_packet *packet, uint64_t now)
{
	return find(model, packet, now) != NULL;
}
