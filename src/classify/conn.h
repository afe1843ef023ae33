/*
 * The connections of one NIC: a table that all its workers share.
 *
 * Buckets of four keys in one cache line, the four states in the next, so that a packet touches one
 * pair of adjacent lines. A key lives in one of two buckets. Readers take no lock: they check the
 * bucket's version around what they read; a writer makes the version odd for the few stores of one
 * change, and holds one bucket (for an insert, two) at a time. Nothing is allocated after
 * conn_table_new(). IPv4 and IPv6 have buckets of their own and share the limits.
 *
 * Limits: `max` connections; half of them for those that nobody has replied to, of which the oldest
 * give way; the last tenth only for connections that the VM opens. When full, new ones are refused.
 *
 * Time is an argument everywhere: milliseconds of any monotonic clock. Addresses and ports are in
 * network byte order. Thread: workers, except where it says control.
 */
#ifndef CLASSIFY_CONN_H
#define CLASSIFY_CONN_H

#include "classify/conn_state.h"
#include "classify/key.h"
#include "classify/packet.h"

#include <stddef.h>

#define CONN_MAX_DEFAULT (1u << 20)
#define CONN_MAX_LIMIT   (1u << 26)
#define CONN_BURST_MAX   64

enum conn_simd { CONN_SIMD_BEST, CONN_SIMD_SCALAR, CONN_SIMD_AVX2, CONN_SIMD_AVX512 };

struct conn_table_options {
	uint32_t max; /* connections of both families, 1..CONN_MAX_LIMIT */
	struct conn_timeouts timeouts;
	enum conn_simd simd; /* CONN_SIMD_BEST: what processor and EAL allow */
};

struct conn_table;

/* 0, -EINVAL, -ENOMEM, -ENOTSUP (SIMD path not on this processor). The hash seed is random. */
int conn_table_new(const struct conn_table_options *options, struct conn_table **ret);
void conn_table_free(struct conn_table *table);

/*
 * Until `until`, segments that leave the VM may be picked up by the inbound rules: after start,
 * migration or loss of the table, for CONN_GRACE_SECONDS. Any thread.
 */
void conn_table_set_grace(struct conn_table *table, uint64_t until);
bool conn_table_in_grace(const struct conn_table *table, uint64_t now);

/* Where a key was found, or that it was not. Good until the bucket changes, which is noticed. */
struct conn_hint {
	uint64_t hash; /* chooses both buckets */
	uint32_t slot; /* CONN_NOT_FOUND where there is none */
	uint16_t version;
};
#define CONN_NOT_FOUND UINT32_MAX

/*
 * Looks a burst up, at most CONN_BURST_MAX keys. Finds entries that have expired and were not
 * swept, too. conn_prepare*() hashes and prefetches, conn_find*() compares; the caller may do
 * something useful between the two.
 */
void conn_lookup4(const struct conn_table *table, const struct key4 *const *keys, unsigned count,
		  struct conn_hint *ret);
void conn_lookup6(const struct conn_table *table, const struct key6 *const *keys, unsigned count,
		  struct conn_hint *ret);
void conn_prepare4(const struct conn_table *table, const struct key4 *const *keys, unsigned count,
		   struct conn_hint *ret);
void conn_prepare6(const struct conn_table *table, const struct key6 *const *keys, unsigned count,
		   struct conn_hint *ret);
void conn_find4(const struct conn_table *table, const struct key4 *const *keys, unsigned count,
		struct conn_hint *hints);
void conn_find6(const struct conn_table *table, const struct key6 *const *keys, unsigned count,
		struct conn_hint *hints);
/* One packet, without the compare: conn_apply() can do with that, too. */
void conn_prepare(const struct conn_table *table, const struct packet *packet,
		  struct conn_hint *ret);

/* Fetches what conn_apply() will read, where the key was found. */
void conn_prefetch_state(const struct conn_table *table, const struct conn_hint *hint);

/* What the judge asks of the table for one packet, and what it says about the rules so far. */
struct conn_question {
	struct conn_input input;
	uint64_t now;
	uint16_t rejudge_below; /* entries of an older generation must be re-judged... */
	bool rejudge;           /* ...if this is true */
	bool enforcing;         /* entries that only audit let through must be re-judged, too */
	enum conn_rules
		rejudged; /* outcome, by the initiator's rules; CONN_RULES_UNKNOWN: not asked */
	bool over_rate;   /* re-judging is due, and not possible now */
};

