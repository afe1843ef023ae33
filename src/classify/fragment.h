/*
 * Fragments: later ones follow the verdict of the first, by (source, destination, id, protocol).
 *
 * One table per NIC, shared by its workers, behind a short spin lock: fragments are rare, and the
 * lock is held for one look-up only. A later fragment that comes before the first waits here, at
 * most FRAGMENTS_WAITING_MAX of them for FRAGMENT_WAIT_MS; the table keeps the caller's pointer and
 * gives it back. Time: milliseconds of a monotonic clock. Thread: workers; new and free: control.
 */
#ifndef CLASSIFY_FRAGMENT_H
#define CLASSIFY_FRAGMENT_H

#include "classify/packet.h"

#define FRAGMENTS_WAITING_MAX 64
#define FRAGMENT_RELEASES_MAX (FRAGMENTS_WAITING_MAX + PACKET_BURST_MAX)
#define FRAGMENT_WAIT_MS      50
#define FRAGMENT_VERDICT_MS   5000
#define FRAGMENT_VERDICTS_MAX 1024

/* A packet that waited: the caller owns it again, and forwards (DROP_NONE) or drops it. */
struct fragment_release {
	void *owner;
	uint8_t direction; /* enum direction */
	uint8_t drop;      /* enum drop_reason */
};

/* Room for all that one burst, or one call of fragment_expire() on an empty one, can give back. */
struct fragment_releases {
	unsigned count;
	struct fragment_release packets[FRAGMENT_RELEASES_MAX];
};

struct fragment_table;

int fragment_table_new(struct fragment_table **ret);
/* The caller has emptied it with fragment_drain(). */
void fragment_table_free(struct fragment_table *table);

enum fragment_verdict {
	FRAGMENT_PASS,
	FRAGMENT_DENIED,
	FRAGMENT_OVERLAP,
	FRAGMENT_HELD,
	FRAGMENT_REFUSED /* too many wait */
};

/*
 * A later fragment: what becomes of it. With FRAGMENT_HELD the table keeps packet->owner, which
 * must not be NULL for that.
 */
enum fragment_verdict fragment_later(struct fragment_table *table, const struct packet *packet,
				     uint64_t generation, uint64_t now);

/* A first fragment was judged: remembers it and appends those that waited for it to `released`. */
void fragment_first(struct fragment_table *table, const struct packet *packet, bool passed,
		    uint64_t generation, uint64_t now, struct fragment_releases *released);

/*
 * Appends those that have waited too long (DROP_FRAGMENT_ORPHAN). To be called once a poll round;
 * costs one load when nobody waits.
 */
void fragment_expire(struct fragment_table *table, uint64_t now,
		     struct fragment_releases *released);
/* Appends all that wait, for instance before workers stop. */
void fragment_drain(struct fragment_table *table, struct fragment_releases *released);

#endif
