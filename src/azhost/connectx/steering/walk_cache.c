/* Results of searches, see walk_cache.h. */
#include "azhost/connectx/steering/walk_cache.h"

#include "azhost/connectx/steering/state.h"

#include <string.h>

/* With fewer matchers to try there is nothing to save. */
#define MATCHERS_MIN 3

void walk_cache_init(struct walk_cache *cache)
{
	atomic_init(&cache->taken, false);
	atomic_init(&cache->changes, 1);
}

void walk_cache_void(struct walk_cache *cache)
{
	atomic_fetch_add(&cache->changes, 1);
}

bool walk_cache_take(struct walk_cache *cache)
{
	return !atomic_exchange_explicit(&cache->taken, true, memory_order_acquire);
}

void walk_cache_give(struct walk_cache *cache)
{
	atomic_store_explicit(&cache->taken, false, memory_order_release);
}

static uint64_t place_of(const struct search *search)
{
	return match_mix((uintptr_t)search, 0x8ebc6af09c88c6e3ull);
}

/* No words: not to be cached. */
static void compile(const struct search *search, struct match_mask *mask)
{
	const struct steer_matcher *m = atomic_load_explicit(&search->first, memory_order_acquire);
	uint64_t bits[KEY_WORDS] = { 0 };
	unsigned int matchers = 0;

	for (; m; m = atomic_load_explicit(&m->next, memory_order_acquire), matchers++) {
		for (unsigned int i = 0; i < m->mask.n_words; i++)
			bits[m->mask.index[i]] |= m->mask.bits[i];
	}
	mask->n_words = 0;
	for (unsigned int i = 0; i < KEY_WORDS && matchers >= MATCHERS_MIN; i++) {
		if (!bits[i])
			continue;
		mask->index[mask->n_words] = (uint8_t)i;
		mask->bits[mask->n_words++] = bits[i];
	}
	if (mask->n_words > WALK_CACHE_WORDS)
		mask->n_words = 0;
}

static const struct match_mask *mask_of(struct walk_cache *cache, const struct search *search,
					uint64_t changes)
{
	struct walk_cache_mask *known = &cache->masks[place_of(search) % WALK_CACHE_TABLES];

	if (known->search != search || known->changes != changes) {
		compile(search, &known->mask);
		known->search = search;
		known->changes = changes;
	}
	return &known->mask;
}

struct walk_cache_entry *walk_cache_entry(struct walk_cache *cache, const struct search *search,
					  const struct match_key *key)
{
	/* Read before anything is looked up: what changes from here on voids what is found. */
	const uint64_t changes = atomic_load(&cache->changes);
	const struct match_mask *mask = mask_of(cache, search, changes);
	struct walk_cache_entry *entry;
	uint64_t packed[KEY_WORDS], hash;

	if (mask->n_words == 0)
		return NULL;
	hash = match_key_pack(mask, key, packed);
	entry = &cache->entries[(hash ^ place_of(search)) % WALK_CACHE_ENTRIES];
	if (entry->known && entry->search == search && entry->changes == changes &&
	    entry->hash == hash &&
	    memcmp(entry->packed, packed, mask->n_words * sizeof(packed[0])) == 0)
		return entry;
	entry->search = search;
	entry->changes = changes;
	entry->hash = hash;
	entry->known = false;
	memcpy(entry->packed, packed, mask->n_words * sizeof(packed[0]));
	return entry;
}
