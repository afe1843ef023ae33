/*
 * What a search of a table found for the packets before: a flow's next packet need not try one
 * matcher after the other. It holds results only, and takes nobody's hold on a rule: whatever it
 * knows is void as soon as any rule of the device has changed. (Matchers come and go empty.)
 *
 * A result depends on the bits of the key that some matcher of the table looks at, so those are
 * what is compared; sequence numbers that nobody matches do not matter.
 *
 * One walker has it at a time; another that comes meanwhile does without. A walker uses it inside
 * the gate (gate.h): `changes` is counted up when something has been unlinked and before
 * gate_wait(), so a rule that is found here under the present count lives until the walker leaves.
 */
#ifndef AZHOST_CONNECTX_STEERING_WALK_CACHE_H
#define AZHOST_CONNECTX_STEERING_WALK_CACHE_H

#include "azhost/connectx/steering/match.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define WALK_CACHE_ENTRIES 1024 /* a power of two */
#define WALK_CACHE_TABLES  16   /* likewise */
#define WALK_CACHE_WORDS   16   /* tables whose matchers look at more are not cached */

struct search;
struct steer_rule;

struct walk_cache_entry {
	const struct search *search;
	uint64_t changes; /* the device's count when this was found */
	uint64_t hash;
	const struct steer_rule *rule; /* NULL: no rule matches */
	bool known;                    /* `rule` is set */
	uint64_t packed[WALK_CACHE_WORDS];
};

/* The bits that any matcher of a table looks at. */
struct walk_cache_mask {
	const struct search *search;
	uint64_t changes;
	struct match_mask mask;
};

struct walk_cache {
	atomic_bool taken;
	_Atomic uint64_t changes; /* of the device's rules, from 1 on */
	struct walk_cache_mask masks[WALK_CACHE_TABLES];
	struct walk_cache_entry entries[WALK_CACHE_ENTRIES];
};

void walk_cache_init(struct walk_cache *cache);

/* A rule was linked or unlinked. Under the steering lock. */
void walk_cache_void(struct walk_cache *cache);

/* For a walk; false: another walker has it. */
bool walk_cache_take(struct walk_cache *cache);
void walk_cache_give(struct walk_cache *cache);

/*
 * The entry of the key's flow in that table: known, or to be filled in by the caller, who has taken
 * the cache. NULL: such a table is not cached.
 */
struct walk_cache_entry *walk_cache_entry(struct walk_cache *cache, const struct search *search,
					  const struct match_key *key);

#endif
