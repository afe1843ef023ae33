/*
 * The whole verdict on a burst of packets of one direction.
 *
 * In this order: malformed (packet_parse() has said so), frames that are not IP, isolation,
 * fragments, platform traffic, acl, connection, rules. A burst is judged as if its packets came one
 * after the other. Packets and a clock go in, decisions come out: no port, no mbuf, no clock, no
 * log, no heap. Thread: workers, each with a context of its own; tables are shared.
 */
#ifndef CLASSIFY_JUDGE_H
#define CLASSIFY_JUDGE_H

#include "classify/conn.h"
#include "classify/fragment.h"
#include "classify/packet.h"
#include "classify/ruleset.h"

#define JUDGE_BURST_MAX 64

enum decision_action {
	DECISION_PASS,
	DECISION_DROP,
	DECISION_HOLD, /* a fragment that waits: its owner pointer is now the fragment table's */
};

/* What decided. */
enum decision_by {
	DECIDED_BY_FRAME,      /* malformed, not IP, isolation */
	DECIDED_BY_FRAGMENT,   /* follows the first fragment */
	DECIDED_BY_PLATFORM,   /* passes whatever the rules say */
	DECIDED_BY_ACL,        /* acl deny or always-allow */
	DECIDED_BY_CONNECTION, /* of a live connection, or for want of one */
	DECIDED_BY_RELATED,    /* ICMP error about a live connection */
	DECIDED_BY_RULES,      /* first packet, or one that the rules must judge each time */
	DECIDED_BY_HARDWARE,   /* a settled mark: never given by judge_burst(), but by its caller */
	DECIDED_BY,
};

struct decision {
	uint8_t action; /* enum decision_action */
	/*
	 * enum drop_reason. With DECISION_PASS it is DROP_NONE, or, in audit mode, why enforcing
	 * would have dropped the packet.
	 */
	uint8_t reason;
	uint8_t by; /* enum decision_by */
	/*
	 * The deciding rule where by is ACL or RULES (else CLASSIFIER_NO_RULE): rule `rule` of
	 * chain[rule_direction][stage]. NO_RULE also where no stage has rules. The direction is the
	 * packet's own but for a segment picked up by the rules of its reverse, and for a
	 * connection that re-judging cut: then by is CONNECTION and the rule is the one that denied
	 * it.
	 */
	uint8_t rule_direction; /* enum direction */
	uint8_t stage;          /* enum stage */
	bool new_connection;
	uint16_t rule;
};
_Static_assert(sizeof(struct decision) == 8, "one store");

struct rule_hit {
	uint64_t packets;
	uint64_t settled; /* segments that a settled mark let through by this rule */
	uint64_t last;    /* `now` of the last one of either */
};

/* A token bucket; one worker's. */
struct judge_rate {
	uint32_t per_second;
	uint32_t burst;
	uint64_t credit; /* thousandths of a packet */
	uint64_t last;
};

/* Per worker and NIC. Zeroed and set up by judge_context_init(). */
struct judge_context {
	/* Borrowed. The ruleset is set before each burst, and is never NULL. */
	const struct ruleset *ruleset;
	struct conn_table *connections;
	struct fragment_table *fragments;
	/*
	 * The worker's own array of ruleset->hit_count entries that belongs to `ruleset`, or NULL.
	 * Counted: each stage's rule of a first packet, up to the one that denied; every packet
	 * that an acl rule matched.
	 */
	struct rule_hit *hits;
	/*
	 * Set before each burst, as the ruleset is. For each packet of the burst what its mark says
	 * about the rules in its own direction, or NULL; NULL where no packet has such a mark.
	 */
	const struct verdict *const *given;
	/*
	 * Likewise: for each packet where its connection stands (conn_mark.h), as its mark says, or
	 * CONN_NOT_FOUND; NULL where no packet has such a mark.
	 */
	const uint32_t *places;
	/*
	 * Settled marks count under this ruleset: segments may have arrived that the judge was
	 * never shown. What the VM sends in answer is then judged as in the grace window.
	 */
	bool settles;

	struct judge_rate rejudge; /* of connections after flushConnection */
	struct judge_rate icmp_errors;

	/* Out: packets of this burst whose places spared the look-up. */
	unsigned placed;
	/* Out: fragments that waited for a first one of this burst. The caller empties it. */
	struct fragment_releases released;
};

#define JUDGE_REJUDGE_PER_SECOND     20000
#define JUDGE_ICMP_ERRORS_PER_SECOND 1000

void judge_context_init(struct judge_context *context, struct conn_table *connections,
			struct fragment_table *fragments);

/*
 * Judges `count` packets, at most JUDGE_BURST_MAX, all of `direction`, as packet_parse() left them
 * (those with a drop reason too). `now`: milliseconds of a monotonic clock that all workers of the
 * NIC share. Packets may be changed. ret[i] belongs to packets[i].
 */
void judge_burst(struct judge_context *context, enum direction direction, struct packet *packets,
		 unsigned count, uint64_t now, struct decision *ret);

#endif