enum conn_answer {
	CONN_ANSWER_PASS,    /* of a live connection */
	CONN_ANSWER_NEW,     /* a connection was made */
	CONN_ANSWER_NOTHING, /* the rules allow it and there is no connection to be made */
	CONN_ANSWER_RULES,   /* fill in input.rules and ask again */
	CONN_ANSWER_REVERSE, /* fill in input.reverse and ask again */
	CONN_ANSWER_REJUDGE, /* fill in rejudged or over_rate and ask again: rules of *ret_opened_by
			      */
	CONN_ANSWER_DENY,
	CONN_ANSWER_NO_CONNECTION,
	CONN_ANSWER_CUT,
	CONN_ANSWER_FULL,
};

/*
 * Applies one packet, of an event other than CONN_EVENT_ICMP. The hint is of this packet's key; it
 * may have grown stale. `*ret_opened_by` is set for PASS, NEW and REJUDGE.
 */
enum conn_answer conn_apply(struct conn_table *table, const struct packet *packet,
			    const struct conn_hint *hint, const struct conn_question *question,
			    enum direction *ret_opened_by);

/* A live connection of this packet's key (not a tombstone), untouched; for quotes in ICMP errors.
 */
bool conn_peek(const struct conn_table *table, const struct packet *packet, uint64_t now,
	       struct conn_state *ret);

/*
 * Frees expired entries, a few buckets a call, and carries out conn_kill(). Workers call it once a
 * poll round: it costs a comparison when nothing is due, and keeps the pace that visits each bucket
 * once in CONN_SWEEP_MS. Returns how many entries it freed.
 */
#define CONN_SWEEP_MS 1000
unsigned conn_expire_slice(struct conn_table *table, uint64_t now);

/* One connection as `flow list` shows it. */
struct conn_info {
	enum ip_family family;
	union {
		struct key4 key4;
		struct key6 key6;
	};
	enum direction opened_by;
	enum conn_phase phase;
	bool replied;
	bool audit_only;
	uint16_t generation; /* low 16 bits */
	uint32_t idle_ms;
	uint32_t expires_ms;
};

/* Returns false to end. */
typedef bool (*conn_visitor)(void *context, const struct conn_info *info);

/*
 * Visits live connections from `*cursor` (0: the first) and leaves there where to go on; 0 again at
 * the end. A visit that ends by `false` goes on with the next connection's bucket, of which some
 * may be seen twice; a connection that lives throughout is never missed, unless it is moved between
 * its two buckets meanwhile. Never disturbs a worker. Thread: control.
 */
void conn_foreach(const struct conn_table *table, uint64_t now, uint64_t *cursor,
		  conn_visitor visitor, void *context);

/*
 * Cuts a connection: its packets are dropped for CONN_TOMBSTONE_SECONDS, but a new one with an
 * allowed SYN may begin. Carried out by a worker within its next poll rounds. 0, -ENOENT, or
 * -EAGAIN where too many are under way. Thread: control.
 */
int conn_kill4(struct conn_table *table, const struct key4 *key, uint64_t now);
int conn_kill6(struct conn_table *table, const struct key6 *key, uint64_t now);

/* True while a tuple is closed because its connection was cut. Any thread. */
bool conn_table_has_tombstones(const struct conn_table *table);

/* Never resets; reading disturbs nobody. Thread: any. */
struct conn_stats {
	/* now */
	uint32_t live; /* entries, tombstones and those not yet swept included */
	uint32_t unreplied;
	uint32_t families[IP_FAMILIES];
	uint32_t max;
	/* ever */
	uint64_t created;
	uint64_t expired;
	uint64_t evicted;        /* unreplied ones that gave way */
	uint64_t refused_full;   /* table full, the last tenth included */
	uint64_t refused_bucket; /* both buckets of the key full: part of no cap */
	uint64_t cut;            /* re-judged and denied, or killed */
	size_t memory; /* bytes set aside; IPv6's share is not touched before it is used */
	size_t memory_ip4;
};
void conn_table_stats(const struct conn_table *table, struct conn_stats *ret);
const char *conn_table_simd_name(const struct conn_table *table);

#endif
