/*
 * One connection: its state, and what each packet does to it.
 *
 * Pure functions on values: no table, no clock, no lock. Semantics: docs/policy.md, "Connections".
 *
 *     half-open --SYN+ACK--> established --FIN--> closing     any --RST--> reset
 *     unconfirmed --the other side is seen--> established
 *
 * A FIN or a RST shortens the timeout only; the next segment without them restores it, unless both
 * sides have sent FIN. A RST counts where its sequence number is within 64 KB of the last ACK seen
 * from the other side; one that does not count passes and changes nothing. Thread: any.
 */
#ifndef CLASSIFY_CONN_STATE_H
#define CLASSIFY_CONN_STATE_H

#include "policy/policy.h"

#include <stdbool.h>
#include <stdint.h>

/* The phase names the timeout that runs. X(NAME, "name") */
#define CONN_PHASES_TABLE(X)                                                                  \
	X(FREE, "free")               /* no connection */                                     \
	X(HALF_OPEN, "half-open")     /* TCP: the opener was seen */                          \
	X(UNCONFIRMED, "unconfirmed") /* TCP: picked up in mid-stream, other side not seen */ \
	X(ESTABLISHED, "established")                                                         \
	X(CLOSING, "closing") /* TCP: FIN */                                                  \
	X(RESET, "reset")     /* TCP: RST */                                                  \
	X(UDP, "udp")         /* no reply yet */                                              \
	X(UDP_REPLIED, "udp-replied")                                                         \
	X(ICMP, "icmp")                                                                       \
	X(OTHER, "other")                                                                     \
	X(STALE, "stale")         /* must be re-judged, but the rate did not allow it */      \
	X(TOMBSTONE, "tombstone") /* cut: its packets are dropped */

enum conn_phase {
#define CONN_PHASE_(name, text) CONN_##name,
	CONN_PHASES_TABLE(CONN_PHASE_)
#undef CONN_PHASE_
		CONN_PHASES
};

const char *conn_phase_name(enum conn_phase phase);

/* Seconds; the defaults are those of docs/policy.md. */
struct conn_timeouts {
	uint16_t half_open;
	uint16_t unconfirmed;
	uint16_t established;
	uint16_t closing;
	uint16_t reset;
	uint16_t udp;
	uint16_t udp_replied;
	uint16_t icmp;
	uint16_t other;
};
extern const struct conn_timeouts conn_timeouts_default;

#define CONN_STALE_SECONDS     10
#define CONN_TOMBSTONE_SECONDS 30
#define CONN_GRACE_SECONDS     240

/* Milliseconds by phase, for conn_state_expired(). */
struct conn_deadlines {
	uint32_t ms[CONN_PHASES];
};
/* The longest of them, or of what cutting and waiting take, in milliseconds. */
uint32_t conn_deadlines_longest(const struct conn_timeouts *timeouts);
void conn_deadlines_init(struct conn_deadlines *deadlines, const struct conn_timeouts *timeouts);

/* Bits of conn_state.word above the phase. Pairs are indexed by direction: bit << direction. */
#define CONN_PHASE_MASK    0x000f
#define CONN_OPENED_OUT    0x0010 /* the VM is the initiator: its outbound rules decided */
#define CONN_FIRST_OUT     0x0020 /* the first packet seen was leaving */
#define CONN_OPENING       0x0040 /* TCP: no SYN+ACK from the responder yet */
#define CONN_REPLIED       0x0080 /* the other direction than the first packet's was seen */
#define CONN_AUDIT_ONLY    0x0100 /* only audit mode let it through */
#define CONN_FIN(dir)      (0x0200 << (dir))
#define CONN_SYN(dir)      (0x0800 << (dir)) /* an allowed SYN passed over an established entry */
#define CONN_ACK_SEEN(dir) (0x2000 << (dir))

/* 16 bytes, as the table stores it. */
struct conn_state {
	uint32_t seen; /* ms, low 32 bits of the clock: when the timeout last began to run */
	uint32_t ack[DIRECTIONS]; /* last ACK sent in that direction, with CONN_ACK_SEEN(dir) */
	uint16_t generation;      /* low 16 bits of the policy generation that last judged it */
	uint16_t word;            /* phase and bits */
};
_Static_assert(sizeof(struct conn_state) == 16, "four to a cache line");

