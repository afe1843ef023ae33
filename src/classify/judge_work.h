/*
 * Inside of the judge: what is known about each packet of the burst under way.
 */
#ifndef CLASSIFY_JUDGE_WORK_H
#define CLASSIFY_JUDGE_WORK_H

#include "classify/conn_refresh.h"
#include "classify/judge.h"

enum judge_note {
	NOTE_OPEN = 1,       /* not decided yet */
	NOTE_PLATFORM = 2,   /* a request to a platform service, or the reply to one */
	NOTE_CLASSIFIED = 4, /* verdicts[i] is there */
};

struct judge_work {
	struct judge_context *context;
	const struct ruleset *ruleset;
	struct packet *packets;
	struct decision *decisions;
	enum direction direction;
	uint64_t now;
	bool grace;
	struct conn_terms terms;
	uint64_t mac;                    /* the NIC's, in the low 6 bytes */
	uint8_t notes[JUDGE_BURST_MAX];  /* enum judge_note */
	uint8_t events[JUDGE_BURST_MAX]; /* enum conn_event */
	struct conn_hint hints[JUDGE_BURST_MAX];
	struct verdict verdicts[JUDGE_BURST_MAX];
};

/* judge_connection.c: decides an open packet that is not a later fragment by acl, connection,
 * rules. */
void judge_packet(struct judge_work *work, unsigned i);

/*
 * judge_placed.c: decides packets of which marks say where their connections are, and which change
 * nothing there but the time. Bit i: packet i is decided. Where connections come before the rules.
 */
uint64_t judge_placed(struct judge_work *work, unsigned count);

/* False where the rate is used up. */
bool judge_rate_take(struct judge_rate *rate, uint64_t now);

static inline struct decision decision_of(enum decision_action action, enum drop_reason reason,
					  enum decision_by by)
{
	return (struct decision){
		.action = action,
		.reason = reason,
		.by = by,
		.rule = CLASSIFIER_NO_RULE,
	};
}

/* Most packets: of a live connection on which they change nothing but the time. */
static __attribute__((always_inline)) inline bool judge_is_settled(struct judge_work *work,
								   unsigned i)
{
	const struct packet *packet = &work->packets[i];
	enum direction opened_by;

	return work->hints[i].slot != CONN_NOT_FOUND &&
	       conn_refresh(work->context->connections,
			    packet->kind == PACKET_IP4 ? IP_FAMILY_V4 : IP_FAMILY_V6,
			    &work->hints[i], work->events[i], work->direction,
			    packet->tcp_acknowledge, &work->terms, &opened_by);
}

#endif