static inline enum conn_phase conn_state_phase(const struct conn_state *state)
{
	return state->word & CONN_PHASE_MASK;
}

static inline enum direction conn_state_opened_by(const struct conn_state *state)
{
	return state->word & CONN_OPENED_OUT ? DIRECTION_OUTBOUND : DIRECTION_INBOUND;
}

/* True while it counts against the cap for connections that nobody has replied to. */
static inline bool conn_state_unreplied(const struct conn_state *state)
{
	return !(state->word & CONN_REPLIED) && conn_state_phase(state) != CONN_TOMBSTONE;
}

static inline bool conn_state_expired(const struct conn_state *state,
				      const struct conn_deadlines *deadlines, uint32_t now)
{
	return (int32_t)(now - state->seen) >= (int32_t)deadlines->ms[conn_state_phase(state)];
}

/* What a packet is to a connection. */
enum conn_event {
	CONN_EVENT_SYN, /* SYN without ACK: the opener */
	CONN_EVENT_SYN_ACK,
	CONN_EVENT_ACK,    /* ACK without SYN, FIN, RST: may be picked up */
	CONN_EVENT_NO_ACK, /* none of ACK, SYN, FIN, RST */
	CONN_EVENT_FIN,
	CONN_EVENT_RST,
	CONN_EVENT_UDP,
	CONN_EVENT_OTHER,
	CONN_EVENT_ICMP_REQUEST,
	CONN_EVENT_ICMP_REPLY,
	CONN_EVENT_ICMP, /* neither: no connection is made or looked for */
	CONN_EVENTS
};

enum conn_rules {
	CONN_RULES_UNKNOWN, /* not asked yet */
	CONN_RULES_DENY,
	CONN_RULES_ALLOW,
	CONN_RULES_AUDIT, /* deny, but audit mode lets it through */
};

struct conn_input {
	enum conn_event event;
	enum direction direction;
	uint8_t protocol; /* what timeouts go by; 0 with CONN_EVENT_OTHER */
	bool has_ack;
	bool grace; /* segments that leave may be picked up by the rules of the reverse direction */
	bool unseen; /* segments may have arrived that the table was not told of: grace is set, too
		      */
	uint32_t sequence;
	uint32_t acknowledge;
	uint32_t now;
	uint16_t generation;
	enum conn_rules rules; /* as a first packet, in its own direction */
	enum conn_rules
		reverse; /* as sent by a responder: the inbound rules, for a leaving segment */
};

enum conn_step {
	CONN_STEP_PASS,      /* passes; *ret is the entry's new state */
	CONN_STEP_UNTOUCHED, /* passes; the entry stays as it is */
	CONN_STEP_OPEN,    /* passes; *ret is the state of a new entry, which replaces an old one */
	CONN_STEP_NOTHING, /* passes by rule and makes no entry */
	CONN_STEP_RULES,   /* fill in `rules` and ask again */
	CONN_STEP_REVERSE, /* fill in `reverse` and ask again */
	CONN_STEP_DENY,    /* the rules deny it: drop, the entry stays as it is */
	CONN_STEP_NO_CONNECTION, /* of no connection and cannot begin one: drop */
	CONN_STEP_CUT,           /* of a tombstone: drop */
};

/* A packet of a live entry. Not for entries that must be re-judged first. */
enum conn_step conn_state_step(const struct conn_state *state, const struct conn_input *input,
			       struct conn_state *ret);
/* A packet without a live entry. */
enum conn_step conn_state_open(const struct conn_input *input, struct conn_state *ret);

/* The three outcomes of re-judging: allowed (or let through by audit), denied, over the rate. */
struct conn_state conn_state_confirmed(const struct conn_state *state, uint8_t protocol,
				       uint16_t generation, enum conn_rules rules);
struct conn_state conn_state_cut(const struct conn_state *state, uint32_t now);
struct conn_state conn_state_stale(const struct conn_state *state, uint32_t now);

#endif
